"""Functions that choose among values that may be unknown."""

from __future__ import annotations

from typing import Any

from cloudlet.couchbase.sqlpp.functions.registry import function
from cloudlet.couchbase.sqlpp.values import MISSING, equals, hash_key, is_number


def _unknown(value: Any) -> bool:
    return value is None or value is MISSING


@function("ifmissing", "if_missing")
def if_missing(first: Any, second: Any, *rest: Any) -> Any:
    """The first value that is not MISSING."""
    return next((value for value in (first, second, *rest) if value is not MISSING), None)


@function("ifnull", "if_null")
def if_null(first: Any, second: Any, *rest: Any) -> Any:
    """The first value that is not NULL."""
    return next((value for value in (first, second, *rest) if value is not None), None)


@function("ifmissingornull", "if_missing_or_null", "coalesce")
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


@function("missingif", "missing_if")
def missing_if(first: Any, second: Any) -> Any:
    """MISSING where the two are equal, else the first."""
    return _if_equal(first, second, MISSING)


@function("nullif", "null_if")
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


_NAN, _INFINITE = frozenset({"NaN"}), frozenset({"+Infinity", "-Infinity"})


def _first_number(excluded: frozenset[str]) -> Any:
    """The first value that is a number and not among the excluded; MISSING before NULL."""

    def run(first: Any, second: Any, *rest: Any) -> Any:
        for value in (first, second, *rest):
            if value is MISSING:
                return MISSING
            if is_number(value):
                return value
            if type(value) is not str or value not in _NAN | _INFINITE:
                return None
            if value not in excluded:
                return value
        return None

    return run


function("ifnan", "if_nan")(_first_number(_NAN))
function("ifinf", "if_inf")(_first_number(_INFINITE))
function("ifnanorinf", "if_nan_or_inf")(_first_number(_NAN | _INFINITE))
function("nanif", "nan_if")(lambda first, second: _if_equal(first, second, "NaN"))
function("posinfif", "posinf_if")(lambda first, second: _if_equal(first, second, "+Infinity"))
function("neginfif", "neginf_if")(lambda first, second: _if_equal(first, second, "-Infinity"))


function("is_missing", "ismissing")(lambda value: value is MISSING)
function("is_not_missing", "isnotmissing")(lambda value: value is not MISSING)
function("is_null", "isnull")(lambda v: MISSING if v is MISSING else v is None)
function("is_not_null", "isnotnull")(lambda v: MISSING if v is MISSING else v is not None)
function("is_valued", "isvalued", "is_known", "isknown", "is_not_unknown", "isnotunknown")(
    lambda value: not _unknown(value)
)
function("is_not_valued", "isnotvalued", "is_not_known", "isnotknown", "is_unknown", "isunknown")(
    _unknown
)
