"""One index: its entries, and how they follow the keyspace.

The entries are what the keyspace's documents gave up to one mutation. They are brought up to date
before every scan, so that a query sees every acknowledged mutation; `unsaved` and `loaded` are
for who keeps them on disk.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from cloudlet.couchbase.sqlpp.errors import QueryError
from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.indexes.entries import (
    Item,
    SortedEntries,
    ascending,
    descending,
    part_value,
)
from cloudlet.couchbase.sqlpp.keyspace import Keyspace, Meta
from cloudlet.couchbase.sqlpp.values import MISSING, RANK, hash_key, truth

_RUN: Final = 512
_TICK: Final = 64

_MISSING_CODE: Final = 1
_encode: Final = msgspec.msgpack.Encoder(
    enc_hook=lambda _missing: msgspec.msgpack.Ext(_MISSING_CODE, b"")
).encode
_decode: Final = msgspec.msgpack.Decoder(ext_hook=lambda _code, _data: MISSING).decode


class SavedEntries(Protocol):
    """Where an index's entries are kept on disk."""

    def reached(self, index_id: str) -> tuple[str, int] | None:
        """The keyspace's uid and the mutation up to which the saved entries are complete."""

    def page(self, index_id: str, after: str, limit: int) -> list[tuple[str, bytes]]:
        """Documents after one, in order, with what was saved for them."""


@dataclass(frozen=True, slots=True)
class KeyPart:
    """One part of an index's key: `evaluate` reads the document from slot 1 of a row.

    The parts of an array key share one `evaluate`, which gives the array's elements; `place` is
    the part's place in an element where FLATTEN_KEYS made it of several.
    """

    evaluate: Evaluate
    descending: bool = False
    array: bool = False
    place: int | None = None


