"""What operators and plans are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from cloudlet.couchbase.collector import set_aside
from cloudlet.couchbase.sqlpp.evaluation.dispatch import Row
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.values import MISSING

# How many rows an operator handles between two ticks.
BATCH: Final = 64

Batches = Iterator[list[Row]]


class Operator(Protocol):
    """One step of a plan; immutable, run any number of times."""

    def run(self, seed: Row) -> Batches:
        """Rows made from copies of `seed` and, for all but scans, of the input's rows."""

    def explain(self) -> list[dict[str, Any]]:
        """This step and those before it, as EXPLAIN lists them."""


@dataclass(slots=True)
class QueryPlan:
    """A planned query: its rows' results are in `slot`."""

    operator: Operator
    slot: int
    # Slots of outer queries that this one needs; none means that it runs once a statement.
    reached: set[int] = field(default_factory=set)
    signature: Any = None
    name: str = "query"

    def run(self, seed: Row) -> Iterator[list[Any]]:
        """Batches of results; empty ones are ticks."""
        slot = self.slot
        for batch in self.operator.run(seed):
            yield [row[slot] for row in batch]

    def values(self, seed: Row) -> list[Any]:
        """All results, in one go, as an array (MISSING becomes NULL)."""
        cache = seed[0].query_results
        if not self.reached and id(self) in cache:
            return cache[id(self)]  # type: ignore[no-any-return]
        found: list[Any] = []
        for batch in self.run(seed):
            found.extend(None if value is MISSING else value for value in batch)
            pause()
        set_aside(found)
        if not self.reached:
            cache[id(self)] = found
        return found


def described(operator: str, **details: Any) -> dict[str, Any]:
    """One operator's entry in EXPLAIN, without what is not set."""
    entry: dict[str, Any] = {"#operator": operator}
    entry.update({name: value for name, value in details.items() if value is not None})
    return entry
