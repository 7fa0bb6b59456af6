"""What the language reference says in its text: how clauses behave at their edges."""

from __future__ import annotations

from typing import Any, Final

import pytest
from tests.couchbase.sqlpp.reference.shown import refusal, same
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.values import MISSING

VALUES: Final = (
    "[{'v': 1}, {'v': NULL}, {}, {'v': 's'}, {'v': TRUE}, {'v': FALSE}, {'v': [1]}, {'v': []}, "
    "{'v': {'b': 0}}, {'v': {'a': 9}}, {'v': {'a': 0, 'b': 0}}, {'v': [1, 2]}, {'v': [2]}] x"
)
UPWARDS: Final = [False, True, 1, "s", [], [1], [1, 2], [2], {"a": 9}, {"b": 0}, {"a": 0, "b": 0}]
KEYS: Final = "[{'k': NULL}, {}, {'k': 'zz'}, {'k': ['zz']}, {'k': 5}] x"

ROWS: Final[list[tuple[str, list[Any]]]] = [
    # ORDER BY: types in their order, and where MISSING and NULL stand
    (f"SELECT RAW x.v FROM {VALUES} ORDER BY x.v", [MISSING, None, *UPWARDS]),
    (f"SELECT RAW x.v FROM {VALUES} ORDER BY x.v ASC NULLS FIRST", [MISSING, None, *UPWARDS]),
    (f"SELECT RAW x.v FROM {VALUES} ORDER BY x.v NULLS LAST", [*UPWARDS, MISSING, None]),
    (f"SELECT RAW x.v FROM {VALUES} ORDER BY x.v DESC", [*UPWARDS[::-1], None, MISSING]),
    (f"SELECT RAW x.v FROM {VALUES} ORDER BY x.v DESC NULLS LAST",
     [*UPWARDS[::-1], None, MISSING]),
    (f"SELECT RAW x.v FROM {VALUES} ORDER BY x.v DESC NULLS FIRST",
     [None, MISSING, *UPWARDS[::-1]]),
    # names that results have of themselves
    ("SELECT 1 + 1, 2 AS x, 3 + 3", [{"$1": 2, "x": 2, "$2": 6}]),
    ("SELECT tags[0], tags[1:], n FROM books WHERE n = 2",
     [{"$1": "a", "$2": ["b"], "n": 2}]),
    ("SELECT a[0].day FROM [{'a': [{'day': 1}]}] t", [{"day": 1}]),
    # numbers are shown without a fraction that is none
    ("SELECT RAW [3.0, 1e3, 0.5, 6 / 3]", [[3, 1000, 0.5, 2]]),
    # arithmetic
    ("SELECT RAW [5 / 2, 5 % 3, -5 % 3, 5 / 0, 5 % 0, 1 + 'a', 1 + NULL, -'a']",
     [[2.5, 2, -2, None, None, None, None, None]]),
    ("SELECT RAW (NULL + MISSING) IS MISSING", [True]),
    ("SELECT RAW [2 + 3 * 4, 10 - 2 - 3, NOT 1 = 2, NOT TRUE OR TRUE]", [[14, 5, True, True]]),
    # comparison: no value equals NULL, MISSING wins; types have an order
    ("SELECT RAW [NULL = NULL, (NULL = MISSING) IS MISSING, 1 = '1', 1 < 'a', TRUE > FALSE]",
     [[None, True, False, True, True]]),
    ("SELECT RAW [[1] < [1, 0], [1, 2] < [1, 3], {'b': 1} > {'a': 2}, {'a': 1} < {'a': 2}]",
     [[True, True, True, True]]),
    ("SELECT RAW [5 BETWEEN 1 AND 5, 5 NOT BETWEEN 1 AND 4, 5 BETWEEN NULL AND 4]",
     [[True, True, False]]),
    (("SELECT RAW [NULL IS DISTINCT FROM NULL, 1 IS DISTINCT FROM NULL, "
     "1 IS NOT DISTINCT FROM 1, 1 IS DISTINCT FROM MISSING, 1 IS NOT DISTINCT FROM MISSING]"),
     [[False, True, True, True, False]]),
    (("SELECT RAW [NULL IS VALUED, MISSING IS VALUED, 1 IS KNOWN, MISSING IS UNKNOWN, "
     "(MISSING IS NULL) IS MISSING, NULL IS NOT MISSING]"),
     [[False, False, True, True, True, True]]),
    (("SELECT RAW ['a%c' LIKE 'a\\\\%c', 'abc' LIKE 'a\\\\%c', 'ABC' LIKE 'abc', 5 LIKE '5', "
     "'a_b' LIKE 'a!_b' ESCAPE '!', 'axb' LIKE 'a!_b' ESCAPE '!']"),
     [[True, False, False, None, True, False]]),
    # logic with values of every type
    (("SELECT RAW [NULL AND FALSE, NULL AND TRUE, MISSING AND FALSE, NULL OR TRUE, "
     "MISSING OR NULL, NOT NULL, NOT [], NOT 'a', 0 OR FALSE]"),
     [[False, None, False, True, None, None, True, False, False]]),
    (("SELECT RAW [(MISSING AND TRUE) IS MISSING, (MISSING AND NULL) IS MISSING, "
     "(MISSING OR FALSE) IS MISSING, (NOT MISSING) IS MISSING]"), [[True, True, True, True]]),
    # CASE: the simple form compares, so NULL finds nothing
    (("SELECT RAW [CASE NULL WHEN NULL THEN 1 ELSE 2 END, CASE WHEN NULL THEN 1 ELSE 2 END, "
     "CASE 3 WHEN 1 THEN 1 END]"), [[2, 2, None]]),
    # IN, WITHIN, EXISTS
    ("SELECT RAW [1 IN [NULL], 1 IN [NULL, 1], 1 IN NULL, 1 IN 5, NULL IN [1], 1 IN []]",
     [[None, True, None, None, None, False]]),
    (("SELECT RAW [7 WITHIN {'a': [1, {'b': 7}]}, {'b': 7} WITHIN {'a': [1, {'b': 7}]}, "
     "7 NOT WITHIN [1], 7 WITHIN 7]"), [[True, True, True, None]]),
    ("SELECT RAW [EXISTS [], EXISTS [1], EXISTS NULL, EXISTS 5, EXISTS (SELECT 1 WHERE FALSE)]",
     [[False, True, False, False, False]]),
    # ranges
    (("SELECT RAW [ANY v IN [] SATISFIES TRUE END, EVERY v IN [] SATISFIES FALSE END, "
     "ANY AND EVERY v IN [] SATISFIES TRUE END, SOME AND EVERY v IN [1] SATISFIES v = 1 END]"),
     [[False, True, False, True]]),
    (("SELECT RAW [ARRAY v FOR v IN [1] WHEN v > 1 END, "
     "(FIRST v FOR v IN [1] WHEN v > 1 END) IS MISSING, OBJECT 'a':v FOR v IN [] END]"),
     [[[], True, {}]]),
    (("SELECT RAW OBJECT x.k:x.v FOR x IN "
     "[{'k': 'a', 'v': 1}, {'k': 'a', 'v': 2}, {'k': 3, 'v': 3}] END"), [{"a": 2}]),
    ("SELECT RAW OBJECT 'n' || TO_STRING(i):v FOR i:v IN ['a', 'b', 'c'] WHEN v != 'a' END",
     [{"n1": "b", "n2": "c"}]),
    ("SELECT RAW ARRAY [a, b] FOR a IN [1, 2, 3], b IN [4, 5] END", [[[1, 4], [2, 5]]]),
    ("SELECT RAW ARRAY v FOR v WITHIN {'a': [1, {'b': 7}]} END", [[[1, {"b": 7}], 1, {"b": 7}, 7]]),
    # paths
    ("SELECT RAW [[1, 2, 3, 4][1:3], [1, 2, 3][1:], [1, 2, 3][:2], [1, 2, 3][-2:], [1, 2, 3][-1]]",
     [[[2, 3], [2, 3], [1, 2], [2, 3], 3]]),
    ("SELECT RAW [[1][5] IS MISSING, {'a': 1}.b IS MISSING, {'a': 1}.['a'], {'A': 1}.['a']i]",
     [[True, True, 1, 1]]),
    # objects and arrays of MISSING
    ("SELECT RAW [{'a': MISSING, 'b': NULL}, [MISSING, 1], {'a': 1, 'a': 2}]",
     [[{"b": None}, [None, 1], {"a": 2}]]),
    # NEST by keys: no array at all where the keys are NULL or MISSING
    (f"SELECT x.k, c FROM {KEYS} LEFT NEST books c ON KEYS x.k",
     [{"k": None}, {}, {"k": "zz", "c": []}, {"k": ["zz"], "c": []}, {"k": 5, "c": []}]),
    (f"SELECT x.k, c FROM {KEYS} NEST books c ON KEYS x.k", []),
    # GROUP BY
    ("SELECT RAW c FROM books LETTING c = COUNT(*)", [8]),
    (("SELECT ARRAY_LENGTH(g) AS l, g[0] AS g FROM books b JOIN kinds c ON b.kind = c.kind "
     "GROUP BY b.kind GROUP AS g"),
     [{"l": 4, "g": {"b": {"n": 1, "kind": "odd", "name": "N1", "tags": ["a"]},
                     "c": {"kind": "odd", "words": "not even"}}}]),
    ("SELECT SUM(n) AS s, COUNT(n) AS c, MIN(n) AS m, ARRAY_AGG(n) AS a FROM books WHERE n > 99",
     [{"s": None, "c": 0, "m": None, "a": None}]),
    (("SELECT AVG(x) AS a, SUM(x) AS s, MIN(x) AS i, MAX(x) AS m, COUNT(x) AS c, COUNTN(x) AS n "
     "FROM [1, 'a', NULL, TRUE, 2] x"), [{"a": 1.5, "s": 3, "i": True, "m": "a", "c": 4, "n": 2}]),
    # set operators
    ("SELECT RAW x FROM [1, 1, 2] x INTERSECT ALL SELECT RAW x FROM [1, 1, 3] x", [1, 1]),
    ("SELECT RAW x FROM [1, 1, 2] x EXCEPT ALL SELECT RAW x FROM [1, 3] x", [1, 2]),
    ("SELECT RAW x FROM [1, 1.0, '1', NULL, NULL] x UNION SELECT RAW NULL", [1, "1", None]),
    ("SELECT n FROM books UNION ALL SELECT n FROM books ORDER BY n LIMIT 3",
     [{"n": 0}, {"n": 0}, {"n": 1}]),
    # windows
    ("SELECT RAW SUM(n) OVER (ORDER BY kind) FROM books WHERE n < 4 ORDER BY n", [2, 6, 2, 6]),
    ("SELECT RAW SUM(n) OVER () FROM books LIMIT 1", [28]),
    (("SELECT RAW [COUNT(*) OVER (ORDER BY name RANGE 1 PRECEDING), "
     "SUM(n) OVER (ORDER BY name RANGE BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING)] "
     "FROM books WHERE n < 2"), [[0, None], [0, None]]),
    ("SELECT RAW SUM(n) OVER (ORDER BY name GROUPS 1 PRECEDING) FROM books WHERE n < 3",
     [0, 1, 3]),
    (("SELECT RAW SUM(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND 2 PRECEDING) "
     "FROM books WHERE n < 2"), [None, None]),
    (("SELECT RAW COUNT(*) OVER (ORDER BY n ROWS BETWEEN 7 FOLLOWING AND UNBOUNDED FOLLOWING) "
     "FROM books WHERE n > 5"), [0, 0]),
    ("SELECT RAW SUM(n) OVER (w ROWS 1 PRECEDING) FROM books WHERE n < 3 WINDOW w AS (ORDER BY n)",
     [0, 1, 3]),
    (("SELECT RAW SUM(n) OVER v FROM books WHERE n < 4 "
     "WINDOW w AS (PARTITION BY kind), v AS (w ORDER BY n) ORDER BY n"), [0, 1, 2, 4]),
    ("SELECT RAW SUM(n) OVER w FROM books WHERE n < 3 WINDOW w AS (ORDER BY n ROWS 1 PRECEDING)",
     [0, 1, 3]),
    ("SELECT RAW n FROM books WHERE n = 1 WINDOW w AS (v PARTITION BY kind)", [1]),
    # EXCLUDE
    ("SELECT t.* EXCLUDE a, `b c` FROM [{'a': 1, 'b c': 2, 'd': 3}] t", [{"d": 3}]),
    ("SELECT t.* EXCLUDE 'a,`b c`' FROM [{'a': 1, 'b c': 2, 'd': 3}] t", [{"d": 3}]),
    ("SELECT * EXCLUDE t.a FROM [{'a': 1, 'd': 3}] t", [{"t": {"d": 3}}]),
    # WITH
    ("WITH a AS ([1, 2]), b AS (a[0]) SELECT RAW [a, b]", [[[1, 2], 1]]),
    # a term that says RECURSIVE without a UNION is an ordinary one
    (("WITH RECURSIVE c AS (SELECT 1 r), d AS (SELECT c.r FROM c UNION SELECT d.r + 2 r FROM d "
     "WHERE d.r < 7) SELECT RAW d.r FROM d"), [1, 3, 5, 7]),
    (("WITH RECURSIVE c AS (SELECT 1 AS r UNION ALL SELECT (c.r + 1) % 3 AS r FROM c) "
     "CYCLE r RESTRICT SELECT RAW c.r FROM c"), [1, 2, 0]),
    # subqueries are arrays, whatever they find
    (("SELECT (SELECT n FROM books WHERE n = 1) AS a, (SELECT RAW n FROM books WHERE n = 1) AS b, "
     "(SELECT n FROM books WHERE n > 99) AS c"), [{"a": [{"n": 1}], "b": [1], "c": []}]),
    ("SELECT RAW b.n FROM books b WHERE b.n IN (SELECT k.n FROM books k)", []),
    ("SELECT RAW b.n FROM books b WHERE b.n IN (SELECT RAW k.n FROM books k WHERE k.n > 6)", [7]),
    (("SELECT RAW (SELECT RAW COUNT(*) FROM books c WHERE c.n < b.n)[0] FROM books b "
     "WHERE b.n < 3"), [0, 1, 2]),
    ("SELECT RAW (SELECT RAW t FROM b.tags t) FROM books b WHERE b.n = 2", [["a", "b"]]),
    # USE KEYS: one document for each key that there is
    ("SELECT RAW n FROM books USE KEYS ['b1', 'b1', 'none', 5, NULL]", [1, 1]),
    ("SELECT RAW n FROM books USE KEYS NULL", []),
    # UNNEST: LEFT keeps what has no array
    ("SELECT x.a, t FROM [{'a': []}, {'a': 5}, {}, {'a': [1]}] x LEFT UNNEST x.a AS t",
     [{"a": []}, {"a": 5}, {}, {"a": [1], "t": 1}]),
    ("SELECT RAW t FROM [{'a': []}, {'a': 5}, {}, {'a': [1]}] x UNNEST x.a AS t", [1]),
    # LET, ORDER BY, LIMIT
    ("SELECT RAW y FROM books LET x = n + 1, y = x * 2 WHERE x = 3", [6]),
    ("SELECT n AS kind FROM books ORDER BY kind DESC LIMIT 1", [{"kind": 7}]),
    ("SELECT RAW n FROM books ORDER BY 1 LIMIT 2", [0, 1]),
    ("SELECT RAW n FROM books ORDER BY n LIMIT 1 + 1 OFFSET 3 * 2", [6, 7]),
    # UPDATE: values are read from the document as it was; parents are not made up
    ("UPDATE books SET n = n + 1, m = n WHERE n = 1 RETURNING n, m", [{"n": 2, "m": 1}]),
    ("UPDATE books SET a.b = 5, tags[9] = 5, kind.x = 5 WHERE n = 1 RETURNING a, tags, kind",
     [{"tags": ["a"], "kind": "odd"}]),
    ("UPDATE books SET n = MISSING, tags[0] = MISSING WHERE n = 1 RETURNING n, tags",
     [{"tags": [None]}]),
    ("DELETE FROM books WHERE n > 1 LIMIT 2 OFFSET 1 RETURNING RAW n", [3, 4]),
    ("UPSERT INTO books VALUES ('b1', 1), ('b1', 2) RETURNING RAW books", [1, 2]),
    ("INSERT INTO books VALUES ('x', {'a': MISSING}) RETURNING RAW books", [{}]),
    # a sequence gives one value to a document; the key is no part of it
    (("SELECT NEXT VALUE FOR counter AS a, PREVVAL FOR counter AS b, NEXTVAL FOR counter AS c "
     "FROM [1, 2] t"), [{"a": 0, "b": 0, "c": 0}, {"a": 1, "b": 1, "c": 1}]),
    ("SELECT (SELECT RAW NEXTVAL FOR counter)[0] AS a, NEXTVAL FOR counter AS b",
     [{"a": 0, "b": 1}]),
    (("INSERT INTO books VALUES (TO_STRING(NEXTVAL FOR counter), "
     "[NEXTVAL FOR counter, NEXTVAL FOR counter]) RETURNING RAW [META().id, books]"),
     [["0", [1, 1]]]),
    (("INSERT INTO books (KEY k, VALUE v) SELECT TO_STRING(NEXTVAL FOR counter) AS k, "
     "NEXTVAL FOR counter AS v FROM [1, 2] t RETURNING RAW [META().id, books]"),
     [["0", 0], ["1", 1]]),
    (("UPDATE books SET a = NEXTVAL FOR counter, b = NEXTVAL FOR counter WHERE n < 2 "
     "RETURNING RAW [a, b]"), [[0, 0], [1, 1]]),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "wanted"), ROWS, ids=[text for text, _ in ROWS])
