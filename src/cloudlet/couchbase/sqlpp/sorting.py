"""Sorting in time slices, at the speed of Python's own sort.

Many values are parted into short runs by splitters taken from a sample; each run is sorted in one
go. Nothing that takes long happens between two pauses, and equal values stay in their order.
"""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from cloudlet.couchbase.collector import set_aside
from cloudlet.couchbase.sqlpp.pausing import pause, released
from cloudlet.couchbase.sqlpp.values import MISSING, scalar_sort_key

# What Python sorts in a fraction of a time slice: numbers and texts, and keys of other values.
_PLAIN_RUN: Final = 1024
_KEYED_RUN: Final = 64
_CHUNK: Final = 256

_NUMBERS: Final = frozenset({int, float})

_T = TypeVar("_T")

# Which values a sample takes decides nothing but speed.
_chance: Final = random.Random(7)  # noqa: S311


def evaluated(evaluate: Callable[[_T], Any], items: list[_T]) -> list[Any]:
    """A value for each item, with pauses."""
    found: list[Any] = []
    for start in range(0, len(items), 16):
        found += [evaluate(item) for item in items[start : start + 16]]
        pause()
    return found


def picked(items: list[_T], places: list[int]) -> list[_T]:
    """The items at the places, with pauses."""
    found: list[_T] = []
    for start in range(0, len(places), _CHUNK):
        found += [items[place] for place in places[start : start + _CHUNK]]
        pause()
    set_aside(found)
    return found


def _all_places(count: int) -> list[int]:
    found: list[int] = []
    for start in range(0, count, _CHUNK * 16):
        found += range(start, min(count, start + _CHUNK * 16))
        pause()
    set_aside(found)
    return found


@dataclass(slots=True)
class Column:
    """The values of one sort term, one a row, and how they are to be ordered."""

    descending: bool = False
    nulls_last: bool | None = None
    values: list[Any] = field(default_factory=list)

    def keys(self) -> tuple[list[Any], int]:
        """Keys that Python orders as the collation does, and how many may be sorted in one go."""
        kinds: set[type] = set()
        values = self.values
        for start in range(0, len(values), _CHUNK):
            kinds.update(map(type, values[start : start + _CHUNK]))
            pause()
        if kinds <= _NUMBERS or kinds == {str}:
            return values, _PLAIN_RUN
        if self.nulls_last is None or self.nulls_last is self.descending:
            return evaluated(scalar_sort_key, values), _KEYED_RUN
        last = self.nulls_last is not self.descending

        def with_nulls(value: Any) -> Any:
            return ((value is None or value is MISSING) is last, scalar_sort_key(value))

        return evaluated(with_nulls, values), _KEYED_RUN


def order_of(columns: list[Column]) -> list[int]:
    """The places of the rows in the columns' order, the first column deciding first."""
    places = _all_places(len(columns[0].values))
    for column in reversed(columns):
        keys, run = column.keys()
        # The values are others' to let go of.
        with released([] if keys is column.values else keys):
            places = sorted_places(keys, places, run=run, descending=column.descending)
    return places


def ordered(items: list[_T], key: Callable[[_T], Any]) -> list[_T]:
    """The items sorted by a key, equal ones in their order."""
    keys = evaluated(key, items)
    with released(keys):
        return _ordered_by(keys, items)


def _ordered_by(keys: list[Any], items: list[_T]) -> list[_T]:
    run = _PLAIN_RUN if keys and type(keys[0]) in (str, int, float) else _KEYED_RUN
    return picked(items, sorted_places(keys, _all_places(len(items)), run=run))


def sorted_places(
    keys: list[Any], places: list[int], *, run: int, descending: bool = False
) -> list[int]:
    """The places sorted by their keys, equal ones in the order given; `run` at a time."""
    found: list[int] = []
    key = keys.__getitem__
    waiting = [(places, False)]
    while waiting:
        part, equal = waiting.pop()
        if len(part) > run and not equal:
            parts = _parted(keys, part, run)
            waiting.extend(parts if descending else reversed(parts))
            continue
        if not equal:
            part.sort(key=key, reverse=descending)
        found += part
        pause()
    set_aside(found)
    return found


def _parted(keys: list[Any], places: list[int], run: int) -> list[tuple[list[int], bool]]:
    """The places in parts by ascending keys, and whether all keys of a part are equal."""
    wanted = min(run // 4, 2 + 2 * len(places) // run)
    sample = sorted([keys[place] for place in _chance.choices(places, k=4 * wanted)])
    pause()
    splitters = sample[2::4]
    distinct = [one for at, one in enumerate(splitters) if not at or splitters[at - 1] != one]
    # A key that stands twice among the splitters is frequent: it gets a part of its own.
    frequent = len(distinct) < len(splitters)
    parts: list[list[int]] = [[] for _ in range(2 * len(distinct) + 1)]
    for start in range(0, len(places), _CHUNK):
        for place in places[start : start + _CHUNK]:
            at = bisect_left(distinct, keys[place])
            if frequent:
                parts[at + bisect_right(distinct, keys[place], at)].append(place)
            else:
                parts[2 * at].append(place)
        pause()
    return [(part, at % 2 == 1) for at, part in enumerate(parts) if part]
