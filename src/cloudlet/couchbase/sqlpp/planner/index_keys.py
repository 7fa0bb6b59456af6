"""The keys of an index definition, from their text to parts that a planner matches or that run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.evaluation import compile_expression
from cloudlet.couchbase.sqlpp.functions import FUNCTIONS
from cloudlet.couchbase.sqlpp.indexes import IndexData, KeyPart
from cloudlet.couchbase.sqlpp.keyspace import IndexDefinition
from cloudlet.couchbase.sqlpp.operators.operator import QueryPlan
from cloudlet.couchbase.sqlpp.parser import parse_expression, parse_index_key
from cloudlet.couchbase.sqlpp.planner.conditions import slots_of
from cloudlet.couchbase.sqlpp.planner.resolver import QueryPlanner, Resolver
from cloudlet.couchbase.sqlpp.planner.scope import Binding, Frame, Scope
from cloudlet.couchbase.sqlpp.render import render
from cloudlet.couchbase.sqlpp.rights import Right
from cloudlet.couchbase.sqlpp.statements import Query
from cloudlet.couchbase.sqlpp.tree import Expression

# Functions whose value is not settled by the document.
_CHANGING: Final = frozenset({"uuid", "random"})


@dataclass(frozen=True, slots=True)
class ArrayKey:
    """What the parts of an array key share: the elements' bindings and condition."""

    bindings: tuple[tree.RangeBinding, ...]
    condition: Expression | None
    values: tuple[Expression, ...]
    distinct: bool


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an index key, resolved for a keyspace term; an array's is its element's value."""

    expression: Expression
    descending: bool = False
    array: ArrayKey | None = None


@dataclass(frozen=True, slots=True)
class UsableIndex:
    """An index with its expressions resolved for one keyspace term."""

    definition: IndexDefinition
    parts: tuple[Part, ...]
    condition: Expression | None
    include_missing: bool = False

    @property
    def array(self) -> ArrayKey | None:
        """The array key among the parts."""
        return next((part.array for part in self.parts if part.array is not None), None)


class _Alone:
    """A planner for expressions that may hold no subquery."""

    def __init__(self) -> None:
        self.frame = Frame()

    def query(self, query: Query, scope: Scope) -> QueryPlan:  # noqa: ARG002
        """Refused."""
        raise not_indexable("subquery")

    def needs(self, right: Right | None) -> None:
        """Nothing: what an index is made of was allowed with its making."""

    def inline(
        self,
        resolver: Resolver,  # noqa: ARG002
        call: tree.UserCall,
        arguments: tuple[Expression, ...],  # noqa: ARG002
    ) -> Expression:
        """Refused: what a function gives may change."""
        raise errors.semantic(10101, f"Function not found 'default:{call.path[-1]}'")

    def defined_name(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """Refused."""
        raise not_indexable(".".join(parts))


def not_indexable(text: str) -> errors.QueryError:
    """3280: an index key that does not depend on the document alone."""
    return errors.semantic(3280, f"Index expression is not indexable: {text}")


def key_text(key: s.IndexKey) -> str:
    """A key as `system:indexes` shows it and as it is kept."""
    text = render(key.expression)
    if key.array is not None:
        text = f"({key.array} {_bracketed(text)})"
    return text + (" INCLUDE MISSING" if key.missing else "") + (" DESC" if key.descending else "")


def _bracketed(text: str) -> str:
    return text if text.startswith("(") else f"({text})"


def resolved_index(
    planner: QueryPlanner, index: IndexDefinition, slot: int, alias: str = "self"
) -> UsableIndex:
    """The index with the document in a slot, which EXPLAIN calls by the term's alias."""
    scope = Scope(query=True)
    scope.declare(Binding(alias, slot, keyspace=True, term=True))
    resolver = Resolver(planner, scope)
    if index.is_primary:
        identity = tree.Field(tree.MetaOf(slot, alias), "id")
        return UsableIndex(index, (Part(identity),), None)
    parts: list[Part] = []
    keys = [parse_index_key(text) for text in index.keys]
    for key in keys:
        expression = resolver.resolve(key.expression)
        parts.extend(_parts(key, expression, planner))
    if sum(key.array is not None for key in keys) > 1:
        raise errors.semantic(3280, "Multiple expressions with ALL are found. Only one array "
                                    "expression is supported per index.")  # fmt: skip
    condition = None
    if index.condition is not None:
        condition = resolver.resolve(parse_expression(index.condition))
    return UsableIndex(index, tuple(parts), condition, keys[0].missing)


