"""How a keyspace's documents are reached: which conditions name the keys or an index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.evaluation import Evaluate, compile_expression
from cloudlet.couchbase.sqlpp.operators import index_scan, scans
from cloudlet.couchbase.sqlpp.operators.base import Operator
from cloudlet.couchbase.sqlpp.planner.conditions import conjuncts, slots_of
from cloudlet.couchbase.sqlpp.planner.spans import Span, UsableIndex, best_span
from cloudlet.couchbase.sqlpp.render import render
from cloudlet.couchbase.sqlpp.tree import Expression


def with_condition(
    scan: Operator,
    condition: Expression,
    indexes: Callable[[scans.KeyspaceScan], list[UsableIndex]],
) -> Operator | None:
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
        span = best_span(indexes(scan), condition, scan.slot, scan.use_indexes)
        if span is not None:
            return _index_scan(scan, span, compiled, text)
    return replace(scan, condition=compiled, condition_text=text)


def _index_scan(
    scan: scans.KeyspaceScan, span: Span, condition: Evaluate, text: str
) -> index_scan.IndexScan:
    def bound(end: tuple[Expression, bool] | None) -> tuple[Evaluate, bool] | None:
        return None if end is None else (compile_expression(end[0]), end[1])

    described = {
        "equal": [render(value) for value in span.equal] or None,
        "low": render(span.low[0]) if span.low else None,
        "high": render(span.high[0]) if span.high else None,
        "in": render(span.among) if span.among is not None else None,
    }
    return index_scan.IndexScan(
        scan.keyspace,
        scan.alias,
        scan.slot,
        span.index.definition,
        [compile_expression(value) for value in span.equal],
        bound(span.low),
        bound(span.high),
        compile_expression(span.among) if span.among is not None else None,
        {name: value for name, value in described.items() if value is not None},
        condition,
        text,
    )


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