async def test_rows(session: Session, statement: str, wanted: list[Any]) -> None:
    await session("CREATE SEQUENCE counter")
    found = await session(statement)
    assert session.context.errors == []
    assert [row is MISSING for row in found] == [row is MISSING for row in wanted]
    shown = [[row for row in rows if row is not MISSING] for rows in (found, wanted)]
    assert same(*shown), found


REFUSED: Final[list[tuple[str, int]]] = [
    ("SELECT RAW * FROM books", 3000),
    ("SELECT RAW n, kind FROM books", 3000),
    ("SELECT 1 AS select", 3000),
    # joins: RIGHT is the first one, commas are the last ones, keys go with neither
    ("SELECT 1 FROM books a JOIN books b ON a.n = b.n RIGHT JOIN books c ON c.n = a.n", 3000),
    ("SELECT 1 FROM books a UNNEST a.tags t RIGHT JOIN books c ON c.n = a.n", 3000),
    ("SELECT 1 FROM books a RIGHT JOIN kinds k ON KEYS a.k", 3000),
    ("SELECT 1 FROM books a RIGHT NEST kinds k ON a.k = k.k", 3000),
    ("SELECT 1 FROM books a, books b JOIN books c ON c.n = b.n", 3000),
    ("SELECT 1 FROM books a, books b UNNEST b.tags t", 3000),
    ("SELECT 1 FROM books a JOIN kinds k ON KEYS a.k, kinds z", 3200),
    # GROUP BY
    ("SELECT COUNT(*) FROM books HAVING COUNT(*) > 1", 3000),
    ("SELECT c FROM books LETTING c = COUNT(*) HAVING c > 1", 3000),
    ("SELECT COUNT(*) AS c FROM books GROUP BY kind HAVING c > 1", 4210),
    ("SELECT n FROM books GROUP BY kind", 4210),
    ("SELECT 1 FROM books WHERE COUNT(*) > 1", 3000),
    ("SELECT SUM(SUM(n)) FROM books", 3000),
    # windows
    ("SELECT SUM(n) OVER (w PARTITION BY n) FROM books WINDOW w AS (ORDER BY n)", 3220),
    ("SELECT SUM(n) OVER (w ORDER BY n) FROM books WINDOW w AS (ORDER BY n)", 3220),
    ("SELECT SUM(n) OVER (w) FROM books WINDOW w AS (ORDER BY n ROWS 1 PRECEDING)", 3220),
    ("SELECT SUM(n) OVER v FROM books WINDOW v AS (w), w AS (ORDER BY n)", 3220),
    ("SELECT SUM(n) OVER w FROM books WINDOW w AS (), w AS (ORDER BY n)", 3220),
    ("SELECT SUM(n) OVER nowhere FROM books", 3220),
    ("SELECT SUM(n) OVER (ROWS 1 PRECEDING) FROM books", 3220),
    ("SELECT SUM(n) OVER (ORDER BY n, kind RANGE 1 PRECEDING) FROM books", 3220),
    ("SELECT SUM(n) OVER (ORDER BY n ROWS BETWEEN CURRENT ROW AND 1 PRECEDING) FROM books", 3220),
    ("SELECT SUM(n) OVER (ORDER BY n ROWS BETWEEN 1 FOLLOWING AND 1 PRECEDING) FROM books", 3220),
    ("SELECT SUM(n) OVER (ORDER BY n ROWS BETWEEN 1 FOLLOWING AND CURRENT ROW) FROM books", 3220),
    ("SELECT 1 FROM books WHERE ROW_NUMBER() OVER () = 1", 3220),
    # LIMIT, set operators, WITH
    ("SELECT n FROM books LIMIT 'a'", 5030),
    ("SELECT n FROM books LIMIT n", 3080),
    ("SELECT n FROM books LIMIT 1 UNION SELECT n FROM books", 3000),
    ("WITH a AS (1), a AS (2) SELECT a", 3081),
    ("WITH a AS (SELECT 1 AS n UNION SELECT a.n FROM a) CYCLE n RESTRICT SELECT 1", 3000),
    *(
        (f"WITH RECURSIVE c AS (SELECT 1 AS r UNION SELECT {clauses}) SELECT RAW c.r FROM c", code)
        for clauses, code in (
            ("c.r FROM c ORDER BY c.r", 3300),
            ("c.r FROM c LIMIT 1", 3300),
            ("DISTINCT c.r FROM c", 3300),
            ("c.r FROM c GROUP BY c.r", 3300),
            ("MAX(c.r) AS r FROM c", 3300),
            ("ROW_NUMBER() OVER () AS r FROM c", 3300),
            ("c.r FROM c LEFT JOIN books b ON b.n = c.r", 3300),
            ("c.r FROM c NEST books b ON b.n = c.r", 3300),
            ("c.r FROM c UNNEST [1] AS x", 3300),
            ("c.r FROM c WHERE 1 IN (SELECT RAW d.r FROM c AS d)", 3300),
            ("c.r FROM c JOIN c AS d ON c.r = d.r", 3302),
        )
    ),
    # changes
    ("UPDATE books UNSET META().expiration WHERE n = 1", 4321),
    ("INSERT INTO books VALUES ('x', {}), ('x', {})", 12009),
    ("INSERT INTO books VALUES (5, {})", 5070),
    ("INSERT INTO books VALUES (NULL, {})", 5050),
    ("INSERT INTO books VALUES ('x', MISSING)", 5060),
    ("UPDATE books SET META().id = 'x' WHERE n = 1", 4321),
    ("UPDATE books LIMIT 1 SET n = 1", 3000),
    # definitions
    ("CREATE INDEX i ON books(n, kind INCLUDE MISSING)", 3000),
    ("CREATE INDEX i ON books(ALL tags, DISTINCT ys)", 3280),
    ("CREATE INDEX i ON books(1)", 3280),
    ("CREATE INDEX i ON books(RANDOM())", 3280),
    ("CREATE INDEX i ON books(META().flags)", 3280),
    ("CREATE INDEX i ON books(n) WHERE META() IS NOT NULL", 3280),
    ("CREATE INDEX i ON books(n) WITH {'defer_build': 'x'}", 5000),
    ("CREATE INDEX i ON books(n) WITH {'num_replica': -1}", 5000),
    ("CREATE INDEX i ON books(n) WITH {'unknown': 1}", 5000),
    ("CREATE SEQUENCE s START WITH 1 START WITH 2", 3000),
    ("CREATE SEQUENCE s START WITH 5 MAXVALUE 1", 19104),
    ("SELECT 1 FROM books WHERE n = NEXTVAL FOR counter", 3100),
    ("DELETE FROM books WHERE n = PREVVAL FOR counter", 3100),
    ("SELECT 1 FROM books a JOIN books b ON a.n = NEXT VALUE FOR counter", 3100),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "code"), REFUSED, ids=[text for text, _ in REFUSED])
