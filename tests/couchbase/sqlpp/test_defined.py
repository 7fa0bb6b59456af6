"""User-defined functions, sequences, roles, and the statements about the keyspaces themselves."""

from __future__ import annotations

from typing import Any

import pytest
from tests.couchbase.sqlpp.memory import MemoryKeyspaces
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.administration import RoleChange
from cloudlet.couchbase.sqlpp.errors import QueryError
from cloudlet.couchbase.sqlpp.keyspace import KeyspaceName


@pytest.mark.parametrize(
    ("definition", "call", "wanted"),
    [
        ("f(...) LANGUAGE INLINE AS (args[0] - 32) * 5 / 9", "f(212, 'x')", 100),
        ("f(...) { args }", "f(1, MISSING)", [1, None]),
        ("f(a, b) { SUBSTR(a, LENGTH(a) - b, b) }", "f('Couchbase', 4)", "base"),
        ("f() { 1 + 1 }", "default:f()", 2),
        ("f(k) { (SELECT RAW n FROM books WHERE kind = k ORDER BY n LIMIT 2) }", "f('odd')",
         [1, 3]),
        ("f(k) LANGUAGE INLINE AS SELECT RAW COUNT(*) FROM books b WHERE b.kind = k", "f('odd')",
         [4]),
        ("f(n) { ARRAY i * n FOR i IN [1, 2] END }", "f(3)", [3, 6]),
    ],
)  # fmt: skip
async def test_inline_functions(session: Session, definition: str, call: str, wanted: Any) -> None:
    await session(f"CREATE FUNCTION {definition}")
    assert await session(f"EXECUTE FUNCTION {call}") == [wanted]
    assert await session(f"SELECT RAW {call}") == [wanted]


async def test_a_function_sees_its_arguments_for_every_row(session: Session) -> None:
    await session("CREATE FUNCTION ns(k) { (SELECT RAW b.n FROM books b WHERE b.kind = k) }")
    rows = await session("SELECT kind, ns(kind) AS ns FROM kinds ORDER BY kind")
    assert rows == [{"kind": "odd", "ns": [1, 3, 5, 7]}, {"kind": "prime", "ns": []}]


async def test_scoped_functions_belong_to_their_scope(session: Session) -> None:
    await session("CREATE FUNCTION f() { 'global' }")
    within = ("books", "_default")
    await session("CREATE FUNCTION f() { 'scoped' }", within=within)
    assert await session("SELECT RAW f()") == ["global"]
    assert await session("SELECT RAW f()", within=within) == ["scoped"]
    assert await session("SELECT RAW default:books._default.f()") == ["scoped"]
    assert await session("SELECT RAW default:f()", within=within) == ["global"]
    rows = await session("SELECT RAW f.identity FROM system:functions f ORDER BY f.identity.type")
    assert rows == [
        {"name": "f", "namespace": "default", "type": "global"},
        {"name": "f", "namespace": "default", "type": "scope", "bucket": "books",
         "scope": "_default"},
    ]  # fmt: skip


async def test_replacing_and_dropping_functions(session: Session) -> None:
    await session("CREATE FUNCTION f() { 1 }")
    await session("CREATE FUNCTION f() IF NOT EXISTS { 2 }")
    assert await session("SELECT RAW f()") == [1]
    await session("CREATE OR REPLACE FUNCTION f() { 3 }")
    assert await session("SELECT RAW f()") == [3]
    [row] = await session("EXPLAIN FUNCTION f")
    assert row["function"] == "default:f"
    await session("DROP FUNCTION f")
    await session("DROP FUNCTION f IF EXISTS")


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("CREATE FUNCTION g(a) { 1 }", 10102),
        ("CREATE OR REPLACE FUNCTION g(a) IF NOT EXISTS { 1 }", 3000),
        ("CREATE FUNCTION h(a, a) { 1 }", 3081),
        ("CREATE FUNCTION h() LANGUAGE JAVASCRIPT AS 'x' AT 'y'", 10100),
        ("DROP FUNCTION h", 10101),
        ("SELECT h()", 10101),
        ("SELECT g()", 10104),
        ("SELECT g('stop')", 10109),
        ("SELECT g(1)", 5010),
        ("CREATE FUNCTION default:books.nowhere.f() { 1 }", 12021),
        ("CREATE INDEX i ON books(g(n))", 10101),
    ],
)
async def test_errors_of_functions(session: Session, statement: str, code: int) -> None:
    await session("CREATE FUNCTION g(a) { CASE WHEN a = 'stop' THEN ABORT(a) ELSE $none END }")
    with pytest.raises(QueryError) as caught:
        await session(statement)
    assert caught.value.code == code


async def test_a_function_that_calls_itself_is_refused(session: Session) -> None:
    await session("CREATE FUNCTION f(n) { n }")
    await session("CREATE OR REPLACE FUNCTION f(n) { f(n - 1) }")
    with pytest.raises(QueryError) as caught:
        await session("SELECT f(3)")
    assert caught.value.code == 10112


