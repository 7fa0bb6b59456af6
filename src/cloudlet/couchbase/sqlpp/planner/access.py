"""How a keyspace's documents are reached: which conditions name the keys or an index."""

from __future__ import annotations

from dataclasses import replace

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.evaluation import compile_expression
from cloudlet.couchbase.sqlpp.evaluation.calls import InlineQuery
from cloudlet.couchbase.sqlpp.operators import scans
from cloudlet.couchbase.sqlpp.operators.base import Operator
from cloudlet.couchbase.sqlpp.render import render
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


def with_condition(scan: Operator, condition: Expression) -> Operator | None:
    """The scan with the WHERE condition inside it, by the best way to the documents.

    None where the source is no single scan of a keyspace.
    """
    if not isinstance(scan, (scans.KeyspaceScan, scans.KeyScan)):
        return None
    compiled, text = compile_expression(condition), render(condition)
    if isinstance(scan, scans.KeyspaceScan):
        keys = _keys(condition, scan.slot)
        if keys is not None:
            return scans.KeyScan(
                scan.keyspace, scan.alias, scan.slot, compile_expression(keys), render(keys),
                compiled, text,
            )  # fmt: skip
    return replace(scan, condition=compiled, condition_text=text)


def _keys(condition: Expression, slot: int) -> Expression | None:
    """What META().id must equal or be in, if that is known before the scan."""
    identity = tree.Field(tree.MetaOf(slot, ""), "id")
    for part in conjuncts(condition):
        if isinstance(part, tree.Comparison) and part.operator == "=":
            for a, b in ((part.left, part.right), (part.right, part.left)):
                if _same_meta(a, identity) and slot not in slots_of(b):
                    return b
        if (
            isinstance(part, tree.In)
            and not part.within
            and _same_meta(part.operand, identity)
            and slot not in slots_of(part.collection)
        ):
            return tree.Call("array_distinct", (part.collection,))
    return None


def _same_meta(node: Expression, identity: tree.Field) -> bool:
    return (
        isinstance(node, tree.Field)
        and node.name == "id"
        and isinstance(node.base, tree.MetaOf)
        and isinstance(identity.base, tree.MetaOf)
        and node.base.slot == identity.base.slot
    )
