"""Array functions. Documents are shared with the cache: every result is a new array."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from cloudlet.couchbase.sqlpp.functions.registry import (
    ANY,
    ARRAY,
    GENERATED_LIMIT,
    NUMBER,
    function,
    out_of_range,
    typed,
    whole,
)
from cloudlet.couchbase.sqlpp.pausing import paced
from cloudlet.couchbase.sqlpp.sorting import ordered
from cloudlet.couchbase.sqlpp.values import (
    MISSING,
    compare,
    equals,
    hash_key,
    is_number,
    number,
    scalar_sort_key,
)


def _numbers(items: list[Any]) -> list[Any]:
    return [item for item in paced(items, 512) if is_number(item)]


def _known(items: list[Any]) -> list[Any]:
    return [item for item in paced(items, 512) if item is not None]


def distinct(items: Iterable[Any]) -> list[Any]:
    """The items without repetitions, in their first order."""
    found: dict[Any, Any] = {}
    for item in paced(items):
        found.setdefault(_identity(item), item)
    return list(found.values())


def _identity(value: Any) -> Any:
    # Booleans are already told from numbers by hash_key.
    return hash_key(value)


function("array_length")(typed(ARRAY)(len))
function("array_count")(typed(ARRAY)(lambda items: len(_known(items))))
function("array_distinct")(typed(ARRAY)(distinct))
function("array_reverse")(typed(ARRAY)(lambda items: items[::-1]))
function("array_sort")(typed(ARRAY)(lambda items: ordered(items, scalar_sort_key)))
function("array_sum")(typed(ARRAY)(lambda items: number(sum(_numbers(items)))))


@function("array_avg")
@typed(ARRAY)
def array_avg(items: list[Any]) -> Any:
    """The mean of the numbers; NULL where there are none."""
    found = _numbers(items)
    return number(sum(found) / len(found)) if found else None


@function("array_max")
@typed(ARRAY)
def array_max(items: list[Any]) -> Any:
    """The greatest item that is not NULL, in collation order; NULL where there is none."""
    return max(paced(_known(items)), key=scalar_sort_key, default=None)


@function("array_min")
@typed(ARRAY)
def array_min(items: list[Any]) -> Any:
    """The least item that is not NULL, in collation order; NULL where there is none."""
    return min(paced(_known(items)), key=scalar_sort_key, default=None)


@function("array_append")
@typed(ARRAY, ANY)
def array_append(items: list[Any], first: Any, *rest: Any) -> list[Any]:
    """The array with the values at its end."""
    return [*items, first, *rest]


@function("array_prepend")
def array_prepend(first: Any, second: Any, *rest: Any) -> Any:
    """The array, which comes last, with the values before it."""
    values: list[Any] = [first, second, *rest]
    items = values.pop()
    if items is MISSING or any(value is MISSING for value in values):
        return MISSING
    return [*values, *items] if type(items) is list else None


@function("array_put", "array_add", "array_upsert")
@typed(ARRAY, ANY)
def array_put(items: list[Any], first: Any, *rest: Any) -> list[Any]:
    """The array with those values at its end that it does not hold."""
    result = list(items)
    held = {hash_key(item) for item in paced(items)}
    for value in (first, *rest):
        if hash_key(value) not in held:
            held.add(hash_key(value))
            result.append(value)
    return result


@function("array_concat")
@typed(ARRAY)
def array_concat(first: list[Any], second: list[Any], *rest: list[Any]) -> list[Any]:
    """All arrays in a row."""
    return [item for items in (first, second, *rest) for item in paced(items, 512)]


@function("array_contains")
@typed(ARRAY, ANY)
def array_contains(items: list[Any], value: Any) -> bool:
    """Whether the array holds the value."""
    return any(equals(item, value) is True for item in paced(items))


@function("array_position", "array_pos")
@typed(ARRAY, ANY)
def array_position(items: list[Any], value: Any) -> int:
    """The first place of the value from 0, or -1."""
    return next((at for at, item in enumerate(paced(items)) if equals(item, value) is True), -1)


@function("array_insert")
def array_insert(items: Any, position: Any, first: Any, *rest: Any) -> Any:
    """The array with the values put before a place."""
    if any(value is MISSING for value in (items, position, first, *rest)):
        return MISSING
    at = whole(position)
    if type(items) is not list or at is None:
        return None
    at = at + len(items) if at < 0 else at
    if not 0 <= at <= len(items):
        return None
    return [*items[:at], first, *rest, *items[at:]]


@function("array_remove")
@typed(ARRAY, ANY)
def array_remove(items: list[Any], first: Any, *rest: Any) -> list[Any]:
    """The array without any of the values."""
    unwanted = {hash_key(value) for value in (first, *rest)}
    return [item for item in paced(items) if hash_key(item) not in unwanted]


@function("array_replace")
def array_replace(items: Any, old: Any, new: Any, count: Any = None) -> Any:
    """The array with a value replaced, everywhere or the first `count` times."""
    if any(value is MISSING for value in (items, old, new, count)):
        return MISSING
    if type(items) is not list:
        return None
    left = len(items) if count is None else whole(count)
    if left is None:
        return None
    left = len(items) if left < 0 else left
    result = []
    for item in paced(items):
        if left and hash_key(item) == hash_key(old):
            left -= 1
            item = new
        result.append(item)
    return result


@function("array_flatten")
@typed(ARRAY, NUMBER)
def array_flatten(items: list[Any], depth: Any) -> Any:
    """Nested arrays opened `depth` levels deep, all of them where it is negative."""
    levels = whole(depth)
    if levels is None:
        return None
    return list(paced(_flattened(items, levels)))


def _flattened(items: list[Any], levels: int) -> Iterable[Any]:
    for item in items:
        if type(item) is list and levels:
            yield from _flattened(item, levels - 1)
        else:
            yield item


@function("array_ifnull")
@typed(ARRAY)
def array_ifnull(items: list[Any]) -> Any:
    """The first item that is not NULL."""
    return next(iter(_known(items)), None)


@function("array_range")
@typed(NUMBER)
def array_range(start: Any, end: Any, step: Any = 1) -> Any:
    """Numbers from `start` up to, not including, `end`."""
    if step == 0 or (end - start) / step <= 0:
        return []
    if (end - start) / step > GENERATED_LIMIT:
        raise out_of_range("ARRAY_RANGE")
    count = math.ceil((end - start) / step)
    return [number(start + at * step) for at in paced(range(count))]


@function("array_repeat")
def array_repeat(value: Any, count: Any) -> Any:
    """An array of one value `count` times."""
    if value is MISSING or count is MISSING:
        return MISSING
    times = whole(count) if is_number(count) else None
    if times is None or times < 0:
        return None
    if times > GENERATED_LIMIT:
        raise out_of_range("ARRAY_REPEAT")
    return [value] * times


@function("array_union")
@typed(ARRAY)
def array_union(first: list[Any], second: list[Any], *rest: list[Any]) -> list[Any]:
    """What is in any of the arrays, once."""
    return distinct(item for items in (first, second, *rest) for item in items)


@function("array_intersect")
@typed(ARRAY)
def array_intersect(first: list[Any], second: list[Any], *rest: list[Any]) -> list[Any]:
    """What is in all of the arrays, once."""
    others = [{hash_key(item) for item in paced(items)} for items in (second, *rest)]
    return distinct(item for item in first if all(hash_key(item) in other for other in others))


@function("array_except")
@typed(ARRAY)
def array_except(first: list[Any], second: list[Any]) -> list[Any]:
    """What is in the first array and not in the second, once."""
    other = {hash_key(item) for item in paced(second)}
    return distinct(item for item in first if hash_key(item) not in other)


@function("array_symdiff", "array_symdiff1")
@typed(ARRAY)
def array_symdiff(first: list[Any], second: list[Any], *rest: list[Any]) -> list[Any]:
    """What is in exactly one of the arrays."""
    arrays = [distinct(items) for items in (first, second, *rest)]
    counts: dict[Any, int] = {}
    for items in arrays:
        for item in paced(items):
            counts[hash_key(item)] = counts.get(hash_key(item), 0) + 1
    return [item for items in arrays for item in paced(items) if counts[hash_key(item)] == 1]


@function("array_symdiffn")
@typed(ARRAY)
def array_symdiffn(first: list[Any], second: list[Any], *rest: list[Any]) -> list[Any]:
    """What is in an odd number of the arrays."""
    arrays = [distinct(items) for items in (first, second, *rest)]
    counts: dict[Any, int] = {}
    for items in arrays:
        for item in paced(items):
            counts[hash_key(item)] = counts.get(hash_key(item), 0) + 1
    return distinct(item for items in arrays for item in paced(items) if counts[hash_key(item)] % 2)


def _holds(items: list[Any], wanted: list[Any], *, every: bool) -> bool:
    held = {hash_key(item) for item in paced(items) if item is not None}
    found = (value is not None and hash_key(value) in held for value in paced(wanted))
    return all(found) if every else any(found)


function("array_contains_all")(
    typed(ARRAY)(lambda items, wanted: _holds(items, wanted, every=True))
)
function("array_contains_any")(
    typed(ARRAY)(lambda items, wanted: _holds(items, wanted, every=False))
)


@function("array_move")
@typed(ARRAY, NUMBER)
def array_move(items: list[Any], start: Any, end: Any) -> Any:
    """The array with one item moved to another place."""
    a, b = _place(items, start), _place(items, end)
    if a is None or b is None:
        return None
    rest = [*items[:a], *items[a + 1 :]]
    return [*rest[:b], items[a], *rest[b:]]


@function("array_swap")
@typed(ARRAY, NUMBER)
def array_swap(items: list[Any], first: Any, second: Any) -> Any:
    """The array with two items exchanged."""
    a, b = _place(items, first), _place(items, second)
    if a is None or b is None:
        return None
    result = items.copy()
    result[a], result[b] = items[b], items[a]
    return result


def _place(items: list[Any], value: Any) -> int | None:
    place = whole(value)
    if place is None or not -len(items) <= place < len(items):
        return None
    return place % len(items)


@function("array_star")
def array_star(items: Any) -> Any:
    """An array of objects as one object of arrays, with NULL for what an object has not."""
    if items is MISSING:
        return MISSING
    if type(items) is not list:
        return None
    return starred(items)


def starred(items: list[Any]) -> Any:
    """ARRAY_STAR of an array; NULL where it holds no object."""
    names = sorted({name for item in paced(items) if type(item) is dict for name in item})
    if not names:
        return None
    return {
        name: [item.get(name) if type(item) is dict else None for item in paced(items)]
        for name in names
    }


@function("array_binary_search")
@typed(ARRAY, ANY)
def array_binary_search(items: list[Any], value: Any) -> int:
    """The first place of the value in a sorted array, or -1."""
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if compare(items[middle], value) < 0:
            low = middle + 1
        else:
            high = middle
    return low if low < len(items) and compare(items[low], value) == 0 else -1
