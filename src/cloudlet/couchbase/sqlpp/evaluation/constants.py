"""Expressions that stand for one value: what options and EXECUTE's USING may hold."""

from __future__ import annotations

from typing import Final

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.functions import FUNCTIONS

_KINDS: Final = (
    tree.Literal, tree.ArrayConstruct, tree.ObjectConstruct, tree.Negate, tree.Arithmetic,
    tree.Comparison, tree.And, tree.Or, tree.Not, tree.Is, tree.Field, tree.Element, tree.Slice,
    tree.Case, tree.Call,
)  # fmt: skip


def is_constant(node: tree.Expression) -> bool:
    """Whether the value needs no row, parameter, request or clock."""
    return all(not isinstance(part, tree.Expression) or _plain(part) for part in tree.walk(node))


def _plain(part: tree.Expression) -> bool:
    if isinstance(part, tree.Call):
        function = FUNCTIONS.get(part.name)
        return function is not None and not function.wants_context
    return isinstance(part, _KINDS)
