from __future__ import annotations

from typing import Any

import pytest
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.errors import QueryError


@pytest.mark.parametrize(
    ("statement", "result"),
    [
        ("SELECT 1 AS a, 'x'", [{"a": 1, "$1": "x"}]),
        ("SELECT RAW n FROM books WHERE n > 5", [6, 7]),
        ("SELECT VALUE b.n FROM books b WHERE b.name = 'N3'", [3]),
        ("SELECT * FROM kinds USE KEYS 'k2'", [{"kinds": {"kind": "prime", "words": "few"}}]),
        (
            "SELECT k.*, META(k).id FROM kinds k USE KEYS ['zz', 'k2']",
            [{"kind": "prime", "words": "few", "id": "k2"}],
        ),
        ("SELECT RAW META().id FROM books WHERE META().id IN ['b1', 'b9', 'b1']", ["b1"]),
        ("SELECT n FROM books ORDER BY kind DESC, n DESC LIMIT 2 OFFSET 1", [{"n": 5}, {"n": 3}]),
        ("SELECT n + 1 AS m FROM books ORDER BY m DESC LIMIT 1", [{"m": 8}]),
        ("SELECT DISTINCT kind FROM books ORDER BY kind", [{"kind": "even"}, {"kind": "odd"}]),
        ("SELECT COUNT(*) AS c FROM books", [{"c": 8}]),
        (
            "SELECT COUNT(*) AS c, SUM(n) AS s, MAX(n) AS m FROM books WHERE n > 99",
            [{"c": 0, "s": None, "m": None}],
        ),
        (
            (
                "SELECT kind, COUNT(n) AS c, AVG(n) AS a, ARRAY_AGG(n) AS l FROM books "
                "GROUP BY kind HAVING MIN(n) > 0"
            ),
            [{"kind": "odd", "c": 4, "a": 4, "l": [1, 3, 5, 7]}],
        ),
        ("SELECT RAW g FROM books GROUP BY n % 3 AS g ORDER BY g", [0, 1, 2]),
        ("SELECT COUNT(DISTINCT kind) AS c FROM books", [{"c": 2}]),
        ("SELECT SUM(n) FILTER (WHERE kind = 'odd') AS s FROM books", [{"s": 16}]),
        ("SELECT RAW x FROM books LET x = n * 10 WHERE x >= 70", [70]),
        (
            "SELECT b.n, t FROM books b UNNEST b.tags t WHERE b.n = 2",
            [{"n": 2, "t": "a"}, {"n": 2, "t": "b"}],
        ),
        ("SELECT b.n FROM books b LEFT UNNEST b.tags t WHERE t IS MISSING", [{"n": 0}, {"n": 4}]),
        (
            "SELECT b.n, k.words FROM books b JOIN kinds k ON b.kind = k.kind WHERE b.n < 4",
            [{"n": 1, "words": "not even"}, {"n": 3, "words": "not even"}],
        ),
        (
            (
                "SELECT b.n, k.words FROM books b LEFT JOIN kinds k ON b.kind = k.kind AND b.n > 2 "
                "WHERE b.n BETWEEN 1 AND 3"
            ),
            [{"n": 1}, {"n": 2}, {"n": 3, "words": "not even"}],
        ),
        (
            "SELECT k.kind, b.n FROM kinds k JOIN books b ON KEYS 'b' || '3' WHERE k.kind = 'odd'",
            [{"kind": "odd", "n": 3}],
        ),
        (
            "SELECT k.kind, ARRAY_LENGTH(b) AS c FROM kinds k LEFT NEST books b ON b.kind = k.kind",
            [{"kind": "odd", "c": 4}, {"kind": "prime", "c": 0}],
        ),
        (
            "SELECT RAW c.n FROM books JOIN books AS c ON c.n = books.n * 3 WHERE books.n > 0",
            [3, 6],
        ),
        ("SELECT RAW a.n * b.n FROM books a, books b WHERE a.n = 2 AND b.n = 3", [6]),
        ("SELECT RAW n FROM books WHERE kind IN (SELECT RAW kind FROM kinds) AND n < 4", [1, 3]),
        (
            (
                "SELECT k.kind, (SELECT RAW b.n FROM books b WHERE b.kind = k.kind LIMIT 2) AS ns "
                "FROM kinds k"
            ),
            [{"kind": "odd", "ns": [1, 3]}, {"kind": "prime", "ns": []}],
        ),
        (
            (
                "SELECT RAW ARRAY (SELECT RAW COUNT(*) FROM books b WHERE b.kind = v)[0] "
                "FOR v IN ['odd', 'x'] END"
            ),
            [[4, 0]],
        ),
        ("SELECT RAW x.m FROM (SELECT n AS m FROM books ORDER BY n DESC LIMIT 2) AS x", [7, 6]),
        (
            (
                "WITH w AS (SELECT RAW n FROM books WHERE n < 2), one AS (1) "
                "SELECT RAW v + one FROM w AS v"
            ),
            [1, 2],
        ),
        ("SELECT RAW v FROM [1, 2] AS v", [1, 2]),
        (
            "SELECT 1 AS a UNION SELECT 1 AS a UNION ALL SELECT 2 AS a ORDER BY a DESC",
            [{"a": 2}, {"a": 1}],
        ),
        ("SELECT RAW n FROM books INTERSECT SELECT RAW n * 2 FROM books", [0, 2, 4, 6]),
        ("SELECT RAW n FROM books WHERE n < 3 EXCEPT SELECT RAW 1", [0, 2]),
        ("FROM books AS b WHERE b.n = 1 SELECT b.name", [{"name": "N1"}]),
        ("SELECT n FROM books WHERE ANY t IN tags SATISFIES t = 'c' END", [{"n": 3}, {"n": 7}]),
        (
            "SELECT RAW OBJECT t : i FOR i : t IN tags END FROM books WHERE n = 2",
            [{"a": 0, "b": 1}],
        ),
        ("SELECT RAW FIRST t FOR t IN tags WHEN t > 'a' END FROM books WHERE n = 2", ["b"]),
        ("SELECT missing_field FROM books LIMIT 1", [{}]),
    ],
)
async def test_select(session: Session, statement: str, result: list[Any]) -> None:
    assert await session(statement) == result


