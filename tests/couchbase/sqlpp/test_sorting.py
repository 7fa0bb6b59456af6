"""Large sorts agree with one plain sort, whatever the values, and keep equal ones in order."""

from __future__ import annotations

import random
from functools import cmp_to_key
from typing import Any

import pytest

from cloudlet.couchbase.sqlpp.sorting import Column, order_of, ordered
from cloudlet.couchbase.sqlpp.values import MISSING, compare

_chance = random.Random(3)
COLUMNS: dict[str, list[Any]] = {
    "numbers": [_chance.randrange(-(10**9), 10**9) / 4 for _ in range(20_000)],
    "few numbers": [_chance.randrange(3) for _ in range(20_000)],
    "one number": [1] * 5000,
    "ascending": list(range(6000)),
    "one frequent": [_chance.choice([7, 7, 7, _chance.randrange(99)]) for _ in range(9000)],
    "texts": [f"{_chance.randrange(4000):x}" for _ in range(9000)],
    "all types": [
        _chance.choice([MISSING, None, True, False, 3, 2.5, "a", "b", [1, "x"], [], {"a": 1}, {}])
        for _ in range(4000)
    ],
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("descending", [False, True])
def test_a_column_is_ordered_as_by_one_sort(name: str, descending: bool) -> None:
    values = COLUMNS[name]
    key = cmp_to_key(compare)
    wanted = sorted(range(len(values)), key=lambda at: key(values[at]), reverse=descending)
    assert order_of([Column(descending, values=values)]) == wanted


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("nulls_last", [False, True])
def test_nulls_stand_where_they_are_wanted(descending: bool, nulls_last: bool) -> None:
    values = COLUMNS["all types"]
    places = order_of([Column(descending, nulls_last, values)])
    unknown = [values[at] is None or values[at] is MISSING for at in places]
    assert unknown == sorted(unknown, reverse=not nulls_last)
    known = [values[at] for at in places if values[at] not in (None, MISSING)]
    key = cmp_to_key(compare)
    assert list(map(repr, known)) == list(map(repr, sorted(known, key=key, reverse=descending)))


def test_the_first_column_decides_before_the_others() -> None:
    first, second = COLUMNS["few numbers"], COLUMNS["numbers"]
    places = order_of([Column(values=first), Column(True, values=second)])
    pairs = [(first[at], -second[at]) for at in places]
    assert pairs == sorted(pairs)


def test_items_by_a_key() -> None:
    items = COLUMNS["texts"]
    assert ordered(items, len) == sorted(items, key=len)
