"""Which access the planner chooses, as EXPLAIN tells, and that the rows stay the same."""

from __future__ import annotations

from typing import Any

import pytest
from tests.couchbase.sqlpp.session import Session


async def plan_of(session: Session, statement: str) -> list[dict[str, Any]]:
    (row,) = await session("EXPLAIN " + statement)
    steps: list[dict[str, Any]] = row["plan"]["~children"]
    return steps


def names(steps: list[dict[str, Any]]) -> list[str]:
    return [step["#operator"] for step in steps]


COVERED = [
    ("(n)", "SELECT n FROM books WHERE n > 5 ORDER BY n"),
    ("(n)", "SELECT RAW META().id FROM books WHERE n > 5 ORDER BY META().id"),
    ("(kind, n)", "SELECT kind, n FROM books WHERE kind = 'odd' AND n < 6 ORDER BY n"),
    ("(n) WHERE kind = 'odd'", "SELECT n FROM books WHERE kind = 'odd' AND n > 1 ORDER BY n"),
    ("(n DESC, name)", "SELECT name, n FROM books WHERE n >= 2 ORDER BY n DESC"),
    ("(kind, n)", "SELECT kind, SUM(n) AS s FROM books WHERE kind > 'a' GROUP BY kind"),
    ("(n INCLUDE MISSING)", "SELECT n FROM books ORDER BY n"),
]


@pytest.mark.parametrize(("definition", "statement"), COVERED)
async def test_a_covering_scan_fetches_nothing(
    session: Session, definition: str, statement: str
) -> None:
    wanted = await session(statement)
    await session(f"CREATE INDEX i ON books{definition}")
    steps = await plan_of(session, statement)
    assert steps[0]["#operator"] == "IndexScan3"
    assert "covers" in steps[0]
    assert "Fetch" not in names(steps)
    assert await session(statement) == wanted


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM books WHERE n > 5",
        "SELECT n, kind FROM books WHERE n > 5",
        "SELECT n FROM books WHERE n > 5 AND name = 'N6'",
        "SELECT META().cas, n FROM books WHERE n > 5",
        "SELECT n, (SELECT 1 FROM kinds k WHERE k.kind = b.kind) w FROM books b WHERE n > 5",
        "SELECT b FROM books b WHERE b.n > 5",
    ],
)
async def test_what_the_index_lacks_is_fetched(session: Session, statement: str) -> None:
    wanted = await session(statement)
    await session("CREATE INDEX i ON books(n)")
    assert "Fetch" in names(await plan_of(session, statement))
    assert await session(statement) == wanted


@pytest.mark.parametrize(
    ("definition", "statement"),
    [
        ("(n)", "SELECT n, kind FROM books WHERE n > 2 ORDER BY n LIMIT 3"),
        ("(n)", "SELECT n, kind FROM books WHERE n > 2 ORDER BY n DESC LIMIT 2 OFFSET 1"),
        ("(kind, n)", "SELECT n FROM books WHERE kind = 'odd' ORDER BY n LIMIT 2 OFFSET 1"),
        ("(kind DESC, n)", "SELECT n FROM books WHERE kind >= 'a' ORDER BY kind DESC, n LIMIT 5"),
        ("(n)", "SELECT n FROM books WHERE n IN [5, 1, 3] ORDER BY n LIMIT 2"),
        ("(n)", "SELECT n FROM books WHERE n = 6 OR n < 3 ORDER BY n DESC"),
    ],
)
async def test_the_index_gives_the_order(session: Session, definition: str, statement: str) -> None:
    wanted = await session(statement)
    await session(f"CREATE INDEX i ON books{definition}")
    steps = await plan_of(session, statement)
    assert "index_order" in steps[0]
    assert "Order" not in names(steps)
    assert await session(statement) == wanted