def _parts(key: s.IndexKey, expression: Expression, planner: QueryPlanner) -> Iterator[Part]:
    if key.array is None:
        yield Part(expression, key.descending)
        return
    distinct = key.array == "distinct"
    if isinstance(expression, tree.Comprehension) and expression.kind == "array":
        value, bindings, condition = expression.value, expression.bindings, expression.condition
    else:
        slot = planner.frame.allocate()
        value = tree.Variable(slot, "element")
        bindings = (tree.RangeBinding("element", None, expression, False, slot),)
        condition = None
    values: tuple[Expression, ...] = (value,)
    descending = [key.descending]
    if isinstance(value, tree.Call) and value.name == "flatten_keys":
        flattened = [_flattened(one) for one in value.arguments]
        values = tuple(one.expression for one in flattened)
        descending = [one.descending for one in flattened]
    array = ArrayKey(bindings, condition, values, distinct)
    for one, backward in zip(values, descending, strict=True):
        yield Part(one, backward, array)


def _flattened(node: Expression) -> tree.FlattenedKey:
    return node if isinstance(node, tree.FlattenedKey) else tree.FlattenedKey(node)


def index_data(index: IndexDefinition) -> IndexData:
    """Empty data for an index; 3280 for keys that cannot be indexed."""
    planner = _Alone()
    planner.frame.allocate(2)
    usable = resolved_index(planner, index, 1)
    array = usable.array
    elements: Expression | None = None
    if array is not None:
        value = array.values[0]
        if len(array.values) > 1:
            # An element with a MISSING part would leave the array: NULL takes its place.
            value = tree.ArrayConstruct(array.values)
        elements = tree.Comprehension("array", None, value, array.bindings, array.condition)
    whole = [part.expression for part in usable.parts if part.array is None]
    whole += [node for node in (elements, usable.condition) if node is not None]
    for node in whole:
        if 1 not in slots_of(node) or any(map(_changes, tree.walk(node))) or not _meta_of_use(node):
            raise not_indexable(", ".join(index.keys))
    compiled = compile_expression(elements) if elements is not None else None
    parts = []
    for part in usable.parts:
        if part.array is None or compiled is None:
            parts.append(KeyPart(compile_expression(part.expression), part.descending))
            continue
        place = part.array.values.index(part.expression) if len(part.array.values) > 1 else None
        parts.append(KeyPart(compiled, part.descending, True, place))
    return IndexData(
        parts,
        compile_expression(usable.condition) if usable.condition is not None else None,
        planner.frame.size,
        include_missing=usable.include_missing,
        distinct=array.distinct if array is not None else False,
        index_id=index.id,
    )


def _meta_of_use(node: tree.Node) -> bool:
    """Whether of META() only what can be indexed is asked for."""
    parts = list(tree.walk(node))
    asked = sum(isinstance(part, tree.MetaOf) for part in parts)
    return asked == sum(
        isinstance(part, tree.Field)
        and isinstance(part.base, tree.MetaOf)
        and part.name in ("id", "cas", "expiration", "xattrs")
        for part in parts
    )


def _changes(node: tree.Node) -> bool:
    if isinstance(node, tree.Parameter):
        return True
    if not isinstance(node, tree.Call):
        return False
    function = FUNCTIONS.get(node.name)
    clock = node.name.startswith(("clock_", "now_"))
    return clock or node.name in _CHANGING or (function is not None and function.wants_context)


def renamed(node: Expression, slots: dict[int, int]) -> Expression:
    """An expression with other slots for its variables."""

    def visit(part: Expression) -> Expression:
        if isinstance(part, tree.Variable):
            return replace(part, slot=slots.get(part.slot, part.slot))
        found: Expression = tree.rebuild(part, visit)
        return found

    return visit(node)
