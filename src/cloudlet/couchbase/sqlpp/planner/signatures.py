"""The response's `signature`: the names and types of a query's results."""

from __future__ import annotations

from typing import Any

from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.tree import Expression
from cloudlet.couchbase.sqlpp.values import TYPE_NAMES

_NUMBERS = frozenset({"count", "countn", "sum", "avg", "mean", "median", "length", "round", "abs"})


def type_of(node: Expression | None) -> str:
    """The type an expression is sure to have (besides NULL and MISSING), else json."""
    if isinstance(node, tree.Literal):
        return TYPE_NAMES[type(node.value)]
    if isinstance(node, tree.Arithmetic):
        return "string" if node.operator == "||" else "number"
    if isinstance(
        node,
        (tree.And, tree.Or, tree.Not, tree.Comparison, tree.Is, tree.In, tree.Like, tree.Between,
         tree.Exists, tree.Quantified),
    ):  # fmt: skip
        return "boolean"
    if isinstance(node, (tree.Aggregate, tree.Call)) and node.name in _NUMBERS:
        return "number"
    if isinstance(node, (tree.ArrayConstruct, tree.Subquery)):
        return "array"
    return "object" if isinstance(node, tree.ObjectConstruct) else "json"


def signature(select: s.Select | s.Returning, _texts: list[dict[str, Any]]) -> Any:
    """`{"*": "*"}` for stars, else a type for every name; RAW has a type alone."""
    if select.raw:
        return type_of(select.projections[0].expression)
    found: dict[str, str] = {}
    unnamed = 0
    for projection in select.projections:
        if projection.star:
            found["*"] = "*"
            continue
        name = projection.alias
        if name is None:
            unnamed += 1
            name = f"${unnamed}"
        found[name] = type_of(projection.expression)
    return found
