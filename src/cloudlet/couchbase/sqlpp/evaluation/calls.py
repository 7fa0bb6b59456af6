"""Calls of functions, and queries inside range expressions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp.evaluation.dispatch import (
    Evaluate,
    Row,
    compile_expression,
    compiles,
)
from cloudlet.couchbase.sqlpp.functions import FUNCTIONS


class QueryPlan(Protocol):
    """A planned subquery that can be evaluated for a row."""

    @property
    def reached(self) -> set[int]:
        """The slots of outer queries that it needs."""

    def values(self, row: Row) -> list[Any]:
        """All its results."""


@dataclass(frozen=True, slots=True)
class InlineQuery(tree.Expression):
    """A subquery that needs a range variable, so it runs where it stands."""

    plan: QueryPlan
    text: str


@compiles(InlineQuery)
def inline_query(node: InlineQuery) -> Evaluate:
    """The array of the subquery's results."""
    return node.plan.values


@compiles(tree.Call)
def call(node: tree.Call) -> Evaluate:
    """A function with its arguments; 10101 for unknown names, 3000 for wrong counts."""
    function = FUNCTIONS.get(node.name)
    if function is None:
        raise errors.semantic(10101, f"Function not found 'default:{node.name}'")
    function.check(node)
    arguments = [compile_expression(argument) for argument in node.arguments]
    run = function.run
    if function.wants_context:
        return lambda row: run(row[0], *[argument(row) for argument in arguments])
    if len(arguments) == 1:
        only = arguments[0]
        return lambda row: run(only(row))
    if len(arguments) == 2:
        first, second = arguments
        return lambda row: run(first(row), second(row))

    def evaluate(row: Row) -> Any:
        return run(*[argument(row) for argument in arguments])

    return evaluate
