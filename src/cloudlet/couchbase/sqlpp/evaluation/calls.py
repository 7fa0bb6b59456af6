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
from cloudlet.couchbase.sqlpp.pausing import wait
from cloudlet.couchbase.sqlpp.values import MISSING


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


@dataclass(frozen=True, slots=True)
class InlineCall(tree.Expression):
    """A call of a user-defined function, its body put in place: arguments go to the slots."""

    name: str
    slots: tuple[int, ...]
    variadic: bool
    arguments: tuple[tree.Expression, ...]
    body: tree.Expression


@dataclass(frozen=True, slots=True)
class SequenceValue(tree.Expression):
    """A sequence by its full name; the slot keeps the value that a document has been given."""

    path: tuple[str, ...]
    previous: bool
    slot: int


@compiles(InlineCall)
def inline_call(node: InlineCall) -> Evaluate:
    """The body with the arguments in its parameters' slots; 10109 where it aborts."""
    arguments = [compile_expression(argument) for argument in node.arguments]
    body, slots, variadic, name = (
        compile_expression(node.body),
        node.slots,
        node.variadic,
        node.name,
    )

    def evaluate(row: Row) -> Any:
        values = [argument(row) for argument in arguments]
        if variadic:
            values = [[None if value is MISSING else value for value in values]]
        for slot, value in zip(slots, values, strict=True):
            row[slot] = value
        try:
            return body(row)
        except errors.QueryError as error:
            if error.code != 5011 or error.reason is None or "abort" not in error.reason:
                raise
            text = error.message.removeprefix("Abort: ").partition(". - cause: ")[0]
            raise errors.QueryError(
                10109, f"Error executing function {name} : {text} - cause: {text}", http=500
            ) from None

    return evaluate


@compiles(SequenceValue)
def sequence_value(node: SequenceValue) -> Evaluate:
    """The next value, one for each document; or the last of the document, else of the
    transaction, else of the server."""
    path, slot = node.path, node.slot

    def following(row: Row) -> Any:
        if row[slot] is MISSING:
            row[slot] = wait(row[0].catalog.sequences.next(path))
            if row[0].transaction is not None:
                row[0].transaction.sequences[path] = row[slot]
        return row[slot]

    def previous(row: Row) -> Any:
        if row[slot] is not MISSING:
            return row[slot]
        if row[0].transaction is not None and path in row[0].transaction.sequences:
            return row[0].transaction.sequences[path]
        return row[0].catalog.sequences.previous(path)

    return previous if node.previous else following


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
