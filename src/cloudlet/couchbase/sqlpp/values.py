"""SQL++ values in Python: types, the order across types, equality, and keys for hashing.

Values are decoded JSON plus MISSING. Comparisons never trust Python across types, where
`True == 1` holds. Order: MISSING < NULL < false < true < number < string < array < object.
"""

from __future__ import annotations

import math
from functools import cmp_to_key
from typing import Any, Final


class Missing:
    """The type of MISSING, the value of a field that is not there; it has one instance."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing()

INT_MAX: Final = 2**63 - 1
INT_MIN: Final = -(2**63)

# The rank of each Python type in the collation order.
RANK: Final[dict[type, int]] = {
    Missing: 0,
    type(None): 1,
    bool: 2,
    int: 3,
    float: 3,
    str: 4,
    list: 5,
    dict: 6,
}

TYPE_NAMES: Final[dict[type, str]] = {
    Missing: "missing",
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def is_binary(value: Any) -> bool:
    """Whether the value is what stands for a document that is not JSON."""
    return type(value) is str and value.startswith("<binary (")


def is_number(value: Any) -> bool:
    """Whether the value is a number; a boolean is not."""
    kind = type(value)
    return kind is int or kind is float


def number(value: float) -> int | float | None:
    """A calculated number in its plain form: whole floats become integers, NaN becomes NULL."""
    if type(value) is int:
        if INT_MIN <= value <= INT_MAX:
            return value
        return float(value)
    if value != value or value in (math.inf, -math.inf):
        return None
    if value.is_integer() and abs(value) < 1e18:
        return int(value)
    return value


def compare(a: Any, b: Any) -> int:
    """-1, 0 or 1 by the order across all types (ORDER BY, MIN and MAX, array functions)."""
    kind_a, kind_b = type(a), type(b)
    rank_a, rank_b = RANK[kind_a], RANK[kind_b]
    if rank_a != rank_b:
        return -1 if rank_a < rank_b else 1
    if rank_a == 5:
        for x, y in zip(a, b, strict=False):
            order = compare(x, y)
            if order:
                return order
        return (len(a) > len(b)) - (len(a) < len(b))
    if rank_a == 6:
        return _compare_objects(a, b)
    if rank_a < 2:
        return 0
    if a == b:
        return 0
    return -1 if a < b else 1


def _compare_objects(a: dict[str, Any], b: dict[str, Any]) -> int:
    # The longer object is the greater; then the sorted names and their values decide.
    if len(a) != len(b):
        return -1 if len(a) < len(b) else 1
    for name in sorted(a.keys() | b.keys()):
        if name not in a:
            return 1
        if name not in b:
            return -1
        order = compare(a[name], b[name])
        if order:
            return order
    return 0


# Pairs of types that Python compares as SQL++ does.
NUMBER_OR_TEXT: Final = frozenset(
    {(str, str), (int, int), (float, float), (int, float), (float, int)}
)


def equals(a: Any, b: Any) -> Any:
    """`a = b`: MISSING before NULL before true or false, inside arrays and objects too."""
    kind_a, kind_b = type(a), type(b)
    if kind_a is kind_b and kind_a is not list and kind_a is not dict:
        return a == b if a is not None and a is not MISSING else a
    if a is MISSING or b is MISSING:
        return MISSING
    if a is None or b is None:
        return None
    if kind_a is kind_b:
        return _equal_arrays(a, b) if kind_a is list else _equal_objects(a, b)
    return a == b if (kind_a, kind_b) in NUMBER_OR_TEXT else False


def _equal_arrays(a: list[Any], b: list[Any]) -> Any:
    if len(a) != len(b):
        return False
    result: Any = True
    for x, y in zip(a, b, strict=True):
        same = equals(x, y)
        if same is False:
            return False
        if same is not True:
            result = None
    return result


def _equal_objects(a: dict[str, Any], b: dict[str, Any]) -> Any:
    if a.keys() != b.keys():
        return False
    result: Any = True
    for name, value in a.items():
        same = equals(value, b[name])
        if same is False:
            return False
        if same is not True:
            result = None
    return result


def hash_key(value: Any) -> Any:
    """A hashable key that is the same for two values exactly when they are equal."""
    kind = type(value)
    if kind is bool:
        return (value,)
    if kind is list:
        return ("[", *map(hash_key, value))
    if kind is dict:
        return ("{", frozenset((name, hash_key(item)) for name, item in value.items()))
    return value


sort_key = cmp_to_key(compare)


def scalar_sort_key(value: Any) -> Any:
    """A key by which Python sorts values in collation order, cheap for scalars."""
    rank = RANK[type(value)]
    if rank == 3 or rank == 4 or rank == 2:
        return (rank, value)
    if rank < 2:
        return (rank,)
    return (rank, sort_key(value))


def truth(value: Any) -> Any:
    """The logical value: True, False, None or MISSING.

    Other values count as Couchbase counts them: 0, NaN, "", [] and {} are false, the rest true.
    """
    kind = type(value)
    if kind is bool or value is None or value is MISSING:
        return value
    return bool(value)
