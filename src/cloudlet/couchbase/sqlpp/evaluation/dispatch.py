"""Which function compiles which kind of node."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.tree import Expression

Row = list[Any]
Evaluate = Callable[[Row], Any]
_E = TypeVar("_E", bound=Expression)

_COMPILERS: Final[dict[type[Expression], Callable[[Any], Evaluate]]] = {}


def compiles(kind: type[_E]) -> Callable[[Callable[[_E], Evaluate]], Callable[[_E], Evaluate]]:
    """Register the compiler of one kind of node."""

    def register(function: Callable[[_E], Evaluate]) -> Callable[[_E], Evaluate]:
        _COMPILERS[kind] = function
        return function

    return register


def compile_expression(node: Expression) -> Evaluate:
    """The closure that evaluates a resolved expression for a row."""
    pause()
    return _COMPILERS[type(node)](node)


def constant(value: Any) -> Evaluate:
    """A closure that gives the same value for every row."""
    return lambda _row: value
