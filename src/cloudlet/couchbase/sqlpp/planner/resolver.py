"""The semantic check: every name becomes a slot, every subquery a plan, aggregates are found.

What comes out has one canonical form, so that two ways to write the same expression (with and
without the term's alias, say) compare equal; GROUP BY relies on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp.defined import UserFunction
from cloudlet.couchbase.sqlpp.evaluation.calls import InlineQuery, SequenceValue
from cloudlet.couchbase.sqlpp.functions import FUNCTIONS
from cloudlet.couchbase.sqlpp.functions.aggregates import AGGREGATES
from cloudlet.couchbase.sqlpp.operators.operator import QueryPlan
from cloudlet.couchbase.sqlpp.parser import windows
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.planner.reads import root_read
from cloudlet.couchbase.sqlpp.planner.scope import Binding, Frame, Scope
from cloudlet.couchbase.sqlpp.rights import Right, on_defined
from cloudlet.couchbase.sqlpp.statements import Query
from cloudlet.couchbase.sqlpp.tree import Expression
from cloudlet.couchbase.sqlpp.values import MISSING

_T = TypeVar("_T")


class QueryPlanner(Protocol):
    """What plans the subqueries."""

    frame: Frame

    def query(self, query: Query, scope: Scope) -> QueryPlan:
        """The plan of a query whose names may also come from `scope`."""

    def needs(self, right: Right | None) -> None:
        """Note that the plan needs a right."""

    def inline(
        self, resolver: Resolver, call: tree.UserCall, arguments: tuple[Expression, ...]
    ) -> Expression:
        """The body of a user-defined function for a call."""

    def defined_name(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """The full name of a function or sequence."""


def without_sequences(condition: Expression, clause: str) -> Expression:
    """A condition of WHERE or ON; 3100 where it asks a sequence for values."""
    for part in tree.walk(condition):
        if isinstance(part, SequenceValue):
            raise errors.semantic(
                3100, f"Values of sequence {'.'.join(part.path)} are not allowed in {clause}."
            )
    return condition


class Aggregates:
    """The aggregates of one SELECT block, each with the slot of its result."""

    def __init__(self, frame: Frame, scope: Scope) -> None:
        self._frame = frame
        self.scope = scope
        self.slots: dict[tree.Aggregate, int] = {}
        # Subqueries inside the aggregates, to be run for every row before it is grouped.
        self.pending: list[tuple[int, QueryPlan]] = []

    def slot(self, aggregate: tree.Aggregate) -> int:
        """The slot of a resolved aggregate's result."""
        if aggregate not in self.slots:
            self.slots[aggregate] = self._frame.allocate()
        return self.slots[aggregate]


class Windows:
    """The window calls of one SELECT block, each with the slot of its result."""

    def __init__(self, frame: Frame, named: dict[str, tree.Window]) -> None:
        self._frame = frame
        self._named = named
        self.slots: dict[tree.WindowCall, int] = {}

    def completed(self, node: tree.WindowCall) -> tree.WindowCall:
        """The call with its whole window written out."""
        return replace(node, window=windows.completed(node, self._named))

    def slot(self, call: tree.WindowCall) -> int:
        """The slot of a resolved call's result."""
        if call not in self.slots:
            self.slots[call] = self._frame.allocate()
        return self.slots[call]


