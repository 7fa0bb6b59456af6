"""WITH RECURSIVE."""

from __future__ import annotations

from typing import Any

import pytest
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.errors import QueryError


@pytest.mark.parametrize(
    ("terms", "wanted"),
    [
        ("x AS (SELECT 1 a UNION SELECT x.a + 1 AS a FROM x WHERE x.a < 4)", [1, 2, 3, 4]),
        ("y AS (SELECT 1 a), x AS (SELECT y.a FROM y UNION SELECT x.a + 2 a FROM x WHERE x.a < 5)",
         [1, 3, 5]),
        ("x AS (SELECT 1 a UNION ALL SELECT x.a FROM x) OPTIONS {'levels': 2}", [1, 1, 1]),
        ("x AS (SELECT 1 a UNION ALL SELECT x.a + 1 a FROM x) OPTIONS {'documents': 2}", [1, 2]),
        ("x AS (SELECT 1 a UNION ALL SELECT x.a % 3 + 1 AS a FROM x) CYCLE a RESTRICT", [1, 2, 3]),
        ("x AS (SELECT 1 a UNION SELECT 2 a)", [1, 2]),
        ("x AS (SELECT RAW {'a': 9})", [9]),
        (("x AS (SELECT b.n a FROM books b WHERE b.n = 1 UNION "
         "SELECT b.n a FROM books b JOIN x ON b.n = x.a + 3)"), [1, 4, 7]),
    ],
)  # fmt: skip
async def test_terms(session: Session, terms: str, wanted: list[Any]) -> None:
    assert await session(f"WITH RECURSIVE {terms} SELECT RAW x.a FROM x") == wanted


async def test_a_correlated_recursion(session: Session) -> None:
    rows = await session(
        "SELECT k.kind, (WITH RECURSIVE c AS (SELECT b.n FROM books b WHERE b.kind = k.kind "
        "AND b.n = 1 UNION SELECT b.n FROM books b, c WHERE b.n = c.n + 2) SELECT RAW c.n FROM c) "
        "AS ns FROM kinds k"
    )
    assert rows == [{"kind": "odd", "ns": [1, 3, 5, 7]}, {"kind": "prime", "ns": []}]


async def test_limits_that_nobody_set_end_it_with_a_warning(session: Session) -> None:
    rows = await session(
        "WITH RECURSIVE x AS (SELECT 1 a UNION SELECT x.a + 1 AS a FROM x)"
        " SELECT RAW COUNT(*) FROM x"
    )
    assert rows == [1001]
    assert [warning.code for warning in session.context.warnings] == [3306]
    rows = await session(
        "WITH RECURSIVE x AS (SELECT 1 a UNION SELECT x.a + 1 AS a FROM x) OPTIONS {'levels': 3}"
        " SELECT RAW COUNT(*) FROM x"
    )
    assert (rows, session.context.warnings) == ([4], [])


async def test_so_many_documents_end_it_with_a_warning(session: Session) -> None:
    rows = await session(
        "WITH RECURSIVE x AS (SELECT v FROM ARRAY_RANGE(0, 12000) v UNION SELECT x.v FROM x)"
        " SELECT RAW COUNT(*) FROM x"
    )
    assert rows == [10_000]
    assert [warning.code for warning in session.context.warnings] == [3305]


@pytest.mark.parametrize(
    ("term", "code"),
    [
        ("(SELECT 1 a UNION SELECT COUNT(*) AS a FROM x)", 3300),
        ("(SELECT 1 a UNION SELECT x.a FROM x GROUP BY x.a)", 3300),
        ("(SELECT 1 a UNION SELECT x.a FROM x ORDER BY x.a)", 3300),
        ("(SELECT DISTINCT 1 a UNION SELECT x.a FROM x)", 3300),
        ("(SELECT 1 a UNION SELECT x.a FROM x JOIN x y ON TRUE)", 3302),
        ("(SELECT 1 a UNION SELECT b.n a FROM books b LEFT JOIN x ON b.n = x.a)", 3300),
        ("(SELECT [1] a UNION SELECT b FROM x UNNEST x.a b)", 3300),
        ("(SELECT 1 a UNION SELECT x.a FROM x) OPTIONS {'nope': 1}", 3303),
        ("(SELECT 1 a UNION SELECT x.a FROM x) CYCLE a + 1 RESTRICT", 3307),
    ],
)
async def test_errors(session: Session, term: str, code: int) -> None:
    with pytest.raises(QueryError) as caught:
        await session(f"WITH RECURSIVE x AS {term} SELECT * FROM x")
    assert caught.value.code == code
