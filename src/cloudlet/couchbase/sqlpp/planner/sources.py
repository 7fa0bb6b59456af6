"""FROM: each term becomes a scan, each join an operator over two sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.evaluation import compile_expression
from cloudlet.couchbase.sqlpp.keyspace import KeyspaceName
from cloudlet.couchbase.sqlpp.operators import joins, scans
from cloudlet.couchbase.sqlpp.operators.operator import Operator
from cloudlet.couchbase.sqlpp.operators.term_scan import TermScan
from cloudlet.couchbase.sqlpp.planner import access, costs
from cloudlet.couchbase.sqlpp.planner.conditions import conjuncts, slots_of
from cloudlet.couchbase.sqlpp.planner.joining import JoinChoice
from cloudlet.couchbase.sqlpp.planner.resolver import Resolver, without_sequences
from cloudlet.couchbase.sqlpp.planner.scans import built_scan
from cloudlet.couchbase.sqlpp.planner.scope import Binding
from cloudlet.couchbase.sqlpp.render import render

if TYPE_CHECKING:
    from cloudlet.couchbase.sqlpp.planner.block import Block


def source(block: Block, term: s.FromTerm) -> Operator:
    """The operator that gives a FROM clause's rows; its aliases are declared in the scope."""
    if isinstance(term, s.KeyspaceTerm):
        return _keyspace(block, term)
    if isinstance(term, s.ExpressionTerm):
        return _expression(block, term)
    left = source(block, term.left)
    if isinstance(term, s.Unnest):
        return _unnest(block, term, left)
    return _join(block, term, left)


def _keyspace(block: Block, term: s.KeyspaceTerm) -> Operator:
    parts = term.path.parts
    if term.path.namespace is None and _names_variable(block, parts):
        value: tree.Expression = tree.Name(parts[0], term.path.at)
        for part in parts[1:]:
            value = tree.Field(value, part)
        return _expression(block, s.ExpressionTerm(value, term.alias))
    name = block.planner.keyspace(term.path)
    if term.use_keys is not None:
        return key_scan(block, term, name, term.use_keys)
    slot = declare_keyspace(block, term)
    index = block.planner.scan_index(name)
    whole = scans.KeyspaceScan(name, term.alias, slot, index)
    hinted: tuple[tuple[str, ...], ...] = ((), (), ())
    if block.hinted:
        known = {one.name for one in block.planner.catalog.indexes(name)}
        hinted = block.hinted.indexes(term.alias, known)
    scan = TermScan(name, term.alias, slot, hinted, whole)
    block.access.terms.append(access.Term(scan))
    return scan


def _names_variable(block: Block, parts: tuple[str, ...]) -> bool:
    """Whether a FROM path starts at a variable or an outer query's alias, not at a keyspace.

    The name alone of a term of this very FROM is a keyspace again, as in a self-join.
    """
    own = block.scope.bindings.get(parts[0])
    if own is not None and own.term and len(parts) == 1:
        return False
    return block.scope.find(parts[0]) is not None


def declare_keyspace(block: Block, term: s.KeyspaceTerm) -> int:
    """The slot of a keyspace's documents; their meta is in the next one."""
    slot = block.planner.frame.allocate(2)
    binding = Binding(term.alias, slot, keyspace=True, term=True)
    block.scope.declare(binding, term.path.at, what="FROM")
    return slot


def key_scan(
    block: Block, term: s.KeyspaceTerm, name: KeyspaceName, keys: tree.Expression
) -> scans.KeyScan:
    """The scan of given keys, which may not name the term itself."""
    resolved = block.resolved(keys)
    slot = declare_keyspace(block, term)
    return scans.KeyScan(name, term.alias, slot, compile_expression(resolved), render(resolved))


def _declare_value(block: Block, alias: str, what: str) -> int:
    slot = block.planner.frame.allocate()
    block.scope.declare(Binding(alias, slot, term=True), what=what)
    return slot


def _expression(block: Block, term: s.ExpressionTerm) -> Operator:
    if isinstance(term.expression, tree.Subquery):
        plan = block.planner.query(term.expression.query, block.scope)
        return scans.SubqueryScan(plan, term.alias, _declare_value(block, term.alias, "FROM"))
    resolved = block.resolved(term.expression)
    slot = _declare_value(block, term.alias, "FROM")
    return scans.ExpressionScan(
        compile_expression(resolved), term.alias, slot, render(resolved), slots_of(resolved)
    )


def _unnest(block: Block, term: s.Unnest, left: Operator) -> Operator:
    resolver = Resolver(block.planner, block.scope)
    resolved = resolver.resolve(term.expression)
    left = block.with_subqueries(left, resolver)
    slot = _declare_value(block, term.alias, "UNNEST")
    if not term.outer:
        block.access.unnested[slot] = resolved
    return joins.Unnest(
        left,
        compile_expression(resolved),
        slot,
        term.outer,
        term.alias,
        render(resolved),
        block.scope.unnested(term.alias, block.planner.frame.allocate()),
    )


