"""Which parts of an index a condition needs.

A condition becomes alternatives (its ORs taken apart); each gives one span: a range for every
leading part of the key. What a span says exactly need not be checked again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.planner.conditions import conjuncts, slots_of
from cloudlet.couchbase.sqlpp.planner.index_keys import ArrayKey, Part, UsableIndex, renamed
from cloudlet.couchbase.sqlpp.tree import Expression
from cloudlet.couchbase.sqlpp.values import MISSING

_TURNED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}
_MOST_ALTERNATIVES: Final = 32
_NULL: Final = tree.Literal(None)
_MISSING: Final = tree.Literal(MISSING)

Parts = tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class End:
    """One end of a range; `unknown` ends may be NULL, others make the span empty then."""

    value: Expression
    inclusive: bool
    unknown: bool = False


_KNOWN: Final = End(_NULL, False, unknown=True)
_THERE: Final = End(_NULL, True, unknown=True)


@dataclass(slots=True)
class Range:
    """What is known of one part of the key."""

    low: End | None = None
    high: End | None = None
    among: Expression | None = None

    @property
    def point(self) -> bool:
        """Whether it is one value (or one of a list)."""
        if self.among is not None:
            return True
        return (
            self.low is not None
            and self.high is not None
            and self.low.value == self.high.value
            and self.low.inclusive
            and self.high.inclusive
        )


@dataclass(slots=True)
class Span:
    """Ranges of the leading parts; `exact` where they say all that the condition says."""

    ranges: list[Range]
    exact: bool
    said: list[Expression] = field(default_factory=list)  # conjuncts that the ranges express


@dataclass(slots=True)
class Match:
    """How an index serves a condition."""

    index: UsableIndex
    spans: list[Span]
    implied: set[Expression]  # conjuncts that the index's own condition guarantees

    @property
    def exact(self) -> bool:
        """Whether the condition need not be checked on what is found."""
        return all(span.exact for span in self.spans)

    def points(self) -> int:
        """How many leading parts are fixed in every span."""
        count = 0
        for ranges in zip(*(span.ranges for span in self.spans), strict=False):
            if not all(one.point for one in ranges):
                break
            count += 1
        return count


def match(index: UsableIndex, parts: Parts, slot: int, unnested: Unnested) -> Match | None:
    """How the index serves a condition's conjuncts on the term in `slot`; None if not at all."""
    implied: set[Expression] = set()
    if index.condition is not None:
        for needed in conjuncts(index.condition):
            if not _implied(needed, parts):
                return None
            implied.add(needed)
    rest = tuple(part for part in parts if part not in implied)
    spans = _spans(index, rest, slot, unnested)
    if spans is None:
        if not index.include_missing or index.array is not None:
            return None
        spans = [Span([], exact=not rest)]
    return Match(index, spans, implied & set(parts))


#: The elements' slot of each UNNEST over the term: what it unnests.
Unnested = dict[int, Expression]


def _spans(index: UsableIndex, parts: Parts, slot: int, unnested: Unnested) -> list[Span] | None:
    for place, part in enumerate(parts):
        choices = _choices(part)
        if not choices:
            continue
        others = parts[:place] + parts[place + 1 :]
        found: list[Span] = []
        for choice in choices:
            inner = _spans(index, (*others, *conjuncts(choice)), slot, unnested)
            if inner is None or len(found) + len(inner) > _MOST_ALTERNATIVES:
                break
            found.extend(inner)
        else:
            if _narrows(index, part, slot, unnested):
                return found
    span = _span(index, parts, slot, unnested)
    return [span] if span.ranges else None


def _narrows(index: UsableIndex, part: Expression, slot: int, unnested: Unnested) -> bool:
    """Whether every alternative of a conjunct says something of the index's own."""
    return all(
        any(
            _bounds(conjunct, key, slot, unnested)
            for conjunct in conjuncts(choice)
            for key in index.parts
        )
        for choice in _choices(part)
    )


def _choices(part: Expression) -> tuple[Expression, ...]:
    if isinstance(part, tree.Or):
        return part.operands
    if isinstance(part, tree.Comparison) and part.operator == "!=":
        return (
            tree.Comparison("<", part.left, part.right),
            tree.Comparison(">", part.left, part.right),
        )
    return ()


