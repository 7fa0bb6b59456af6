"""Frames: which rows of a partition a window function sees for a row, and aggregates over them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate
from cloudlet.couchbase.sqlpp.functions.aggregates import Accumulator
from cloudlet.couchbase.sqlpp.functions.registry import whole
from cloudlet.couchbase.sqlpp.functions.window import Partition
from cloudlet.couchbase.sqlpp.operators.grouping import AggregateCall
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.sorting import evaluated
from cloudlet.couchbase.sqlpp.values import is_number

#: The rows [start, end) of the partition, less those of `holes`.
Extent = tuple[int, int, range | None]


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a frame."""

    kind: str
    offset: Evaluate | None


@dataclass(frozen=True, slots=True)
class Frame:
    """A window frame."""

    unit: str
    start: Bound
    end: Bound
    exclude: str

    def extents(self, partition: Partition) -> Iterator[Extent]:
        """The frame of every row in turn."""
        if not partition.rows:
            return
        if (found := self.growing(partition)) is not None:
            done = 0
            for end in found:
                yield from repeat((0, end, None), end - done)
                done = end
            return
        ends = _UNITS[self.unit](partition)
        first, last = self._offsets(partition)
        total = len(partition.rows)
        numbers = None
        if self.unit == "range" and (first is not None or last is not None):
            values = evaluated(partition.order[0].evaluate, partition.rows)
            numbers = [is_number(value) for value in values]
        for at in range(total):
            if numbers is not None and not numbers[at]:
                yield at, at, None
                continue
            start = _limit(self.start, first, at, ends, total, is_end=False)
            end = _limit(self.end, last, at, ends, total, is_end=True)
            yield max(0, start), min(total, end), self._hole(partition, at)

    def growing(self, partition: Partition) -> Iterable[int] | None:
        """The frames' ends, each once, where they begin with the partition and only grow."""
        if self.exclude != "no others" or self.start.kind != "unbounded preceding":
            return None
        total = len(partition.rows)
        if self.end.kind == "unbounded following":
            return (total,)
        if self.end.kind != "current":
            return None
        if self.unit == "rows":
            return range(1, total + 1)
        return (end for _, end in partition.groups())

    def members(self, extent: Extent, at: int) -> Iterator[int]:
        """The rows of a row's extent, in order."""
        start, end, hole = extent
        for place in range(start, end):
            if hole is not None and place in hole and not (self.exclude == "ties" and place == at):
                continue
            yield place

    def _offsets(self, partition: Partition) -> tuple[Any, Any]:
        found = []
        for bound in (self.start, self.end):
            value = bound.offset(partition.rows[0]) if bound.offset is not None else None
            if bound.offset is not None:
                valid = is_number(value) if self.unit == "range" else whole(value) is not None
                if not valid or value is None or value < 0:
                    raise errors.QueryError(
                        5010,
                        "Error evaluating window frame - cause: the window frame's value "
                        "must be a non-negative number",
                        http=500,
                    )
                if self.unit != "range":
                    value = whole(value)
            found.append(value)
        return found[0], found[1]

    def _hole(self, partition: Partition, at: int) -> range | None:
        if self.exclude == "no others":
            return None
        if self.exclude == "current row":
            return range(at, at + 1)
        start, end = partition.peers(at)
        return range(start, end)


#: For a row and a signed distance: the first row at it or, with `is_end`, the one after the last.
Ends = Callable[[int, Any, bool], int]


def _limit(bound: Bound, offset: Any, at: int, ends: Ends, total: int, *, is_end: bool) -> int:
    if bound.kind == "unbounded preceding":
        return 0
    if bound.kind == "unbounded following":
        return total
    distance = 0 if bound.kind == "current" else offset
    return ends(at, -distance if bound.kind == "preceding" else distance, is_end)


def _rows(_partition: Partition) -> Ends:
    return lambda at, distance, is_end: at + distance + is_end


def _groups(partition: Partition) -> Ends:
    starts = partition.starts
    total = len(partition.rows)

    def ends(at: int, distance: int, is_end: bool) -> int:
        group = bisect_right(starts, at) - 1 + distance
        if group < 0:
            return 0
        if group >= len(starts):
            return total
        if not is_end:
            return starts[group]
        return starts[group + 1] if group + 1 < len(starts) else total

    return ends


def _range(partition: Partition) -> Ends:
    """By the distance of the ORDER BY value."""
    term = partition.order[0]
    sign = -1 if term.descending else 1
    values = evaluated(term.evaluate, partition.rows)
    numeric = [at for at, value in enumerate(values) if is_number(value)]
    low = numeric[0] if numeric else 0
    keys = [values[at] * sign for at in numeric]

    def ends(at: int, distance: Any, is_end: bool) -> int:
        if not is_number(values[at]) or distance == 0:
            return partition.peers(at)[1 if is_end else 0]
        wanted = values[at] * sign + distance
        return low + (bisect_right if is_end else bisect_left)(keys, wanted)

    return ends


_UNITS: dict[str, Callable[[Partition], Ends]] = {"rows": _rows, "groups": _groups, "range": _range}

_WHOLE = Frame("rows", Bound("unbounded preceding", None), Bound("unbounded following", None),
               "no others")  # fmt: skip
_SO_FAR = Frame("range", Bound("unbounded preceding", None), Bound("current", None), "no others")


def frame_of(frame: Frame | None, partition: Partition) -> Frame:
    """The frame, or the default: with an order up to the row's equals, else everything."""
    return frame or (_SO_FAR if partition.order else _WHOLE)


def over_frames(
    call: AggregateCall, frame: Frame, partition: Partition, values: list[Any]
) -> Iterator[Any]:
    """An aggregate over every row's frame. Frames that only grow are taken in once."""
    ends = frame.growing(partition)
    if ends is None:
        return _over_any(call, frame, partition, values)
    return _over_growing(call.accumulator(), values, ends)


def _over_growing(state: Accumulator, values: list[Any], ends: Iterable[int]) -> Iterator[Any]:
    add, result = state.add, state.result
    done = 0
    for end in ends:
        for start in range(done, end, 256):
            for value in values[start : min(end, start + 256)]:
                add(value)
            pause()
        yield from repeat(result(), end - done)
        done = end


def _over_any(
    call: AggregateCall, frame: Frame, partition: Partition, values: list[Any]
) -> Iterator[Any]:
    state = call.accumulator()
    taken = (0, 0)
    result: Any = None
    fresh = True
    for at, extent in enumerate(frame.extents(partition)):
        start, end, hole = extent
        if hole is not None or start != taken[0] or end < taken[1]:
            state = call.accumulator()
            taken = (start, start)
            fresh = True
        if hole is not None:
            for place in frame.members(extent, at):
                state.add(values[place])
                pause()
            yield state.result()
            taken = (-1, -1)
            continue
        if fresh or end > taken[1]:
            for place in range(taken[1], end):
                state.add(values[place])
                if place % 64 == 0:
                    pause()
            taken, fresh = (start, max(end, start)), False
            result = state.result()
        yield result
