"""GROUP BY and the aggregates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row, constant
from cloudlet.couchbase.sqlpp.functions.aggregates import AGGREGATES, Accumulator, Distinct
from cloudlet.couchbase.sqlpp.operators.operator import Batches, Operator, described
from cloudlet.couchbase.sqlpp.operators.scans import chunks
from cloudlet.couchbase.sqlpp.pausing import pause, released
from cloudlet.couchbase.sqlpp.sorting import evaluated
from cloudlet.couchbase.sqlpp.values import MISSING, hash_key, truth

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

    def taken(self) -> Evaluate:
        """What is taken of a row: MISSING, which no aggregate counts, where FILTER says no."""
        argument, condition = self.argument or constant(1), self.condition
        if condition is None:
            return argument

        def filtered(row: Row) -> Any:
            return argument(row) if truth(condition(row)) is True else MISSING

        return filtered


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
        with released(groups):
            yield from self._grouped(seed, groups)

    def _grouped(self, seed: Row, groups: dict[Any, tuple[Row, list[Accumulator]]]) -> Batches:
        if not self.keys:
            groups[()] = (seed.copy(), [call.accumulator() for call in self.aggregates])
        takes = [call.taken() for call in self.aggregates]
        for batch in self.source.run(seed):
            for states, members in self._parted(groups, batch) if batch else ():
                self._take(takes, states, members)
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

    def _parted(
        self, groups: dict[Any, tuple[Row, list[Accumulator]]], batch: list[Row]
    ) -> Iterable[tuple[list[Accumulator], list[Row]]]:
        """The rows of a batch by their groups."""
        keys = self.keys
        if not keys:
            return [(groups[()][1], batch)]
        found: dict[Any, tuple[list[Accumulator], list[Row]]] = {}
        for place, row in enumerate(batch):
            if place % 16 == 15:
                pause()
            values = [evaluate(row) for _, evaluate in keys]
            identity = tuple([hash_key(value) for value in values])
            part = found.get(identity)
            if part is None:
                group = groups.get(identity)
                if group is None:
                    for (slot, _), value in zip(keys, values, strict=True):
                        row[slot] = value
                    group = (row, [call.accumulator() for call in self.aggregates])
                    groups[identity] = group
                    if row[0].has_quota:
                        row[0].hold_row(row)
                part = found[identity] = (group[1], [])
            part[1].append(row)
        return found.values()

    def _take(self, takes: list[Evaluate], states: list[Accumulator], rows: list[Row]) -> None:
        for call, evaluate, state in zip(self.aggregates, takes, states, strict=True):
            if len(rows) == 1:
                values = [evaluate(rows[0])]
            else:
                values = evaluated(evaluate, rows)
            context = rows[0][0]
            if (call.name in _COLLECTING or call.distinct) and context.has_quota:
                for value in values:
                    context.hold(value)
            state.add_all(values)

    def explain(self) -> list[dict[str, Any]]:
        """The group step, which needs no initial and final part in one process."""
        calls = [call.text for call in self.aggregates]
        return [
            *self.source.explain(),
            described("InitialGroup", aggregates=calls, group_keys=self.texts),
            described("FinalGroup", aggregates=calls, group_keys=self.texts),
        ]
