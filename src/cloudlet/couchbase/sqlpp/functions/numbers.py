"""Number, trigonometric and bit functions."""

from __future__ import annotations

import math
import random as random_numbers
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any

from cloudlet.couchbase.sqlpp.functions.registry import NUMBER, function, typed, whole
from cloudlet.couchbase.sqlpp.values import MISSING, compare, number


def power(a: float, b: float) -> Any:
    """`a` to the power of `b` as a float; NULL where that is not a real number."""
    try:
        return number(math.pow(a, b))
    except (OverflowError, ValueError):
        return None


def _real(calculate: Callable[..., float]) -> Callable[..., Any]:
    """A function of real numbers: NULL where it is not defined or overflows."""

    def one(x: Any) -> Any:
        try:
            return number(calculate(x))
        except (ValueError, OverflowError):
            return None

    return typed(NUMBER)(one)


for _name in ("acos", "asin", "atan", "cos", "sin", "tan", "sqrt", "exp", "degrees", "radians"):
    function(_name)(_real(getattr(math, _name)))
function("ln")(_real(math.log))
function("log")(_real(math.log10))
function("abs")(_real(abs))
function("ceil")(_real(math.ceil))
function("floor")(_real(math.floor))
function("sign")(_real(lambda x: (x > 0) - (x < 0)))
function("pi")(lambda: math.pi)
function("e")(lambda: math.e)
function("atan2")(typed(NUMBER)(lambda y, x: number(math.atan2(y, x))))
function("power")(typed(NUMBER)(power))


def _rounded(value: Any, digits: Any, mode: str) -> Any:
    places = whole(digits)
    if places is None or abs(places) > 308:
        return None
    if type(value) is int and places >= 0:
        return value
    if value != value or value in (math.inf, -math.inf):
        return None
    step = Decimal(1).scaleb(-places)
    try:
        result = Decimal(repr(value)).quantize(step, rounding=mode)
    except ArithmeticError:
        return value
    return number(int(result) if result == result.to_integral_value() else float(result))


@function("round")
@typed(NUMBER)
def round_(value: Any, digits: Any = 0) -> Any:
    """To `digits` places, halves away from zero."""
    return _rounded(value, digits, ROUND_HALF_UP)


@function("round_even")
@typed(NUMBER)
def round_even(value: Any, digits: Any = 0) -> Any:
    """To `digits` places, halves to the even neighbour."""
    return _rounded(value, digits, ROUND_HALF_EVEN)


@function("trunc")
@typed(NUMBER)
def trunc(value: Any, digits: Any = 0) -> Any:
    """To `digits` places, towards zero."""
    return _rounded(value, digits, "ROUND_DOWN")


@function("idiv")
@typed(NUMBER)
def idiv(a: Any, b: Any) -> Any:
    """Division of whole numbers, towards zero."""
    x, y = int(a), int(b)
    if y == 0:
        return None
    quotient = abs(x) // abs(y)
    return quotient if (x < 0) == (y < 0) else -quotient


@function("imod")
@typed(NUMBER)
def imod(a: Any, b: Any) -> Any:
    """The remainder of IDIV, with the dividend's sign."""
    x, y = int(a), int(b)
    if y == 0:
        return None
    rest = abs(x) % abs(y)
    return rest if x >= 0 else -rest


@function("random")
def random(seed: Any = 0) -> Any:
    """A number from 0 up to 1; the same for the same seed where one is given."""
    if seed is MISSING:
        return MISSING
    if whole(seed) is None:
        return None
    source = random_numbers.Random(seed) if seed else random_numbers  # noqa: S311
    return source.random()


def _extreme(values: tuple[Any, ...], sign: int) -> Any:
    best = None
    for value in values:
        if value is None or value is MISSING:
            continue
        if best is None or compare(value, best) * sign > 0:
            best = value
    return best


@function("greatest")
def greatest(first: Any, second: Any, *rest: Any) -> Any:
    """The greatest value that is neither NULL nor MISSING, in collation order."""
    return _extreme((first, second, *rest), 1)


@function("least")
def least(first: Any, second: Any, *rest: Any) -> Any:
    """The least value that is neither NULL nor MISSING, in collation order."""
    return _extreme((first, second, *rest), -1)


def _signed(value: int) -> int:
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value


def _bits(combine: Callable[[int, int], int]) -> Callable[..., Any]:
    @typed(NUMBER)
    def run(first: Any, second: Any, *rest: Any) -> Any:
        result: int | None = None
        for value in (first, second, *rest):
            bits = whole(value)
            if bits is None:
                return None
            result = bits if result is None else combine(result, bits)
        return _signed(result or 0)

    return run


function("bitand")(_bits(lambda a, b: a & b))
function("bitor")(_bits(lambda a, b: a | b))
function("bitxor")(_bits(lambda a, b: a ^ b))


@function("bitnot")
@typed(NUMBER)
def bitnot(value: Any) -> Any:
    """Every bit turned."""
    bits = whole(value)
    return None if bits is None else _signed(~bits)


@function("bitshift")
@typed(NUMBER)
def bitshift(value: Any, count: Any) -> Any:
    """Shifted left by `count` bits, or right where it is negative."""
    bits, shift = whole(value), whole(count)
    if bits is None or shift is None:
        return None
    if abs(shift) >= 64:
        return 0
    unsigned = bits & (2**64 - 1)
    return _signed(unsigned << shift if shift >= 0 else unsigned >> -shift)
