"""RIGHT OUTER JOIN and index joins; EXCLUDE and GROUP AS."""

from __future__ import annotations

from typing import Any

import pytest
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.values import MISSING


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (
            (
                "SELECT b.n, k.words w FROM books b RIGHT OUTER JOIN kinds k ON b.kind = k.kind "
                "WHERE b.n < 2 OR b IS MISSING ORDER BY b.n"
            ),
            [{"w": "few"}, {"n": 1, "w": "not even"}],
        ),
        (
            (
                "SELECT b.n, k.kind FROM books b RIGHT JOIN kinds k ON b.n > 6 AND k.kind > b.kind "
                "ORDER BY k.kind"
            ),
            [{"kind": "odd"}, {"n": 7, "kind": "prime"}],
        ),
        (
            "SELECT META(b).id, x FROM books b RIGHT JOIN [3, 9] x ON b.n = x ORDER BY x",
            [{"id": "b3", "x": 3}, {"x": 9}],
        ),
        (
            (
                "SELECT b.n, k.kind FROM kinds k JOIN books b ON KEY 'k' || TO_STRING(b.n) FOR k "
                "ORDER BY b.n"
            ),
            [{"n": 1, "kind": "odd"}, {"n": 2, "kind": "prime"}],
        ),
        (
            (
                "SELECT k.kind, ARRAY_LENGTH(b) c FROM kinds k LEFT NEST books b "
                "ON KEY 'k' || TO_STRING(b.n) FOR k ORDER BY k.kind"
            ),
            [{"kind": "odd", "c": 1}, {"kind": "prime", "c": 1}],
        ),
    ],
)
async def test_joins(session: Session, query: str, wanted: list[Any]) -> None:
    assert await session(query) == wanted


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("SELECT b.* EXCLUDE name, tags FROM books b LIMIT 1", {"n": 0, "kind": "even"}),
        ("SELECT * EXCLUDE b.name, 'b.tags' FROM books b LIMIT 1", {"b": {"n": 0, "kind": "even"}}),
        ("SELECT * EXCLUDE 'b.name, b.tags' FROM books b LIMIT 1", {"b": {"n": 0, "kind": "even"}}),
        ("SELECT t EXCLUDE t.a.b FROM [{'a': {'b': 1, 'c': 2}}] t", {"t": {"a": {"c": 2}}}),
        ("SELECT t.* EXCLUDE a[*].b FROM [{'a': [{'b': 1, 'c': 2}]}] t", {"a": [{"c": 2}]}),
    ],
)
async def test_exclude(session: Session, query: str, wanted: Any) -> None:
    assert await session(query) == [wanted]


async def test_group_as_holds_the_rows(session: Session) -> None:
    rows = await session(
        "SELECT kind, ARRAY m.b.n FOR m IN g WHEN m.b.n > 3 END AS ns, "
        "(SELECT RAW SUM(x.b.n) FROM g x)[0] AS s "
        "FROM books b GROUP BY kind GROUP AS g ORDER BY kind"
    )
    assert rows == [{"kind": "even", "ns": [4, 6], "s": 12}, {"kind": "odd", "ns": [5, 7], "s": 16}]


async def test_subquery_in_an_aggregate(session: Session) -> None:
    rows = await session(
        "SELECT SUM((SELECT RAW COUNT(*) FROM kinds k WHERE k.kind = b.kind)[0]) s FROM books b"
    )
    assert rows == [{"s": 4}]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("SELECT v, UNNEST_POS(v) AS p FROM [{'a': ['x', 'y']}] AS d UNNEST d.a AS v",
         [{"v": "x", "p": 0}, {"v": "y", "p": 1}]),
        ("SELECT RAW v FROM [{'a': [7, 8, 9]}] AS d UNNEST d.a AS v WHERE UNNEST_POSITION(v) > 0",
         [8, 9]),
        ("SELECT RAW UNNEST_POS(d) FROM [{'a': [7]}] AS d UNNEST d.a AS v", [None]),
        ("SELECT RAW UNNEST_POS(v) FROM [{}] AS d LEFT UNNEST d.a AS v", []),
        (("SELECT p, COUNT(*) AS n FROM [{'a': [1, 2]}, {'a': [3]}] AS d UNNEST d.a AS v"
         " GROUP BY UNNEST_POS(v) AS p ORDER BY p"), [{"p": 0, "n": 2}, {"p": 1, "n": 1}]),
        (("SELECT RAW [UNNEST_POS(v), UNNEST_POS(w)] FROM [{'a': [[1], [2, 3]]}] AS d"
         " UNNEST d.a AS v UNNEST v AS w"), [[0, 0], [1, 0], [1, 1]]),
    ],
)  # fmt: skip
async def test_places_of_unnested_elements(session: Session, query: str, wanted: list[Any]) -> None:
    found = await session(query)
    assert [row for row in found if row is not MISSING] == wanted
