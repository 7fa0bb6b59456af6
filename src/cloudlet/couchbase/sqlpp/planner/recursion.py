"""WITH RECURSIVE: an anchor, and a query run on its own last results until there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.evaluation import compile_expression
from cloudlet.couchbase.sqlpp.operators.operator import Operator
from cloudlet.couchbase.sqlpp.operators.recursion import Recursive
from cloudlet.couchbase.sqlpp.planner.resolver import Resolver
from cloudlet.couchbase.sqlpp.planner.scope import Binding, Scope
from cloudlet.couchbase.sqlpp.render import render
from cloudlet.couchbase.sqlpp.tree import Expression

if TYPE_CHECKING:
    from cloudlet.couchbase.sqlpp.planner.block import Block

_LIMITS: Final = {"levels", "documents"}


def recursive_query(binding: s.LetBinding) -> s.SetOperation | None:
    """The UNION of a recursive term; None where the term is an ordinary one."""
    if binding.recursion is None or not isinstance(binding.expression, tree.Subquery):
        return None
    query = binding.expression.query
    while isinstance(query.body, s.Query) and not _bounded(query):
        query = query.body
    body = query.body
    if not isinstance(body, s.SetOperation) or body.operator != "union":
        return None
    if _references(body.right, binding.name) == 0:
        return None
    if _bounded(query):
        raise _refused("ORDER BY, LIMIT and OFFSET are not allowed", binding)
    return body


def _refused(cause: str, binding: s.LetBinding) -> errors.QueryError:
    return errors.semantic(3300, f"recursive_with semantics: {cause}{errors.near(binding.at)}")


def _bounded(query: s.Query) -> bool:
    return bool(query.order) or query.limit is not None or query.offset is not None


def _terms(source: s.FromTerm | None) -> list[s.FromTerm]:
    """A FROM clause's terms and joins, flat."""
    if source is None:
        return []
    if isinstance(source, (s.Join, s.Unnest)):
        found = [*_terms(source.left), source]
        return [*found, source.right] if isinstance(source, s.Join) else found
    return [source]


def _references(query: s.Query, name: str) -> int:
    """How often a name stands in FROM."""
    body = query.body
    if isinstance(body, s.Query):
        return _references(body, name)
    if isinstance(body, s.SetOperation):
        return _references(body.left, name) + _references(body.right, name)
    return sum(
        isinstance(term, s.KeyspaceTerm)
        and term.path.namespace is None
        and term.path.parts == (name,)
        for term in _terms(body.source)
    )


def _check(operation: s.SetOperation, binding: s.LetBinding) -> None:
    """3300 for what a recursive term may not have."""
    for side in (operation.left, operation.right):
        if _bounded(side):
            raise _refused("ORDER BY, LIMIT and OFFSET are not allowed", binding)
        if isinstance(side.body, s.Select) and side.body.distinct:
            raise _refused("DISTINCT is not allowed", binding)
    right = operation.right.body
    while isinstance(right, s.Query):
        right = right.body
    if not isinstance(right, s.Select):
        raise _refused("set operations are not allowed in the recursive clause", binding)
    if _references(operation.right, binding.name) > 1:
        raise errors.semantic(
            3302,
            f"Recursive reference '{binding.name}' must not appear more than once in the FROM"
            f" clause{errors.near(binding.at)}",
        )
    values = [p.expression for p in right.projections if p.expression is not None]
    parts = [part for value in values for part in tree.walk(value)]
    if (
        right.group is not None
        or right.windows
        or any(isinstance(part, (tree.Aggregate, tree.WindowCall)) for part in parts)
    ):
        raise _refused("GROUP BY, aggregates and window functions are not allowed", binding)
    if any(
        isinstance(part, tree.Subquery) and _references(part.query, binding.name)
        for part in [*parts, *_conditions(right)]
    ):
        raise _refused("the recursive reference is only allowed in FROM", binding)
    for term in _terms(right.source):
        if isinstance(term, s.Unnest) or (isinstance(term, s.Join) and term.nest):
            raise _refused("NEST and UNNEST are not allowed", binding)
        if isinstance(term, s.Join) and term.kind != "inner":
            raise _refused("OUTER JOIN is not allowed", binding)


def _conditions(select: s.Select) -> list[tree.Node]:
    """All that LET, WHERE and ON say."""
    roots: list[Expression | None] = [select.where, *(one.expression for one in select.let)]
    roots += [term.condition for term in _terms(select.source) if isinstance(term, s.Join)]
    return [part for root in roots if root is not None for part in tree.walk(root)]


def recursive_term(
    block: Block, operator: Operator, binding: s.LetBinding, operation: s.SetOperation
) -> Operator:
    """The operator that puts a recursive term's results into its slot."""
    _check(operation, binding)
    recursion = binding.recursion
    assert recursion is not None
    planner = block.planner
    anchor = planner.query(operation.left, block.scope)
    slot = planner.frame.allocate()
    block.scope.declare(Binding(binding.name, slot), binding.at)
    step = planner.query(operation.right, block.scope)
    fields = []
    for field in recursion.cycle:
        if not _is_path(field):
            raise errors.semantic(
                3307,
                f"Cycle fields validation failed for with term: {binding.name} - cause: invalid "
                f"cycle field expression term: {render(field)} only identifier/path "
                "expressions are allowed",
            )
        scope = Scope(query=True)
        result = planner.frame.allocate()
        scope.declare(Binding("", result, term=True))
        value = compile_expression(Resolver(planner, scope).resolve(field))
        fields.append((result, value))
    options = None
    if recursion.options is not None:
        options = compile_expression(block.resolved(recursion.options))
        _check_names(recursion.options)
    return Recursive(operator, slot, anchor, step, operation.all, fields, options, binding.name)


def _check_names(options: Expression) -> None:
    if not isinstance(options, tree.ObjectConstruct):
        return
    for key, _ in options.pairs:
        name: Any = key.value if isinstance(key, tree.Literal) else None
        if name not in _LIMITS:
            raise errors.semantic(3303, f"Invalid config option {name}")


def _is_path(node: Expression) -> bool:
    while isinstance(node, (tree.Field, tree.Element)):
        node = node.base
    return isinstance(node, tree.Name)
