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


function("deg")(_real(math.degrees))
function("rad")(_real(math.radians))
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


@function("round", "round_nearest")
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


def _positions(value: Any) -> int | None:
    """A mask of the bit positions given, from 1 for the lowest to 64; None for any other."""
    mask = 0
    for item in value if type(value) is list else [value]:
        place = whole(item) if type(item) in (int, float) else None
        if place is None or not 1 <= place <= 64:
            return None
        mask |= 1 << (place - 1)
    return mask


def _by_position(change: Callable[[int, int], Any]) -> Callable[..., Any]:
    def run(value: Any, positions: Any) -> Any:
        if value is MISSING or positions is MISSING:
            return MISSING
        bits = whole(value) if type(value) in (int, float) else None
        mask = _positions(positions)
        return None if bits is None or mask is None else change(bits, mask)

    return run


function("bitset")(_by_position(lambda bits, mask: _signed(bits | mask)))
function("bitclear")(_by_position(lambda bits, mask: _signed(bits & ~mask)))


@function("bittest", "isbitset")
def bittest(value: Any, positions: Any, every: Any = False) -> Any:
    """Whether any of the bits at the positions is set, or all of them."""
    if value is MISSING or positions is MISSING or every is MISSING:
        return MISSING
    bits = whole(value) if type(value) in (int, float) else None
    mask = _positions(positions)
    if bits is None or mask is None or type(every) is not bool:
        return None
    return bits & mask == mask if every else bits & mask != 0


function("add")(typed(NUMBER)(lambda a, b, *rest: number(a + b + sum(rest))))
function("sub")(typed(NUMBER)(lambda a, b: number(a - b)))
function("neg")(typed(NUMBER)(lambda a: number(-a)))


@function("mult")
@typed(NUMBER)
def mult(first: Any, second: Any, *rest: Any) -> Any:
    """The product."""
    try:
        return number(math.prod((first, second, *rest)))
    except OverflowError:
        return None


@function("div")
@typed(NUMBER)
def div(a: Any, b: Any) -> Any:
    """The quotient; NULL for a division by zero."""
    return None if b == 0 else number(a / b)


@function("mod")
@typed(NUMBER)
def mod(a: Any, b: Any) -> Any:
    """The remainder, with the dividend's sign."""
    return None if b == 0 else number(math.fmod(a, b))


# JSON has no such numbers: they are written as these texts.
function("nan")(lambda: "NaN")
function("inf", "posinf", "pos_inf")(lambda: "+Infinity")
function("neginf", "neg_inf")(lambda: "-Infinity")
