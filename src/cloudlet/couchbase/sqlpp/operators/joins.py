"""JOIN, NEST and UNNEST."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.operators.operator import BATCH, Batches, Operator, described
from cloudlet.couchbase.sqlpp.pausing import paced, pause, release
from cloudlet.couchbase.sqlpp.tables import PART, Table
from cloudlet.couchbase.sqlpp.values import MISSING, hash_key, truth


@dataclass(slots=True)
class NestedLoopJoin:
    """For every left row the right side is run anew, with the left row's names in reach."""

    left: Operator
    right: Operator
    right_slot: int
    condition: Evaluate | None
    outer: bool
    text: str | None
    nest: bool = False
    #: The ON KEYS of a NEST: where it is NULL or MISSING a left row has no array at all.
    keys: Evaluate | None = None

    def run(self, seed: Row) -> Batches:
        """Joined rows; with `outer`, left rows without a partner too."""
        for batch in self.left.run(seed):
            for left in batch:
                yield from self._partners(left)
            yield []

    def _partners(self, left: Row) -> Batches:
        found = False
        nested: list[Any] = []
        for batch in self.right.run(left):
            rows = batch
            if self.condition is not None:
                condition = self.condition
                rows = []
                for row in batch:
                    if truth(condition(row)) is True:
                        rows.append(row)
                    pause()
            found = found or bool(rows)
            if self.nest:
                nested.extend(row[self.right_slot] for row in rows)
                yield []
            else:
                yield rows
        if self.nest and found:
            left[self.right_slot] = nested
            yield [left]
        elif not found and self.outer:
            if self.nest and (self.keys is None or self.keys(left) not in (None, MISSING)):
                left[self.right_slot] = []
            yield [left]

    def explain(self) -> list[dict[str, Any]]:
        """NestedLoopJoin with the right side inside."""
        return [
            *self.left.explain(),
            described(
                "NestedLoopNest" if self.nest else "NestedLoopJoin",
                on_clause=self.text,
                outer=True if self.outer else None,
                **{"~child": {"#operator": "Sequence", "~children": self.right.explain()}},
            ),
        ]


@dataclass(slots=True)
class HashJoin:
    """An equality join: the right side is read once into a table by its keys."""

    left: Operator
    right: Operator
    right_slots: tuple[int, ...]
    left_keys: list[Evaluate]
    right_keys: list[Evaluate]
    condition: Evaluate | None
    outer: bool
    text: str | None

    def run(self, seed: Row) -> Batches:
        """Joined rows; with `outer`, left rows without a partner too."""
        table: Table[list[Row]] = Table()
        made: list[list[Row]] = []
        try:
            yield from self._joined(seed, table, made)
        finally:
            release(table)
            for partners in paced(made, BATCH):
                if len(partners) > BATCH:
                    release(partners)
            release(made)

    def _joined(self, seed: Row, table: Table[list[Row]], made: list[list[Row]]) -> Batches:
        limited, parts = seed[0].has_quota, table.parts
        for batch in self.right.run(seed):
            for row in batch:
                key = _key(self.right_keys, row)
                if key is not None:
                    if limited:
                        seed[0].hold_row(row)
                    part = parts[hash(key) & PART]
                    known = part.get(key)
                    if known is None:
                        part[key] = known = []
                        made.append(known)
                    known.append(row)
                pause()
            yield []
        for batch in self.left.run(seed):
            joined: list[Row] = []
            for left in batch:
                key = _key(self.left_keys, left)
                partners = parts[hash(key) & PART].get(key, ()) if key is not None else ()
                before = len(joined)
                for place, partner in enumerate(partners):
                    if place % 16 == 15:
                        pause()
                    row = left.copy()
                    for slot in self.right_slots:
                        row[slot] = partner[slot]
                    if self.condition is None or truth(self.condition(row)) is True:
                        joined.append(row)
                    if len(joined) >= BATCH * 4:
                        yield joined
                        joined, before = [], -1
                if self.outer and len(joined) == before:
                    joined.append(left)
            yield joined

    def explain(self) -> list[dict[str, Any]]:
        """HashJoin with the build side inside."""
        return [
            *self.left.explain(),
            described(
                "HashJoin",
                on_clause=self.text,
                outer=True if self.outer else None,
                **{"~child": {"#operator": "Sequence", "~children": self.right.explain()}},
            ),
        ]


def _key(parts: list[Evaluate], row: Row) -> Any:
    """The joint key, None where a part is NULL or MISSING, which equals nothing."""
    key = []
    for part in parts:
        value = part(row)
        if value is None or value is MISSING:
            return None
        key.append(hash_key(value))
    return tuple(key)


@dataclass(slots=True)
class Unnest:
    """One row for every element of an array."""

    left: Operator
    expression: Evaluate
    slot: int
    outer: bool
    alias: str
    text: str
    #: Where the element's place goes, for UNNEST_POS.
    position: int

    def run(self, seed: Row) -> Batches:
        """Rows with an element each; with `outer`, rows without an array too."""
        slot, expression, position = self.slot, self.expression, self.position
        for batch in self.left.run(seed):
            rows: list[Row] = []
            for left in batch:
                items = expression(left)
                if type(items) is not list or not items:
                    if self.outer:
                        rows.append(left)
                    continue
                for place, item in enumerate(items):
                    row = left.copy()
                    row[slot] = item
                    row[position] = place
                    rows.append(row)
                    if len(rows) >= BATCH * 4:
                        yield rows
                        rows = []
            yield rows

    def explain(self) -> list[dict[str, Any]]:
        """Unnest."""
        return [
            *self.left.explain(),
            described(
                "Unnest", expr=self.text, outer=True if self.outer else None, **{"as": self.alias}
            ),
        ]
