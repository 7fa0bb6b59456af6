"""The spans of an index scan: from values that are known when it runs to bounds of entries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.indexes.entries import HIGHEST, Item, ascending, descending
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.values import MISSING, hash_key

Interval = tuple[Item, Item]
Make = Callable[[Any], tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class RangeEnd:
    """One end; where it is NULL or MISSING the range is empty, unless `unknown` allows it."""

    evaluate: Evaluate
    inclusive: bool
    unknown: bool


@dataclass(frozen=True, slots=True)
class KeyRange:
    """The range of one part of the key: one value, one of a list, or between two ends."""

    low: RangeEnd | None = None
    high: RangeEnd | None = None
    among: Evaluate | None = None
    point: bool = False


def intervals(spans: list[list[KeyRange]], descends: list[bool], seed: Row) -> list[Interval]:
    """The parts of the index that hold the spans, in the index's order and without overlaps."""
    found: list[Interval] = []
    makes: list[Make] = [descending if desc else ascending for desc in descends]
    for span in spans:
        found.extend(_span_intervals(span, makes, descends, seed))
        pause()
    if len(found) < 2:
        return found
    found.sort(key=lambda one: one[0])
    merged = [found[0]]
    for start, end in found[1:]:
        last_start, last_end = merged[-1]
        if last_end < start:
            merged.append((start, end))
        elif last_end < end:
            merged[-1] = (last_start, end)
    return merged


def _span_intervals(
    span: list[KeyRange], makes: list[Make], descends: list[bool], seed: Row
) -> list[Interval]:
    prefixes: list[Item] = [()]
    for place, part in enumerate(span):
        make = makes[place]
        if part.among is not None:
            values = part.among(seed)
            if type(values) is not list:
                return []
            known = {hash_key(v): v for v in values if v is not None and v is not MISSING}
            prefixes = [(*before, *make(value)) for before in prefixes for value in known.values()]
            pause()
        elif part.point:
            assert part.low is not None
            value = part.low.evaluate(seed)
            if (value is None or value is MISSING) and not part.low.unknown:
                return []
            prefixes = [(*before, *make(value)) for before in prefixes]
        else:
            ends = _ends(part, make, seed)
            if ends is None:
                return []
            low, high = ends if not descends[place] else ends[::-1]
            return [_between(before, low, high) for before in prefixes]
    return [(before, (*before, HIGHEST)) for before in prefixes]


_End = tuple[tuple[Any, Any], bool] | None


def _ends(part: KeyRange, make: Make, seed: Row) -> tuple[_End, _End] | None:
    found: list[_End] = []
    for end in (part.low, part.high):
        if end is None:
            found.append(None)
            continue
        value = end.evaluate(seed)
        if (value is None or value is MISSING) and not end.unknown:
            return None
        found.append((make(value), end.inclusive))
    return found[0], found[1]


def _between(before: Item, low: _End, high: _End) -> Interval:
    start: Item = before
    end: Item = (*before, HIGHEST)
    if low is not None:
        start = (*before, *low[0]) if low[1] else (*before, *low[0], HIGHEST)
    if high is not None:
        end = (*before, *high[0], HIGHEST) if high[1] else (*before, *high[0])
    return start, end
