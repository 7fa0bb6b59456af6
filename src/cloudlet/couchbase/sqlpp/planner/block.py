"""One SELECT block: its clauses in the order in which they run.

FROM, LET, WHERE, GROUP BY with the aggregates, LETTING, HAVING, result list, DISTINCT, ORDER BY,
OFFSET and LIMIT.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.evaluation import compile_expression
from cloudlet.couchbase.sqlpp.operators import grouping, ordering, results, scans, steps
from cloudlet.couchbase.sqlpp.operators.operator import Operator, QueryPlan
from cloudlet.couchbase.sqlpp.operators.prelude import Prelude
from cloudlet.couchbase.sqlpp.operators.term_scan import Remaining
from cloudlet.couchbase.sqlpp.planner import access, exclusion, pushdown, sources, window
from cloudlet.couchbase.sqlpp.planner.conditions import conjuncts
from cloudlet.couchbase.sqlpp.planner.hinting import Hinted
from cloudlet.couchbase.sqlpp.planner.resolver import (
    Aggregates,
    Resolver,
    Windows,
    without_sequences,
)
from cloudlet.couchbase.sqlpp.planner.scope import Binding, Scope
from cloudlet.couchbase.sqlpp.planner.signatures import signature
from cloudlet.couchbase.sqlpp.render import render
from cloudlet.couchbase.sqlpp.tree import Expression

if TYPE_CHECKING:
    from cloudlet.couchbase.sqlpp.planner.queries import Planner


class Block:
    """The planning of one SELECT block (or of the rows a DML statement works on)."""

    def __init__(self, planner: Planner, outer: Scope | None) -> None:
        self.planner = planner
        self.first_slot = planner.frame.size
        self.scope = Scope(outer, query=True)
        self._before: list[tuple[int, QueryPlan]] = []
        self._aggregates: Aggregates | None = None
        self._keys: dict[Expression, tree.Variable] = {}
        self._raw_slots: set[int] = set()
        self._post: Scope | None = None
        self._windows: Windows | None = None
        self._late: set[int] = set()
        self.access = access.Access(planner)
        self.hinted = Hinted((), None)

    def hint(self, hinted: Hinted) -> None:
        """Take these hints; EXPLAIN tells what became of them."""
        self.hinted = hinted
        if hinted:
            self.planner.hinted.append(hinted)

    def resolved(self, node: Expression) -> Expression:
        """An expression of which no part may need this block's rows (keys, FROM terms)."""
        resolver = Resolver(self.planner, self.scope)
        found = resolver.resolve(node)
        self._before.extend(resolver.pending)
        return found

    def with_subqueries(self, operator: Operator, resolver: Resolver) -> Operator:
        """The operator followed by those subqueries that need its rows; the rest run before."""
        own = self._own_slots()
        late = [(slot, plan) for slot, plan in resolver.pending if plan.reached & own]
        self._before.extend(item for item in resolver.pending if item not in late)
        resolver.pending.clear()
        self._late.update(slot for slot, _ in late)
        return steps.Subqueries(operator, late) if late else operator

    def _own_slots(self) -> set[int]:
        found: set[int] = set()
        for scope in (self.scope, self._post):
            if scope is not None:
                found.update(scope.positions.values())
                for binding in scope.bindings.values():
                    found.add(binding.slot)
                    if binding.keyspace:
                        found.add(binding.slot + 1)
        return found

    def rows(
        self,
        source: s.FromTerm | None,
        let: tuple[s.LetBinding, ...],
        where: Expression | None,
    ) -> Operator:
        """FROM, LET and WHERE; how the terms are reached is chosen later (`chosen`)."""
        operator: Operator = sources.source(self, source) if source is not None else scans.Nothing()
        for binding in let:
            operator = self.variable(operator, binding, self.scope, "Let")
        if where is not None:
            operator = self._where(operator, where)
        return operator

    def variable(
        self, operator: Operator, binding: s.LetBinding, scope: Scope, what: str
    ) -> Operator:
        """One LET, LETTING or WITH variable."""
        resolver = Resolver(self.planner, scope)
        value = resolver.resolve(binding.expression)
        if self._post is not None and what == "Let":
            value = self._after_group(value)
        operator = self.with_subqueries(operator, resolver)
        slot = self.planner.frame.allocate()
        scope.declare(Binding(binding.name, slot), binding.at)
        text = {"var": binding.name, "expr": render(value)}
        if isinstance(operator, steps.Let) and operator.name == what:
            operator.variables.append((slot, compile_expression(value)))
            operator.texts.append(text)
            return operator
        return steps.Let(operator, [(slot, compile_expression(value))], [text], what)

    def _where(self, operator: Operator, where: Expression) -> Operator:
        start = len(self.planner.frame.reads)
        resolver = Resolver(self.planner, self.scope)
        condition = without_sequences(resolver.resolve(where), "WHERE")
        found = self.with_subqueries(operator, resolver)
        remaining = Remaining(found, compile_expression(condition), render(condition))
        self.access.where = conjuncts(condition)
        self.access.where_reads = start, len(self.planner.frame.reads)
        self.access.remaining = remaining
        return remaining

    def chosen(self, order: Sequence[access.OrderKey] = (), *, limited: bool = False) -> bool:
        """Choose how the terms are reached; whether the rows come in the wanted order."""
        self.access.own = self._own_slots() | self._late
        return self.access.choose(order, limited=limited)

    def select(
        self,
        select: s.Select,
        order: tuple[s.OrderTerm, ...],
        limit: Expression | None,
        offset: Expression | None,
    ) -> QueryPlan:
        """The plan of the whole block."""
        self.hint(Hinted(select.hints, select.source))
        operator = self.rows(select.source, select.let, select.where)
        self._raw_slots = self._own_slots()
        grouped = select.group is not None or self._has_aggregates(select, order)
        group_place: grouping.Group | None = None
        if grouped:
            operator = group_place = self._group(operator, select)
            for binding in select.letting:
                assert self._post is not None
                operator = self._letting(operator, binding)
            if select.having is not None:
                operator, condition = self.clause(operator, select.having)
                operator = steps.Filter(operator, compile_expression(condition), render(condition))
        self._windows = Windows(self.planner.frame, dict(select.windows))
        operator, evaluate, aliases, texts = self.result_list(
            operator, select.projections, select.raw
        )
        if select.exclude:
            evaluate = results.excluding(evaluate, exclusion.paths(select.exclude))
        terms = []
        keys: list[access.OrderKey] = []
        for term in order:
            operator, value = self.clause(operator, term.expression, aliases)
            keys.append((value, term.descending, term.nulls_last))
            terms.append(
                ordering.SortTerm(
                    compile_expression(value), term.descending, term.nulls_last, render(value)
                )
            )
        plain = group_place is None and not self._windows.slots
        ordered = self.chosen(keys if plain else (), limited=limit is not None)
        if group_place is not None:
            operator = self._finish_group(operator, group_place, select)
        operator = window.with_windows(operator, self._windows.slots, self._after_group)
        slot = self.planner.frame.allocate()
        bounds = self.bounds(limit, offset)
        if plain and not select.distinct and (ordered or not terms):
            bounds = pushdown.bounded(self.access, bounds)

        def project(source: Operator) -> Operator:
            return results.Project(source, slot, evaluate, texts, select.raw)

        if select.distinct:
            operator = results.Distinct(project(operator), slot)
        if terms and not ordered:
            operator = ordering.Order(operator, terms, bounds[0], bounds[1])
        if limit is not None or bounds[1] is not None:
            operator = steps.Slice(operator, *bounds)
        if not select.distinct:
            operator = project(operator)
        if self.hinted:
            self.hinted.settle(operator.explain())
        return QueryPlan(self.enclosed(operator), slot, self.reached(), signature(select, texts))

    def reached(self) -> set[int]:
        """The outer slots this block needs."""
        return self.scope.reached

    def enclosed(self, operator: Operator) -> Operator:
        """The operator after the subqueries that run once before it."""
        if not self._before:
            return operator
        return Prelude(steps.Subqueries(scans.Nothing(), self._before), operator)

    def bounds(
        self, limit: Expression | None, offset: Expression | None
    ) -> tuple[Any, Any, str | None, str | None]:
        """LIMIT and OFFSET compiled, with their texts; they may not name the block's terms."""
        found: list[Any] = []
        texts: list[str | None] = []
        for node in (limit, offset):
            if node is None:
                found.append(None)
                texts.append(None)
                continue
            resolver = Resolver(self.planner, Scope(self.scope.parent))
            value = resolver.resolve(node)
            self._before.extend(resolver.pending)
            found.append(compile_expression(value))
            texts.append(render(value))
        return found[0], found[1], texts[0], texts[1]

    def clause(
        self,
        operator: Operator,
        node: Expression,
        aliases: dict[str, Expression] | None = None,
    ) -> tuple[Operator, Expression]:
        """An expression over the block's result rows, be they grouped or not."""
        scope = self._post if self._post is not None else self.scope
        resolver = Resolver(self.planner, scope, self._aggregates, aliases, self._windows)
        value = resolver.resolve(node)
        operator = self.with_subqueries(operator, resolver)
        return operator, self._after_group(value)

    def result_list(
        self, operator: Operator, projections: tuple[s.Projection, ...], raw: bool
    ) -> tuple[Operator, Any, dict[str, Expression], list[dict[str, Any]]]:
        """The result's closure, the aliases ORDER BY may use, and the terms' texts."""
        terms: list[results.ResultTerm] = []
        aliases: dict[str, Expression] = {}
        texts: list[dict[str, Any]] = []
        names: set[str] = set()
        unnamed = 0
        for projection in projections:
            if projection.expression is None:
                value = self._star()
                texts.append({"expr": "self", "star": True})
            else:
                operator, value = self.clause(operator, projection.expression)
                texts.append(_term_text(projection, value))
            name = None if projection.star else projection.alias
            if name is not None:
                aliases.setdefault(name, value)
            elif not projection.star:
                unnamed += 1
                name = f"${unnamed}"
            if name is not None and not raw:
                if name in names:
                    raise errors.semantic(4020, f"Duplicate result alias {name}")
                names.add(name)
            terms.append(results.ResultTerm(name, compile_expression(value), render(value)))
        if raw:
            return operator, terms[0].evaluate, aliases, texts
        return operator, results.result_object(terms), aliases, texts

    def _star(self) -> Expression:
        """`*`: an object of all FROM terms."""
        return self._after_group(self._terms())

    def _terms(self) -> Expression:
        self.planner.frame.reads.extend((term.slot, ()) for term in self.scope.terms)
        return tree.ObjectConstruct(
            tuple(
                (tree.Literal(term.name), tree.Variable(term.slot, term.name))
                for term in self.scope.terms
            )
        )

    def _has_aggregates(self, select: s.Select, order: tuple[s.OrderTerm, ...]) -> bool:
        nodes = [p.expression for p in select.projections if p.expression is not None]
        nodes += [term.expression for term in order]
        return any(isinstance(part, tree.Aggregate) for node in nodes for part in tree.walk(node))

    def _group(self, operator: Operator, select: s.Select) -> grouping.Group:
        keys, texts = [], []
        aliases: list[Binding] = []
        for term in select.group or ():
            resolver = Resolver(self.planner, self.scope)
            value = resolver.resolve(term.expression)
            operator = self.with_subqueries(operator, resolver)
            slot = self.planner.frame.allocate()
            name = term.alias or render(value)
            self._keys[value] = tree.Variable(slot, name)
            keys.append((slot, compile_expression(value)))
            texts.append(render(value))
            if term.alias is not None:
                aliases.append(Binding(term.alias, slot))
        self._aggregates = Aggregates(self.planner.frame, self.scope)
        self._post = Scope(self.scope)
        for alias in aliases:
            self._post.declare(alias)
        if select.group_as is not None:
            members = tree.Aggregate("group_as", self._terms(), False)
            slot = self._aggregates.slot(members)
            self._post.declare(Binding(select.group_as, slot))
        return grouping.Group(operator, keys, [], texts)

    def _letting(self, operator: Operator, binding: s.LetBinding) -> Operator:
        assert self._post is not None
        operator, value = self.clause(operator, binding.expression)
        slot = self.planner.frame.allocate()
        self._post.declare(Binding(binding.name, slot), binding.at)
        text = {"var": binding.name, "expr": render(value)}
        return steps.Let(operator, [(slot, compile_expression(value))], [text], "Letting")

    def _finish_group(
        self, operator: Operator, group: grouping.Group, select: s.Select
    ) -> Operator:
        """Give the group step the aggregates that the clauses after it turned out to need."""
        assert self._aggregates is not None
        if self._aggregates.pending:
            group.source = steps.Subqueries(group.source, self._aggregates.pending)
        for call, slot in self._aggregates.slots.items():
            group.aggregates.append(
                grouping.AggregateCall(
                    call.name,
                    slot,
                    compile_expression(call.argument) if call.argument is not None else None,
                    call.distinct,
                    compile_expression(call.condition) if call.condition is not None else None,
                    render(call),
                )
            )
        if operator is group and not group.keys and not select.let:
            return pushdown.aggregated(self.access, group, self._aggregates)
        return operator

    def _after_group(self, node: Expression) -> Expression:
        """Group keys replaced by their slots; 4210 for what is neither key nor aggregate."""
        if self._aggregates is None:
            return node
        replaced: Expression = self._with_keys(node)
        for part in tree.walk(replaced):
            if isinstance(part, (tree.Variable, tree.MetaOf)) and part.slot in self._raw_slots:
                raise errors.semantic(
                    4210,
                    f"Expression {render(node)} must depend only on group keys or aggregates.",
                )
        return replaced

    def _with_keys(self, node: Any) -> Any:
        if isinstance(node, Expression) and node in self._keys:
            return self._keys[node]
        return tree.rebuild(node, self._with_keys)


def _term_text(projection: s.Projection, value: Expression) -> dict[str, Any]:
    text: dict[str, Any] = {"expr": render(value)}
    if projection.star:
        text["star"] = True
    elif projection.alias is not None:
        text["as"] = projection.alias
    return text
