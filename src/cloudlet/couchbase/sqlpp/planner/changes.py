"""Plans of INSERT, UPSERT, UPDATE, DELETE and MERGE."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.evaluation import Evaluate, compile_expression
from cloudlet.couchbase.sqlpp.evaluation.dispatch import constant
from cloudlet.couchbase.sqlpp.evaluation.ranges import Bindings
from cloudlet.couchbase.sqlpp.operators import changes, inserts, merges, scans, steps, updates
from cloudlet.couchbase.sqlpp.operators.operator import Operator, QueryPlan
from cloudlet.couchbase.sqlpp.planner import sources
from cloudlet.couchbase.sqlpp.planner.block import Block
from cloudlet.couchbase.sqlpp.planner.hinting import Hinted
from cloudlet.couchbase.sqlpp.planner.queries import Planner
from cloudlet.couchbase.sqlpp.planner.resolver import Resolver
from cloudlet.couchbase.sqlpp.planner.scope import Binding, Scope
from cloudlet.couchbase.sqlpp.planner.signatures import signature
from cloudlet.couchbase.sqlpp.planner.sources import declare_keyspace
from cloudlet.couchbase.sqlpp.rights import QueryAction, on_keyspace
from cloudlet.couchbase.sqlpp.tree import Expression


def plan_change(planner: Planner, statement: s.Dml) -> tuple[changes.ChangePlan, Any]:
    """The plan of a data change and the signature of what it returns."""
    target = planner.target = statement.target.path
    name = planner.keyspace(target)
    for action in _actions(statement):
        planner.needs(on_keyspace(action, name))
    if statement.returning is not None:
        planner.needs(on_keyspace("select", name))
    if isinstance(statement, s.Insert):
        plan: changes.ChangePlan = _insert(planner, statement)
    elif isinstance(statement, s.Update):
        plan = _update(planner, statement)
    elif isinstance(statement, s.Merge):
        plan = _merge(planner, statement)
    else:
        plan = _delete(planner, statement)
    shown = signature(statement.returning, []) if statement.returning else None
    return plan, shown


def _actions(statement: s.Dml) -> list[QueryAction]:
    """What a change does with its target."""
    if isinstance(statement, s.Insert):
        return ["insert", "update"] if statement.upsert else ["insert"]
    if isinstance(statement, s.Update):
        return ["update"]
    if isinstance(statement, s.Delete):
        return ["delete"]
    parts: dict[QueryAction, bool] = {
        "update": statement.update is not None,
        "delete": statement.delete,
        "insert": statement.insert is not None,
    }
    return [action for action, does in parts.items() if does]


def _returning(block: Block, returning: s.Returning | None) -> changes.Returning | None:
    if returning is None:
        return None
    nothing = scans.Nothing()
    operator, evaluate, _, _ = block.result_list(nothing, returning.projections, returning.raw)
    subqueries: list[tuple[int, QueryPlan]] = []
    while isinstance(operator, steps.Subqueries):
        subqueries = [*operator.plans, *subqueries]
        operator = operator.source
    return changes.Returning(evaluate, subqueries)


def _insert(planner: Planner, statement: s.Insert) -> inserts.Insert:
    name = planner.keyspace(statement.target.path)
    pending: list[Any] = []

    def compiled(node: Expression | None, scope: Scope) -> Evaluate | None:
        if node is None:
            return None
        resolver = Resolver(planner, scope)
        value = resolver.resolve(node)
        pending.extend(resolver.pending)
        return compile_expression(value)

    values = []
    for key, value, options in statement.values:
        # The key is no part of the document: a sequence gives each its own value.
        key_of, value_of = compiled(key, Scope(query=True)), compiled(value, Scope(query=True))
        assert key_of is not None
        assert value_of is not None
        values.append((key_of, value_of, compiled(options, Scope(query=True))))
    query = None
    over_results = Scope(query=True)
    if statement.query is not None:
        query = planner.query(statement.query, None)
        over_results.declare(Binding("", query.slot, term=True))
    key_of = compiled(statement.key, over_results)
    value_of = compiled(statement.value, over_results)
    options_of = compiled(statement.options, over_results)
    source: Operator = scans.Nothing()
    if pending:
        source = steps.Subqueries(source, pending)
    block = Block(planner, None)
    slot = declare_keyspace(block, statement.target)
    returning = _returning(block, statement.returning)
    source = block.enclosed(source)
    return inserts.Insert(
        name, statement.target.alias, slot, statement.upsert, values, query,
        key_of, value_of, options_of, returning, source,
    )  # fmt: skip


def _rows(
    block: Block,
    target: s.KeyspaceTerm,
    let: tuple[s.LetBinding, ...],
    where: Expression | None,
    limit: Expression | None,
    offset: Expression | None,
) -> Operator:
    operator = block.rows(target, let, where)
    block.access.documents = True
    block.chosen()
    block.hinted.settle(operator.explain())
    if limit is not None or offset is not None:
        operator = steps.Slice(operator, *block.bounds(limit, offset))
    return operator


def _update(planner: Planner, statement: s.Update) -> updates.Update:
    block = Block(planner, None)
    block.hint(Hinted(statement.hints, statement.target, statement))
    name = planner.keyspace(statement.target.path)
    operator = _rows(block, statement.target, statement.let, statement.where, statement.limit, None)
    slot = block.scope.terms[0].slot
    operator, found = _changes(block, operator, (*statement.set_, *statement.unset), slot)
    returning = _returning(block, statement.returning)
    return updates.Update(
        name, statement.target.alias, slot, block.enclosed(operator), found, returning
    )


def _changes(
    block: Block, operator: Operator, assignments: tuple[s.Assignment, ...], slot: int
) -> tuple[Operator, updates.Changes]:
    """The SETs and UNSETs, with the operator that also runs their subqueries."""
    found = []
    for assignment in assignments:
        if assignment.dimensions:
            operator, change = _change_for(block, operator, assignment)
            found.append(change)
            continue
        value = None
        if assignment.value is not None:
            operator, resolved = block.clause(operator, assignment.value)
            value = compile_expression(resolved)
        operator, path = block.clause(operator, assignment.path)
        found.append(_path_change(path, value, {slot}))
    return operator, updates.Changes(slot, found)


def _change_for(
    block: Block, operator: Operator, assignment: s.Assignment
) -> tuple[Operator, updates.PathChange]:
    """A SET or UNSET with FOR: its variables may be in its path, its value and its condition."""
    resolver = Resolver(block.planner, block.scope)
    dimensions: list[Bindings] = []
    allowed = {block.scope.terms[0].slot}

    def inside() -> updates.PathChange:
        value = condition = None
        if assignment.value is not None:
            value = compile_expression(resolver.resolve(assignment.value))
        if assignment.condition is not None:
            condition = compile_expression(resolver.resolve(assignment.condition))
        change = _path_change(resolver.resolve(assignment.path), value, allowed)
        return replace(change, dimensions=tuple(dimensions), condition=condition)

    def nested(rest: tuple[tuple[tree.RangeBinding, ...], ...]) -> updates.PathChange:
        if not rest:
            return inside()

        def deeper(bindings: tuple[tree.RangeBinding, ...]) -> updates.PathChange:
            dimensions.append(Bindings(bindings))
            allowed.update(binding.slot for binding in bindings)
            return nested(rest[1:])

        return resolver.ranged(rest[0], deeper)

    change = nested(assignment.dimensions)
    return block.with_subqueries(operator, resolver), change


def _path_change(path: Expression, value: Evaluate | None, bases: set[int]) -> updates.PathChange:
    """The steps from the document, or a FOR variable, down to what is changed."""
    found: list[updates.Step] = []
    node = path
    while True:
        if isinstance(node, tree.Field):
            if isinstance(node.base, tree.MetaOf):
                if node.name != "expiration" or found:
                    raise errors.semantic(
                        4321, f"META().{node.name} cannot be set; only expiration can."
                    )
                if value is None:
                    raise errors.semantic(
                        4321, "META().expiration cannot be unset; set it to 0 instead."
                    )
                return updates.PathChange((), value, expiration=True)
            found.append(constant(node.name))
            node = node.base
        elif isinstance(node, tree.DynamicField):
            found.append(compile_expression(node.name))
            node = node.base
        elif isinstance(node, tree.Element):
            found.append(compile_expression(node.index))
            node = node.base
        elif isinstance(node, tree.Variable) and node.slot in bases:
            return updates.PathChange(tuple(reversed(found)), value, base=node.slot)
        else:
            raise errors.semantic(4321, "SET and UNSET take a path into the document.")


def _delete(planner: Planner, statement: s.Delete) -> updates.Delete:
    block = Block(planner, None)
    block.hint(Hinted(statement.hints, statement.target, statement))
    name = planner.keyspace(statement.target.path)
    operator = _rows(
        block,
        statement.target,
        statement.let,
        statement.where,
        statement.limit,
        statement.offset,
    )
    slot = block.scope.terms[0].slot
    returning = _returning(block, statement.returning)
    return updates.Delete(name, statement.target.alias, slot, block.enclosed(operator), returning)


def _merge(planner: Planner, statement: s.Merge) -> merges.Merge:
    block = Block(planner, None)
    name = planner.keyspace(statement.target.path)
    # Source rows without a partner are of use to an INSERT alone.
    kind = "left" if statement.insert is not None else "inner"
    joined = s.Join(statement.source, statement.target, kind, statement.condition, statement.on_key)
    block.hint(Hinted(statement.hints, joined, statement))
    operator = sources.source(block, joined)
    block.access.documents = True
    block.chosen()
    block.hinted.settle(operator.explain())
    slot = block.scope.terms[-1].slot
    evaluated: dict[str, Evaluate | None] = {}

    def condition(node: Expression | None) -> Evaluate | None:
        nonlocal operator
        if node is None:
            return None
        operator, resolved = block.clause(operator, node)
        return compile_expression(resolved)

    update = None
    if statement.update is not None:
        assignments = (*statement.update.set_, *statement.update.unset)
        operator, update = _changes(block, operator, assignments, slot)
        evaluated["update"] = condition(statement.update.where)
    evaluated["delete"] = condition(statement.delete_where)
    insert = None
    if statement.insert is not None:
        given = statement.insert
        # ON KEY names the new document's key; without a value the source row itself is stored.
        key = condition(given.key if given.key is not None else statement.on_key)
        value = given.value if given.value is not None else tree.Name(statement.source.alias)
        value_of = condition(value)
        assert key is not None
        assert value_of is not None
        insert = merges.MergeInsert(key, value_of, condition(given.options), condition(given.where))
    limit = block.bounds(statement.limit, None)[0]
    returning = _returning(block, statement.returning)
    return merges.Merge(
        name, statement.target.alias, slot, block.enclosed(operator), update,
        evaluated.get("update"), statement.delete, evaluated["delete"], insert, limit, returning,
    )  # fmt: skip
