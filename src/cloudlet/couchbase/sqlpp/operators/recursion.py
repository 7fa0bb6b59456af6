"""A recursive WITH term: its results, level by level."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.functions.registry import whole
from cloudlet.couchbase.sqlpp.operators.operator import Batches, Operator, QueryPlan, described
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.values import MISSING, hash_key

# The reference's limits where a statement gives none; the first only without a memory quota.
_DOCUMENTS: Final = 10_000
_LEVELS: Final = 1000
_DOCUMENT_LIMIT, _DEPTH_LIMIT = 3305, 3306


@dataclass(slots=True)
class Recursive:
    """Runs the anchor, then the step on the last level's results until there are no new ones."""

    source: Operator
    slot: int
    anchor: QueryPlan
    step: QueryPlan
    all: bool
    cycle: list[tuple[int, Evaluate]]
    options: Evaluate | None
    name: str

    def run(self, seed: Row) -> Batches:
        """The rows with the array of all results in the slot."""
        for batch in self.source.run(seed):
            for row in batch:
                row[self.slot] = self._results(row)
            yield batch

    def _results(self, row: Row) -> list[Any]:
        context = row[0]
        levels, documents, explicit = self._limits(row)
        found: list[Any] = []
        seen: set[Any] = set()
        cycles: set[Any] = set()
        level = list(self._new(self.anchor, row, seen, cycles))
        depth = 0
        while level:
            for value in level:
                found.append(value)
                if context.has_quota:
                    context.hold(value)
                if 0 <= documents <= len(found):
                    return (
                        found if explicit else self._ended(row, found, documents, _DOCUMENT_LIMIT)
                    )
            if depth >= levels:
                return found if explicit else self._ended(row, found, levels, _DEPTH_LIMIT)
            inner = row.copy()
            inner[self.slot] = level
            level = list(self._new(self.step, inner, seen, cycles))
            depth += 1
        return found

    def _limits(self, row: Row) -> tuple[int, int, bool]:
        given = self.options(row) if self.options is not None else {}
        if type(given) is not dict:
            given = {}
        levels = whole(given.get("levels")) if "levels" in given else None
        documents = whole(given.get("documents")) if "documents" in given else None
        implicit = -1 if row[0].has_quota else _DOCUMENTS
        return (
            levels if levels is not None else _LEVELS,
            documents if documents is not None else implicit,
            levels is not None or documents is not None,
        )

    def _ended(self, row: Row, found: list[Any], limit: int, code: int) -> list[Any]:
        """What was found so far; without limits of the statement's own it comes with a warning."""
        if code == _DEPTH_LIMIT:
            text = f"stopped at {limit} level as no explicit level limit or memory quota set"
            cause = {"alias": self.name, "depth": limit}
        else:
            text = (
                f"limited to {limit} documents as no explicit document count limit or memory quota"
                " set"
            )
            cause = {"alias": self.name, "limit": limit}
        row[0].warnings.append(
            errors.QueryError(code, f"Recursive WITH '{self.name}' {text}", cause=cause)
        )
        return found

    def _new(self, plan: QueryPlan, row: Row, seen: set[Any], cycles: set[Any]) -> Iterator[Any]:
        """The plan's results that are new: by UNION as a whole, by CYCLE in the named fields."""
        for values in plan.run(row):
            pause()
            for value in values:
                item = None if value is MISSING else value
                if not self.all:
                    key = hash_key(item)
                    if key in seen:
                        continue
                    seen.add(key)
                if self.cycle:
                    key = tuple(hash_key(self._field(row, item, *field)) for field in self.cycle)
                    if key in cycles:
                        continue
                    cycles.add(key)
                yield item

    def _field(self, row: Row, item: Any, slot: int, evaluate: Evaluate) -> Any:
        row[slot] = item
        return evaluate(row)

    def explain(self) -> list[dict[str, Any]]:
        """WithRecursive with both parts inside."""
        return [
            *self.source.explain(),
            described(
                "WithRecursive",
                alias=self.name,
                **{
                    "~anchor": self.anchor.operator.explain(),
                    "~recursive": self.step.operator.explain(),
                },
            ),
        ]
