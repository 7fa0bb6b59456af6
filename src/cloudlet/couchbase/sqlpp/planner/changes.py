"""Plans of INSERT, UPSERT, UPDATE and DELETE."""

from __future__ import annotations

from typing import Any

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.evaluation import Evaluate, compile_expression
from cloudlet.couchbase.sqlpp.evaluation.dispatch import constant
from cloudlet.couchbase.sqlpp.operators import changes, scans, steps
from cloudlet.couchbase.sqlpp.operators.base import Operator
from cloudlet.couchbase.sqlpp.planner.block import Block
from cloudlet.couchbase.sqlpp.planner.queries import Planner
from cloudlet.couchbase.sqlpp.planner.resolver import Resolver
from cloudlet.couchbase.sqlpp.planner.scope import Binding, Scope
from cloudlet.couchbase.sqlpp.planner.signatures import signature
from cloudlet.couchbase.sqlpp.planner.sources import declare_keyspace
from cloudlet.couchbase.sqlpp.tree import Expression


def plan_change(planner: Planner, statement: s.Dml) -> tuple[changes.ChangePlan, Any]:
    """The plan of a data change and the signature of what it returns."""
    if isinstance(statement, s.Insert):
        plan: changes.ChangePlan = _insert(planner, statement)
    elif isinstance(statement, s.Update):
        plan = _update(planner, statement)
    else:
        plan = _delete(planner, statement)
    shown = signature(statement.returning, []) if statement.returning else None
    return plan, shown


def _returning(block: Block, returning: s.Returning | None) -> Evaluate | None:
    if returning is None:
        return None
    nothing = scans.Nothing()
    operator, evaluate, _, _ = block.result_list(nothing, returning.projections, returning.raw)
    if operator is not nothing:
        raise errors.not_supported("Correlated subquery in RETURNING")
    found: Evaluate = evaluate
    return found


def _insert(planner: Planner, statement: s.Insert) -> changes.Insert:
    name = planner.keyspace(statement.target.path)
    pending: list[Any] = []

    def compiled(node: Expression | None, scope: Scope) -> Evaluate | None:
        if node is None:
            return None
        resolver = Resolver(planner, scope)
        value = resolver.resolve(node)
        pending.extend(resolver.pending)
        return compile_expression(value)

    empty = Scope(query=True)
    values = []
    for key, value, options in statement.values:
        key_of, value_of = compiled(key, empty), compiled(value, empty)
        assert key_of is not None
        assert value_of is not None
        values.append((key_of, value_of, compiled(options, empty)))
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
    return changes.Insert(
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
    if limit is not None or offset is not None:
        operator = steps.Slice(operator, *block.bounds(limit, offset))
    return operator


def _update(planner: Planner, statement: s.Update) -> changes.Update:
    block = Block(planner, None)
    name = planner.keyspace(statement.target.path)
    operator = _rows(block, statement.target, statement.let, statement.where, statement.limit, None)
    slot = block.scope.terms[0].slot
    found = []
    for assignment in (*statement.set_, *statement.unset):
        value = None
        if assignment.value is not None:
            operator, resolved = block.clause(operator, assignment.value)
            value = compile_expression(resolved)
        operator, path = block.clause(operator, assignment.path)
        found.append(_path_change(path, value, slot))
    returning = _returning(block, statement.returning)
    return changes.Update(
        name, statement.target.alias, slot, block.enclosed(operator), found, returning
    )


def _path_change(path: Expression, value: Evaluate | None, slot: int) -> changes.PathChange:
    """The steps from the document down to what is changed."""
    found: list[changes.Step] = []
    node = path
    while True:
        if isinstance(node, tree.Field):
            if isinstance(node.base, tree.MetaOf):
                if node.name != "expiration" or found:
                    raise errors.semantic(
                        4321, f"META().{node.name} cannot be set; only expiration can."
                    )
                return changes.PathChange((), value, expiration=True)
            found.append(constant(node.name))
            node = node.base
        elif isinstance(node, tree.DynamicField):
            found.append(compile_expression(node.name))
            node = node.base
        elif isinstance(node, tree.Element):
            found.append(compile_expression(node.index))
            node = node.base
        elif isinstance(node, tree.Variable) and node.slot == slot:
            return changes.PathChange(tuple(reversed(found)), value)
        else:
            raise errors.semantic(4321, "SET and UNSET take a path into the document.")


def _delete(planner: Planner, statement: s.Delete) -> changes.Delete:
    block = Block(planner, None)
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
    return changes.Delete(name, statement.target.alias, slot, block.enclosed(operator), returning)
