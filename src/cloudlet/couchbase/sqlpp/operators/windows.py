"""Window functions: rows parted, ordered, and each function over them.

All rows are read first. Rows come out in the order of the last window.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.functions.window import WINDOW_FUNCTIONS, Partition, group_starts
from cloudlet.couchbase.sqlpp.operators.frames import Frame, frame_of, over_frames
from cloudlet.couchbase.sqlpp.operators.grouping import AggregateCall
from cloudlet.couchbase.sqlpp.operators.operator import Batches, Operator, described
from cloudlet.couchbase.sqlpp.operators.ordering import SortTerm
from cloudlet.couchbase.sqlpp.operators.scans import chunks
from cloudlet.couchbase.sqlpp.pausing import paced, pause, release, released
from cloudlet.couchbase.sqlpp.sorting import evaluated, order_of, ordered, picked
from cloudlet.couchbase.sqlpp.tables import PART, Table
from cloudlet.couchbase.sqlpp.values import hash_key, scalar_sort_key


@dataclass(frozen=True, slots=True)
class WindowFunction:
    """One call: what it takes from a row, where its result goes, and over which frame."""

    name: str
    slot: int
    arguments: tuple[Evaluate, ...]
    frame: Frame | None
    aggregate: AggregateCall | None
    from_last: bool
    ignore_nulls: bool
    text: str

    @property
    def taken(self) -> tuple[Evaluate, ...]:
        """What is evaluated for every row."""
        return self.arguments if self.aggregate is None else (self.aggregate.taken(),)


class _Part:
    """A partition being read: what the order and the functions need is taken row by row, while
    the documents are at hand."""

    __slots__ = ("arguments", "columns", "rows", "values")

    def __init__(self, values: list[Any], step: WindowAggregate) -> None:
        self.values = values
        self.rows: list[Row] = []
        self.columns = [term.column() for term in step.order]
        self.arguments: list[list[list[Any]]] = [[[] for _ in f.taken] for f in step.functions]

    def take(self, step: WindowAggregate, rows: list[Row]) -> None:
        """Take some rows."""
        self.rows += rows
        for term, column in zip(step.order, self.columns, strict=True):
            column.values += evaluated(term.evaluate, rows)
        for function, arguments in zip(step.functions, self.arguments, strict=True):
            for evaluate, values in zip(function.taken, arguments, strict=True):
                values += evaluated(evaluate, rows)

    def key(self) -> list[Any]:
        """What orders the partitions."""
        return [scalar_sort_key(value) for value in self.values]

    def release(self) -> None:
        """Let go of the rows and of what was taken of them."""
        release(self.rows)
        for column in self.columns:
            release(column.values)
        for arguments in self.arguments:
            for values in arguments:
                release(values)

    def in_order(self, order: list[SortTerm]) -> tuple[Partition, list[list[list[Any]]]]:
        """The partition in order, with the functions' arguments."""
        if not order:
            return Partition(self.rows, [0], order), self.arguments
        places = order_of(self.columns)
        starts = group_starts([picked(column.keys()[0], places) for column in self.columns])
        arguments = [[picked(one, places) for one in arguments] for arguments in self.arguments]
        return Partition(picked(self.rows, places), starts, order), arguments


@dataclass(slots=True)
class WindowAggregate:
    """All calls that share a partitioning and an order."""

    source: Operator
    partition: list[Evaluate]
    order: list[SortTerm]
    functions: list[WindowFunction]

    def run(self, seed: Row) -> Batches:
        """The rows with the results in their slots."""
        parts: Table[_Part] = Table()
        sequence: list[_Part] = []
        with released(parts):
            try:
                yield from self._over(seed, parts, sequence)
            finally:
                for part in sequence:
                    part.release()
                release(sequence)

    def _over(self, seed: Row, parts: Table[_Part], sequence: list[_Part]) -> Batches:
        context = seed[0]
        for batch in self.source.run(seed):
            if context.has_quota:
                context.hold_rows(batch)
            self._take(parts, sequence, batch)
            yield []
        for part in ordered(sequence, key=_Part.key):
            partition, arguments = part.in_order(self.order)
            for function, values in zip(self.functions, arguments, strict=True):
                _fill(function, partition, values)
            yield from chunks(partition.rows)
            part.release()
            release(partition.rows)
            for values in (values for taken in arguments for values in taken):
                release(values)

    def _take(self, parts: Table[_Part], sequence: list[_Part], batch: list[Row]) -> None:
        for part, rows in self._parted(parts, sequence, batch):
            part.take(self, rows)

    def _parted(
        self, parts: Table[_Part], sequence: list[_Part], batch: list[Row]
    ) -> Iterable[tuple[_Part, list[Row]]]:
        """The rows of a batch by their partitions."""
        found: dict[Any, tuple[_Part, list[Row]]] = {}
        for place, row in enumerate(batch):
            if place % 16 == 15:
                pause()
            values = [evaluate(row) for evaluate in self.partition]
            identity = tuple([hash_key(value) for value in values])
            taken = found.get(identity)
            if taken is None:
                known = parts.parts[hash(identity) & PART]
                part = known.get(identity)
                if part is None:
                    part = known[identity] = _Part(values, self)
                    sequence.append(part)
                taken = found[identity] = (part, [])
            taken[1].append(row)
        return found.values()

    def explain(self) -> list[dict[str, Any]]:
        """WindowAggregate."""
        return [
            *self.source.explain(),
            described("WindowAggregate", aggregates=[call.text for call in self.functions]),
        ]


def _fill(function: WindowFunction, partition: Partition, arguments: list[list[Any]]) -> None:
    pause()
    slot = function.slot
    frame = frame_of(function.frame, partition)
    if function.aggregate is not None:
        results = over_frames(function.aggregate, frame, partition, arguments[0])
    else:
        results = WINDOW_FUNCTIONS[function.name](
            partition,
            arguments,
            frame=frame,
            from_last=function.from_last,
            ignore_nulls=function.ignore_nulls,
        )
    for row, value in zip(partition.rows, paced(results, 16), strict=True):
        row[slot] = value
