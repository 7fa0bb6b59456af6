"""Whole queries: WITH, set operations, and the ordering over them."""

from __future__ import annotations

from typing import Any

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.defined import path_text
from cloudlet.couchbase.sqlpp.evaluation import compile_expression
from cloudlet.couchbase.sqlpp.evaluation.calls import InlineCall
from cloudlet.couchbase.sqlpp.keyspace import KeyspaceName
from cloudlet.couchbase.sqlpp.operators import ordering, results, scans, steps
from cloudlet.couchbase.sqlpp.operators.operator import Operator, QueryPlan
from cloudlet.couchbase.sqlpp.operators.prelude import Prelude
from cloudlet.couchbase.sqlpp.operators.term_scan import TermScan
from cloudlet.couchbase.sqlpp.parser import parse_body
from cloudlet.couchbase.sqlpp.planner.block import Block
from cloudlet.couchbase.sqlpp.planner.catalog import Catalog, defined_name
from cloudlet.couchbase.sqlpp.planner.hinting import Hinted
from cloudlet.couchbase.sqlpp.planner.index_keys import UsableIndex, resolved_index
from cloudlet.couchbase.sqlpp.planner.recursion import recursive_query, recursive_term
from cloudlet.couchbase.sqlpp.planner.resolver import Resolver
from cloudlet.couchbase.sqlpp.planner.scope import Binding, Frame, Scope
from cloudlet.couchbase.sqlpp.render import render
from cloudlet.couchbase.sqlpp.rights import Right, on_defined, on_keyspace
from cloudlet.couchbase.sqlpp.tree import Expression


class Planner:
    """Plans one statement: all its queries share one frame."""

    def __init__(
        self, catalog: Catalog, context: tuple[str, str] | None, *, indexes: bool = True
    ) -> None:
        self._indexes = indexes
        self.catalog = catalog
        self.context = context
        self.frame = Frame()
        #: What the plan needs its user to be allowed.
        self.rights: set[Right] = set()
        #: The target of a change: reading it needs no right of its own.
        self.target: s.Path | None = None
        #: The hints of all blocks that have any.
        self.hinted: list[Hinted] = []
        self._expanding: list[tuple[str, ...]] = []
        self._usable: dict[int, list[UsableIndex]] = {}

    def keyspace(self, path: s.Path) -> KeyspaceName:
        """What a keyspace that is read means; an error where it means nothing."""
        name = self.catalog.name(path, self.context)
        if path is not self.target:
            self.needs(on_keyspace("select", name))
        return name

    def needs(self, right: Right | None) -> None:
        """Note that the plan needs a right."""
        if right is not None:
            self.rights.add(right)

    def scan_index(self, name: KeyspaceName) -> str:
        """The name of the index a scan of the whole keyspace is said to use."""
        index = self.catalog.primary_index(name)
        return index.name if index is not None else "#sequentialscan"

    def usable_indexes(self, scan: TermScan) -> list[UsableIndex]:
        """The online secondary indexes of a term's keyspace, resolved for the term."""
        known = self._usable.get(scan.slot)
        if known is None:
            before = len(self.frame.reads)
            known = self._usable[scan.slot] = [
                resolved_index(self, index, scan.slot, scan.alias)
                for index in self.catalog.indexes(scan.keyspace)
                if self._indexes and not index.is_primary and index.state == "online"
            ]
            del self.frame.reads[before:]
        return known

    def defined_name(self, parts: tuple[str, ...]) -> tuple[str, ...]:
        """The full name of a function or sequence in this query context."""
        return defined_name(parts, self.context)

    def inline(
        self, resolver: Resolver, call: tree.UserCall, arguments: tuple[Expression, ...]
    ) -> Expression:
        """A call's function, put in place; 10101, 10104 and 10112 where that cannot be."""
        name = self.defined_name(call.path)
        function = self.catalog.functions.find(name)
        if function is None and len(call.path) == 1:
            name = call.path
            function = self.catalog.functions.find(name)
        if function is None:
            shown = path_text(self.defined_name(call.path))
            raise errors.semantic(10101, f"Function not found '{shown}'{errors.near(call.at)}")
        if function.parameters is not None and len(function.parameters) != len(arguments):
            raise errors.semantic(
                10104,
                f"Incorrect number of arguments supplied to function {name[-1]} - "
                f"cause: {name[-1]}",
            )
        if name in self._expanding:
            raise errors.semantic(10112, f"Function {name[-1]} calls itself")
        self.needs(on_defined("execute_functions", name))
        body = parse_body(function.body)
        context, self.context = self.context, function.context
        self._expanding.append(name)
        try:
            resolved, slots = resolver.body(function, body)
        finally:
            self._expanding.pop()
            self.context = context
        return InlineCall(name[-1], slots, function.parameters is None, arguments, resolved)

    def query(self, query: s.Query, scope: Scope | None) -> QueryPlan:
        """The plan of a query whose names may also come from `scope`."""
        if not query.with_:
            return self._body(query, scope)
        block = Block(self, scope)
        operator: Operator = scans.Nothing()
        for binding in query.with_:
            operation = recursive_query(binding)
            if operation is not None:
                operator = recursive_term(block, operator, binding, operation)
            else:
                operator = block.variable(operator, binding, block.scope, "With")
        body = self._body(query, block.scope)
        own = {binding.slot for binding in block.scope.bindings.values()}
        whole = block.enclosed(Prelude(operator, body.operator))
        # What the body reaches beyond the WITH variables passed through this scope too.
        reached = (body.reached | block.scope.reached) - own
        return QueryPlan(whole, body.slot, reached, body.signature)

    def _body(self, query: s.Query, scope: Scope | None) -> QueryPlan:
        body = query.body
        if isinstance(body, s.Select):
            block = Block(self, scope)
            return block.select(body, query.order, query.limit, query.offset)
        if isinstance(body, s.Query):
            inner = self.query(body, scope)
            if not (query.order or query.limit is not None or query.offset is not None):
                return inner
            operator: Operator = scans.SubqueryScan(inner, "", inner.slot)
            return self._bounded(query, operator, inner, scope, inner.reached)
        left, right = self.query(body.left, scope), self.query(body.right, scope)
        slot = self.frame.allocate()
        operator = results.SetOperation(body.operator, body.all, left, right, slot)
        combined = QueryPlan(operator, slot, left.reached | right.reached, left.signature)
        return self._bounded(query, operator, combined, scope, combined.reached)

    def _bounded(
        self,
        query: s.Query,
        operator: Operator,
        plan: QueryPlan,
        scope: Scope | None,
        reached: set[int],
    ) -> QueryPlan:
        """ORDER BY, OFFSET and LIMIT over results: names are fields of the result."""
        block = Block(self, scope)
        block.scope.declare(Binding("", plan.slot, term=True))
        terms: list[Any] = []
        for term in query.order:
            resolver = Resolver(self, block.scope)
            value = resolver.resolve(term.expression)
            operator = block.with_subqueries(operator, resolver)
            terms.append(
                ordering.SortTerm(
                    compile_expression(value), term.descending, term.nulls_last, render(value)
                )
            )
        bounds = block.bounds(query.limit, query.offset)
        if terms:
            operator = ordering.Order(operator, terms, bounds[0], bounds[1])
        if query.limit is not None or query.offset is not None:
            operator = steps.Slice(operator, *bounds)
        return QueryPlan(
            block.enclosed(operator), plan.slot, reached | block.scope.reached, plan.signature
        )