@pytest.mark.parametrize(
    ("definition", "wanted"),
    [
        ("", [0, 1, 2]),
        ("START WITH 5 INCREMENT BY -2", [5, 3, 1]),
        ("START WITH 2 MAXVALUE 3 MINVALUE 1 CYCLE CACHE 2", [2, 3, 1]),
        ("WITH {'start': 7, 'increment': 10, 'cache': 1}", [7, 17, 27]),
        ("START WITH -3 NO CYCLE NO MAXVALUE NO CACHE", [-3, -2, -1]),
    ],
)
async def test_sequences(session: Session, definition: str, wanted: list[int]) -> None:
    await session(f"CREATE SEQUENCE s {definition}")
    assert await session("SELECT RAW NEXT VALUE FOR s FROM [1, 2, 3] t") == wanted
    assert await session("SELECT RAW PREV VALUE FOR s") == [wanted[-1]]


async def test_no_value_of_a_sequence_comes_twice_after_a_restart(session: Session) -> None:
    await session("CREATE SEQUENCE s CACHE 10")
    first = await session("SELECT RAW NEXTVAL FOR s FROM [1, 2] t")
    again = Session(session.keyspaces)
    second = await again("SELECT RAW NEXTVAL FOR s FROM [1, 2] t")
    assert first == [0, 1]
    assert second == [10, 11]
    [row] = await again("SELECT s.* FROM system:sequences s")
    assert row["path"] == "default:s"


async def test_altering_and_dropping_sequences(session: Session) -> None:
    await session("CREATE SEQUENCE s IF NOT EXISTS MAXVALUE 1")
    await session("CREATE SEQUENCE IF NOT EXISTS s")
    with pytest.raises(QueryError):
        await session("SELECT NEXTVAL FOR s FROM [1, 2, 3] t")
    await session("ALTER SEQUENCE s RESTART WITH 2 INCREMENT BY 5 NO MAXVALUE")
    assert await session("SELECT RAW NEXT VALUE FOR s FROM [1, 2] t") == [2, 7]
    await session("ALTER SEQUENCE s RESTART")
    assert await session("SELECT RAW NEXT VALUE FOR s") == [0]
    await session("DROP SEQUENCE s")
    await session("DROP SEQUENCE s IF EXISTS")
    for statement in ("DROP SEQUENCE s", "SELECT NEXT VALUE FOR s", "ALTER SEQUENCE s NO CYCLE"):
        with pytest.raises(QueryError):
            await session(statement)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("INCREMENT BY 0", 19104),
        ("MINVALUE 5 MAXVALUE 4", 19104),
        ("CACHE 0", 19105),
        ("WITH {'x': 1}", 12038),
        ("WITH {'cache': 'x'}", 12039),
    ],
)
async def test_bad_sequences(session: Session, options: str, code: int) -> None:
    with pytest.raises(QueryError) as caught:
        await session(f"CREATE SEQUENCE s {options}")
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        (
            "GRANT query_select, SELECT ON books, kinds.`_default`.`_default` TO jim, ann",
            RoleChange(
                True, ("query_select", "query_select"),
                (KeyspaceName("books", "*", "*"), KeyspaceName("kinds", "_default", "_default")),
                ("jim", "ann"), (),
            ),
        ),
        ("GRANT ROLE admin TO GROUP g", RoleChange(True, ("admin",), (), (), ("g",))),
        ("REVOKE data_reader ON b.s FROM USER local:jim",
         RoleChange(False, ("data_reader",), (KeyspaceName("b", "s", "*"),), ("jim",), ())),
    ],
)  # fmt: skip
async def test_grant_and_revoke(statement: str, wanted: RoleChange) -> None:
    changes: list[RoleChange] = []

    async def change(found: RoleChange) -> list[QueryError]:
        changes.append(found)
        return []

    keyspaces = MemoryKeyspaces(books={}, kinds={}, b={})
    await keyspaces.create_scope("b", "s")
    session = Session(keyspaces, change_roles=change)
    await session(statement)
    assert changes == [wanted]


