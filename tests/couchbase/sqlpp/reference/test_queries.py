"""SELECT in all its clauses: the rows that each form gives."""

from __future__ import annotations

from typing import Final

import pytest
from tests.couchbase.sqlpp.reference.shown import Shown, check, entries
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.reference import Entry

CHAPTERS: Final = (
    "SELECT: results",
    "FROM",
    "JOIN, NEST and UNNEST",
    "LET, WHERE and GROUP BY",
    "Aggregates",
    "Windows",
    "ORDER BY, LIMIT and OFFSET",
    "Set operations",
    "WITH",
    "Subqueries",
)
CASES: Final[dict[str, Shown]] = {
    # SELECT: results
    "SELECT expression, ...": Shown([{"$1": 2, "$2": "x"}]),
    "SELECT expression AS alias": Shown([{"m": 0}]),
    "SELECT expression alias": Shown([{"m": 0}]),
    "SELECT *": Shown([{"k": {"kind": "prime", "words": "few"}}]),
    "SELECT path.*": Shown([{"kind": "prime", "words": "few"}]),
    "SELECT ALL": Shown([{"kind": "even"}, {"kind": "odd"}, {"kind": "even"}]),
    "SELECT DISTINCT": Shown([{"kind": "even"}, {"kind": "odd"}]),
    "SELECT RAW": Shown([6, 7]),
    "SELECT ELEMENT": Shown([6, 7]),
    "SELECT VALUE": Shown([6, 7]),
    "SELECT DISTINCT RAW": Shown(["even", "odd"]),
    "SELECT ... EXCLUDE": Shown([{"n": 1, "kind": "odd"}]),
    "FROM ... SELECT": Shown([{"name": "N1"}]),
    # FROM
    "FROM keyspace": Shown([2]),
    "FROM keyspace AS alias": Shown([2]),
    "FROM namespace:keyspace": Shown([2]),
    "FROM bucket.scope.collection": Shown([2]),
    "FROM (subquery) AS alias": Shown([0, 2]),
    "FROM expression AS alias": Shown([1, 2, 3]),
    "FROM parameter AS alias": Shown([1], named={"values": [{"x": 1}]}),
    "FROM term, term": Shown([[2, 0], [2, 1]]),
    "FROM term, LATERAL term": Shown([["odd", 4], ["prime", 0]]),
    # JOIN, NEST and UNNEST
    "JOIN ... ON": Shown([{"n": 1, "words": "not even"}, {"n": 3, "words": "not even"}]),
    "INNER JOIN ... ON": Shown([{"n": 1, "words": "not even"}, {"n": 3, "words": "not even"}]),
    "LEFT OUTER JOIN ... ON": Shown([{"n": 0}, {"n": 1, "words": "not even"}]),
    "RIGHT OUTER JOIN ... ON": Shown([{"words": "few"}, {"n": 1, "words": "not even"}]),
    "JOIN (subquery) AS alias ON": Shown([{"kind": "odd", "c": 4}]),
    "JOIN expression AS alias ON": Shown([{"n": 3, "v": 3}]),
    "JOIN LATERAL ... ON": Shown([{"kind": "odd", "x": 7}]),
    "JOIN ... ON KEYS": Shown([{"kind": "odd", "n": 1}, {"kind": "odd", "n": 2}]),
    "JOIN ... ON PRIMARY KEYS": Shown([{"n": 1}]),
    "LEFT JOIN ... ON KEYS": Shown([{"kind": "odd", "n": 1}, {"kind": "prime"}]),
    "JOIN ... ON KEY ... FOR": Shown([{"n": 1, "kind": "odd"}, {"n": 2, "kind": "prime"}]),
    "NEST ... ON": Shown([{"kind": "odd", "ns": [1, 3, 5, 7]}]),
    "LEFT OUTER NEST ... ON": Shown([{"kind": "odd", "c": 4}, {"kind": "prime", "c": 0}]),
    "NEST ... ON KEYS": Shown([{"kind": "odd", "ns": [2, 1]}]),
    "NEST ... ON KEY ... FOR": Shown([{"kind": "odd", "ns": [1]}, {"kind": "prime", "ns": [2]}]),
    "UNNEST ... AS alias": Shown(["a", "b"]),
    "UNNEST path": Shown(["a", "b"]),
    "LEFT OUTER UNNEST": Shown([{"n": 0}, {"n": 1, "t": "a"}]),
    "FLATTEN": Shown(["a", "b"]),
    "UNNEST of an UNNEST": Shown([1, 2, 3]),
    # LET, WHERE and GROUP BY
    "LET": Shown([60, 70]),
    "WHERE": Shown([4, 6]),
    "GROUP BY": Shown([{"kind": "even", "c": 4}, {"kind": "odd", "c": 4}]),
    "GROUP BY expression AS alias": Shown([[0, 3], [1, 3], [2, 2]]),
    "GROUP AS": Shown([[0, 2], [1, 3]]),
    "LETTING": Shown([{"kind": "even", "total": 12}, {"kind": "odd", "total": 16}]),
    "LETTING without GROUP BY": Shown([7]),
    "HAVING": Shown(["odd"]),
    "LETTING ... HAVING": Shown(["odd"]),
    # Aggregates
    "aggregate(expression)": Shown([[28, 8, 7]]),
    "aggregate(ALL expression)": Shown([8]),
    "aggregate(DISTINCT expression)": Shown([2]),
    "COUNT(*)": Shown([8]),
    "FILTER (WHERE ...)": Shown([16]),
    # Windows
    "OVER ()": Shown([3, 3, 3]),
    "OVER (PARTITION BY ...)": Shown(
        [{"n": 0, "s": 2}, {"n": 1, "s": 4}, {"n": 2, "s": 2}, {"n": 3, "s": 4}]
    ),
    "OVER (ORDER BY ...)": Shown(
        [{"n": 0, "s": 0}, {"n": 1, "s": 1}, {"n": 2, "s": 3}, {"n": 3, "s": 6}]
    ),
    "OVER name": Shown([{"n": 0, "r": 3}, {"n": 1, "r": 2}, {"n": 2, "r": 1}]),
    "WINDOW name AS (name ...)": Shown(
        [{"n": 0, "c": 1}, {"n": 1, "c": 1}, {"n": 2, "c": 2}, {"n": 3, "c": 2}]
    ),
    "ROWS UNBOUNDED PRECEDING": Shown([0, 1, 3, 6]),
    "ROWS n PRECEDING": Shown([0, 1, 3, 5]),
    "ROWS CURRENT ROW": Shown([0, 1, 2, 3]),
    "ROWS BETWEEN ... AND ...": Shown([1, 3, 6, 5]),
    "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING": Shown([6, 6, 5, 3]),
    "RANGE BETWEEN ... AND ...": Shown([1, 2, 2, 1]),
    "GROUPS BETWEEN ... AND ...": Shown([{"n": 0, "c": 0}, {"n": 1, "c": 2}, {"n": 2, "c": 0}]),
    "EXCLUDE CURRENT ROW": Shown([1, 2, 4, 2]),
    "EXCLUDE GROUP": Shown(
        [{"n": 0, "s": 4}, {"n": 1, "s": 2}, {"n": 2, "s": 4}, {"n": 3, "s": 2}]
    ),
    "EXCLUDE TIES": Shown([{"n": 0, "s": 4}, {"n": 1, "s": 3}, {"n": 2, "s": 6}, {"n": 3, "s": 5}]),
    "EXCLUDE NO OTHERS": Shown([0, 1, 3, 5]),
    "RESPECT NULLS": Shown([None, None, 1]),
    "IGNORE NULLS": Shown([None, 1, 1]),
    "FROM FIRST": Shown([1, 1, 1, 1]),
    "FROM LAST": Shown([2, 2, 2, 2]),
    # ORDER BY, LIMIT and OFFSET
    "ORDER BY": Shown([0, 2, 1, 3]),
    "ORDER BY ... ASC": Shown([0, 1, 2]),
    "ORDER BY ... DESC": Shown([2, 1, 0]),
    "NULLS FIRST": Shown([None, 2, 1]),
    "NULLS LAST": Shown([1, 2, None]),
    "LIMIT": Shown([0, 1]),
    "OFFSET": Shown([6, 7]),
    "LIMIT ... OFFSET": Shown([3, 4]),
    "OFFSET ... LIMIT": Shown([3, 4]),
    # Set operations
    "UNION": Shown([1, 2]),
    "UNION ALL": Shown([1, 1, 1, 2]),
    "INTERSECT": Shown([1]),
    "INTERSECT ALL": Shown([1, 1]),
    "EXCEPT": Shown([1, 2]),
    "EXCEPT ALL": Shown([2, 3]),
    "(SELECT) UNION (SELECT)": Shown([0, 7]),
    # WITH
    "WITH name AS (SELECT)": Shown([0, 10]),
    "WITH name AS (expression), ...": Shown([[1, 2]]),
    "WITH RECURSIVE": Shown([1, 2, 3, 4]),
    "CYCLE ... RESTRICT": Shown([1, 2, 3]),
    "OPTIONS {levels, documents}": Shown([1, 2, 3]),
    # Subqueries
    "(SELECT) as an expression": Shown([{"most": 7}]),
    "correlated subquery": Shown([{"kind": "odd", "ns": [1, 3]}, {"kind": "prime", "ns": []}]),
    "subquery over an outer term's path": Shown([["A", "B"]]),
    "IN (SELECT)": Shown([1, 3]),
    "EXISTS (SELECT)": Shown(["odd"]),
    "function(SELECT)": Shown([28]),
    "subquery in LET": Shown([0]),
}


@pytest.mark.parametrize("entry", entries(*CHAPTERS), ids=lambda entry: entry.form)
async def test_forms(session: Session, entry: Entry) -> None:
    await check(session, entry, CASES.get(entry.form))
