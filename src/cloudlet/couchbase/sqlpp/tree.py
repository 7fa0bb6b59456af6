"""The expression tree: frozen nodes, compared by structure (positions do not count)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from cloudlet.couchbase.sqlpp.pausing import pause

if TYPE_CHECKING:
    from cloudlet.couchbase.sqlpp.statements import Query

Position = tuple[int, int]
NOWHERE: Position = (0, 0)


@dataclass(frozen=True, slots=True)
class Node:
    """Anything in an expression tree."""


@dataclass(frozen=True, slots=True)
class Expression(Node):
    """Something that has a value for a row."""


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Expression):
    """A constant: JSON scalar or MISSING."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Literal)
            and type(self.value) is type(other.value)
            and self.value == other.value
        )

    def __hash__(self) -> int:
        return hash((type(self.value), self.value))


@dataclass(frozen=True, slots=True)
class Name(Expression):
    """An identifier as written; resolution replaces it."""

    name: str
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Variable(Expression):
    """A resolved name: a slot of the row (the name is for printing)."""

    slot: int
    name: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class MetaOf(Expression):
    """META(alias): what the store knows of the document in a keyspace term's slot."""

    slot: int
    name: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Parameter(Expression):
    """A named (str) or positional (int, from 1) parameter."""

    name: str | int


@dataclass(frozen=True, slots=True)
class Field(Expression):
    """`base.name`"""

    base: Expression
    name: str


@dataclass(frozen=True, slots=True)
class DynamicField(Expression):
    """`base.[name expression]`"""

    base: Expression
    name: Expression


@dataclass(frozen=True, slots=True)
class CaselessName(Expression):
    """An identifier with an i after it, as written; resolution replaces it."""

    name: str
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class CaselessField(Expression):
    """``base.`name`i`` or `base.[name]i`: the field of the name in any case."""

    base: Expression
    name: Expression


@dataclass(frozen=True, slots=True)
class Element(Expression):
    """`base[index]`"""

    base: Expression
    index: Expression


@dataclass(frozen=True, slots=True)
class Slice(Expression):
    """`base[start:end]`, either side optional."""

    base: Expression
    start: Expression | None
    end: Expression | None


@dataclass(frozen=True, slots=True)
class Spread(Expression):
    """`base[*]`: the rest of the path is applied to every element."""

    base: Expression


@dataclass(frozen=True, slots=True)
class Negate(Expression):
    """`-operand`"""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Arithmetic(Expression):
    """`left op right` with one of + - * / % ^ and ||."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Comparison(Expression):
    """`left op right` with one of = != < <= > >=."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class And(Expression):
    """Conjunction of two or more operands."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Or(Expression):
    """Disjunction of two or more operands."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not(Expression):
    """`NOT operand`"""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Is(Expression):
    """`operand IS what` with NULL, MISSING, VALUED (KNOWN); negation is a Not around it,
    except that IS NOT NULL and IS NOT MISSING have rules of their own."""

    operand: Expression
    what: str
    negated: bool


@dataclass(frozen=True, slots=True)
class Between(Expression):
    """`operand BETWEEN low AND high`"""

    operand: Expression
    low: Expression
    high: Expression


@dataclass(frozen=True, slots=True)
class Like(Expression):
    """`operand LIKE pattern [ESCAPE escape]`"""

    operand: Expression
    pattern: Expression
    escape: Expression | None


@dataclass(frozen=True, slots=True)
class In(Expression):
    """`operand IN collection`, or WITHIN, which descends."""

    operand: Expression
    collection: Expression
    within: bool