async def test_refusals(session: Session, statement: str, code: int) -> None:
    await session("CREATE SEQUENCE counter")
    before = await session("SELECT META(b).id, b FROM books b")
    assert await refusal(session, statement) == code
    after = await session("SELECT META(b).id, b FROM books b")
    if code != 12009:
        assert after == before


async def test_a_changed_sequence_goes_on_after_the_values_it_had_reserved(
    session: Session,
) -> None:
    await session("CREATE SEQUENCE s START WITH 10 INCREMENT BY -1 MINVALUE 9")
    assert await session("SELECT RAW NEXTVAL FOR s FROM [1, 2] t") == [10, 9]
    assert await refusal(session, "SELECT NEXTVAL FOR s") == 19111
    await session("ALTER SEQUENCE s WITH {'max': 10, 'cycle': TRUE}")
    assert await session("SELECT RAW NEXTVAL FOR s FROM [1, 2, 3] t") == [10, 9, 10]


async def test_an_index_of_an_extended_attribute(session: Session) -> None:
    await session("CREATE INDEX by_note ON books(META().xattrs.note.`of`)")
    query = "SELECT RAW META().xattrs.other FROM books WHERE META().xattrs.note.`of` = 'b3'"
    [plan] = await session(f"EXPLAIN {query}")
    assert "by_note" in str(plan)
    assert await session(query) == [MISSING]
    assert await session("SELECT RAW META().xattrs FROM books WHERE n = 3") == [
        {"note": {"of": "b3"}}
    ]


