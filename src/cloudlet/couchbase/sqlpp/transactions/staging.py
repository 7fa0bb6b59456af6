"""What a transaction has changed: in memory, over the committed documents.

Reads see what is committed when they read, and the transaction's own changes (read committed).
Each change remembers the CAS it was made over; the commit checks them all and then makes all
changes in one group, or none.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from cloudlet.couchbase.sqlpp.keyspace import (
    CasMismatchError,
    Change,
    Entry,
    KeyExistsError,
    KeyNotFoundError,
    Keyspace,
    KeyspaceName,
    Meta,
    StagedChange,
)
from cloudlet.couchbase.sqlpp.values import MISSING


class StagedMeta(msgspec.Struct, frozen=True):
    """META() of a document as the transaction left it."""

    id: str
    cas: int
    expiration: int = 0
    flags: int = 0x02000000

    @property
    def xattrs(self) -> dict[str, Any]:
        """None."""
        return {}


class Staged(msgspec.Struct, frozen=True):
    """One changed document: its value (MISSING where it is removed) and what it stands over."""

    value: Any
    meta: StagedMeta
    base_cas: int
    #: Staged before by the client's own key-value operations, in the document's attributes.
    adopted: bool = False


Stage = dict[KeyspaceName, dict[str, Staged]]


class StagedKeyspace:
    """A collection as a transaction sees it."""

    def __init__(self, base: Keyspace, staged: dict[str, Staged]) -> None:
        self._base = base
        self._staged = staged

    @property
    def name(self) -> KeyspaceName:
        """The full name."""
        return self._base.name

    @property
    def uid(self) -> str:
        """The collection's."""
        return self._base.uid

    @property
    def high_seqno(self) -> int:
        """The newest committed mutation."""
        return self._base.high_seqno

    def count(self) -> int:
        """Documents, those staged among them."""
        changed = sum(
            (one.value is not MISSING) - (self._base.get(key) is not None)
            for key, one in self._staged.items()
        )
        return self._base.count() + changed

    def get(self, key: str) -> Entry | None:
        """The transaction's version, else the committed one."""
        found = self._staged.get(key)
        if found is None:
            return self._base.get(key)
        return None if found.value is MISSING else (found.value, found.meta)

    def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        """The documents in the keys' order."""
        return [self.get(key) for key in keys]

    def scan(self, start: str | None = None, end: str | None = None) -> Iterator[Sequence[Entry]]:
        """All documents by key, committed and staged ones merged."""
        waiting = sorted(
            key.encode()
            for key in self._staged
            if (start is None or key >= start) and (end is None or key < end)
        )
        waiting.reverse()
        for batch in self._base.scan(start, end):
            merged: list[Entry] = []
            for entry in batch:
                key = entry[1].id.encode()
                while waiting and waiting[-1] < key:
                    self._add(merged, waiting.pop())
                if waiting and waiting[-1] == key:
                    self._add(merged, waiting.pop())
                else:
                    merged.append(entry)
            yield merged
        rest: list[Entry] = []
        while waiting:
            self._add(rest, waiting.pop())
        if rest:
            yield rest

    def _add(self, found: list[Entry], key: bytes) -> None:
        entry = self.get(key.decode())
        if entry is not None:
            found.append(entry)

    def changes(self, since: int) -> Iterator[tuple[int, Sequence[Change]]]:
        """The committed changes, for the indexes."""
        return self._base.changes(since)

    def _stage(self, key: str, value: Any, expiration: int) -> StagedMeta:
        before = self._staged.get(key)
        if before is not None:
            base, adopted = before.base_cas, before.adopted
        else:
            entry = self._base.get(key)
            base, adopted = (entry[1].cas if entry is not None else 0), False
        meta = StagedMeta(key, time.time_ns(), expiration)
        self._staged[key] = Staged(value, meta, base, adopted)
        return meta

    async def insert(self, key: str, value: Any, *, expiration: int = 0) -> Meta:
        """Stage a new document."""
        if self.get(key) is not None:
            raise KeyExistsError(key)
        return self._stage(key, value, expiration)

    async def upsert(self, key: str, value: Any, *, expiration: int = 0) -> Meta:
        """Stage a document whatever is there."""
        return self._stage(key, value, expiration)

    async def replace(self, key: str, value: Any, *, cas: int, expiration: int | None) -> Meta:
        """Stage the next version of the one with this CAS."""
        current = self._current(key, cas)
        kept = current[1].expiration if expiration is None else expiration
        return self._stage(key, value, kept)

    async def delete(self, key: str, *, cas: int) -> None:
        """Stage the removal of the version with this CAS."""
        self._current(key, cas)
        self._stage(key, MISSING, 0)

    def _current(self, key: str, cas: int) -> Entry:
        entry = self.get(key)
        if entry is None:
            raise KeyNotFoundError(key)
        if cas and entry[1].cas != cas:
            raise CasMismatchError(key)
        return entry


def staged_changes(stage: Stage) -> list[StagedChange]:
    """What a commit does; what was made and removed in the transaction itself is nothing."""
    return [
        StagedChange(name, key, one.value, one.base_cas, one.meta.expiration, one.adopted)
        for name, documents in stage.items()
        for key, one in documents.items()
        if one.value is not MISSING or one.base_cas
    ]
