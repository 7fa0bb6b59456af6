"""An in-memory store behind the Keyspaces protocol, for tests of the query service."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from cloudlet.couchbase.sqlpp.keyspace import (
    AlreadyExistsError,
    CasMismatchError,
    Change,
    Entry,
    IndexDefinition,
    KeyExistsError,
    KeyNotFoundError,
    KeyspaceName,
    StagedChange,
    UnknownKeyspaceError,
)


class MemoryMeta(msgspec.Struct, frozen=True):
    id: str
    cas: int
    expiration: int = 0
    flags: int = 0

    @property
    def xattrs(self) -> dict[str, Any]:
        return {"note": {"of": self.id}}


class MemoryKeyspace:
    def __init__(
        self, name: KeyspaceName, documents: dict[str, Any] | None = None, max_expiry_s: int = 0
    ) -> None:
        self.name = name
        self.max_expiry_s = max_expiry_s
        self.uid = "1"
        self.high_seqno = 0
        self._entries: dict[str, tuple[Any, MemoryMeta, int]] = {}
        self._deleted: dict[str, int] = {}
        for key, value in (documents or {}).items():
            self._store(key, value, 0)

    def _store(self, key: str, value: Any, expiration: int) -> MemoryMeta:
        self.high_seqno += 1
        meta = MemoryMeta(key, 1000 + self.high_seqno, expiration)
        self._entries[key] = (copy.deepcopy(value), meta, self.high_seqno)
        self._deleted.pop(key, None)
        return meta

    def count(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Entry | None:
        found = self._entries.get(key)
        return None if found is None else found[:2]

    def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        return [self.get(key) for key in keys]

    def scan(self, start: str | None = None, end: str | None = None) -> Iterator[Sequence[Entry]]:
        keys = sorted(
            key
            for key in self._entries
            if (start is None or key >= start) and (end is None or key < end)
        )
        for at in range(0, len(keys), 256):
            found = (self._entries.get(key) for key in keys[at : at + 256])
            yield [entry[:2] for entry in found if entry is not None]

    def changes(self, since: int) -> Iterator[tuple[int, Sequence[Change]]]:
        found = [
            (seqno, Change(key, value, meta))
            for key, (value, meta, seqno) in self._entries.items()
            if seqno > since
        ]
        found += [
            (seqno, Change(key, None, None))
            for key, seqno in self._deleted.items()
            if seqno > since > 0
        ]
        found.sort(key=lambda item: item[0])
        for at in range(0, len(found), 256):
            batch = found[at : at + 256]
            yield batch[-1][0], [change for _, change in batch]

    async def insert(self, key: str, value: Any, *, expiration: int = 0) -> MemoryMeta:
        if key in self._entries:
            raise KeyExistsError(key)
        return self._store(key, value, expiration)

    async def upsert(self, key: str, value: Any, *, expiration: int = 0) -> MemoryMeta:
        return self._store(key, value, expiration)

    def _check(self, key: str, cas: int) -> MemoryMeta:
        found = self._entries.get(key)
        if found is None:
            raise KeyNotFoundError(key)
        if found[1].cas != cas:
            raise CasMismatchError(key)
        return found[1]

    async def replace(
        self, key: str, value: Any, *, cas: int, expiration: int | None
    ) -> MemoryMeta:
        old = self._check(key, cas)
        return self._store(key, value, old.expiration if expiration is None else expiration)

    async def delete(self, key: str, *, cas: int) -> None:
        self._check(key, cas)
        self.high_seqno += 1
        del self._entries[key]
        self._deleted[key] = self.high_seqno


class MemoryKeyspaces:
    def __init__(self, **buckets: dict[str, Any]) -> None:
        self._tree: dict[str, dict[str, dict[str, MemoryKeyspace]]] = {}
        self._indexes: dict[str, IndexDefinition] = {}
        self._definitions: dict[tuple[str, str], bytes] = {}
        for bucket, documents in buckets.items():
            self.add_bucket(bucket, documents)

    def add_bucket(self, bucket: str, documents: dict[str, Any] | None = None) -> MemoryKeyspace:
        keyspace = MemoryKeyspace(KeyspaceName(bucket, "_default", "_default"), documents)
        self._tree[bucket] = {"_default": {"_default": keyspace}}
        return keyspace

    def resolve(self, bucket: str, scope: str, collection: str) -> MemoryKeyspace:
        name = KeyspaceName(bucket, scope, collection)
        if bucket not in self._tree:
            raise UnknownKeyspaceError("bucket", name.path())
        if scope not in self._tree[bucket]:
            raise UnknownKeyspaceError("scope", name.path())
        if collection not in self._tree[bucket][scope]:
            raise UnknownKeyspaceError("collection", name.path())
        return self._tree[bucket][scope][collection]

    def buckets(self) -> Iterable[str]:
        return list(self._tree)

    def scopes(self, bucket: str) -> Iterable[str]:
        return list(self._tree[bucket])

    def collections(self, bucket: str, scope: str) -> Iterable[str]:
        return list(self._tree[bucket][scope])

    async def create_scope(self, bucket: str, scope: str) -> None:
        if bucket not in self._tree:
            raise UnknownKeyspaceError("bucket", bucket)
        if scope in self._tree[bucket]:
            raise AlreadyExistsError(scope)
        self._tree[bucket][scope] = {}

    async def drop_scope(self, bucket: str, scope: str) -> None:
        if scope not in self._tree.get(bucket, {}):
            raise UnknownKeyspaceError("scope", scope)
        del self._tree[bucket][scope]
        self._indexes = {
            name: index
            for name, index in self._indexes.items()
            if (index.bucket, index.scope) != (bucket, scope)
        }

    async def create_collection(
        self, bucket: str, scope: str, collection: str, *, max_expiry_s: int = 0
    ) -> None:
        if scope not in self._tree.get(bucket, {}):
            raise UnknownKeyspaceError("scope", scope)
        if collection in self._tree[bucket][scope]:
            raise AlreadyExistsError(collection)
        name = KeyspaceName(bucket, scope, collection)
        self._tree[bucket][scope][collection] = MemoryKeyspace(name, max_expiry_s=max_expiry_s)

    async def drop_collection(self, bucket: str, scope: str, collection: str) -> None:
        self.resolve(bucket, scope, collection)
        del self._tree[bucket][scope][collection]

    def index_definitions(self) -> Iterable[IndexDefinition]:
        return list(self._indexes.values())

    async def save_index(self, index: IndexDefinition) -> None:
        self._indexes[index.id] = index

    async def drop_index(self, index_id: str) -> None:
        self._indexes.pop(index_id, None)

    async def commit(self, changes: Sequence[StagedChange]) -> None:
        raise NotImplementedError

    def staged_content(self, name: KeyspaceName, key: str, cas: int) -> Any:
        raise NotImplementedError

    async def unstage(self, changes: Sequence[StagedChange]) -> None:
        raise NotImplementedError

    def index_entries(self) -> None:
        return None

    def definitions(self, kind: str) -> Iterable[tuple[str, bytes]]:
        return [(name, data) for (k, name), data in self._definitions.items() if k == kind]

    async def save_definition(self, kind: str, name: str, data: bytes) -> None:
        self._definitions[kind, name] = data

    async def drop_definition(self, kind: str, name: str) -> None:
        self._definitions.pop((kind, name), None)