@pytest.mark.parametrize(
    ("definition", "statement"),
    [
        ("(n)", "SELECT n FROM books WHERE n > 2 ORDER BY n NULLS LAST"),
        ("(kind, n)", "SELECT n FROM books WHERE kind > 'a' ORDER BY n"),
        ("(kind, n)", "SELECT n FROM books WHERE kind > 'a' ORDER BY kind, n DESC"),
        ("(ALL tags)", "SELECT n FROM books WHERE ANY t IN tags SATISFIES t > 'a' END ORDER BY n"),
    ],
)
async def test_another_order_is_sorted(session: Session, definition: str, statement: str) -> None:
    wanted = await session(statement)
    await session(f"CREATE INDEX i ON books{definition}")
    assert "Order" in names(await plan_of(session, statement))
    assert await session(statement) == wanted


async def test_limit_and_offset_are_in_the_scan(session: Session) -> None:
    await session("CREATE INDEX i ON books(n)")
    (scan, *rest) = await plan_of(session, "SELECT n FROM books WHERE n > 1 LIMIT 2 OFFSET 3")
    assert (scan["limit"], scan["offset"]) == ("2", "3")
    assert "Offset" not in names(rest)
    assert await session("SELECT RAW n FROM books WHERE n > 1 LIMIT 2 OFFSET 3") == [5, 6]


@pytest.mark.parametrize(
    ("statement", "result"),
    [
        ("SELECT RAW COUNT(*) FROM books WHERE kind = 'odd' AND n > 2", 3),
        ("SELECT RAW COUNT(n) FROM books WHERE kind = 'odd' AND n > 2", 3),
        ("SELECT RAW MIN(n) FROM books WHERE kind = 'odd'", 1),
        ("SELECT RAW MAX(n) FROM books WHERE kind = 'odd'", 7),
        ("SELECT RAW MAX(n) FROM books WHERE kind = 'odd' AND n < 7", 5),
        ("SELECT RAW MAX(n) FROM books WHERE kind = 'none'", None),
    ],
)
async def test_aggregates_are_read_off_the_index(
    session: Session, statement: str, result: Any
) -> None:
    await session("CREATE INDEX i ON books(kind, n)")
    await session("UPSERT INTO books VALUES ('x', {'kind': 'odd'})")
    (scan, *_) = await plan_of(session, statement)
    assert "index_group_aggs" in scan
    assert await session(statement) == [result]


async def test_spans_show_bounds_and_inclusion(session: Session) -> None:
    await session("CREATE INDEX i ON books(kind, n)")
    (scan, *_) = await plan_of(
        session, "SELECT 1 FROM books WHERE kind = 'odd' AND n > 1 AND n <= 5"
    )
    assert scan["spans"] == [
        {
            "exact": True,
            "range": [
                {"high": '"odd"', "inclusion": 3, "index_key": "(`books`.`kind`)", "low": '"odd"'},
                {"high": "5", "inclusion": 2, "index_key": "(`books`.`n`)", "low": "1"},
            ],
        }
    ]


@pytest.mark.parametrize(
    ("statement", "operator"),
    [
        ("SELECT RAW n FROM books WHERE n = 1 OR name = 'N3'", "UnionScan"),
        ("SELECT RAW b.n FROM books b UNNEST b.tags t WHERE t = 'c'", "DistinctScan"),
        ("SELECT RAW n FROM books WHERE META().id IN ['b1', 'b3']", "KeyScan"),
    ],
)
async def test_operators_of_other_accesses(session: Session, statement: str, operator: str) -> None:
    wanted = sorted(await session(statement))
    await session("CREATE INDEX a ON books(n)")
    await session("CREATE INDEX b ON books(name)")
    await session("CREATE INDEX c ON books(ALL ARRAY t FOR t IN tags END)")
    assert names(await plan_of(session, statement))[0] == operator
    assert sorted(await session(statement)) == wanted


