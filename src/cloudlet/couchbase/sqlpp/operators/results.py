"""Results: projection, DISTINCT and set operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.operators.operator import Batches, Operator, QueryPlan, described
from cloudlet.couchbase.sqlpp.pausing import pause, released
from cloudlet.couchbase.sqlpp.tables import PART, Seen, Table
from cloudlet.couchbase.sqlpp.values import MISSING, hash_key


@dataclass(frozen=True, slots=True)
class ResultTerm:
    """One term of a result list: a named value, or the fields of one or more objects."""

    name: str | None
    evaluate: Evaluate
    text: str


def result_object(terms: list[ResultTerm]) -> Evaluate:
    """A closure that makes the result object; a later field of the same name wins."""
    if all(term.name is not None for term in terms):
        named = [(term.name, term.evaluate) for term in terms]

        def plain(row: Row) -> Any:
            result = {}
            for name, evaluate in named:
                value = evaluate(row)
                if value is not MISSING:
                    result[name] = value
            return result

        return plain
    if len(terms) == 1:
        only = terms[0].evaluate
        return lambda row: value if type(value := only(row)) is dict else {}

    def mixed(row: Row) -> Any:
        result: dict[str, Any] = {}
        for term in terms:
            value = term.evaluate(row)
            if term.name is None:
                if type(value) is dict:
                    result.update(value)
            elif value is not MISSING:
                result[term.name] = value
        return result

    return mixed


def excluding(evaluate: Evaluate, paths: list[tuple[str, ...]]) -> Evaluate:
    """The result without the parts at the paths, which begin at the result's own names."""

    def run(row: Row) -> Any:
        value = evaluate(row)
        for path in paths:
            value = _without(value, path)
        return value

    return run


def _without(value: Any, path: tuple[str, ...]) -> Any:
    step, rest = path[0], path[1:]
    if type(value) is list:
        inner = rest if step == "*" else path
        return [_without(item, inner) for item in value] if inner else []
    if type(value) is not dict or step not in value:
        return value
    if not rest:
        return {name: item for name, item in value.items() if name != step}
    return {**value, step: _without(value[step], rest)}


@dataclass(slots=True)
class Project:
    """Puts each row's result into a slot."""

    source: Operator
    slot: int
    evaluate: Evaluate
    texts: list[dict[str, Any]]
    raw: bool

    def run(self, seed: Row) -> Batches:
        """The rows with the result's slot set."""
        slot, evaluate = self.slot, self.evaluate
        for batch in self.source.run(seed):
            for row in batch:
                row[slot] = evaluate(row)
                pause()
            yield batch

    def explain(self) -> list[dict[str, Any]]:
        """InitialProject."""
        return [
            *self.source.explain(),
            described("InitialProject", result_terms=self.texts, raw=True if self.raw else None),
        ]


@dataclass(slots=True)
class Distinct:
    """Rows whose results differ."""

    source: Operator
    slot: int

    def run(self, seed: Row) -> Batches:
        """The first row of every result."""
        seen = Seen()
        with released(seen):
            yield from self._distinct(seed, seen)

    def _distinct(self, seed: Row, seen: Seen) -> Batches:
        slot = self.slot
        limited = seed[0].has_quota
        for batch in self.source.run(seed):
            rows = []
            for row in batch:
                if seen.add(hash_key(row[slot])):
                    rows.append(row)
                    if limited:
                        seed[0].hold(row[slot])
                pause()
            yield rows

    def explain(self) -> list[dict[str, Any]]:
        """Distinct."""
        return [*self.source.explain(), described("Distinct")]


@dataclass(slots=True)
class SetOperation:
    """UNION, INTERSECT and EXCEPT; with ALL repetitions count, else results come once."""

    operator: str
    all: bool
    left: QueryPlan
    right: QueryPlan
    slot: int

    def run(self, seed: Row) -> Batches:
        """Rows with the combined results."""
        seen = Seen()
        counts: Table[int] = Table()
        with released(seen, counts):
            yield from self._combined(seed, seen, counts)

    def _combined(self, seed: Row, seen: Seen, counts: Table[int]) -> Batches:
        results = self._union(seed) if self.operator == "union" else self._matched(seed, counts)
        for values in results:
            rows = []
            for value in values:
                if not self.all:
                    pause()
                    if not seen.add(hash_key(value)):
                        continue
                    if seed[0].has_quota:
                        seed[0].hold(value)
                row = seed.copy()
                row[self.slot] = value
                rows.append(row)
            yield rows

    def _union(self, seed: Row) -> Batches:
        yield from self.left.run(seed)
        yield from self.right.run(seed)

    def _matched(self, seed: Row, counts: Table[int]) -> Batches:
        for values in self.right.run(seed):
            for value in values:
                key = hash_key(value)
                part = counts.parts[hash(key) & PART]
                part[key] = part.get(key, 0) + 1
                pause()
            yield []
        keep_matches = self.operator == "intersect"
        for values in self.left.run(seed):
            kept = []
            for value in values:
                key = hash_key(value)
                part = counts.parts[hash(key) & PART]
                matches = part.get(key, 0) > 0
                if matches and self.all:
                    part[key] -= 1
                if matches is keep_matches:
                    kept.append(value)
                pause()
            yield kept

    def explain(self) -> list[dict[str, Any]]:
        """The operation over both sides."""
        name = {"union": "UnionAll", "intersect": "IntersectAll", "except": "ExceptAll"}
        sides = [
            {"#operator": "Sequence", "~children": plan.operator.explain()}
            for plan in (self.left, self.right)
        ]
        step = described(name[self.operator], **{"~children": sides})
        return [step] if self.all else [step, described("Distinct")]
