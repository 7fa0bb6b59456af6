"""The window functions over one ordered partition; each gives a result for every row."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.evaluation.dispatch import Row
from cloudlet.couchbase.sqlpp.functions.registry import whole
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.values import MISSING, is_number, number

Arguments = list[list[Any]]
Results = Iterator[Any]
WindowFunction = Callable[..., Results]


@dataclass(frozen=True, slots=True)
class Partition:
    """The rows of one partition in order.

    `starts` says where each group of rows that the order holds equal begins: one group of all
    rows without ORDER BY.
    """

    rows: list[Row]
    starts: list[int]
    order: list[Any]

    def groups(self) -> Iterator[tuple[int, int]]:
        """Every group as rows [start, end)."""
        start = 0
        for end in self.starts[1:]:
            yield start, end
            start = end
        yield start, len(self.rows)

    def peers(self, at: int) -> tuple[int, int]:
        """The rows [start, end) that are equal to a row by the order; all without one."""
        starts = self.starts
        group = bisect_right(starts, at) - 1
        following = starts[group + 1] if group + 1 < len(starts) else len(self.rows)
        return starts[group], following


def group_starts(columns: list[list[Any]]) -> list[int]:
    """Where the values of ordered columns change, and 0."""
    starts = [0]
    for low in range(1, len(columns[0]), 256):
        high = min(low + 256, len(columns[0]))
        changed: set[int] = set()
        for keys in columns:
            changed.update(at for at in range(low, high) if keys[at] != keys[at - 1])
        starts += sorted(changed)
        pause()
    return starts


WINDOW_FUNCTIONS: Final[dict[str, WindowFunction]] = {}


def _window(name: str) -> Callable[[WindowFunction], WindowFunction]:
    def register(function: WindowFunction) -> WindowFunction:
        WINDOW_FUNCTIONS[name] = function
        return function

    return register


@_window("row_number")
def row_number(partition: Partition, _arguments: Arguments, **_options: Any) -> Results:
    """The row's place from 1."""
    yield from range(1, len(partition.rows) + 1)


@_window("rank")
def rank(partition: Partition, _arguments: Arguments, **_options: Any) -> Results:
    """One more than the number of rows before the row's equals."""
    for start, end in partition.groups():
        yield from repeat(start + 1, end - start)


@_window("dense_rank")
def dense_rank(partition: Partition, _arguments: Arguments, **_options: Any) -> Results:
    """The number of the row's group of equals from 1."""
    for number_, (start, end) in enumerate(partition.groups(), 1):
        yield from repeat(number_, end - start)


@_window("percent_rank")
def percent_rank(partition: Partition, _arguments: Arguments, **_options: Any) -> Results:
    """The rank less one over the rows less one."""
    total = len(partition.rows)
    for start, end in partition.groups():
        yield from repeat(number(start / (total - 1)) if total > 1 else 0, end - start)


@_window("cume_dist")
def cume_dist(partition: Partition, _arguments: Arguments, **_options: Any) -> Results:
    """The share of rows up to and with the row's equals."""
    total = len(partition.rows)
    for start, end in partition.groups():
        yield from repeat(number(end / total), end - start)


@_window("ntile")
def ntile(partition: Partition, arguments: Arguments, **_options: Any) -> Results:
    """The number from 1 of the row's tile; the first tiles take what does not divide."""
    total = len(partition.rows)
    tiles = whole(arguments[0][0]) if arguments[0] else 1
    if tiles is None or tiles < 1:
        raise errors.QueryError(
            5010, "Error evaluating NTILE - cause: the argument must be a positive integer",
            http=500,
        )  # fmt: skip
    size, extra = divmod(total, tiles)
    for at in range(total):
        if at < extra * (size + 1):
            yield at // (size + 1) + 1
        else:
            yield (at - extra * (size + 1)) // size + extra + 1


def _unknown(value: Any) -> bool:
    return value is None or value is MISSING


def _offset(arguments: Arguments, at: int) -> int:
    found = whole(arguments[1][at]) if len(arguments) > 1 else 1
    if found is None or found < 0:
        raise errors.QueryError(
            5010, "Error evaluating window function - cause: the offset must be a "
            "non-negative integer", http=500,
        )  # fmt: skip
    return found


def _neighbour(direction: int) -> WindowFunction:
    def run(
        partition: Partition, arguments: Arguments, *, ignore_nulls: bool, **_options: Any
    ) -> Results:
        values, total = arguments[0], len(partition.rows)
        known = [at for at, value in enumerate(values) if not _unknown(value)]
        for at in range(total):
            offset = _offset(arguments, at)
            place = at + direction * offset
            if ignore_nulls and offset:
                # The offset-th known value before or after the row.
                here = bisect_right(known, at - 1 if direction < 0 else at)
                index = here - offset if direction < 0 else here + offset - 1
                place = known[index] if 0 <= index < len(known) else -1
            if 0 <= place < total:
                yield values[place]
            else:
                yield arguments[2][at] if len(arguments) > 2 else None

    return run


WINDOW_FUNCTIONS["lag"] = _neighbour(-1)
WINDOW_FUNCTIONS["lead"] = _neighbour(1)


def _in_frame(pick: Callable[[Arguments, int], tuple[int, bool]]) -> WindowFunction:
    """A value of the frame: `pick` says which place from 0, and whether from the end."""

    def run(
        partition: Partition,
        arguments: Arguments,
        *,
        frame: Any,
        from_last: bool,
        ignore_nulls: bool,
    ) -> Results:
        values = arguments[0]
        for at, extent in enumerate(frame.extents(partition)):
            place, backward = pick(arguments, at)
            start, end, hole = extent
            backward = backward or from_last
            if hole is None and not ignore_nulls:
                found = end - 1 - place if backward else start + place
                yield values[found] if start <= found < end else None
                continue
            chosen = [
                m for m in frame.members(extent, at) if not (ignore_nulls and _unknown(values[m]))
            ]
            if backward:
                chosen.reverse()
            yield values[chosen[place]] if place < len(chosen) else None

    return run


def _nth(arguments: Arguments, at: int) -> tuple[int, bool]:
    found = whole(arguments[1][at])
    if found is None or found < 1:
        raise errors.QueryError(
            5010, "Error evaluating NTH_VALUE - cause: the offset must be a positive integer",
            http=500,
        )  # fmt: skip
    return found - 1, False


WINDOW_FUNCTIONS["first_value"] = _in_frame(lambda _arguments, _at: (0, False))
WINDOW_FUNCTIONS["last_value"] = _in_frame(lambda _arguments, _at: (0, True))
WINDOW_FUNCTIONS["nth_value"] = _in_frame(_nth)


@_window("ratio_to_report")
def ratio_to_report(_partition: Partition, arguments: Arguments, **_options: Any) -> Results:
    """The value over the sum of the partition's; NULL for what is no number."""
    total = sum(value for value in arguments[0] if is_number(value))
    for value in arguments[0]:
        yield number(value / total) if is_number(value) and total else None
