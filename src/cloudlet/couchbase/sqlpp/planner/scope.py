"""Names in scope, and the slots of the row they stand for."""

from __future__ import annotations

from dataclasses import dataclass, field

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.tree import NOWHERE, Position


class Frame:
    """Gives out the slots of a statement's row; slot 0 is the request's context."""

    def __init__(self) -> None:
        self.size = 1
        #: Every slot that a name was resolved to, with the path read from it.
        self.reads: list[tuple[int, tuple[str, ...]]] = []

    def allocate(self, count: int = 1) -> int:
        """The first of `count` neighbouring new slots."""
        slot = self.size
        self.size += count
        return slot


@dataclass(frozen=True, slots=True)
class Binding:
    """A name and its slot. A keyspace's meta lies in the next slot; `term` names come from
    FROM and are what `*` projects; `visible_in_star` is false for LET, LETTING and WITH."""

    name: str
    slot: int
    keyspace: bool = False
    term: bool = False


@dataclass(slots=True)
class Scope:
    """One level of names. `query` levels are where unqualified fields find their term."""

    parent: Scope | None = None
    query: bool = False
    bindings: dict[str, Binding] = field(default_factory=dict)
    terms: list[Binding] = field(default_factory=list)
    # Slots of outer queries that names of this query have reached (on query levels only).
    reached: set[int] = field(default_factory=set)

    # The slots of the elements' places, by the aliases of UNNEST.
    positions: dict[str, int] = field(default_factory=dict)

    # The slots of the values that sequences give to a document, by their names.
    sequences: dict[tuple[str, ...], int] = field(default_factory=dict)

    def sequence(self, name: tuple[str, ...], frame: Frame) -> int:
        """The slot of a sequence's value for the documents of the innermost query."""
        scope = self
        while not scope.query and scope.parent is not None:
            scope = scope.parent
        if name not in scope.sequences:
            scope.sequences[name] = frame.allocate()
        return scope.sequences[name]

    def unnested(self, alias: str, slot: int) -> int:
        """Note where the places of an UNNEST's elements go."""
        self.positions[alias] = slot
        return slot

    def position(self, alias: str) -> int | None:
        """The slot of the place of an UNNEST's element; None for any other name."""
        if alias in self.bindings:
            return self.positions.get(alias)
        return self.parent.position(alias) if self.parent is not None else None

    def declare(self, binding: Binding, at: Position = NOWHERE, *, what: str = "") -> None:
        """Add a name; 4020 for a FROM alias used twice, 3081 for a variable."""
        if binding.name in self.bindings:
            if binding.term:
                raise errors.semantic(4020, f"Duplicate {what} alias {binding.name}")
            raise errors.duplicate_variable(binding.name, at)
        self.bindings[binding.name] = binding
        if binding.term:
            self.terms.append(binding)

    def find(self, name: str) -> Binding | None:
        """The innermost binding of a name; outer queries' slots are noted as reached."""
        scope: Scope | None = self
        crossed: list[Scope] = []
        while scope is not None:
            found = scope.bindings.get(name)
            if found is not None:
                note(crossed, found)
                return found
            if scope.query:
                crossed.append(scope)
            scope = scope.parent
        return None

    def alike(self, name: str) -> str | None:
        """The innermost name that differs from this one in case only, if at all."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bindings:
                return name
            found = [known for known in scope.bindings if known.lower() == name.lower()]
            if found:
                return min(found)
            scope = scope.parent
        return None

    def default_term(self, name: str, at: Position) -> Binding:
        """The term an unqualified field belongs to: the only one of the innermost FROM."""
        scope: Scope | None = self
        crossed: list[Scope] = []
        while scope is not None:
            if scope.terms:
                if len(scope.terms) > 1:
                    break
                note(crossed, scope.terms[0])
                return scope.terms[0]
            if scope.query:
                crossed.append(scope)
            scope = scope.parent
        raise errors.ambiguous(name, at)


def note(crossed: list[Scope], found: Binding) -> None:
    """Remember that queries between a name and its binding depend on the binding's slot."""
    for scope in crossed:
        scope.reached.add(found.slot)
        if found.keyspace:
            scope.reached.add(found.slot + 1)
