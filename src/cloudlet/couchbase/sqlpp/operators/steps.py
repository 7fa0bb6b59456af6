"""Steps that look at one row at a time: filter, variables, subqueries, limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.functions.registry import whole
from cloudlet.couchbase.sqlpp.operators.operator import Batches, Operator, QueryPlan, described
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.values import MISSING, truth


def matching(source: Operator, seed: Row, condition: Evaluate) -> Batches:
    """The source's rows for which the condition is true."""
    for batch in source.run(seed):
        rows = []
        for row in batch:
            if truth(condition(row)) is True:
                rows.append(row)
            pause()
        yield rows


@dataclass(slots=True)
class Filter:
    """The rows for which the condition is true."""

    source: Operator
    condition: Evaluate
    text: str

    def run(self, seed: Row) -> Batches:
        """Those rows."""
        return matching(self.source, seed, self.condition)

    def explain(self) -> list[dict[str, Any]]:
        """Filter."""
        return [*self.source.explain(), described("Filter", condition=self.text)]


@dataclass(slots=True)
class Let:
    """Variables of LET, LETTING and WITH, each of which may use those before it."""

    source: Operator
    variables: list[tuple[int, Evaluate]]
    texts: list[dict[str, str]]
    name: str = "Let"

    def run(self, seed: Row) -> Batches:
        """The rows with the variables' slots set."""
        variables = self.variables
        for batch in self.source.run(seed):
            for row in batch:
                for slot, evaluate in variables:
                    row[slot] = evaluate(row)
                pause()
            yield batch

    def explain(self) -> list[dict[str, Any]]:
        """Let or With."""
        return [*self.source.explain(), described(self.name, bindings=self.texts)]


@dataclass(slots=True)
class Subqueries:
    """Runs the subqueries that the next step needs and puts their results into slots.

    One that needs nothing of the row runs once for the whole statement.
    """

    source: Operator
    plans: list[tuple[int, QueryPlan]]

    def run(self, seed: Row) -> Batches:
        """The rows with the results' slots set."""
        for batch in self.source.run(seed):
            for row in batch:
                for slot, plan in self.plans:
                    cache = row[0].query_results
                    if not plan.reached and id(plan) in cache:
                        row[slot] = cache[id(plan)]
                        continue
                    results: list[Any] = []
                    for values in plan.run(row):
                        results.extend(None if v is MISSING else v for v in values)
                        if row[0].has_quota:
                            for value in values:
                                row[0].hold(value)
                        yield []
                    if not plan.reached:
                        cache[id(plan)] = results
                    row[slot] = results
            yield batch

    def explain(self) -> list[dict[str, Any]]:
        """The subqueries stand under `~subqueries`."""
        plans = [
            {"correlated": bool(plan.reached), "plan": plan.operator.explain()}
            for _, plan in self.plans
        ]
        return [*self.source.explain(), described("Subqueries", **{"~subqueries": plans})]


def row_count(evaluate: Evaluate, seed: Row, clause: str) -> int:
    """The number LIMIT or OFFSET gives; 5030 for anything that is not a number."""
    value = whole(evaluate(seed))
    if value is None:
        raise errors.QueryError(5030, f"{clause} value must be a non-negative integer.", http=400)
    return max(0, value)


@dataclass(slots=True)
class Slice:
    """OFFSET and LIMIT; the source is closed as soon as enough rows are through."""

    source: Operator
    limit: Evaluate | None
    offset: Evaluate | None
    limit_text: str | None = None
    offset_text: str | None = None

    def run(self, seed: Row) -> Batches:
        """The rows between."""
        skip = row_count(self.offset, seed, "OFFSET") if self.offset is not None else 0
        left = row_count(self.limit, seed, "LIMIT") if self.limit is not None else None
        if left == 0:
            return
        for batch in self.source.run(seed):
            rows = batch
            if skip:
                dropped = min(skip, len(rows))
                skip -= dropped
                rows = rows[dropped:]
            if left is not None:
                rows = rows[:left]
                left -= len(rows)
            yield rows
            if left == 0:
                return

    def explain(self) -> list[dict[str, Any]]:
        """Offset and Limit."""
        steps = self.source.explain()
        if self.offset_text is not None:
            steps.append(described("Offset", expr=self.offset_text))
        if self.limit_text is not None:
            steps.append(described("Limit", expr=self.limit_text))
        return steps
