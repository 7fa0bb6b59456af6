"""The expressions of an index definition, from its text to something that runs."""

from __future__ import annotations

from typing import Final

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp.evaluation import compile_expression
from cloudlet.couchbase.sqlpp.functions import FUNCTIONS
from cloudlet.couchbase.sqlpp.indexes import IndexData
from cloudlet.couchbase.sqlpp.keyspace import IndexDefinition
from cloudlet.couchbase.sqlpp.operators.base import QueryPlan
from cloudlet.couchbase.sqlpp.parser import parse_expression
from cloudlet.couchbase.sqlpp.planner.conditions import slots_of
from cloudlet.couchbase.sqlpp.planner.resolver import QueryPlanner, Resolver
from cloudlet.couchbase.sqlpp.planner.scope import Binding, Frame, Scope
from cloudlet.couchbase.sqlpp.statements import Query
from cloudlet.couchbase.sqlpp.tree import Expression

# Functions whose value is not settled by the document.
_CHANGING: Final = frozenset({"uuid", "random"})


class _Alone:
    """A planner for expressions that may hold no subquery."""

    def __init__(self) -> None:
        self.frame = Frame()

    def query(self, query: Query, scope: Scope) -> QueryPlan:  # noqa: ARG002
        """Refused."""
        raise not_indexable("subquery")


def not_indexable(text: str) -> errors.QueryError:
    """3280: an index key that does not depend on the document alone."""
    return errors.semantic(3280, f"Index expression is not indexable: {text}")


def resolved_index(
    planner: QueryPlanner, index: IndexDefinition, slot: int
) -> tuple[tuple[Expression, ...], Expression | None]:
    """The keys and the condition with the document in a slot."""
    scope = Scope(query=True)
    scope.declare(Binding(index.collection, slot, keyspace=True, term=True))
    resolver = Resolver(planner, scope)
    keys = tuple(
        resolver.resolve(parse_expression(key.removesuffix(" DESC"))) for key in index.keys
    )
    condition = None
    if index.condition is not None:
        condition = resolver.resolve(parse_expression(index.condition))
    return keys, condition


def index_data(index: IndexDefinition) -> IndexData:
    """Empty data for an index; 3280 for keys that cannot be indexed."""
    planner = _Alone()
    planner.frame.allocate(2)
    keys, condition = resolved_index(planner, index, 1)
    for key in (*keys, *([condition] if condition is not None else [])):
        if 1 not in slots_of(key) or any(map(_changes, tree.walk(key))):
            raise not_indexable(", ".join(index.keys))
    return IndexData(
        [compile_expression(key) for key in keys],
        compile_expression(condition) if condition is not None else None,
        planner.frame.size,
    )


def _changes(node: tree.Node) -> bool:
    if isinstance(node, tree.Parameter):
        return True
    if not isinstance(node, tree.Call):
        return False
    function = FUNCTIONS.get(node.name)
    clock = node.name.startswith(("clock_", "now_"))
    return clock or node.name in _CHANGING or (function is not None and function.wants_context)
