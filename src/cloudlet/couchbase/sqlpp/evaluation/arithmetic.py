"""Arithmetic and concatenation: MISSING before NULL, NULL for operands of other types."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Final

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.evaluation.dispatch import (
    Evaluate,
    Row,
    compile_expression,
    compiles,
)
from cloudlet.couchbase.sqlpp.functions.numbers import power
from cloudlet.couchbase.sqlpp.values import MISSING, number


def _divide(a: float, b: float) -> Any:
    if b == 0:
        return None
    if type(a) is int and type(b) is int and a % b == 0:
        return a // b
    return a / b


def _remainder(a: float, b: float) -> Any:
    # The sign follows the dividend, as in Couchbase's IMOD and %.
    if b == 0:
        return None
    if type(a) is int and type(b) is int:
        return int(math.fmod(a, b)) if abs(a) < 2**53 else (abs(a) % abs(b)) * (1 if a > 0 else -1)
    return math.fmod(a, b)


_OPERATORS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "%": _remainder,
    "^": power,
}


@compiles(tree.Arithmetic)
def arithmetic(node: tree.Arithmetic) -> Evaluate:
    """+ - * / % ^ on numbers, || on strings."""
    left, right = compile_expression(node.left), compile_expression(node.right)
    if node.operator == "||":
        return _concatenation(left, right)
    calculate = _OPERATORS[node.operator]

    def evaluate(row: Row) -> Any:
        a, b = left(row), right(row)
        kind_a, kind_b = type(a), type(b)
        if (kind_a is int or kind_a is float) and (kind_b is int or kind_b is float):
            try:
                result = calculate(a, b)
            except OverflowError:
                return None
            return None if result is None else number(result)
        return MISSING if a is MISSING or b is MISSING else None

    return evaluate


def _concatenation(left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(row: Row) -> Any:
        a, b = left(row), right(row)
        if type(a) is str and type(b) is str:
            return a + b
        return MISSING if a is MISSING or b is MISSING else None

    return evaluate


@compiles(tree.Negate)
def negate(node: tree.Negate) -> Evaluate:
    """The number with its sign changed."""
    operand = compile_expression(node.operand)

    def evaluate(row: Row) -> Any:
        value = operand(row)
        if type(value) is int or type(value) is float:
            return number(-value)
        return MISSING if value is MISSING else None

    return evaluate
