"""GROUP BY and the aggregates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row, constant
from cloudlet.couchbase.sqlpp.functions.aggregates import AGGREGATES, Accumulator, Distinct
from cloudlet.couchbase.sqlpp.operators.operator import Batches, Operator, described
from cloudlet.couchbase.sqlpp.operators.scans import chunks
from cloudlet.couchbase.sqlpp.pausing import is_long, paced, pause, released
from cloudlet.couchbase.sqlpp.sorting import evaluated
from cloudlet.couchbase.sqlpp.tables import PART, Table
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


#: A group's first row, and the state of its aggregates.
_Group = tuple[Row, list[Accumulator]]


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
        groups: Table[_Group] = Table()
        sequence: list[_Group] = []
        with released(groups, sequence):  # in the order of memory
            yield from self._grouped(seed, groups, sequence)
            for call in self.aggregates:
                if call.name in _COLLECTING:
                    arrays = [row[call.slot] for row, _ in paced(sequence)]
                    seed[0].kept += filter(is_long, arrays)

    def _grouped(self, seed: Row, groups: Table[_Group], sequence: list[_Group]) -> Batches:
        if not self.keys:
            only = (seed.copy(), [call.accumulator() for call in self.aggregates])
            groups.parts[hash(()) & PART][()] = only
            sequence.append(only)
        takes = [call.taken() for call in self.aggregates]
        for batch in self.source.run(seed):
            for states, members in self._parted(groups, sequence, batch) if batch else ():
                self._take(takes, states, members)
            yield []
        rows = []
        for row, states in sequence:
            for call, state in zip(self.aggregates, states, strict=True):
                row[call.slot] = state.result()
                pause()
            rows.append(row)
            if len(rows) >= 64:
                yield rows
                rows = []
        yield from chunks(rows)

    def _parted(
        self, groups: Table[_Group], sequence: list[_Group], batch: list[Row]
    ) -> Iterable[tuple[list[Accumulator], list[Row]]]:
        """The rows of a batch by their groups."""
        keys = self.keys
        if not keys:
            return [(sequence[0][1], batch)]
        found: dict[Any, tuple[list[Accumulator], list[Row]]] = {}
        for place, row in enumerate(batch):
            if place % 16 == 15:
                pause()
            values = [evaluate(row) for _, evaluate in keys]
            identity = tuple([hash_key(value) for value in values])
            part = found.get(identity)
            if part is None:
                known = groups.parts[hash(identity) & PART]
                group = known.get(identity)
                if group is None:
                    for (slot, _), value in zip(keys, values, strict=True):
                        row[slot] = value
                    group = (row, [call.accumulator() for call in self.aggregates])
                    known[identity] = group
                    sequence.append(group)
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
