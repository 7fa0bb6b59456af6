"""Window functions: rows parted, ordered, and each function over them.

All rows are read first. Rows come out in the order of the last window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.functions.window import WINDOW_FUNCTIONS, Partition
from cloudlet.couchbase.sqlpp.operators.frames import Frame, frame_of, over_frames
from cloudlet.couchbase.sqlpp.operators.grouping import AggregateCall
from cloudlet.couchbase.sqlpp.operators.operator import Batches, Operator, described
from cloudlet.couchbase.sqlpp.operators.ordering import SortTerm
from cloudlet.couchbase.sqlpp.operators.scans import chunks
from cloudlet.couchbase.sqlpp.pausing import ordered, paced, pause, release
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


@dataclass(slots=True)
class WindowAggregate:
    """All calls that share a partitioning and an order."""

    source: Operator
    partition: list[Evaluate]
    order: list[SortTerm]
    functions: list[WindowFunction]

    def run(self, seed: Row) -> Batches:
        """The rows with the results in their slots."""
        rows: list[Row] = []
        context = seed[0]
        for batch in self.source.run(seed):
            if context.has_quota:
                for row in batch:
                    context.hold_row(row)
            rows.extend(batch)
            yield []
        for partition in self._partitions(rows):
            for function in self.functions:
                self._fill(function, partition)
            yield from chunks(partition.rows)
            release(partition.keys)

    def _partitions(self, rows: list[Row]) -> Iterator[Partition]:
        parts: dict[Any, list[Row]] = {}
        values: dict[Any, list[Any]] = {}
        for row in paced(rows):
            found = [evaluate(row) for evaluate in self.partition]
            identity = tuple([hash_key(value) for value in found])
            if identity not in parts:
                parts[identity] = []
                values[identity] = found
            parts[identity].append(row)
        sequence = ordered(
            list(parts), key=lambda identity: [scalar_sort_key(v) for v in values[identity]]
        )
        keys = [term.key() for term in self.order]
        for identity in sequence:
            members = parts.pop(identity)
            if not keys:
                yield Partition(members, [], self.order)
                continue
            keyed = [(tuple([key(row) for key in keys]), row) for row in paced(members)]
            keyed = ordered(keyed, key=lambda item: item[0])
            yield Partition([row for _, row in keyed], [key for key, _ in keyed], self.order)

    def _fill(self, function: WindowFunction, partition: Partition) -> None:
        pause()
        slot = function.slot
        frame = frame_of(function.frame, partition)
        if function.aggregate is not None:
            results = over_frames(function.aggregate, frame, partition)
        else:
            arguments = [
                [argument(row) for row in paced(partition.rows)] for argument in function.arguments
            ]
            run = WINDOW_FUNCTIONS[function.name]
            results = run(
                partition,
                arguments,
                frame=frame,
                from_last=function.from_last,
                ignore_nulls=function.ignore_nulls,
            )
        for row, value in zip(partition.rows, paced(results), strict=True):
            row[slot] = value

    def explain(self) -> list[dict[str, Any]]:
        """WindowAggregate."""
        return [
            *self.source.explain(),
            described("WindowAggregate", aggregates=[call.text for call in self.functions]),
        ]