class IndexData:
    """The entries of one index."""

    def __init__(
        self,
        parts: Sequence[KeyPart],
        condition: Evaluate | None,
        width: int,
        *,
        include_missing: bool = False,
        distinct: bool = False,
        index_id: str = "",
    ) -> None:
        self._index_id = index_id
        #: Where saved entries are, until they have been looked for.
        self.saved: SavedEntries | None = None
        self.parts = tuple(parts)
        self.array = any(part.array for part in parts)
        self.entries = SortedEntries()
        #: How many documents the build has read so far; None when it is done.
        self.building: int | None = None
        self._makers = [descending if part.descending else ascending for part in parts]
        self._simple = len(parts) == 1 and not self.array and not parts[0].descending
        self._condition = condition
        self._include_missing = include_missing
        self._distinct = distinct
        self._row: Row = [MISSING] * width
        self._by_id: dict[str, tuple[Item, ...]] = {}
        self._expiring: list[tuple[int, str]] = []
        self._expires: dict[str, int] = {}
        self._uid: str | None = None
        self._reached = 0
        self._busy = False
        self._unsaved: set[str] | None = None

    @property
    def reached(self) -> tuple[str | None, int]:
        """The keyspace's uid and the mutation that the entries have reached."""
        return self._uid, self._reached

    @property
    def documents(self) -> int:
        """Documents with an entry."""
        return len(self._by_id)

    def current(self, keyspace: Keyspace) -> bool:
        """Whether the entries are what the documents give now."""
        if self._expiring and self._expiring[0][0] <= time.time():
            return False
        return self._uid == keyspace.uid and self._reached >= keyspace.high_seqno

    def catch_up(self, keyspace: Keyspace) -> Generator[None, None, None]:
        """Take in all changes so far, with a tick after every batch."""
        while self._busy:
            yield
        if self.current(keyspace):
            return
        self._busy = True
        try:
            if self._uid is None and self.saved is not None:
                yield from self._load(self.saved, keyspace)
                self.saved = None
            if self._uid != keyspace.uid:
                yield from self._build(keyspace)
            yield from self._expire(keyspace)
            target = keyspace.high_seqno
            for reached, changes in keyspace.changes(self._reached):
                for change in changes:
                    self._apply(change.key, change.value, change.meta)
                self._reached = reached
                yield
            self._reached = max(self._reached, target)
        finally:
            self._busy = False

    def _expire(self, keyspace: Keyspace) -> Iterator[None]:
        """Read the documents whose time is over: that is what removes them."""
        now = time.time()
        while self._expiring and self._expiring[0][0] <= now:
            keyspace.get(heapq.heappop(self._expiring)[1])
            if len(self._expiring) % _TICK == 0:
                yield

    def _build(self, keyspace: Keyspace) -> Iterator[None]:
        # What changes while the documents are read is taken in afterwards, deletions included.
        uid, reached = keyspace.uid, keyspace.high_seqno
        self.building = 0
        self._expiring, self._expires = [], {}
        by_id: dict[str, tuple[Item, ...]] = {}
        try:
            for _, changes in keyspace.changes(0):
                for change in changes:
                    items = self._made(change.key, change.value, change.meta)
                    if items:
                        by_id[change.key] = items
                    else:
                        by_id.pop(change.key, None)
                self.building += len(changes)
                yield
            yield from self._take(by_id)
        finally:
            self.building = None
        self._uid, self._reached, self._unsaved = uid, reached, None

    def _take(self, by_id: dict[str, tuple[Item, ...]]) -> Iterator[None]:
        """Make these the entries: sorted in runs short enough for a slice, then merged."""
        runs: list[list[Item]] = [[]]
        for items in by_id.values():
            if len(runs[-1]) >= _RUN:
                runs[-1].sort()
                runs.append([])
                yield
            runs[-1].extend(items)
        runs[-1].sort()
        ordered: list[Item] = []
        for item in heapq.merge(*runs):
            ordered.append(item)
            if len(ordered) % _TICK == 0:
                yield
        self.entries, self._by_id = SortedEntries(ordered), by_id

    def _load(self, saved: SavedEntries, keyspace: Keyspace) -> Iterator[None]:
        """Begin with the saved entries, where they are the keyspace's; changes are still due."""
        found = saved.reached(self._index_id)
        if found is None or found[0] != keyspace.uid or found[1] > keyspace.high_seqno:
            return
        by_id: dict[str, tuple[Item, ...]] = {}
        after = ""
        while rows := saved.page(self._index_id, after, _RUN):
            for document, data in rows:
                expiration, keys = _decode(data)
                by_id[document] = tuple(self._item(values, document) for values in keys)
                if expiration:
                    self._expires[document] = expiration
                    heapq.heappush(self._expiring, (expiration, document))
            after = rows[-1][0]
            yield
        yield from self._take(by_id)
        self._uid, self._reached = found
        self._unsaved = set()

    def unsaved(self) -> tuple[bool, list[str]]:
        """The documents whose entries are not on disk, given once, and whether that is all."""
        fresh = self._unsaved is None
        changed = list(self._by_id) if self._unsaved is None else list(self._unsaved)
        self._unsaved = set()
        return fresh, changed

    def unsave(self, documents: Sequence[str], *, fresh: bool) -> None:
        """Saving these failed: they are due again."""
        if fresh:
            self._unsaved = None
        elif self._unsaved is not None:
            self._unsaved.update(documents)

    def saved_form(self, document: str) -> bytes | None:
        """What is saved for a document; None where it has no entry."""
        items = self._by_id.get(document)
        if items is None:
            return None
        expiration = self._expires.get(document, 0)
        return _encode((expiration, [self.values(item) for item in items]))

    def values(self, item: Item) -> list[Any]:
        """The values of an entry's parts."""
        return [part_value(item[at], item[at + 1]) for at in range(0, len(item) - 1, 2)]

    def _item(self, values: Sequence[Any], document: str) -> Item:
        made: list[Any] = []
        for make, value in zip(self._makers, values, strict=True):
            made += make(value)
        made.append(document)
        return tuple(made)

    def _made(self, document: str, value: Any, meta: Meta | None) -> tuple[Item, ...]:
        """A document's entries; none where the first part is MISSING or the condition fails."""
        if meta is None:
            return ()
        row = self._row
        row[1], row[2] = value, meta
        try:
            if self._condition is not None and truth(self._condition(row)) is not True:
                return ()
            if self._simple:
                found = self.parts[0].evaluate(row)
                rank = RANK[type(found)]
                if rank == 0 and not self._include_missing:
                    return ()
                item: Item = (
                    (rank, found, document) if 1 < rank < 5 else self._item([found], document)
                )
                items: tuple[Item, ...] = (item,)
            elif self.array:
                items = self._array_items(document, row)
            else:
                values = [part.evaluate(row) for part in self.parts]
                if values[0] is MISSING and not self._include_missing:
                    return ()
                items = (self._item(values, document),)
        except QueryError:
            return ()
        if items and meta.expiration:
            self._expires[document] = meta.expiration
            heapq.heappush(self._expiring, (meta.expiration, document))
        elif self._expires:
            self._expires.pop(document, None)
        return items

    def _array_items(self, document: str, row: Row) -> tuple[Item, ...]:
        """One entry an element; without elements one with MISSING, unless the array comes first."""
        scalars = [MISSING if part.array else part.evaluate(row) for part in self.parts]
        array = next(part for part in self.parts if part.array)
        elements = array.evaluate(row)
        leads = self.parts[0].array
        if not leads and scalars[0] is MISSING and not self._include_missing:
            return ()
        if type(elements) is not list or not elements:
            return () if leads and not self._include_missing else (self._item(scalars, document),)
        if self._distinct:
            elements = list({hash_key(element): element for element in elements}.values())
        items = []
        for element in elements:
            values = [
                scalar
                if not part.array
                else (element if part.place is None else element[part.place])
                for part, scalar in zip(self.parts, scalars, strict=True)
            ]
            if leads and values[0] is MISSING and not self._include_missing:
                continue
            items.append(self._item(values, document))
        return tuple(items)

    def _apply(self, document: str, value: Any, meta: Meta | None) -> None:
        items = self._made(document, value, meta)
        old = self._by_id.get(document, ())
        if old == items:
            if self._unsaved is not None and document in self._expires:
                self._unsaved.add(document)
            return
        for item in old:
            self.entries.remove(item)
        for item in items:
            self.entries.add(item)
        if items:
            self._by_id[document] = items
        else:
            del self._by_id[document]
        if self._unsaved is not None:
            self._unsaved.add(document)

    def distinct_share(self, parts: int) -> float:
        """About what part of the entries differ in their first parts: 1 where each does."""
        width = parts * 2
        total = differing = 0
        for a, b in self.entries.samples(64):
            total += 1
            differing += a[:width] != b[:width]
        return max(differing, 0.5) / total if total else 1.0
