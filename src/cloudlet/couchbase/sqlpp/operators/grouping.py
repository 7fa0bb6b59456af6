"""GROUP BY and the aggregates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.functions.aggregates import AGGREGATES, Accumulator, Distinct
from cloudlet.couchbase.sqlpp.operators.operator import Batches, Operator, described
from cloudlet.couchbase.sqlpp.operators.scans import chunks
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.values import hash_key, truth

# Aggregates that keep every value until the end.
_COLLECTING: Final = frozenset(
    {
        "array_agg", "group_as", "median", "stddev", "stddev_pop", "stddev_samp", "variance",
        "variance_pop", "variance_samp", "var_pop", "var_samp",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AggregateCall:
    """One aggregate: what it takes from a row and where its result goes."""

    name: str
    slot: int
    argument: Evaluate | None
    distinct: bool
    condition: Evaluate | None
    text: str

    def accumulator(self) -> Accumulator:
        """A fresh state."""
        inner = AGGREGATES[self.name]()
        return Distinct(inner) if self.distinct else inner


@dataclass(slots=True)
class Group:
    """One row a group: the group's first row with keys and aggregates in their slots.

    Without GROUP BY keys there is exactly one group, be it empty.
    """

    source: Operator
    keys: list[tuple[int, Evaluate]]
    aggregates: list[AggregateCall]
    texts: list[str]

    def run(self, seed: Row) -> Batches:
        """The groups in order of their first rows, after all input is read."""
        groups: dict[Any, tuple[Row, list[Accumulator]]] = {}
        if not self.keys:
            groups[()] = (seed.copy(), [call.accumulator() for call in self.aggregates])
        for batch in self.source.run(seed):
            self._take(batch, groups)
            yield []
        rows = []
        for row, states in groups.values():
            for call, state in zip(self.aggregates, states, strict=True):
                row[call.slot] = state.result()
                pause()
            rows.append(row)
            if len(rows) >= 64:
                yield rows
                rows = []
        yield from chunks(rows)

    def _take(self, batch: list[Row], groups: dict[Any, tuple[Row, list[Accumulator]]]) -> None:
        keys, calls = self.keys, self.aggregates
        collects = [call.name in _COLLECTING or call.distinct for call in calls]
        for row in batch:
            pause()
            values = [evaluate(row) for _, evaluate in keys]
            identity = tuple([hash_key(value) for value in values])
            found = groups.get(identity)
            if found is None:
                for (slot, _), value in zip(keys, values, strict=True):
                    row[slot] = value
                found = groups[identity] = (row, [call.accumulator() for call in calls])
                if row[0].has_quota:
                    row[0].hold_row(row)
            for call, state, collecting in zip(calls, found[1], collects, strict=True):
                if call.condition is not None and truth(call.condition(row)) is not True:
                    continue
                value = 1 if call.argument is None else call.argument(row)
                if collecting and row[0].has_quota:
                    row[0].hold(value)
                state.add(value)

    def explain(self) -> list[dict[str, Any]]:
        """The group step, which needs no initial and final part in one process."""
        calls = [call.text for call in self.aggregates]
        return [
            *self.source.explain(),
            described("InitialGroup", aggregates=calls, group_keys=self.texts),
            described("FinalGroup", aggregates=calls, group_keys=self.texts),
        ]
