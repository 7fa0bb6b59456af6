"""Functions that choose among values that may be unknown."""

from __future__ import annotations

from typing import Any

from cloudlet.couchbase.sqlpp.functions.registry import function
from cloudlet.couchbase.sqlpp.values import MISSING, equals, hash_key


def _unknown(value: Any) -> bool:
    return value is None or value is MISSING


@function("ifmissing")
def if_missing(first: Any, second: Any, *rest: Any) -> Any:
    """The first value that is not MISSING."""
    return next((value for value in (first, second, *rest) if value is not MISSING), None)


@function("ifnull")
def if_null(first: Any, second: Any, *rest: Any) -> Any:
    """The first value that is not NULL."""
    return next((value for value in (first, second, *rest) if value is not None), None)


@function("ifmissingornull", "coalesce")
def if_missing_or_null(first: Any, second: Any, *rest: Any) -> Any:
    """The first value that is neither NULL nor MISSING."""
    return next((value for value in (first, second, *rest) if not _unknown(value)), None)


@function("nvl")
def nvl(first: Any, second: Any) -> Any:
    """The first value, or the second where the first is unknown."""
    return second if _unknown(first) else first


@function("nvl2")
def nvl2(value: Any, known: Any, unknown: Any) -> Any:
    """One value where the first is known, the other where it is not."""
    return unknown if _unknown(value) else known


@function("missingif")
def missing_if(first: Any, second: Any) -> Any:
    """MISSING where the two are equal, else the first."""
    return _if_equal(first, second, MISSING)


@function("nullif")
def null_if(first: Any, second: Any) -> Any:
    """NULL where the two are equal, else the first."""
    return _if_equal(first, second, None)


def _if_equal(first: Any, second: Any, result: Any) -> Any:
    same = equals(first, second)
    if same is True:
        return result
    return first if same is False else same


@function("decode")
def decode(value: Any, search: Any, result: Any, *rest: Any) -> Any:
    """The result after the first equal candidate, else the odd last one, else NULL."""
    pairs = (search, result, *rest)
    for place in range(0, len(pairs) - 1, 2):
        if hash_key(pairs[place]) == hash_key(value):
            return pairs[place + 1]
    return pairs[-1] if len(pairs) % 2 else None


@function("is_not_distinct_from")
def is_not_distinct_from(first: Any, second: Any) -> bool:
    """Equality in which NULL equals NULL and MISSING equals MISSING."""
    return (bool(hash_key(first) == hash_key(second)) and type(first) is type(second)) or (
        equals(first, second) is True
    )
