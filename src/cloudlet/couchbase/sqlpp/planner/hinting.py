"""Which hints a block has, what they ask of its terms, and whether the plan followed them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.hints import INDEX_HINTS, JOIN_HINTS, TEXT_HINTS, Hint

_GROUPS = {"followed": "hints_followed", "not followed": "hints_not_followed",
           "error": "hints_with_error", "invalid": "invalid_hints"}  # fmt: skip


@dataclass(slots=True)
class _Fate:
    """What became of a hint: asked, followed, not followed, error or invalid."""

    hint: Hint
    state: str = "asked"
    reason: str = ""

    def fails(self, reason: str) -> None:
        """The hint can have no effect here."""
        self.state, self.reason = "error", reason

    def settle(self, *, followed: bool) -> None:
        """Whether the plan does what the hint asked for."""
        self.state = "followed" if followed else "not followed"
        self.reason = "" if followed else f"{self.hint.name} hint cannot be followed"

    def shown(self) -> Any:
        """The entry in EXPLAIN."""
        text = self.hint.text()
        if self.hint.json:
            return {"hint": text, "error": self.reason} if self.reason else {"hint": text}
        return f"{text}: {self.reason}" if self.reason else text


def _terms(source: s.FromTerm | None) -> Iterator[s.KeyspaceTerm | s.ExpressionTerm | s.Unnest]:
    if isinstance(source, (s.Join, s.Unnest)):
        yield from _terms(source.left)
    if isinstance(source, s.Join):
        yield source.right
    elif source is not None:
        yield source


class Hinted:
    """The hints of one block."""

    def __init__(
        self,
        hints: tuple[Hint, ...],
        source: s.FromTerm | None,
        change: s.Update | s.Delete | s.Merge | None = None,
    ) -> None:
        terms = list(_terms(source))
        written = [*hints, *(hint for term in terms for hint in getattr(term, "hints", ()))]
        self._fates = [_Fate(hint) for hint in written]
        self._merge = change if isinstance(change, s.Merge) else None
        if written:
            self._check({term.alias: term for term in terms}, change)

    def _check(self, terms: dict[str, Any], change: s.Update | s.Delete | s.Merge | None) -> None:
        first = next(iter(terms), "")
        for fate in self._fates:
            hint = fate.hint
            if hint.invalid:
                fate.state, fate.reason = "invalid", hint.invalid
            elif hint.name == "ORDERED":
                fate.settle(followed=True)  # joins are never reordered
                if change is not None:
                    fate.fails("Ordered hint not supported in DML statements")
            elif hint.keyspace not in terms:
                fate.fails(f"Invalid keyspace specified: {hint.keyspace}")
            elif hint.name in TEXT_HINTS:
                fate.fails("FTS Indexer not available")
            elif hint.name in JOIN_HINTS:
                fate.state, fate.reason = self._misplaced(hint, first, change)
            elif not isinstance(terms[hint.keyspace], s.KeyspaceTerm):
                fate.fails(f"Index hint specified on non-keyspace: {hint.keyspace}")
        self._refuse_twice(INDEX_HINTS, "Duplicated index hint specified for keyspace: ")
        self._refuse_twice(JOIN_HINTS, "Duplicated join hint specified for keyspace: ")

    @staticmethod
    def _misplaced(
        hint: Hint, first: str, change: s.Update | s.Delete | s.Merge | None
    ) -> tuple[str, str]:
        """The state of a join hint where it stands."""
        if isinstance(change, s.Merge):
            if change.on_key is not None:
                return "error", "Join hint not supported in a MERGE statement with ON KEY clause"
        elif change is not None:
            return "error", "Join hint not supported in an UPDATE or DELETE statement"
        elif hint.keyspace == first:
            return "error", (
                "Join hint (USE HASH or USE NL) cannot be specified on the first from term: "
                + first
            )
        return "asked", ""

    def _refuse_twice(self, names: frozenset[str], reason: str) -> None:
        for fate in self._fates:
            keyspace = fate.hint.keyspace
            same = [
                one
                for one in self._fates
                if one.hint.name in names and one.hint.keyspace == keyspace
            ]
            if fate.hint.name in names and len(same) > 1 and fate.state == "asked":
                for one in same:
                    one.fails(reason + keyspace)

    def _asked(self, alias: str, *names: str) -> Hint | None:
        for fate in self._fates:
            hint = fate.hint
            if fate.state == "asked" and hint.keyspace == alias and hint.name in names:
                return hint
        return None

    def indexes(self, alias: str, known: set[str]) -> tuple[tuple[str, ...], ...]:
        """Index names for a term: to prefer, to avoid, to intersect; unknown ones are an error."""
        for fate in self._fates:
            hint = fate.hint
            unknown = [name for name in hint.indexes if name not in known]
            if fate.state == "asked" and hint.keyspace == alias and unknown:
                fate.fails(f"Invalid indexes specified: {', '.join(unknown)}")
        found = (
            self._asked(alias, "INDEX"),
            self._asked(alias, "NO_INDEX", "AVOID_INDEX"),
            self._asked(alias, "INDEX_ALL"),
        )
        return tuple(hint.indexes if hint is not None else () for hint in found)

    def join(self, alias: str) -> tuple[bool, bool, str]:
        """For a join's right term: whether a table may be used, must be, and the side it is of.

        MERGE has its hint on the source, though it is the target that is joined to it.
        """
        if self._merge is not None:
            alias = self._merge.source.alias
        hashed = self._asked(alias, "USE_HASH")
        may = self._asked(alias, "USE_NL", "NO_USE_HASH", "AVOID_HASH") is None
        must = hashed is not None or self._asked(alias, "NO_USE_NL", "AVOID_NL") is not None
        side = hashed.option if hashed is not None else ""
        if self._merge is not None and side:
            if side == "BUILD" and self._merge.insert is not None:
                return False, False, ""  # rows without a partner come from the left side alone
            side = "PROBE" if side == "BUILD" else "BUILD"
        return may, must, side

    def settle(self, plan: list[dict[str, Any]]) -> None:
        """Compare the finished plan with what was asked."""
        for fate in self._fates:
            if fate.state != "asked":
                continue
            hint = fate.hint
            if hint.name in JOIN_HINTS:
                alias = self._merge.target.alias if self._merge is not None else hint.keyspace
                operator, inside = _join_of(plan, alias)
                inside = inside is (self._merge is None)
                fate.settle(followed=_joined_as_asked(hint, operator, inside=inside))
                continue
            used = {step["index"] for step in _steps(plan) if step.get("as") == hint.keyspace
                    and "index" in step and step.get("using") == "gsi"}  # fmt: skip
            named = set(hint.indexes)
            if hint.name == "INDEX":
                fate.settle(followed=bool(used) and (not named or used <= named))
            elif hint.name == "INDEX_ALL":
                fate.settle(followed=used == named)
            else:
                fate.settle(followed=bool(named) and not used & named)

    def shown(self) -> dict[str, list[Any]]:
        """The groups of EXPLAIN's `optimizer_hints`."""
        found: dict[str, list[Any]] = {}
        for fate in self._fates:
            if fate.state in _GROUPS:
                found.setdefault(_GROUPS[fate.state], []).append(fate.shown())
        return found

    def __bool__(self) -> bool:
        return bool(self._fates)


def _steps(plan: Any) -> Iterator[dict[str, Any]]:
    """Every step of a plan, however deep."""
    if type(plan) is dict:
        if "#operator" in plan:
            yield plan
        for value in plan.values():
            yield from _steps(value)
    elif type(plan) is list:
        for value in plan:
            yield from _steps(value)


def _join_of(plan: list[dict[str, Any]], alias: str) -> tuple[str, bool]:
    """The operator that joins a term, and whether the term is the side inside of it."""
    place = next((at for at, step in enumerate(plan) if step.get("as") == alias), len(plan))
    for at, step in enumerate(plan):
        inside = any(one.get("as") == alias for one in _steps(step.get("~child")))
        if "~child" in step and (inside or at > place):
            return str(step["#operator"]), inside
    return "", False


def _joined_as_asked(hint: Hint, operator: str, *, inside: bool) -> bool:
    hashed = operator.startswith("Hash")
    if hint.name == "USE_HASH":
        return hashed and (not hint.option or inside == (hint.option == "BUILD"))
    wants_table = hint.name in ("NO_USE_NL", "AVOID_NL")
    return bool(operator) and hashed is wants_table