async def test_two_indexes_intersect_where_both_leave_much(session: Session) -> None:
    values = ", ".join(f"('x{n}', {{'p': {n % 2}, 'q': {n % 3}}})" for n in range(6000))
    await session(f"INSERT INTO kinds VALUES {values}")
    await session("CREATE INDEX p ON kinds(p)")
    await session("CREATE INDEX q ON kinds(q)")
    statement = "SELECT RAW COUNT(*) FROM kinds WHERE p = 1 AND q = 2"
    assert names(await plan_of(session, statement))[0] == "IntersectScan"
    assert await session(statement) == [1000]


async def test_a_hint_decides_between_indexes(session: Session) -> None:
    await session("CREATE INDEX a ON books(n)")
    await session("CREATE INDEX b ON books(kind)")
    statement = "SELECT * FROM books USE INDEX (b) WHERE n = 1 AND kind = 'odd'"
    assert (await plan_of(session, statement))[0]["index"] == "b"


async def test_the_index_that_leaves_less_is_chosen(session: Session) -> None:
    await session("CREATE INDEX a ON books(kind)")
    await session("CREATE INDEX b ON books(n)")
    statement = "SELECT * FROM books WHERE kind = 'odd' AND n > 5"
    assert (await plan_of(session, statement))[0]["index"] == "b"


@pytest.mark.parametrize(
    ("condition", "inner"),
    [("k.kind = b.kind", "IndexScan3"), ("META(k).id = b.ref", "KeyScan")],
)
async def test_a_join_looks_its_inner_side_up(session: Session, condition: str, inner: str) -> None:
    values = ", ".join(f"('x{n}', {{'kind': 'k{n}'}})" for n in range(300))
    await session(f"INSERT INTO kinds VALUES {values}")
    await session("UPDATE books SET ref = 'k1' WHERE n = 3")
    statement = f"SELECT b.n, k.words FROM books b JOIN kinds k ON {condition} WHERE b.n = 3"
    wanted = await session(statement)
    await session("CREATE INDEX i ON kinds(kind)")
    await session("CREATE INDEX n ON books(n)")
    steps = await plan_of(session, statement)
    (join,) = [step for step in steps if step["#operator"] == "NestedLoopJoin"]
    assert join["~child"]["~children"][0]["#operator"] == inner
    assert await session(statement) == wanted == [{"n": 3, "words": "not even"}]


async def test_an_update_of_the_indexed_key_changes_each_document_once(session: Session) -> None:
    await session("CREATE INDEX i ON books(n)")
    await session("UPDATE books SET n = n + 10 WHERE n >= 0")
    assert await session("SELECT RAW n FROM books WHERE n >= 0 ORDER BY n") == list(range(10, 18))


async def test_flattened_keys_match_conditions_on_one_element(session: Session) -> None:
    await session("UPSERT INTO books VALUES ('f', {'s': [{'d': 1, 'f': 'a'}, {'d': 2, 'f': 'b'}]})")
    await session("CREATE INDEX i ON books(DISTINCT ARRAY FLATTEN_KEYS(v.d, v.f) FOR v IN s END)")
    for flight, found in (("b", ["f"]), ("a", [])):
        statement = (
            "SELECT RAW META().id FROM books "
            f"WHERE ANY v IN s SATISFIES v.d = 2 AND v.f = '{flight}' END"
        )
        (scan, *_) = await plan_of(session, statement)
        assert len(scan["scan"]["spans"][0]["range"]) == 2
        assert await session(statement) == found


@pytest.mark.parametrize("definition", ["(ALL t)", "(DISTINCT ARRAY v FOR v IN t END)"])
async def test_two_conditions_may_hold_for_two_elements(session: Session, definition: str) -> None:
    await session("UPSERT INTO books VALUES ('f', {'t': [false, 0]})")
    await session(f"CREATE INDEX i ON books{definition}")
    statement = (
        "SELECT RAW META().id FROM books WHERE ANY v IN t SATISFIES v >= -1 END"
        " AND ANY v IN t SATISFIES v < -1 END"
    )
    assert await session(statement) == ["f"]