class Resolver:
    """Resolves the expressions of one clause.

    `pending` collects the subqueries to be run before the clause's operator, with the slots
    where their results go.
    """

    def __init__(
        self,
        planner: QueryPlanner,
        scope: Scope,
        aggregates: Aggregates | None = None,
        substitutes: dict[str, Expression] | None = None,
        windows: Windows | None = None,
    ) -> None:
        self._planner = planner
        self._scope = scope
        self._aggregates = aggregates
        self._windows = windows
        self._substitutes = substitutes or {}
        self._range_slots: set[int] = set()
        self.pending: list[tuple[int, QueryPlan]] = []

    def resolve(self, node: Expression) -> Expression:
        """The expression with slots for names."""
        pause()
        special = _SPECIAL.get(type(node))
        if special is not None:
            return special(self, node)
        resolved: Expression = tree.rebuild(node, self.resolve)
        return resolved

    def name(self, node: tree.Name) -> Expression:
        """A variable, or a field of the only FROM term."""
        return self._read(self._named(node))

    def _read(self, node: Expression) -> Expression:
        """Note which path of which slot is read."""
        found = root_read(node)
        if found is not None:
            self._planner.frame.reads.append(found)
        return node

    def _named(self, node: tree.Name) -> Expression:
        if node.name in self._substitutes:
            return self._substitutes[node.name]
        found = self._scope.find(node.name)
        if found is not None:
            return tree.Variable(found.slot, found.name)
        term = self._scope.default_term(node.name, node.at)
        if node.name == "self":
            return tree.Variable(term.slot, term.name)
        return tree.Field(tree.Variable(term.slot, term.name), node.name)

    def caseless_name(self, node: tree.CaselessName) -> Expression:
        """A variable, or a field of the only FROM term, whatever the case of its letters."""
        known = self._scope.alike(node.name)
        if known is not None:
            return self.name(tree.Name(known, node.at))
        term = self._scope.default_term(node.name, node.at)
        document = self._read(tree.Variable(term.slot, term.name))
        return tree.CaselessField(document, tree.Literal(node.name))

    def field(self, node: tree.Field) -> Expression:
        """`base.name`; an ORDER BY name that is a result alias is not one inside a path."""
        names = [node.name]
        base = node.base
        while isinstance(base, tree.Field):
            names.append(base.name)
            base = base.base
        found: Expression
        if isinstance(base, tree.Name):
            found = self._named(base)
        elif isinstance(base, tree.Call) and base.name == "meta":
            found = self._meta(base)
        else:
            found = self.resolve(base)
        for name in reversed(names):
            found = tree.Field(found, name)
        return self._read(found)

    def call(self, node: tree.Call) -> Expression:
        """A function call; META() stands for its keyspace term."""
        if node.name == "meta":
            return self._read(self._meta(node))
        if node.name in ("unnest_pos", "unnest_position"):
            return self._position(node)
        if node.name in ("advisor", "extractddl"):
            self._planner.needs(Right("system_catalog"))
        if node.name not in FUNCTIONS and node.name != "flatten_keys":
            return self.user_call(tree.UserCall((node.name,), node.arguments, node.at))
        resolved: Expression = tree.rebuild(node, self.resolve)
        return resolved

    def _position(self, node: tree.Call) -> Expression:
        """UNNEST_POS: the place from 0 of an UNNEST's element; NULL for any other value."""
        if len(node.arguments) != 1:
            raise errors.syntax(
                f"Number of arguments to function UNNEST_POS{errors.near(node.at)} must be 1."
            )
        argument = node.arguments[0]
        value = self.resolve(argument)
        slot = self._scope.position(argument.name) if isinstance(argument, tree.Name) else None
        known = tree.Literal(None) if slot is None else tree.Variable(slot, "unnest_position")
        return tree.Case(None, ((tree.Is(value, "missing", False), tree.Literal(MISSING)),), known)

    def user_call(self, node: tree.UserCall) -> Expression:
        """A user-defined function's body in place of its call."""
        arguments = tuple(self.resolve(argument) for argument in node.arguments)
        return self._planner.inline(self, node, arguments)

    def body(self, function: UserFunction, body: Expression) -> tuple[Expression, tuple[int, ...]]:
        """A function's body with only its parameters in scope, and the parameters' slots."""
        scope = Scope(query=True)
        names = function.parameters if function.parameters is not None else ("args",)
        slots = tuple(self._declare(scope, name) for name in names)
        inner = Resolver(self._planner, scope)
        inner._range_slots = set(slots)
        resolved = inner.resolve(body)
        self.pending.extend(inner.pending)
        return resolved, slots

    def sequence(self, node: tree.Sequence) -> Expression:
        """A sequence by its full name."""
        name = self._planner.defined_name(node.path)
        self._planner.needs(on_defined("use_sequences", name))
        slot = self._scope.sequence(name, self._planner.frame)
        return SequenceValue(name, node.previous, slot)

    def _meta(self, node: tree.Call) -> Expression:
        if len(node.arguments) > 1:
            raise errors.syntax(
                f"Number of arguments to function META{errors.near(node.at)} "
                "must be between 0 and 1."
            )
        if node.arguments:
            argument = node.arguments[0]
            if not isinstance(argument, tree.Name):
                return tree.Literal(MISSING)
            found = self._scope.find(argument.name)
            if found is None:
                raise errors.ambiguous(argument.name, argument.at)
        else:
            found = self._only_term(node)
        if not found.keyspace:
            return tree.Literal(MISSING)
        return tree.MetaOf(found.slot, found.name)

    def _only_term(self, node: tree.Call) -> Binding:
        try:
            return self._scope.default_term("META", node.at)
        except errors.QueryError:
            raise errors.semantic(
                4310,
                "META() in query with multiple FROM terms requires an argument"
                f"{errors.near(node.at)}.",
            ) from None

    def aggregate(self, node: tree.Aggregate) -> Expression:
        """The slot of an aggregate, where one may stand."""
        if self._aggregates is None:
            raise errors.syntax(
                f"Aggregate function {node.name.upper()}{errors.near(node.at)} not allowed here."
            )
        if node.name not in AGGREGATES:
            raise errors.not_supported(f"{node.name.upper()}()")
        inner = Resolver(self._planner, self._aggregates.scope)
        argument = inner.resolve(node.argument) if node.argument is not None else None
        condition = inner.resolve(node.condition) if node.condition is not None else None
        self._aggregates.pending.extend(inner.pending)
        resolved = replace(node, argument=argument, condition=condition)
        return tree.Variable(self._aggregates.slot(resolved), node.name.upper())

    def window_call(self, node: tree.WindowCall) -> Expression:
        """The slot of a window call, where one may stand."""
        collected = self._windows
        if collected is None:
            raise errors.semantic(
                3220, f"{node.name.upper()} window function{errors.near(node.at)} not allowed here."
            )
        self._windows = None  # a window function inside a window function is refused
        try:
            resolved = tree.rebuild(collected.completed(node), self._inside)
        finally:
            self._windows = collected
        return tree.Variable(collected.slot(resolved), node.name.upper())

    def _inside(self, node: tree.Node) -> tree.Node:
        """The parts of a window definition, down to their expressions."""
        if isinstance(node, Expression):
            return self.resolve(node)
        return tree.rebuild(node, self._inside)  # type: ignore[no-any-return]

    def quantified(self, node: tree.Quantified) -> Expression:
        """ANY and EVERY with their variables."""
        bindings, scope = self._bindings(node.bindings)
        condition = self._within(scope, bindings, lambda: self.resolve(node.condition))
        return replace(node, bindings=bindings, condition=condition)

    def comprehension(self, node: tree.Comprehension) -> Expression:
        """ARRAY, FIRST and OBJECT with their variables."""
        bindings, scope = self._bindings(node.bindings)

        def inside() -> Expression:
            return replace(
                node,
                bindings=bindings,
                key=self.resolve(node.key) if node.key is not None else None,
                value=self.resolve(node.value),
                condition=self.resolve(node.condition) if node.condition is not None else None,
            )

        return self._within(scope, bindings, inside)

    def ranged(
        self,
        bindings: tuple[tree.RangeBinding, ...],
        action: Callable[[tuple[tree.RangeBinding, ...]], _T],
    ) -> _T:
        """What `action` gives for the resolved bindings, with their variables in scope."""
        resolved, scope = self._bindings(bindings)
        return self._within(scope, resolved, lambda: action(resolved))

    def _bindings(
        self, bindings: tuple[tree.RangeBinding, ...]
    ) -> tuple[tuple[tree.RangeBinding, ...], Scope]:
        scope = Scope(self._scope)
        resolved = []
        for binding in bindings:
            collection = self.resolve(binding.collection)
            slot = self._declare(scope, binding.variable)
            name_slot = -1
            if binding.name_variable is not None:
                name_slot = self._declare(scope, binding.name_variable)
            resolved.append(replace(binding, collection=collection, slot=slot, name_slot=name_slot))
        return tuple(resolved), scope

    def _declare(self, scope: Scope, name: str) -> int:
        slot = self._planner.frame.allocate()
        scope.declare(Binding(name, slot))
        return slot

    def _within(
        self,
        scope: Scope,
        bindings: tuple[tree.RangeBinding, ...],
        action: Callable[[], _T],
    ) -> _T:
        outer, slots, hidden = self._scope, self._range_slots, self._substitutes
        self._scope = scope
        self._range_slots = slots | {s for b in bindings for s in (b.slot, b.name_slot)}
        self._substitutes = {n: e for n, e in hidden.items() if n not in scope.bindings}
        try:
            return action()
        finally:
            self._scope, self._range_slots, self._substitutes = outer, slots, hidden

    def subquery(self, node: tree.Subquery) -> Expression:
        """A slot filled beforehand, or a query in place where a range variable is needed."""
        plan = self._planner.query(node.query, self._scope)
        if plan.reached & self._range_slots:
            return InlineQuery(plan, node.text)
        slot = self._planner.frame.allocate()
        self.pending.append((slot, plan))
        return tree.Variable(slot, node.text)


_SPECIAL: dict[type[Expression], Callable[[Resolver, object], Expression]] = {
    tree.Name: Resolver.name,  # type: ignore[dict-item]
    tree.CaselessName: Resolver.caseless_name,  # type: ignore[dict-item]
    tree.Field: Resolver.field,  # type: ignore[dict-item]
    tree.Call: Resolver.call,  # type: ignore[dict-item]
    tree.UserCall: Resolver.user_call,  # type: ignore[dict-item]
    tree.Sequence: Resolver.sequence,  # type: ignore[dict-item]
    tree.Aggregate: Resolver.aggregate,  # type: ignore[dict-item]
    tree.WindowCall: Resolver.window_call,  # type: ignore[dict-item]
    tree.Quantified: Resolver.quantified,  # type: ignore[dict-item]
    tree.Comprehension: Resolver.comprehension,  # type: ignore[dict-item]
    tree.Subquery: Resolver.subquery,  # type: ignore[dict-item]
}