def _span(index: UsableIndex, parts: Parts, slot: int, unnested: Unnested) -> Span:
    span = Span([], exact=True)
    said: list[Expression] = []
    element: list[object] = []
    open_ended = False
    for key in index.parts:
        found = _range(parts, key, slot, unnested, said, element)
        leads = not span.ranges and not index.include_missing
        if found is None or (leads and found.low is not None and found.low.value == _MISSING):
            break
        if open_ended:
            # A range behind a range does not narrow the scan; the condition is checked.
            span.exact = False
        span.ranges.append(found)
        open_ended = open_ended or not found.point
    if index.array is not None:
        span.exact = False
    span.said = said
    span.exact = span.exact and all(part in said for part in parts)
    return span


def _range(
    parts: Parts,
    key: Part,
    slot: int,
    unnested: Unnested,
    said: list[Expression],
    element: list[object],
) -> Range | None:
    found = Range()
    for part in parts:
        bounds = _bounds(part, key, slot, unnested)
        if not bounds:
            continue
        if key.array is not None and not _of_one_element(part, element):
            continue
        taken = all(_take(found, kind, value) for kind, value in bounds)
        if taken:
            said.append(part)
    return found if found.low or found.high or found.among is not None else None


def _of_one_element(part: Expression, element: list[object]) -> bool:
    """Whether a conjunct speaks of the array's element that the span is about.

    Two ANYs may hold for two elements, so their ranges must not be laid over each other; the
    first that speaks takes the span. Conditions on an UNNEST's alias are all of one element.
    """
    whose: object = part if isinstance(part, tree.Quantified) else "unnest"
    if not element:
        element.append(whose)
    return element[0] is whose


def _take(found: Range, kind: str, value: Expression) -> bool:
    """Narrow the range; whether it then says all that the bound says.

    What the range said before it must go on saying: a bound replaces only what it implies.
    """
    if kind in ("known", "there"):
        return _take_presence(found, kind, value)
    if found.point:
        return False  # one value already: the rest is checked on what is found
    open_below = found.low is None or found.low.unknown
    if kind in ("in", "="):
        if found.high is not None or not open_below:
            return False
        if kind == "in":
            found.low, found.among = None, value
        else:
            found.low = found.high = End(value, True)
        return True
    if kind == "is":
        there = found.low == _THERE and value == _NULL
        if found.high is not None or not (found.low is None or there):
            return False
        found.low = found.high = End(value, True, unknown=True)
        return True
    if kind in (">", ">="):
        if not open_below:
            return False
        found.low = End(value, kind == ">=")
        return True
    if found.high is not None:
        return False
    found.high = End(value, kind == "<=")
    if found.low is None or found.low == _THERE:
        found.low = _KNOWN
    return True


def _take_presence(found: Range, kind: str, value: Expression) -> bool:
    """IS NOT NULL and IS NOT MISSING: any comparison, and any list, says as much."""
    if found.point:
        low = found.low
        return low is None or not low.unknown or (kind == "there" and low.value == value)
    if found.low is None or (kind == "known" and found.low == _THERE):
        found.low = _KNOWN if kind == "known" else _THERE
    return True


Bounds = list[tuple[str, Expression]]


def _bounds(part: Expression, key: Part, slot: int, unnested: Unnested) -> Bounds:
    """What one conjunct says of a part of the key, by values known before the scan."""
    if key.array is None:
        return plain_bounds(part, key.expression, slot)
    return _array_bounds(part, key, key.array, slot, unnested)


def plain_bounds(part: Expression, key: Expression, slot: int) -> Bounds:
    """What a conjunct says of an expression."""
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
    if isinstance(part, tree.Is) and part.operand == key:
        return _is_bounds(part)
    if isinstance(part, tree.Like) and part.operand == key:
        return _like_bounds(part)
    return []


def _is_bounds(part: tree.Is) -> Bounds:
    if part.what == "null":
        return [("known", _NULL)] if part.negated else [("is", _NULL)]
    if part.what == "missing":
        return [("there", _NULL)] if part.negated else [("is", _MISSING)]
    return [] if part.negated else [("known", _NULL)]


def _like_bounds(part: tree.Like) -> Bounds:
    """The prefix before the first sign that stands for others; exact only for `prefix%`."""
    if part.escape is not None or not isinstance(part.pattern, tree.Literal):
        return []
    pattern = part.pattern.value
    if type(pattern) is not str:
        return []
    prefix = ""
    for place, sign in enumerate(pattern):
        if sign in "%_\\":
            if pattern[place:] != "%":
                return []
            break
        prefix += sign
    else:
        return [("=", part.pattern)]
    if not prefix or ord(prefix[-1]) in (0xD7FF, 0x10FFFF):
        return []
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return [(">=", tree.Literal(prefix)), ("<", tree.Literal(after))]


