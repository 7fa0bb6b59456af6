"""Which part of an index a condition needs."""

from __future__ import annotations

from dataclasses import dataclass

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.keyspace import IndexDefinition
from cloudlet.couchbase.sqlpp.planner.conditions import conjuncts, slots_of
from cloudlet.couchbase.sqlpp.tree import Expression

_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}


@dataclass(frozen=True, slots=True)
class UsableIndex:
    """An index with its expressions resolved for one keyspace term."""

    definition: IndexDefinition
    keys: tuple[Expression, ...]
    condition: Expression | None


@dataclass(slots=True)
class Span:
    """Equal first parts, then a range or a list of the next one."""

    index: UsableIndex
    equal: list[Expression]
    low: tuple[Expression, bool] | None = None
    high: tuple[Expression, bool] | None = None
    among: Expression | None = None

    def weight(self) -> tuple[int, int]:
        """The more, the better the index fits."""
        parts = len(self.equal) * 4 + (3 if self.among is not None else 0)
        return parts + (self.low is not None) + (self.high is not None), -len(self.index.keys)


def best_span(
    indexes: list[UsableIndex], condition: Expression, slot: int, wanted: tuple[str, ...]
) -> Span | None:
    """The span of the index that narrows the condition most; hinted indexes come first."""
    parts = conjuncts(condition)
    found = []
    for index in indexes:
        if index.condition is not None and not set(conjuncts(index.condition)) <= set(parts):
            continue
        span = _span(index, parts, slot)
        if span.weight()[0]:
            found.append(span)
    hinted = [span for span in found if span.index.definition.name in wanted]
    return max(hinted or found, key=Span.weight, default=None)


def _span(index: UsableIndex, parts: tuple[Expression, ...], slot: int) -> Span:
    span = Span(index, [])
    for key in index.keys:
        bounds = [b for part in parts for b in _bounds(part, key, slot)]
        equal = next((value for operator, value in bounds if operator == "="), None)
        if equal is not None:
            span.equal.append(equal)
            continue
        for operator, value in bounds:
            if operator in (">", ">=") and span.low is None:
                span.low = (value, operator == ">=")
            elif operator in ("<", "<=") and span.high is None:
                span.high = (value, operator == "<=")
            elif operator == "in" and span.among is None:
                span.among = value
        if span.among is not None:
            span.low = span.high = None
        break
    return span


def _bounds(part: Expression, key: Expression, slot: int) -> list[tuple[str, Expression]]:
    """What one conjunct says of a key, by values known before the scan."""
    if isinstance(part, tree.Comparison) and part.operator in _TURNED:
        if part.left == key and slot not in slots_of(part.right):
            return [(part.operator, part.right)]
        if part.right == key and slot not in slots_of(part.left):
            return [(_TURNED[part.operator], part.left)]
        return []
    if isinstance(part, tree.Between) and part.operand == key:
        known = slot not in slots_of(part.low) | slots_of(part.high)
        return [(">=", part.low), ("<=", part.high)] if known else []
    if isinstance(part, tree.In) and not part.within and part.operand == key:
        return [("in", part.collection)] if slot not in slots_of(part.collection) else []
    return []
