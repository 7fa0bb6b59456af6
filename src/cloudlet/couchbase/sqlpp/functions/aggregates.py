"""The aggregates: NULL and MISSING never count, except for COUNT(*) and ARRAY_AGG's NULL."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from cloudlet.couchbase.sqlpp.pausing import paced
from cloudlet.couchbase.sqlpp.sorting import ordered
from cloudlet.couchbase.sqlpp.tables import Seen
from cloudlet.couchbase.sqlpp.values import (
    MISSING,
    compare,
    hash_key,
    is_number,
    number,
    scalar_sort_key,
)

_NUMBERS: Final = frozenset({int, float})
# How many distinct values are kept in a plain set, of which every group has one.
_FEW: Final = 4096


class Accumulator:
    """The state of one aggregate of one group."""

    __slots__ = ()

    def add(self, value: Any) -> None:
        """Take one row's value."""
        raise NotImplementedError

    def add_all(self, values: list[Any]) -> None:
        """Take some values, a few hundred at most."""
        for value in values:
            self.add(value)

    def result(self) -> Any:
        """The aggregate of what was taken."""
        raise NotImplementedError


class Count(Accumulator):
    """COUNT: how many values are known."""

    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count = 0

    def add(self, value: Any) -> None:
        """Count a value that is neither NULL nor MISSING."""
        if value is not None and value is not MISSING:
            self._count += 1

    def add_all(self, values: list[Any]) -> None:
        """Count those that are neither NULL nor MISSING."""
        self._count += len(values) - values.count(None) - values.count(MISSING)

    def result(self) -> int:
        """How many."""
        return self._count


class CountNumbers(Count):
    """COUNTN: how many values are numbers."""

    __slots__ = ()

    def add(self, value: Any) -> None:
        """Count a number."""
        if is_number(value):
            self._count += 1

    def add_all(self, values: list[Any]) -> None:
        """Count the numbers."""
        self._count += sum(map(is_number, values))


class Sum(Accumulator):
    """SUM of the numbers; NULL where there are none."""

    __slots__ = ("_count", "_sum")

    def __init__(self) -> None:
        self._sum: Any = 0
        self._count = 0

    def add(self, value: Any) -> None:
        """Add a number."""
        kind = type(value)
        if kind is int or kind is float:
            self._sum += value
            self._count += 1

    def add_all(self, values: list[Any]) -> None:
        """Add the numbers."""
        if not _NUMBERS.issuperset(map(type, values)):
            values = [value for value in values if is_number(value)]
        self._sum += sum(values)
        self._count += len(values)

    def result(self) -> Any:
        """The sum."""
        return number(self._sum) if self._count else None


class Mean(Sum):
    """AVG of the numbers; NULL where there are none."""

    __slots__ = ()

    def result(self) -> Any:
        """The mean."""
        return number(self._sum / self._count) if self._count else None


class Extreme(Accumulator):
    """MIN or MAX in collation order."""

    __slots__ = ("_best", "_sign")

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._best: Any = None

    def add(self, value: Any) -> None:
        """Keep a better value."""
        if value is None or value is MISSING:
            return
        if self._best is None or compare(value, self._best) * self._sign > 0:
            self._best = value

    def add_all(self, values: list[Any]) -> None:
        """Keep the best one; numbers and texts among themselves Python compares."""
        kinds = set(map(type, values))
        if kinds and (kinds <= _NUMBERS or kinds == {str}):
            self.add(max(values) if self._sign > 0 else min(values))
            return
        for value in values:
            self.add(value)

    def result(self) -> Any:
        """The best value, NULL without any."""
        return self._best


class Members(Accumulator):
    """GROUP AS: the group's rows, in their order."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: list[Any] = []

    def add(self, value: Any) -> None:
        """Keep the row."""
        self._values.append(value)

    def add_all(self, values: list[Any]) -> None:
        """Keep the rows."""
        self._values += values

    def result(self) -> Any:
        """The array."""
        return self._values


class Collect(Accumulator):
    """ARRAY_AGG: all values but MISSING, sorted as Couchbase sorts them; NULL without any."""

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: list[Any] = []

    def add(self, value: Any) -> None:
        """Keep the value."""
        if value is not MISSING:
            self._values.append(value)

    def result(self) -> Any:
        """The array."""
        return ordered(self._values, scalar_sort_key) if self._values else None


class Spread(Accumulator):
    """MEDIAN, STDDEV and VARIANCE with their variants, over the numbers."""

    __slots__ = ("_calculate", "_values")

    def __init__(self, calculate: Callable[[list[Any]], Any]) -> None:
        self._values: list[Any] = []
        self._calculate = calculate

    def add(self, value: Any) -> None:
        """Keep a number."""
        if is_number(value):
            self._values.append(value)

    def result(self) -> Any:
        """The measure, NULL without numbers."""
        if not self._values:
            return None
        found = self._calculate(self._values)
        return None if found is None else number(found)


class Distinct(Accumulator):
    """Any aggregate over its distinct values."""

    __slots__ = ("_few", "_inner", "_many")

    def __init__(self, inner: Accumulator) -> None:
        self._inner = inner
        self._few: set[Any] = set()
        self._many: Seen | None = None

    def add(self, value: Any) -> None:
        """Pass a value on the first time."""
        key = hash_key(value)
        if self._many is not None:
            if self._many.add(key):
                self._inner.add(value)
        elif key not in self._few:
            self._few.add(key)
            self._inner.add(value)
            if len(self._few) > _FEW:
                self._many = Seen()
                for one in self._few:
                    self._many.add(one)
                self._few = set()

    def result(self) -> Any:
        """The inner aggregate's."""
        return self._inner.result()


def _median(values: list[Any]) -> Any:
    line, middle = ordered(values, float), len(values) // 2
    if len(line) % 2:
        return line[middle]
    return (line[middle - 1] + line[middle]) / 2


def _variance(values: list[Any], less: int) -> Any:
    if len(values) <= less:
        return None if less and len(values) < less else 0
    mean = total(values) / len(values)
    distances = [value - mean for value in paced(values, 512)]
    return total([distance * distance for distance in distances]) / (len(values) - less)


def total(values: list[Any]) -> float:
    """The exact sum, or an infinity (or no number) where floats end."""
    try:
        return math.fsum(paced(values, 512))
    except (OverflowError, ValueError):
        return float(sum(paced(values, 512)))


def _deviation(values: list[Any], less: int) -> Any:
    variance = _variance(values, less)
    return None if variance is None else math.sqrt(variance)


def _sample(values: list[Any]) -> Any:
    return _variance(values, 1)


def _population(values: list[Any]) -> Any:
    return _variance(values, 0)


AGGREGATES: Final[dict[str, Callable[[], Accumulator]]] = {
    "array_agg": Collect,
    "avg": Mean,
    "mean": Mean,
    "count": Count,
    "countn": CountNumbers,
    "group_as": Members,
    "max": lambda: Extreme(1),
    "min": lambda: Extreme(-1),
    "sum": Sum,
    "median": lambda: Spread(_median),
    "stddev": lambda: Spread(lambda v: _deviation(v, 1)),
    "stddev_samp": lambda: Spread(lambda v: _deviation(v, 1)),
    "stddev_pop": lambda: Spread(lambda v: _deviation(v, 0)),
    "variance": lambda: Spread(_sample),
    "variance_samp": lambda: Spread(_sample),
    "var_samp": lambda: Spread(_sample),
    "variance_pop": lambda: Spread(_population),
    "var_pop": lambda: Spread(_population),
}
