"""Where rows come from: keyspaces, keys, arrays, subqueries, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.keyspace import Entry, KeyspaceName
from cloudlet.couchbase.sqlpp.operators.operator import BATCH, Batches, QueryPlan, described
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.values import MISSING, truth


@dataclass(slots=True)
class Nothing:
    """SELECT without FROM: one row."""

    def run(self, seed: Row) -> Batches:
        """The seed itself, once."""
        yield [seed.copy()]

    def explain(self) -> list[dict[str, Any]]:
        """DummyScan."""
        return [described("DummyScan")]


def passing(
    seed: Row, slot: int, entries: Sequence[Entry], condition: Evaluate | None
) -> list[Row]:
    """The rows of those documents that pass the condition."""
    rows: list[Row] = []
    trial = seed.copy()
    meta_slot = slot + 1
    for place, (value, meta) in enumerate(entries):
        if place & 7 == 7:
            pause()
        trial[slot] = value
        trial[meta_slot] = meta
        if condition is not None:
            holds = condition(trial)
            if holds is not True and truth(holds) is not True:
                continue
        rows.append(trial.copy())
    return rows


@dataclass(slots=True)
class KeyspaceScan:
    """Every document of a keyspace that passes the condition."""

    keyspace: KeyspaceName
    alias: str
    slot: int
    index: str
    condition: Evaluate | None = None
    condition_text: str | None = None

    def run(self, seed: Row) -> Batches:
        """Documents by ascending key."""
        keyspace = seed[0].resolve(self.keyspace)
        slot, condition = self.slot, self.condition
        for batch in keyspace.scan():
            for start in range(0, len(batch), BATCH):
                yield passing(seed, slot, batch[start : start + BATCH], condition)

    def explain(self) -> list[dict[str, Any]]:
        """PrimaryScan3, Fetch, and the filter."""
        sequential = self.index == "#sequentialscan"
        scan = described(
            "PrimaryScan3",
            index=self.index,
            **{"as": self.alias},
            **keyspace_details(self.keyspace),
            using="sequentialscan" if sequential else "gsi",
        )
        return [scan, *fetch_and_filter(self.keyspace, self.alias, self.condition_text)]


def keyspace_details(name: KeyspaceName) -> dict[str, Any]:
    """How EXPLAIN names a keyspace."""
    if name.bucket == "#system":
        return {"keyspace": name.collection, "namespace": "#system"}
    if name.is_default():
        return {"keyspace": name.bucket, "namespace": "default"}
    return {
        "bucket": name.bucket,
        "keyspace": name.collection,
        "namespace": "default",
        "scope": name.scope,
    }


def fetch_and_filter(
    keyspace: KeyspaceName, alias: str, condition: str | None
) -> list[dict[str, Any]]:
    """The Fetch and Filter entries after a scan."""
    steps = [described("Fetch", **{"as": alias}, **keyspace_details(keyspace))]
    if condition is not None:
        steps.append(described("Filter", condition=condition))
    return steps


@dataclass(slots=True)
class KeyScan:
    """USE KEYS and ON KEYS: the documents of given keys."""

    keyspace: KeyspaceName
    alias: str
    slot: int
    keys: Evaluate
    keys_text: str
    condition: Evaluate | None = None
    condition_text: str | None = None

    def run(self, seed: Row) -> Batches:
        """The documents in the keys' order; keys without one are left out."""
        keyspace = seed[0].resolve(self.keyspace)
        wanted = self.keys(seed)
        keys = [wanted] if type(wanted) is str else wanted
        if type(keys) is not list:
            return
        for start in range(0, len(keys), BATCH):
            texts = [key for key in keys[start : start + BATCH] if type(key) is str]
            found = keyspace.get_many(texts)
            entries = [entry for entry in found if entry is not None]
            yield passing(seed, self.slot, entries, self.condition)

    def explain(self) -> list[dict[str, Any]]:
        """KeyScan, Fetch, and the filter."""
        scan = described("KeyScan", keys=self.keys_text)
        return [scan, *fetch_and_filter(self.keyspace, self.alias, self.condition_text)]


@dataclass(slots=True)
class ExpressionScan:
    """FROM an expression: an array's elements, or a single value; nothing for the unknown."""

    expression: Evaluate
    alias: str
    slot: int
    text: str
    reached: set[int] = field(default_factory=set)

    def run(self, seed: Row) -> Batches:
        """A row an element."""
        value = self.expression(seed)
        if value is None or value is MISSING:
            return
        items = value if type(value) is list else [value]
        for start in range(0, len(items), BATCH):
            rows = []
            for item in items[start : start + BATCH]:
                row = seed.copy()
                row[self.slot] = item
                rows.append(row)
            yield rows

    def explain(self) -> list[dict[str, Any]]:
        """ExpressionScan."""
        return [described("ExpressionScan", alias=self.alias, expr=self.text)]


@dataclass(slots=True)
class SubqueryScan:
    """FROM (query) AS alias, streamed."""

    plan: QueryPlan
    alias: str
    slot: int

    def run(self, seed: Row) -> Batches:
        """A row a result."""
        slot = self.slot
        for values in self.plan.run(seed):
            rows = []
            for value in values:
                row = seed.copy()
                row[slot] = value
                rows.append(row)
            yield rows

    def explain(self) -> list[dict[str, Any]]:
        """The subquery's steps, then the alias."""
        return [*self.plan.operator.explain(), described("Alias", **{"as": self.alias})]


def chunks(rows: list[Row]) -> Iterator[list[Row]]:
    """Rows that are all there already, in batches."""
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]