def _join(block: Block, term: s.Join, left: Operator) -> Operator:
    before = {binding.slot for binding in block.scope.terms}
    started = block.planner.frame.size
    right = _right_side(block, term)
    binding = block.scope.terms[-1]
    own = {binding.slot, binding.slot + 1} if binding.keyspace else {binding.slot}
    condition, text = None, None
    if term.condition is not None:
        resolver = Resolver(block.planner, block.scope)
        condition = without_sequences(resolver.resolve(term.condition), "ON")
        left = block.with_subqueries(left, resolver)
        text = render(condition)
    known = block.access.term(right)
    if known is not None:
        known.on = conjuncts(condition) if condition is not None else ()
        known.role = "inner" if term.kind == "inner" and not term.nest else "outer"
    if term.kind == "right":
        for one in block.access.terms:
            one.role = "fixed"
        return _right_join(left, right, condition, own, range(block.first_slot, started))
    outer = term.kind == "left"
    may_hash, must_hash, side = block.hinted.join(term.right.alias)
    if condition is not None and not term.nest and may_hash and _independent(right, before):
        if side == "PROBE" and not outer:
            slots = set(range(block.first_slot, started))
            hashed = _hash_join(right, left, condition, slots, own, outer=False)
        else:
            hashed = _hash_join(left, right, condition, own, before, outer=outer)
        if hashed is not None and must_hash:
            return hashed
        if hashed is not None:
            return _cheaper(block, hashed, left, known, condition, outer=outer)
    looked_up = _looked_up(block, known, condition)
    if term.nest:
        _becomes_array(block, binding)
    compiled = compile_expression(condition) if condition is not None else None
    keys = right.keys if term.nest and isinstance(right, scans.KeyScan) else None
    return joins.NestedLoopJoin(
        left, looked_up or right, binding.slot, compiled, outer, text, term.nest, keys
    )


def _looked_up(
    block: Block, known: access.Term | None, condition: tree.Expression | None
) -> Operator | None:
    """The right side by keys or by an index, for one left row at a time."""
    if known is None or condition is None:
        return None
    scan, parts = known.scan, conjuncts(condition)
    keys = access.keys_of(parts, scan.slot)
    if keys is not None:
        return scans.KeyScan(
            scan.keyspace, scan.alias, scan.slot, compile_expression(keys), render(keys)
        )
    found = block.access.best_for_each(known, parts)
    return built_scan(scan, found, None, None, documents=False) if found is not None else None


def _cheaper(
    block: Block,
    hashed: Operator,
    left: Operator,
    known: access.Term | None,
    condition: tree.Expression,
    *,
    outer: bool,
) -> Operator:
    """The hash join, or a look-up for each left row where there are few."""
    right = _looked_up(block, known, condition)
    if right is None or known is None:
        return hashed
    looped = joins.NestedLoopJoin(
        left, right, known.scan.slot, compile_expression(condition), outer, render(condition)
    )
    total = costs.documents(block.planner.catalog, known.scan.keyspace)
    choice = JoinChoice(hashed, looped, total, hashed)
    block.access.joins.append(choice)
    return choice


def _right_join(
    left: Operator,
    right: Operator,
    condition: tree.Expression | None,
    own: set[int],
    left_slots: range,
) -> Operator:
    """A LEFT OUTER JOIN with the sides changed; the left side's slots are all those before."""
    slots = set(left_slots)
    if condition is None or not _independent(right, slots):
        raise errors.semantic(
            3100, "RIGHT OUTER JOIN needs an ON clause and a right side that stands alone."
        )
    hashed = _hash_join(right, left, condition, slots, own, outer=True)
    if hashed is not None:
        return hashed
    return joins.NestedLoopJoin(
        right, left, left_slots.start, compile_expression(condition), True, render(condition)
    )


def _right_side(block: Block, term: s.Join) -> Operator:
    if term.on_keys is None:
        return source(block, term.right)
    assert isinstance(term.right, s.KeyspaceTerm)  # the parser takes nothing else
    name = block.planner.keyspace(term.right.path)
    return key_scan(block, term.right, name, term.on_keys)


def _becomes_array(block: Block, binding: Binding) -> None:
    nested = Binding(binding.name, binding.slot, term=True)
    block.scope.bindings[binding.name] = nested
    block.scope.terms[-1] = nested


def _independent(right: Operator, before: set[int]) -> bool:
    """Whether the right side can be read once, whatever the left row is."""
    if isinstance(right, TermScan):
        return True
    if isinstance(right, scans.ExpressionScan):
        return not (right.reached & before)
    return isinstance(right, scans.SubqueryScan) and not (right.plan.reached & before)


def _hash_join(
    left: Operator,
    right: Operator,
    condition: tree.Expression,
    own: set[int],
    before: set[int],
    *,
    outer: bool,
) -> Operator | None:
    """A hash join over the condition's equalities between the two sides, if it has any."""
    left_keys, right_keys, rest = [], [], []
    for part in conjuncts(condition):
        sides = _sides(part, own, before)
        if sides is None:
            rest.append(part)
        else:
            left_keys.append(compile_expression(sides[0]))
            right_keys.append(compile_expression(sides[1]))
    if not left_keys:
        return None
    remaining = None
    if rest:
        whole = rest[0] if len(rest) == 1 else tree.And(tuple(rest))
        remaining = compile_expression(whole)
    slots = tuple(sorted(own))
    return joins.HashJoin(
        left, right, slots, left_keys, right_keys, remaining, outer, render(condition)
    )


def _sides(
    part: tree.Expression, own: set[int], before: set[int]
) -> tuple[tree.Expression, tree.Expression] | None:
    if not isinstance(part, tree.Comparison) or part.operator != "=":
        return None
    for a, b in ((part.left, part.right), (part.right, part.left)):
        slots_a, slots_b = slots_of(a), slots_of(b)
        if slots_b & own and not slots_b & before and not slots_a & own:
            return a, b
    return None