async def test_infer_describes_the_flavours(session: Session) -> None:
    await session("INSERT INTO books VALUES ('x', {'unlike': {'deep': 1}, 'other': NULL})")
    [[first, second]] = await session("INFER books WITH {'num_sample_values': 2}")
    assert (first["#docs"], second["#docs"]) == (8, 1)
    assert first["properties"]["n"] == {
        "#docs": 8, "%docs": 100, "samples": [0, 1], "type": "number",
    }  # fmt: skip
    assert first["properties"]["tags"]["maxItems"] == 3
    assert first["properties"]["tags"]["items"] == {"#docs": 12, "type": "string"}
    assert second["properties"]["unlike"]["properties"]["deep"]["type"] == "number"
    assert second["properties"]["other"]["type"] == "null"


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("INFER books WITH {'x': 1}", 7000),
        ("INFER books WITH {'sample_size': 'x'}", 7001),
        ("INFER books WITH {'similarity_metric': 2}", 7000),
        ("INFER books WITH 1", 7023),
        ("INFER books WITH STDDEV_POP(-1)", 5010),
        ("INFER books WITH NOW_STR()", 5010),
        ("INFER books WITH (SELECT 1)", 5010),
        ("INFER books WITH ROW_NUMBER() OVER ()", 5010),
        ("INFER books WITH ARRAY v FOR v IN [1] END", 5010),
        ("INFER nowhere", 12003),
        ("ANALYZE nowhere(x)", 12003),
        ("UPDATE STATISTICS FOR INDEX nope ON books", 12016),
        ("ALTER INDEX nope ON books WITH {'action': 'move'}", 12016),
        ("ALTER INDEX i ON books WITH {'action': 'move', 'nodes': ['x']}", 5000),
        ("GRANT query_select ON books TO jim", 1020),
        ("ADVISE INSERT INTO books VALUES ('a', 1)", 3250),
    ],
)
async def test_errors(session: Session, statement: str, code: int) -> None:
    await session("CREATE INDEX i ON books(n)")
    with pytest.raises(QueryError) as caught:
        await session(statement)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE STATISTICS FOR books(n, kind)",
        "UPDATE STATISTICS books INDEX(i) WITH {'update_statistics_timeout': 60}",
        "UPDATE STATISTICS FOR books INDEX ALL",
        "UPDATE STATISTICS FOR INDEX books.i USING GSI",
        "ANALYZE INDEX i ON books",
        "ANALYZE KEYSPACE books DELETE ALL",
        "ANALYZE COLLECTION books DELETE STATISTICS (n)",
        "ALTER INDEX i ON books WITH {'action': 'replica_count', 'num_replica': 0}",
        "ALTER INDEX books.i USING GSI WITH {'action': 'replica_count', 'num_replica': 0}",
    ],
)
async def test_what_one_node_has_nothing_to_do_for(session: Session, statement: str) -> None:
    await session("CREATE INDEX i ON books(n)")
    assert await session(statement) == []


async def test_advise_recommends_an_index_once(session: Session) -> None:
    query = "SELECT * FROM books b WHERE b.kind = 'odd' AND b.n > 3"
    [row] = await session(f"ADVISE {query}")
    [found] = row["advice"]["adviseinfo"]["recommended_indexes"]["indexes"]
    assert found["index_statement"] == "CREATE INDEX adv_kind_n ON `books`(`kind`,`n`)"
    await session(found["index_statement"])
    [row] = await session(f"ADVISE INDEX {query}")
    assert "No index" in row["advice"]["adviseinfo"]["recommended_indexes"]


async def test_the_advisor_counts_statements_by_index(session: Session) -> None:
    query = "SELECT n FROM books WHERE kind = 'odd' AND n > 3"
    [found] = await session("SELECT RAW ADVISOR($1)", query)
    (wanted,) = found["recommended_indexes"]
    assert wanted["statements"] == [{"run_count": 1, "statement": query}]
    assert "(`kind`,`n`)" in wanted["index"]
    await session(wanted["index"])
    [found] = await session("SELECT RAW ADVISOR($1)", [query, query, {"statement": "SELECT 1"}])
    (used,) = found["current_used_indexes"]
    assert used["statements"] == [{"run_count": 2, "statement": query}]
    assert "recommended_indexes" not in found
    assert await session("SELECT RAW ADVISOR(1)") == [None]
    with pytest.raises(QueryError) as caught:
        await session("SELECT ADVISOR({'action': 'start'})")
    assert caught.value.code == 10501


async def test_statements_are_evaluated_inside_of_others(session: Session) -> None:
    assert await session("SELECT RAW EVALUATE('SELECT $p AS e', {'p': 1})") == [[{"e": 1}]]
    assert await session("SELECT RAW EVALUATE('SELECT RAW $1', [NULL])") == [[None]]
    found = await session(
        "SELECT b.n, EVALUATE('SELECT RAW COUNT(*) FROM books WHERE n < $1', [b.n])[0] AS less"
        " FROM books b WHERE b.n < 3 ORDER BY b.n"
    )
    assert found == [{"n": n, "less": n} for n in range(3)]
    assert len(await session("SELECT i.* FROM EVALUATE('INFER books')[0] AS i")) >= 1
    assert await session("SELECT RAW EVALUATE(1)") == [None]
    for statement in ("DELETE FROM books", "PREPARE p FROM SELECT 1", "DROP SCOPE books.s"):
        with pytest.raises(QueryError, match="not a readonly request"):
            await session("SELECT EVALUATE($1)", statement)
    endless = "SELECT EVALUATE($s, {'s': $s})"
    with pytest.raises(QueryError, match="nested too deeply"):
        await session(endless, s=endless)
    with pytest.raises(QueryError) as caught:
        await session("SELECT EVALUATE('SELEC 1')")
    assert caught.value.code == 3000
