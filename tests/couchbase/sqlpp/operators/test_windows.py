"""Window functions: values per row, ordered by `n`, over documents with n 0 to 7."""

from __future__ import annotations

import pytest
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.errors import QueryError


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        ("ROW_NUMBER() OVER (PARTITION BY kind ORDER BY n)", [1, 1, 2, 2, 3, 3, 4, 4]),
        ("RANK() OVER (ORDER BY kind)", [1, 5, 1, 5, 1, 5, 1, 5]),
        ("DENSE_RANK() OVER (ORDER BY kind DESC)", [2, 1, 2, 1, 2, 1, 2, 1]),
        ("PERCENT_RANK() OVER (PARTITION BY n > 3 ORDER BY kind)", [0, 2 / 3] * 4),
        ("CUME_DIST() OVER (ORDER BY kind)", [0.5, 1] * 4),
        ("NTILE(3) OVER (ORDER BY n)", [1, 1, 1, 2, 2, 2, 3, 3]),
        ("LAG(n) OVER (ORDER BY n)", [None, 0, 1, 2, 3, 4, 5, 6]),
        ("LAG(n, 2, -1) OVER (ORDER BY n)", [-1, -1, 0, 1, 2, 3, 4, 5]),
        ("LEAD(n, 1, 'x') OVER (PARTITION BY kind ORDER BY n)", [2, 3, 4, 5, 6, 7, "x", "x"]),
        (
            "LAG(NULLIF(n, 2)) IGNORE NULLS OVER (ORDER BY n)",
            [None, 0, 1, 1, 3, 4, 5, 6],
        ),
        (
            "LEAD(NULLIF(n, 2)) IGNORE NULLS OVER (ORDER BY n)",
            [1, 3, 3, 4, 5, 6, 7, None],
        ),
        ("FIRST_VALUE(n) OVER (PARTITION BY kind ORDER BY n)", [0, 1] * 4),
        ("LAST_VALUE(n) OVER (ORDER BY n)", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("LAST_VALUE(n) OVER (ORDER BY n ROWS UNBOUNDED PRECEDING)", [0, 1, 2, 3, 4, 5, 6, 7]),
        (
            "LAST_VALUE(n) OVER (ORDER BY n ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)",
            [7] * 8,
        ),
        ("NTH_VALUE(n, 2) OVER (ORDER BY n)", [None, 1, 1, 1, 1, 1, 1, 1]),
        (
            (
                "NTH_VALUE(n, 2) FROM LAST OVER (ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING"
                " AND UNBOUNDED FOLLOWING)"
            ),
            [6] * 8,
        ),
        ("RATIO_TO_REPORT(n) OVER (PARTITION BY n IN [1, 3])", None),
        ("SUM(n) OVER ()", [28] * 8),
        ("SUM(n) OVER (ORDER BY n)", [0, 1, 3, 6, 10, 15, 21, 28]),
        ("COUNT(*) OVER (ORDER BY kind)", [4, 8] * 4),
        (
            "SUM(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)",
            [1, 3, 6, 9, 12, 15, 18, 13],
        ),
        (
            "SUM(n) OVER (ORDER BY n DESC RANGE BETWEEN 2 PRECEDING AND 1 PRECEDING)",
            [3, 5, 7, 9, 11, 13, 7, None],
        ),
        (
            "COUNT(*) OVER (ORDER BY kind GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW)",
            [4, 8] * 4,
        ),
        (
            (
                "SUM(n) OVER (ORDER BY kind ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED"
                " FOLLOWING EXCLUDE GROUP)"
            ),
            [16, 12] * 4,
        ),
        (
            (
                "SUM(n) OVER (ORDER BY kind ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED"
                " FOLLOWING EXCLUDE TIES)"
            ),
            [16, 13, 18, 15, 20, 17, 22, 19],
        ),
        (
            "SUM(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW)",
            [1, 2, 4, 6, 8, 10, 12, 6],
        ),
        ("COUNT(DISTINCT kind) OVER ()", [2] * 8),
        ("SUM(n) FILTER (WHERE n > 5) OVER ()", [13] * 8),
        ("ARRAY_AGG(n) OVER (ORDER BY n ROWS 1 PRECEDING)", None),
    ],
)
async def test_values(session: Session, call: str, wanted: list[object] | None) -> None:
    rows = await session(f"SELECT n, {call} AS v FROM books ORDER BY n")
    found = [row["v"] for row in rows]
    if wanted is not None:
        assert found == pytest.approx(wanted)
    elif "RATIO" in call:
        assert found == pytest.approx([0, 0.25, 2 / 24, 0.75, 4 / 24, 5 / 24, 6 / 24, 7 / 24])
    else:
        assert found[:3] == [[0], [0, 1], [1, 2]]


async def test_named_windows_and_groups(session: Session) -> None:
    rows = await session(
        "SELECT kind, COUNT(*) c, RANK() OVER w r, SUM(COUNT(*)) OVER (w2 ORDER BY kind) t "
        "FROM books GROUP BY kind WINDOW w AS (ORDER BY kind DESC), w2 AS ()"
    )
    assert sorted(rows, key=lambda row: row["kind"]) == [
        {"kind": "even", "c": 4, "r": 2, "t": 4},
        {"kind": "odd", "c": 4, "r": 1, "t": 8},
    ]


async def test_order_by_a_window_function(session: Session) -> None:
    rows = await session("SELECT RAW n FROM books ORDER BY ROW_NUMBER() OVER (ORDER BY n DESC)")
    assert rows == [7, 6, 5, 4, 3, 2, 1, 0]


async def test_range_of_a_distance_without_numbers_is_empty(session: Session) -> None:
    rows = await session(
        "SELECT RAW SUM(t.v) OVER (ORDER BY t.k RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) "
        "FROM [{'k': NULL, 'v': 1}, {'k': NULL, 'v': 2}, {'k': 1, 'v': 4}, {'k': 2, 'v': 8}] t"
    )
    assert rows == [None, None, 4, 12]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT RANK() OVER () FROM books", 3220),
        ("SELECT ROW_NUMBER() OVER (ORDER BY n ROWS 1 PRECEDING) FROM books", 3220),
        ("SELECT RATIO_TO_REPORT(n) OVER (ORDER BY n) FROM books", 3220),
        ("SELECT SUM(DISTINCT n) OVER (ORDER BY n) FROM books", 3220),
        ("SELECT SUM(n) OVER (ROWS 1 PRECEDING) FROM books", 3220),
        ("SELECT n FROM books WHERE ROW_NUMBER() OVER () = 1", 3220),
        ("SELECT SUM(RANK() OVER (ORDER BY n)) OVER () FROM books", 3220),
        ("SELECT SUM(n) OVER nowhere FROM books", 3220),
        ("SELECT LAG() OVER (ORDER BY n) FROM books", 3000),
        ("SELECT ROW_NUMBER() FROM books", 3000),
        ("SELECT NTILE(0) OVER (ORDER BY n) FROM books", 5010),
        ("SELECT SUM(n) OVER (ORDER BY n ROWS -1 PRECEDING) FROM books", 5010),
        ("SELECT SUM(n) OVER (ORDER BY n ROWS BETWEEN 1 FOLLOWING AND 1 PRECEDING) FROM books",
         3220),
    ],
)  # fmt: skip
async def test_errors(session: Session, query: str, code: int) -> None:
    with pytest.raises(QueryError) as caught:
        await session(query)
    assert caught.value.code == code