async def test_an_error_ends_an_insert(session: Session) -> None:
    await session(
        "INSERT INTO books (KEY k, VALUE 1) "
        "SELECT CASE WHEN x = 3 THEN 'b1' ELSE 'x' || TO_STRING(x) END AS k "
        "FROM ARRAY_RANGE(0, 1000) AS x"
    )
    assert [error.code for error in session.context.errors] == [12009]
    assert 3 <= session.context.mutation_count < 100


@pytest.mark.parametrize(
    ("action", "hint", "fate"),
    [
        ("WHEN MATCHED THEN UPDATE SET b.x = 1", "USE HASH(BUILD)", "hints_followed"),
        ("WHEN MATCHED THEN UPDATE SET b.x = 1", "USE HASH(PROBE)", "hints_followed"),
        ("WHEN MATCHED THEN DELETE", "USE NL", "hints_followed"),
        ("WHEN NOT MATCHED THEN INSERT ('z', {'x': 1})", "USE HASH(BUILD)", "hints_not_followed"),
        ("WHEN NOT MATCHED THEN INSERT ('z', {'x': 1})", "USE HASH(PROBE)", "hints_followed"),
    ],
)
async def test_how_a_merge_joins_its_source(
    session: Session, action: str, hint: str, fate: str
) -> None:
    statement = f"MERGE INTO books b USING kinds k {hint} ON b.kind = k.kind {action}"
    [plan] = await session(f"EXPLAIN {statement}")
    assert list(plan["optimizer_hints"]) == [fate]
    assert ("HashJoin" in str(plan)) is (fate == "hints_followed" and "HASH" in hint)
    rows = await session(f"{statement} RETURNING RAW b.n")
    assert session.context.mutation_count == (1 if "NOT" in action else 4)
    assert sorted(row for row in rows if row is not MISSING) == (
        [] if "NOT" in action else [1, 3, 5, 7]
    )


async def test_sums_beyond_the_largest_number_are_no_number(session: Session) -> None:
    rows = await session(
        "SELECT RAW [SUM(x), AVG(x), VARIANCE(x), STDDEV(x), VAR_POP(x)] FROM [1e308, 1e308] x"
    )
    assert rows == [[None] * 5]
    rows = await session("SELECT RAW VECTOR_DISTANCE([1e308, 1e308], [1e308, -1e308], 'dot')")
    assert rows == [None]
