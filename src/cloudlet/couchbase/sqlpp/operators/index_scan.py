"""Scans of parts of secondary indexes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.functions.aggregates import AGGREGATES
from cloudlet.couchbase.sqlpp.indexes import IndexData
from cloudlet.couchbase.sqlpp.indexes.entries import HIGHEST, Item, part_value, part_values
from cloudlet.couchbase.sqlpp.keyspace import IndexDefinition, KeyspaceName
from cloudlet.couchbase.sqlpp.operators.index_ranges import Interval, KeyRange, intervals
from cloudlet.couchbase.sqlpp.operators.operator import BATCH, Batches, described
from cloudlet.couchbase.sqlpp.operators.scans import fetch_and_filter, keyspace_details, passing
from cloudlet.couchbase.sqlpp.operators.steps import row_count
from cloudlet.couchbase.sqlpp.values import MISSING, truth

_PAGE: Final = 4 * BATCH


class CoveredMeta(msgspec.Struct, frozen=True):
    """What META() can show of an index entry alone."""

    id: str


@dataclass(frozen=True, slots=True)
class CoveredPath:
    """A path into the document that a part of the key holds."""

    names: tuple[str, ...]
    place: int


def document_maker(paths: list[CoveredPath]) -> Callable[[Item], Any]:
    """A closure that makes, of an entry, as much of the document as the query reads."""
    flat = [(path.names[0], path.place * 2) for path in paths if len(path.names) == 1]
    if len(paths) == 1 and flat:
        name, at = flat[0]

        def single(item: Item) -> Any:
            rank = item[at]
            if 1 < rank < 5:
                return {name: item[at + 1]}
            value = part_value(rank, item[at + 1])
            return {} if value is MISSING else {name: value}

        return single

    def whole(item: Item) -> Any:
        made: dict[str, Any] = {}
        for path in paths:
            at = path.place * 2
            value = part_value(item[at], item[at + 1])
            if value is MISSING:
                continue
            inner = made
            for name in path.names[:-1]:
                inner = inner.setdefault(name, {})
            inner[path.names[-1]] = value
        return made

    return whole


@dataclass(slots=True)
class IndexScan:
    """The documents of an index's spans that pass the condition, in the index's order.

    With `covered` the rows come of the entries alone. `once` gives a document's first entry only.
    """

    keyspace: KeyspaceName
    alias: str
    slot: int
    index: IndexDefinition
    spans: list[list[KeyRange]]
    descends: list[bool]
    texts: dict[str, Any]
    condition: Evaluate | None = None
    condition_text: str | None = None
    covered: list[CoveredPath] | None = None
    covers_id: bool = False
    once: bool = False
    backward: bool = False
    limit: Evaluate | None = None
    offset: Evaluate | None = None

    def run(self, seed: Row) -> Batches:
        """Batches of rows."""
        skip, left = 0, None
        if self.offset is not None:
            skip = row_count(self.offset, seed, "OFFSET")
        if self.limit is not None:
            left = row_count(self.limit, seed, "LIMIT") + skip
            if not left:
                return
        if self.covered is not None:
            yield from self._covered_rows(seed, skip, left)
            return
        keyspace = seed[0].resolve(self.keyspace)
        for items in self.items(seed, left):
            entries = keyspace.get_many([item[-1] for item in items])
            found = [entry for entry in entries if entry is not None]
            yield passing(seed, self.slot, found, self.condition)

    def _covered_rows(self, seed: Row, skip: int, left: int | None) -> Batches:
        slot, condition = self.slot, self.condition
        make = document_maker(self.covered or [])
        with_id = self.covers_id
        trial = seed.copy()
        for items in self.items(seed, left):
            if skip:
                dropped = min(skip, len(items))
                skip -= dropped
                items = items[dropped:]
            rows: list[Row] = []
            for item in items:
                trial[slot] = make(item)
                if with_id:
                    trial[slot + 1] = CoveredMeta(item[-1])
                if condition is not None:
                    holds = condition(trial)
                    if holds is not True and truth(holds) is not True:
                        continue
                rows.append(trial.copy())
            yield rows

    def items(self, seed: Row, left: int | None = None) -> Iterator[list[Item]]:
        """The entries in batches, at most `left` of them; empty batches are ticks."""
        for page in self.pages(seed, left):
            for at in range(0, max(1, len(page)), BATCH):
                yield page[at : at + BATCH]

    def pages(self, seed: Row, left: int | None = None) -> Iterator[list[Item]]:
        """The entries in pages, which are a few batches."""
        data = yield from self.ready(seed)
        seen: set[str] | None = set() if self.once else None
        found = intervals(self.spans, self.descends, seed)
        for interval in reversed(found) if self.backward else found:
            for page in self._pages(data, interval, left):
                items = page
                if seen is not None:
                    items = []
                    for item in page:
                        if item[-1] not in seen:
                            seen.add(item[-1])
                            items.append(item)
                if left is not None:
                    items = items[:left]
                    left -= len(items)
                yield items
                if left == 0:
                    return

    def ready(self, seed: Row) -> Generator[list[Item], None, IndexData]:
        """The index's data, brought up to date with the documents.

        That satisfies every level of scan consistency: all acknowledged mutations are seen.
        """
        context = seed[0]
        data: IndexData = context.catalog.index_data(self.index)
        for _ in data.catch_up(context.resolve(self.keyspace)):
            yield []
        return data

    def _pages(self, data: IndexData, interval: Interval, left: int | None) -> Iterator[list[Item]]:
        start, end = interval
        size = _PAGE if left is None else max(1, min(_PAGE, left))
        while True:
            if self.backward:
                page = data.entries.page_back(start, end, size)
            else:
                page = data.entries.page(start, end, size)
            if page:
                yield page
            if len(page) < size:
                return
            if self.backward:
                end = page[-1]
            else:
                start = (*page[-1], HIGHEST)
            size = _PAGE

    def count(self, seed: Row) -> Generator[list[Item], None, int]:
        """How many entries the spans hold, found by their bounds."""
        data = yield from self.ready(seed)
        entries = data.entries
        return sum(
            max(0, entries.position(end) - entries.position(start))
            for start, end in intervals(self.spans, self.descends, seed)
        )

    def scan_entry(self) -> dict[str, Any]:
        """The IndexScan3 entry of EXPLAIN."""
        return described(
            "IndexScan3",
            index=self.index.name,
            index_id=self.index.id,
            using="gsi",
            **self.texts,
            **{"as": self.alias},
            **keyspace_details(self.keyspace),
        )

    def explain(self) -> list[dict[str, Any]]:
        """IndexScan3, then Fetch where it does not cover, and the filter."""
        steps = [self.scan_entry()]
        if self.once:
            steps = [described("DistinctScan", scan=steps[0])]
        if self.covered is None:
            return [*steps, *fetch_and_filter(self.keyspace, self.alias, self.condition_text)]
        if self.condition_text is not None:
            steps.append(described("Filter", condition=self.condition_text))
        return steps


@dataclass(slots=True)
class CombinedScan:
    """Documents that all index scans find (IntersectScan), or any of them (UnionScan)."""

    scans: list[IndexScan]
    intersect: bool
    condition: Evaluate | None
    condition_text: str | None
    keyspace: KeyspaceName = field(init=False)

    def __post_init__(self) -> None:
        self.keyspace = self.scans[0].keyspace

    def run(self, seed: Row) -> Batches:
        """The documents, each once."""
        first = self.scans[0]
        keyspace = seed[0].resolve(self.keyspace)
        kept: set[str] | None = None
        if self.intersect:
            for scan in self.scans[1:]:
                ids: set[str] = set()
                for items in scan.items(seed):
                    ids.update(item[-1] for item in items)
                    yield []
                kept = ids if kept is None else kept & ids
        seen: set[str] = set()
        for scan in [first] if self.intersect else self.scans:
            for items in scan.items(seed):
                fresh = []
                for item in items:
                    document = item[-1]
                    if document not in seen and (kept is None or document in kept):
                        seen.add(document)
                        fresh.append(document)
                found = [entry for entry in keyspace.get_many(fresh) if entry is not None]
                yield passing(seed, first.slot, found, self.condition)

    def explain(self) -> list[dict[str, Any]]:
        """IntersectScan or UnionScan over the index scans."""
        name = "IntersectScan" if self.intersect else "UnionScan"
        inner = [scan.scan_entry() for scan in self.scans]
        steps = [described(name, scans=inner)]
        return [*steps, *fetch_and_filter(self.keyspace, self.scans[0].alias, self.condition_text)]


@dataclass(slots=True)
class IndexCount:
    """COUNT over index spans: one row with the number of entries."""

    scan: IndexScan
    result_slots: tuple[int, ...]
    aggregates: list[str]

    def run(self, seed: Row) -> Batches:
        """The row."""
        number = yield from self.scan.count(seed)  # type: ignore[misc]
        row = seed.copy()
        for slot in self.result_slots:
            row[slot] = number
        yield [row]

    def explain(self) -> list[dict[str, Any]]:
        """IndexScan3 with the aggregates in it."""
        entry = self.scan.scan_entry()
        entry["index_group_aggs"] = {
            "aggregates": [{"aggregate": "COUNT", "expr": text} for text in self.aggregates]
        }
        return [entry]


@dataclass(frozen=True, slots=True)
class EntryAggregate:
    """One aggregate over a part of the entries' key; None counts every entry."""

    name: str
    slot: int
    place: int | None
    text: str


@dataclass(slots=True)
class IndexAggregates:
    """Aggregates over index spans without a group: one row, made of the entries alone."""

    scan: IndexScan
    calls: list[EntryAggregate]

    def run(self, seed: Row) -> Batches:
        """The row."""
        states = [AGGREGATES[call.name]() for call in self.calls]
        pairs = [(state, call.place) for state, call in zip(states, self.calls, strict=True)]
        for items in self.scan.pages(seed):
            for state, place in pairs:
                state.add_all([1] * len(items) if place is None else part_values(items, place))
            yield []
        row = seed.copy()
        for state, call in zip(states, self.calls, strict=True):
            row[call.slot] = state.result()
        yield [row]

    def explain(self) -> list[dict[str, Any]]:
        """IndexScan3 with the aggregates in it."""
        entry = self.scan.scan_entry()
        entry["index_group_aggs"] = {
            "aggregates": [
                {"aggregate": call.name.upper(), "expr": call.text} for call in self.calls
            ]
        }
        return [entry]