def _array_bounds(
    part: Expression, key: Part, array: ArrayKey, slot: int, unnested: Unnested
) -> Bounds:
    if len(array.bindings) != 1:
        return []
    binding = array.bindings[0]
    if isinstance(part, tree.Quantified):
        if part.quantifier == "every" or len(part.bindings) != 1:
            return []
        own = part.bindings[0]
        if own.within != binding.within or own.collection != binding.collection:
            return []
        inner = conjuncts(part.condition)
        slots, element = {binding.slot: own.slot}, own.slot
    else:
        found = next((s for s, e in unnested.items() if e == binding.collection), None)
        if found is None or binding.within:
            return []
        inner, slots, element = (part,), {binding.slot: found}, found
    if array.condition is not None:
        needed = conjuncts(renamed(array.condition, slots))
        if isinstance(part, tree.Quantified) and not all(_implied(n, inner) for n in needed):
            return []
        if not isinstance(part, tree.Quantified):
            return []
    wanted = renamed(key.expression, slots)
    for conjunct in inner:
        bounds = plain_bounds(conjunct, wanted, slot)
        if (
            bounds
            and bounds[0][0] != "is"
            and all(element not in slots_of(value) for _, value in bounds)
        ):
            return bounds
    return []


def _implied(needed: Expression, parts: Parts) -> bool:
    """Whether the conjuncts make sure of a conjunct of an index's condition."""
    if needed in parts:
        return True
    if isinstance(needed, tree.Or):
        return any(
            all(_implied(one, parts) for one in conjuncts(choice)) for choice in needed.operands
        )
    if isinstance(needed, tree.Is):
        return _known(needed, parts)
    subject = needed.operand if isinstance(needed, (tree.In, tree.Between)) else None
    if isinstance(needed, tree.Comparison):
        subject = needed.left if isinstance(needed.right, tree.Literal) else needed.right
    if subject is None:
        return False
    return any(_stronger(part, needed, subject) for part in parts)


def _known(needed: tree.Is, parts: Parts) -> bool:
    """A test for NULL or MISSING, where a comparison says that the value is known."""
    positive = needed.negated if needed.what != "valued" else not needed.negated
    if not positive:
        return False
    return any(
        kind in ("=", "<", "<=", ">", ">=", "in", "known")
        for part in parts
        for kind, _ in plain_bounds(part, needed.operand, -1)
    )


def _stronger(part: Expression, needed: Expression, subject: Expression) -> bool:
    """Whether all values that pass `part` pass `needed`, by constants on both sides."""
    ours, theirs = plain_bounds(part, subject, -1), plain_bounds(needed, subject, -1)
    if not ours or not theirs:
        return False
    values = _constants(ours)
    if values is not None:
        allowed = _constants(theirs)
        if allowed is not None:
            return all(any(_same(a, b) for b in allowed) for a in values)
        return all(_within(value, theirs) for value in values)
    return all(_bounded(ours, kind, value) for kind, value in theirs)


def _constants(bounds: Bounds) -> list[Any] | None:
    """The values of an equality or a list."""
    kind, node = bounds[0]
    if kind == "=" and isinstance(node, tree.Literal):
        return [node.value]
    if kind == "in" and isinstance(node, tree.ArrayConstruct):
        values = [item.value for item in node.items if isinstance(item, tree.Literal)]
        return values if len(values) == len(node.items) else None
    return None


def _same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(a == b)


def _comparable(a: Any, b: Any) -> bool:
    number = (int, float)
    return (type(a) in number and type(b) in number) or (type(a) is str and type(b) is str)


def _within(value: Any, bounds: Bounds) -> bool:
    for kind, node in bounds:
        if not isinstance(node, tree.Literal) or not _comparable(value, node.value):
            return False
        limit = node.value
        holds = {"<": value < limit, "<=": value <= limit, ">": value > limit,
                 ">=": value >= limit, "=": value == limit}.get(kind, False)  # fmt: skip
        if not holds:
            return False
    return True


def _bounded(ours: Bounds, kind: str, node: Expression) -> bool:
    """Whether one of our ends lies within an end of theirs."""
    if not isinstance(node, tree.Literal) or kind not in ("<", "<=", ">", ">="):
        return False
    limit = node.value
    for our_kind, our_node in ours:
        if our_kind[:1] != kind[:1] or not isinstance(our_node, tree.Literal):
            continue
        value = our_node.value
        if not _comparable(value, limit):
            continue
        if value == limit:
            return not (our_kind.endswith("=") and not kind.endswith("="))
        if (value > limit) is (kind[0] == ">"):
            return True
    return False
