"""AND, OR, NOT and CASE over four truth values: true, false, NULL, MISSING."""

from __future__ import annotations

from typing import Any

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.evaluation.dispatch import (
    Evaluate,
    Row,
    compile_expression,
    compiles,
    constant,
)
from cloudlet.couchbase.sqlpp.values import MISSING, equals, truth


@compiles(tree.And)
def conjunction(node: tree.And) -> Evaluate:
    """False where any operand is; else MISSING before NULL; else true."""
    operands = [compile_expression(operand) for operand in node.operands]
    if len(operands) == 2:
        return _and_of_two(*operands)

    def evaluate(row: Row) -> Any:
        result: Any = True
        for operand in operands:
            value = operand(row)
            if value is True:
                continue
            value = truth(value)
            if value is False:
                return False
            if value is MISSING or (value is None and result is True):
                result = value
        return result

    return evaluate


def _and_of_two(first: Evaluate, second: Evaluate) -> Evaluate:
    def evaluate(row: Row) -> Any:
        left = first(row)
        if left is True:
            right = second(row)
            return right if right is True or right is False else truth(right)
        left = truth(left)
        if left is False:
            return False
        right = truth(second(row))
        if right is False or left is True:
            return right
        return MISSING if left is MISSING or right is MISSING else None

    return evaluate


@compiles(tree.Or)
def disjunction(node: tree.Or) -> Evaluate:
    """True where any operand is; else NULL before MISSING; else false."""
    operands = [compile_expression(operand) for operand in node.operands]

    def evaluate(row: Row) -> Any:
        result: Any = False
        for operand in operands:
            value = operand(row)
            if value is False:
                continue
            value = truth(value)
            if value is True:
                return True
            if value is None or (value is MISSING and result is False):
                result = value
        return result

    return evaluate


@compiles(tree.Not)
def negation(node: tree.Not) -> Evaluate:
    """NULL and MISSING stay what they are."""
    operand = compile_expression(node.operand)

    def evaluate(row: Row) -> Any:
        value = truth(operand(row))
        return not value if value is True or value is False else value

    return evaluate


@compiles(tree.Case)
def case(node: tree.Case) -> Evaluate:
    """The first branch that holds, else ELSE, else NULL."""
    branches = [(compile_expression(a), compile_expression(b)) for a, b in node.branches]
    otherwise = compile_expression(node.otherwise) if node.otherwise else constant(None)
    if node.operand is None:

        def searched(row: Row) -> Any:
            for condition, result in branches:
                if truth(condition(row)) is True:
                    return result(row)
            return otherwise(row)

        return searched
    operand = compile_expression(node.operand)

    def simple(row: Row) -> Any:
        value = operand(row)
        for candidate, result in branches:
            if equals(value, candidate(row)) is True:
                return result(row)
        return otherwise(row)

    return simple
