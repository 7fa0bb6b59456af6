"""Conditions taken apart."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.evaluation.calls import InlineQuery
from cloudlet.couchbase.sqlpp.tree import Expression


def conjuncts(condition: Expression) -> tuple[Expression, ...]:
    """The parts of a condition that must all hold."""
    if isinstance(condition, tree.And):
        return tuple(part for operand in condition.operands for part in conjuncts(operand))
    return (condition,)


def slots_of(node: Expression) -> set[int]:
    """All slots an expression reads."""
    found: set[int] = set()
    for part in tree.walk(node):
        if isinstance(part, (tree.Variable, tree.MetaOf)):
            found.add(part.slot)
        elif isinstance(part, InlineQuery):
            found |= part.plan.reached
    return found
