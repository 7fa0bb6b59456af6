"""Secondary indexes: sorted keys in memory, kept in step with the documents by their changes.

An index follows its keyspace's change feed and is brought up to date before every scan, so a
query sees every acknowledged mutation. It is rebuilt from the documents after a restart. What a
scan finds is a superset: the query's whole condition is checked on the documents themselves.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cloudlet.couchbase.sqlpp.errors import QueryError
from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.keyspace import Keyspace, Meta
from cloudlet.couchbase.sqlpp.values import MISSING, scalar_sort_key, truth

# Sorts after every key.
_HIGHEST: Final = (99,)
# The lowest key that is neither MISSING nor NULL.
_LOWEST_KNOWN: Final = (2,)
_RUN: Final = 512
_TICK: Final = 64

Key = tuple[Any, ...]
Item = tuple[Key, str]


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range of a key."""

    value: Any
    inclusive: bool


class IndexData:
    """The entries of one index. `keys` and `condition` read the document from slot 1 of a row."""

    def __init__(self, keys: Sequence[Evaluate], condition: Evaluate | None, width: int) -> None:
        self._keys = keys
        self._condition = condition
        self._row: Row = [MISSING] * width
        self._items: list[Item] = []
        self._by_id: dict[str, Key] = {}
        self._uid: str | None = None
        self._reached = 0
        self._busy = False

    def catch_up(self, keyspace: Keyspace) -> Iterator[None]:
        """Take in all changes so far, with a tick after every batch."""
        while self._busy:
            yield
        if self._uid == keyspace.uid and self._reached >= keyspace.high_seqno:
            return
        self._busy = True
        try:
            if self._uid != keyspace.uid:
                yield from self._build(keyspace)
            for reached, changes in keyspace.changes(self._reached):
                for change in changes:
                    self._apply(change.key, change.value, change.meta)
                self._reached = reached
                yield
        finally:
            self._busy = False

    def _build(self, keyspace: Keyspace) -> Iterator[None]:
        # What changes while the documents are read is taken in afterwards, deletions included.
        uid, reached = keyspace.uid, keyspace.high_seqno
        by_id: dict[str, Key] = {}
        for _, changes in keyspace.changes(0):
            for change in changes:
                key = self._key(change.value, change.meta) if change.meta is not None else None
                if key is None:
                    by_id.pop(change.key, None)
                else:
                    by_id[change.key] = key
            yield
        runs: list[list[Item]] = [[]]
        for document, key in by_id.items():
            if len(runs[-1]) == _RUN:
                runs[-1].sort()
                runs.append([])
                yield
            runs[-1].append((key, document))
        runs[-1].sort()
        items: list[Item] = []
        for item in heapq.merge(*runs):
            items.append(item)
            if len(items) % _TICK == 0:
                yield
        self._items, self._by_id, self._uid, self._reached = items, by_id, uid, reached

    def _key(self, value: Any, meta: Meta) -> Key | None:
        """The document's key; None where the first part is MISSING or the condition fails."""
        row = self._row
        row[1], row[2] = value, meta
        try:
            if self._condition is not None and truth(self._condition(row)) is not True:
                return None
            values = [key(row) for key in self._keys]
        except QueryError:
            return None
        return None if values[0] is MISSING else tuple(map(scalar_sort_key, values))

    def _apply(self, document: str, value: Any, meta: Meta | None) -> None:
        key = self._key(value, meta) if meta is not None else None
        old = self._by_id.get(document)
        if old == key:
            return
        if old is not None:
            place = bisect_left(self._items, (old, document))
            del self._items[place]
            del self._by_id[document]
        if key is not None:
            insort(self._items, (key, document))
            self._by_id[document] = key

    def find(self, equal: Sequence[Any], low: Bound | None, high: Bound | None) -> list[str]:
        """The ids of documents whose first parts equal the values and whose next part lies
        between the bounds; an unknown value finds nothing, as it equals nothing."""
        known = [*equal, *(bound.value for bound in (low, high) if bound is not None)]
        if any(value is None or value is MISSING for value in known):
            return []
        prefix = tuple(map(scalar_sort_key, equal))
        start: Key = prefix
        end: Key = (*prefix, _HIGHEST)
        if low is not None or high is not None:
            start = (*prefix, _LOWEST_KNOWN)
        if low is not None:
            start = (*prefix, scalar_sort_key(low.value))
            if not low.inclusive:
                start = (*start, _HIGHEST)
        if high is not None:
            end = (*prefix, scalar_sort_key(high.value))
            if high.inclusive:
                end = (*end, _HIGHEST)
        first = bisect_left(self._items, (start,))
        last = bisect_left(self._items, (end,))
        return [document for _, document in self._items[first:last]]