@dataclass(frozen=True, slots=True)
class Exists(Expression):
    """`EXISTS operand`: a non-empty array."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Case(Expression):
    """Both forms of CASE; `operand` is None in the searched form."""

    operand: Expression | None
    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None


@dataclass(frozen=True, slots=True)
class RangeBinding(Node):
    """`[name :] variable IN|WITHIN collection` of a range expression."""

    variable: str
    name_variable: str | None
    collection: Expression
    within: bool
    slot: int = -1
    name_slot: int = -1


@dataclass(frozen=True, slots=True)
class Quantified(Expression):
    """`ANY|EVERY|ANY AND EVERY bindings SATISFIES condition END`"""

    quantifier: str
    bindings: tuple[RangeBinding, ...]
    condition: Expression


@dataclass(frozen=True, slots=True)
class Comprehension(Expression):
    """`ARRAY|FIRST|OBJECT [key:] value FOR bindings [WHEN condition] END`"""

    kind: str
    key: Expression | None
    value: Expression
    bindings: tuple[RangeBinding, ...]
    condition: Expression | None


@dataclass(frozen=True, slots=True)
class ArrayConstruct(Expression):
    """`[a, b, ...]`"""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class ObjectConstruct(Expression):
    """`{name: value, ...}`"""

    pairs: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True, slots=True)
class FlattenedKey(Expression):
    """One argument of FLATTEN_KEYS with its order and what it leaves out."""

    expression: Expression
    descending: bool = False
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Call(Expression):
    """A scalar function call; `name` is in lower case."""

    name: str
    arguments: tuple[Expression, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Aggregate(Expression):
    """An aggregate call; COUNT(*) has no argument."""

    name: str
    argument: Expression | None
    distinct: bool
    condition: Expression | None = None
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class WindowOrder(Node):
    """One ORDER BY term of a window."""

    expression: Expression
    descending: bool = False
    nulls_last: bool | None = None


@dataclass(frozen=True, slots=True)
class FrameBound(Node):
    """One end of a frame: `unbounded`, `current` or an offset, before or after the row."""

    kind: str  # "unbounded preceding", "unbounded following", "current", "preceding", "following"
    offset: Expression | None = None


@dataclass(frozen=True, slots=True)
class Frame(Node):
    """`ROWS|RANGE|GROUPS BETWEEN start AND end [EXCLUDE ...]`"""

    unit: str
    start: FrameBound
    end: FrameBound
    exclude: str = "no others"


@dataclass(frozen=True, slots=True)
class Window(Node):
    """A window definition; `base` names one of the WINDOW clause that it goes on from.

    `OVER name` is that window as it is, where `OVER (name)` goes on from it.
    """

    base: str | None = None
    partition: tuple[Expression, ...] = ()
    order: tuple[WindowOrder, ...] = ()
    frame: Frame | None = None
    as_it_is: bool = False


@dataclass(frozen=True, slots=True)
class WindowCall(Expression):
    """A window function, or an aggregate with OVER (COUNT(*) has no argument)."""

    name: str
    arguments: tuple[Expression, ...]
    window: Window
    distinct: bool = False
    condition: Expression | None = None
    from_last: bool = False
    ignore_nulls: bool = False
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class UserCall(Expression):
    """A call of a user-defined function by its full path."""

    path: tuple[str, ...]
    arguments: tuple[Expression, ...]
    at: Position = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Sequence(Expression):
    """`NEXT VALUE FOR path` or `PREV VALUE FOR path`."""

    path: tuple[str, ...]
    previous: bool = False


@dataclass(frozen=True, slots=True)
class Subquery(Expression):
    """A parenthesised query as an expression: the array of its results."""

    query: Query
    text: str = ""


@dataclass(frozen=True, slots=True)
class SubqueryPlan(Expression):
    """A resolved subquery: the number of its plan in the statement's list."""

    number: int
    text: str = ""


_PARTS: dict[type, tuple[str, ...]] = {}


def _parts(kind: type[Any]) -> tuple[str, ...]:
    """The names of a node's parts; looked up once a kind, as `fields` is slow."""
    found = _PARTS.get(kind)
    if found is None:
        found = _PARTS[kind] = tuple(part.name for part in fields(kind))
    return found


def children(node: Node) -> Iterator[Node]:
    """The direct parts of a node, in written order."""
    for name in _parts(type(node)):
        yield from _nodes(getattr(node, name))


def _nodes(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)


def walk(node: Node) -> Iterator[Node]:
    """The node and everything under it."""
    pause()
    yield node
    for child in children(node):
        yield from walk(child)


def rebuild(node: Any, transform: Callable[[Any], Any]) -> Any:
    """The node with `transform` applied to its direct parts."""
    pause()
    changes = {}
    for name in _parts(type(node)):
        old = getattr(node, name)
        new = _transformed(old, transform)
        if new is not old:
            changes[name] = new
    return replace(node, **changes) if changes else node


def _transformed(value: Any, transform: Callable[[Any], Any]) -> Any:
    if isinstance(value, Node):
        return transform(value)
    if isinstance(value, tuple) and value:
        items = tuple(_transformed(item, transform) for item in value)
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    return value