@pytest.mark.parametrize(
    ("order", "result"),
    [
        ("v", [None, False, True, 1, "a", [], {}]),
        ("v DESC", [{}, [], "a", 1, True, False, None]),
        ("v NULLS LAST", [False, True, 1, "a", [], {}, None]),
        ("v DESC NULLS FIRST", [None, {}, [], "a", 1, True, False]),
    ],
)
async def test_order_runs_across_types(session: Session, order: str, result: list[Any]) -> None:
    values = "['a', {}, NULL, 1, [], TRUE, FALSE]"
    assert await session(f"SELECT RAW v FROM {values} AS v ORDER BY {order}") == result


async def test_large_orders_are_merged_from_runs(session: Session) -> None:
    found = await session("SELECT RAW v FROM ARRAY_RANGE(0, 5000) AS v ORDER BY v % 7 DESC, v")
    assert found == sorted(range(5000), key=lambda v: (-(v % 7), v))
    top = await session("SELECT RAW v FROM ARRAY_RANGE(0, 5000) AS v ORDER BY -v LIMIT 3 OFFSET 2")
    assert top == [4997, 4996, 4995]


async def test_parameters_are_not_part_of_the_plan(session: Session) -> None:
    statement = "SELECT RAW n FROM books WHERE n = $1 OR n = $x ORDER BY n"
    assert await session(statement, 1, x=2) == [1, 2]
    assert await session(statement, 5, x=4) == [4, 5]
    with pytest.raises(QueryError) as caught:
        await session(statement, 5)
    assert caught.value.code == 5010


async def test_query_context_names_the_scope(session: Session) -> None:
    await session("CREATE SCOPE books.s")
    await session("CREATE COLLECTION books.s.c")
    await session("INSERT INTO c (KEY, VALUE) VALUES ('k', 1)", within=("books", "s"))
    assert await session("SELECT RAW c FROM default:books.s.c") == [1]


@pytest.mark.parametrize(
    ("statement", "code", "words"),
    [
        (
            "SELECT * FROM nope",
            12003,
            "Keyspace not found in CB datastore: default:nope - cause: No bucket named nope",
        ),
        (
            "SELECT * FROM books._default.x",
            12003,
            "Keyspace not found in CB datastore: default:books._default.x",
        ),
        ("SELECT * FROM books.s.x", 12021, "Scope not found in CB datastore: default:books.s"),
        ("SELECT * FROM a.b", 10205, "only 2 or 4 parts are valid"),
        ("SELECT x FROM books, kinds", 3080, "Ambiguous reference to field 'x' (near line 1, "),
        ("SELECT x", 3080, "Ambiguous reference to field 'x'"),
        ("SELECT META().id FROM books b, kinds k", 4310, "requires an argument"),
        ("SELECT 1 FROM books b, kinds b", 4020, "Duplicate FROM alias b"),
        ("SELECT 1 AS a, 2 AS a", 4020, "Duplicate result alias a"),
        (
            "SELECT name, COUNT(*) FROM books GROUP BY n",
            4210,
            "Expression (`books`.`name`) must depend only on group keys or aggregates.",
        ),
        ("SELECT 1 FROM books WHERE COUNT(*) > 1", 3000, "not allowed"),
        ("SELECT * FROM (SELECT 1)", 4010, "must have a name or alias"),
        ("SELECT RANK() OVER ()", 3220, "ORDER BY clause is required"),
        ("SELECT 1 LIMIT 'x'", 5030, "LIMIT"),
    ],
)
async def test_errors(session: Session, statement: str, code: int, words: str) -> None:
    with pytest.raises(QueryError) as caught:
        await session(statement)
    assert caught.value.code == code
    assert words in caught.value.message


async def test_explain_shows_the_access_path(session: Session) -> None:
    def operators(rows: list[Any]) -> list[str]:
        return [step["#operator"] for step in rows[0]["plan"]["~children"]]

    assert operators(await session("EXPLAIN SELECT n FROM books WHERE n = 1")) == [
        "PrimaryScan3", "Fetch", "Filter", "InitialProject",
    ]  # fmt: skip
    assert operators(await session("EXPLAIN SELECT n FROM books WHERE META().id = $1"))[0] == (
        "KeyScan"
    )
    assert operators(await session("EXPLAIN SELECT COUNT(*) FROM books"))[0] == "CountScan"


async def test_documents_are_never_changed_by_reading(session: Session) -> None:
    before = session.keyspaces.resolve("books", "_default", "_default").get("b3")
    await session("SELECT b.*, 1 AS n, ARRAY_APPEND(b.tags, 'z') AS tags FROM books b")
    assert before == session.keyspaces.resolve("books", "_default", "_default").get("b3")
    assert before is not None
    assert before[0]["n"] == 3
    assert before[0]["tags"] == ["a", "b", "c"]
