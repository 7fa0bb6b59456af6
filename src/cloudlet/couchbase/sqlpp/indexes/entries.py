"""Index entries and their order.

An entry is one flat tuple: rank and value of every key part, then the document's id, so that
Python compares entries as the collation compares keys. A descending part has both negated.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from functools import total_ordering
from typing import Any, Final

from cloudlet.couchbase.sqlpp.values import MISSING, RANK, sort_key

Item = tuple[Any, ...]

# A bucket of the sorted collection is split when it holds this many.
_FULL: Final = 1024


class _Highest:
    """Sorts after everything that can stand in an entry."""

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return False

    def __gt__(self, other: object) -> bool:
        return True

    def __le__(self, other: object) -> bool:
        return other is self

    def __ge__(self, other: object) -> bool:
        return True


HIGHEST: Final = _Highest()


@total_ordering
class _Descending:
    """A value turned around."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(self.value)


def ascending(value: Any) -> tuple[Any, Any]:
    """Rank and value of a part."""
    rank = RANK[type(value)]
    if 1 < rank < 5:
        return rank, value
    return (rank, 0) if rank < 2 else (rank, sort_key(value))


def descending(value: Any) -> tuple[Any, Any]:
    """Rank and value of a DESC part."""
    rank = RANK[type(value)]
    if rank == 3:
        return -3, -value
    if rank < 2:
        return -rank, 0
    return -rank, _Descending(value if rank < 5 else sort_key(value))


def part_value(rank: int, value: Any) -> Any:
    """The value a part was made from."""
    if 1 < rank < 5:
        return value
    if rank > 4:
        return value.obj
    if rank == -3:
        return -value
    if rank < -1:
        found = value.value
        return found.obj if rank < -4 else found
    return None if rank else MISSING


def part_values(items: Sequence[Item], place: int) -> list[Any]:
    """The values of one part of neighbouring entries, a page at most."""
    at = place * 2
    first, last = (items[0][at], items[-1][at]) if items else (0, 0)
    if place == 0 and first == last and 1 < first < 5:  # the order says so of all between
        return [item[1] for item in items]
    return [part_value(item[at], item[at + 1]) for item in items]


class SortedEntries:
    """Entries in order, in buckets: adding, removing and finding take microseconds at any size."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        ordered = list(items)
        self._buckets = [ordered[at : at + _FULL // 2] for at in range(0, len(ordered), _FULL // 2)]
        self._lasts = [bucket[-1] for bucket in self._buckets]
        self._size = len(ordered)

    def __len__(self) -> int:
        return self._size

    def add(self, item: Item) -> None:
        """Add an entry; equal ones are kept apart."""
        self._size += 1
        if not self._buckets:
            self._buckets, self._lasts = [[item]], [item]
            return
        at = min(bisect_left(self._lasts, item), len(self._lasts) - 1)
        bucket = self._buckets[at]
        insort(bucket, item)
        self._lasts[at] = bucket[-1]
        if len(bucket) >= _FULL:
            half = len(bucket) // 2
            self._buckets[at : at + 1] = [bucket[:half], bucket[half:]]
            self._lasts[at : at + 1] = [bucket[half - 1], bucket[-1]]

    def remove(self, item: Item) -> None:
        """Take out one entry that is there."""
        at = bisect_left(self._lasts, item)
        bucket = self._buckets[at]
        del bucket[bisect_left(bucket, item)]
        self._size -= 1
        if bucket:
            self._lasts[at] = bucket[-1]
        else:
            del self._buckets[at], self._lasts[at]

    def position(self, bound: Item) -> int:
        """How many entries lie before a bound."""
        at = bisect_left(self._lasts, bound)
        before = sum(map(len, self._buckets[:at]))
        return before + (bisect_left(self._buckets[at], bound) if at < len(self._buckets) else 0)

    def page(self, start: Item, end: Item, limit: int) -> list[Item]:
        """The first entries from `start` up to before `end`; at most `limit`, none at the end."""
        at = bisect_left(self._lasts, start)
        if at >= len(self._buckets):
            return []
        bucket = self._buckets[at]
        low = bisect_left(bucket, start)
        found = bucket[low : low + limit]
        while len(found) < limit and at + 1 < len(self._buckets) and self._lasts[at] < end:
            at += 1
            found += self._buckets[at][: limit - len(found)]
        if found and not found[-1] < end:
            del found[bisect_left(found, end) :]
        return found

    def page_back(self, start: Item, end: Item, limit: int) -> list[Item]:
        """The last entries from `start` up to before `end`, the last one first."""
        at = min(bisect_left(self._lasts, end), len(self._buckets) - 1)
        found: list[Item] = []
        while at >= 0 and len(found) < limit:
            bucket = self._buckets[at]
            high = bisect_left(bucket, end)
            first = bisect_left(bucket, start)
            low = max(first, high - (limit - len(found)))
            found.extend(reversed(bucket[low:high]))
            if first > 0:
                break
            at -= 1
        return found

    def samples(self, count: int) -> Iterator[tuple[Item, Item]]:
        """Pairs of neighbours, evenly spread."""
        for bucket in self._buckets[:: max(1, len(self._buckets) // count)]:
            if len(bucket) > 1:
                middle = len(bucket) // 2
                yield bucket[middle - 1], bucket[middle]
            if len(self._buckets) < count:
                step = max(1, len(bucket) * len(self._buckets) // count)
                yield from zip(bucket[:-1:step], bucket[1::step], strict=False)

    def __iter__(self) -> Iterator[Item]:
        for bucket in self._buckets:
            yield from bucket
