"""The document store as the query language sees it: collections of decoded values."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from cloudlet.couchbase.sqlpp.decoding import decoded
from cloudlet.couchbase.sqlpp.keyspace import (
    AlreadyExistsError,
    CasMismatchError,
    Change,
    Entry,
    IndexDefinition,
    IndexEntries,
    KeyExistsError,
    KeyNotFoundError,
    KeyspaceName,
    StagedChange,
    UnknownKeyspaceError,
)
from cloudlet.couchbase.sqlpp.values import MISSING
from cloudlet.storage.documents import (
    JSON,
    Bucket,
    Collection,
    Document,
    DocumentExistsError,
    DocumentLockedError,
    DocumentNotFoundError,
    DocumentStore,
    NameTakenError,
    writes,
    xattrs,
)
from cloudlet.storage.documents import CasMismatchError as StoreCasMismatchError
from cloudlet.storage.documents.model import KEY_LIMIT, VALUE_LIMIT

#: Documents of a scan's batch: all in memory, or some on disk (about 2 ms either way).
_RESIDENT_BATCH: Final = 256
_DISK_BATCH: Final = 64

#: The SDKs' common flags for JSON, which the query service gives what it writes.
_JSON_FLAGS: Final = 0x02000000

_INDEX_PREFIX: Final = "index/"


#: The attribute in which the SDKs' transactions stage a document's next version.
_STAGED: Final = "txn"


def _without_staged(attributes: bytes) -> bytes:
    found = xattrs.decode(attributes)
    found.pop(_STAGED, None)
    return xattrs.encode(found)


class DocumentMeta(msgspec.Struct, frozen=True, gc=False):
    """What META() shows of a document."""

    id: str
    cas: int
    expiration: int
    flags: int
    attributes: bytes = b""

    @property
    def xattrs(self) -> dict[str, Any]:
        """The extended attributes by name."""
        return msgspec.json.decode(self.attributes) if self.attributes else {}


def _meta(key: str, document: Document) -> DocumentMeta:
    return DocumentMeta(key, document.cas, document.expiry_s, document.flags, document.xattrs)


class CollectionKeyspace:
    """One collection. Values are decoded once and shared: nobody may change them."""

    def __init__(
        self, collection: Collection, name: KeyspaceName, *, acknowledge_persisted: bool
    ) -> None:
        self._collection = collection
        self._name = name
        self._acknowledge_persisted = acknowledge_persisted

    @property
    def name(self) -> KeyspaceName:
        """The full name."""
        return self._name

    @property
    def uid(self) -> str:
        """Another one after a drop or a flush."""
        return str(self._collection.storage_id)

    @property
    def live(self) -> bool:
        """False once the collection was dropped or flushed."""
        return self._collection.live

    @property
    def high_seqno(self) -> int:
        """The newest mutation of the collection."""
        return self._collection.visible_seqno

    def count(self) -> int:
        """Live documents; those expired but not yet swept are among them."""
        return self._collection.items

    def get(self, key: str) -> Entry | None:
        """The document, None where there is none."""
        return self._entry(key.encode())

    def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        """The documents in the keys' order."""
        return [self._entry(key.encode()) for key in keys]

    def scan(self, start: str | None = None, end: str | None = None) -> Iterator[Sequence[Entry]]:
        """Batches of documents by key, `start` <= key < `end`."""
        collection = self._collection
        low = b"" if start is None else start.encode()
        stop = None if end is None else end.encode()
        while True:
            size = _RESIDENT_BATCH if collection.resident else _DISK_BATCH
            keys = collection.page(low, size)
            if not keys:
                return
            low = keys[-1] + b"\0"
            done = stop is not None and keys[-1] >= stop
            if done:
                keys = [key for key in keys if stop is not None and key < stop]
            batch = [entry for key in keys if (entry := self._entry(key)) is not None]
            if batch:
                yield batch
            if done:
                return

    def changes(self, since: int) -> Iterator[tuple[int, Sequence[Change]]]:
        """Batches of changed keys with their newest state, oldest change first."""
        collection = self._collection
        reached = since
        while True:
            size = _RESIDENT_BATCH if collection.resident else _DISK_BATCH
            changed = collection.changed(reached, size)
            if not changed:
                return
            reached = changed[-1][1]
            batch = []
            for key, _ in changed:
                entry = self._entry(key)
                if entry is not None:
                    batch.append(Change(entry[1].id, entry[0], entry[1]))
                elif since:
                    batch.append(Change(key.decode(errors="replace"), None, None))
            yield reached, batch

    def _entry(self, key: bytes) -> Entry | None:
        document = self._collection.get(key)
        if document is None:
            return None
        value = document.tree
        if value is None:
            value = self._decode(document)
        return value, _meta(key.decode(errors="replace"), document)

    def _decode(self, document: Document) -> Any:
        if not document.datatype & JSON:
            return f"<binary ({len(document.value)} b)>"
        try:
            value = decoded(document.value)
        except (msgspec.DecodeError, RecursionError):
            # Text that is JSON by its shape, with bytes that are not UTF-8 or too deep.
            return f"<binary ({len(document.value)} b)>"
        self._collection.keep_tree(document, value)
        return value

    async def insert(self, key: str, value: Any, *, expiration: int = 0) -> DocumentMeta:
        """Store a new document."""
        raw = key.encode()
        try:
            document = writes.insert(
                self._collection,
                raw,
                msgspec.json.encode(value),
                flags=_JSON_FLAGS,
                expiry_s=expiration,
            )
        except DocumentExistsError:
            raise KeyExistsError(key) from None
        return await self._acknowledged(key, document)

    async def upsert(self, key: str, value: Any, *, expiration: int = 0) -> DocumentMeta:
        """Store a document whatever is there."""
        try:
            document = writes.upsert(
                self._collection,
                key.encode(),
                msgspec.json.encode(value),
                flags=_JSON_FLAGS,
                expiry_s=expiration,
            )
        except DocumentLockedError:
            raise CasMismatchError(key) from None
        return await self._acknowledged(key, document)

    async def replace(
        self, key: str, value: Any, *, cas: int, expiration: int | None
    ) -> DocumentMeta:
        """Replace the version that has this CAS."""
        try:
            document = writes.replace(
                self._collection,
                key.encode(),
                msgspec.json.encode(value),
                flags=_JSON_FLAGS,
                expiry_s=expiration or 0,
                cas=cas,
                preserve_expiry=expiration is None,
            )
        except DocumentNotFoundError:
            raise KeyNotFoundError(key) from None
        except (StoreCasMismatchError, DocumentLockedError):
            raise CasMismatchError(key) from None
        return await self._acknowledged(key, document)

    async def delete(self, key: str, *, cas: int) -> None:
        """Remove the version that has this CAS."""
        try:
            writes.remove(self._collection, key.encode(), cas)
        except DocumentNotFoundError:
            raise KeyNotFoundError(key) from None
        except (StoreCasMismatchError, DocumentLockedError):
            raise CasMismatchError(key) from None
        await self._persisted()

    async def _persisted(self) -> None:
        if self._acknowledge_persisted:
            await self._collection.durable()

    async def _acknowledged(self, key: str, document: Document) -> DocumentMeta:
        await self._persisted()
        return _meta(key, document)


class StoreKeyspaces:
    """All collections, and index definitions in the store's settings."""

    def __init__(self, store: DocumentStore, *, acknowledge_persisted: bool) -> None:
        self._store = store
        self._acknowledge_persisted = acknowledge_persisted
        self._pruning: set[asyncio.Task[None]] = set()
        self._known: dict[int, CollectionKeyspace] = {}
        store.catalog.listeners.append(self._prune)

    def resolve(self, bucket: str, scope: str, collection: str) -> CollectionKeyspace:
        """The collection of that name."""
        name = KeyspaceName(bucket, scope, collection)
        found = self._scope(bucket, scope).scopes[scope].collections.get(collection)
        if found is None:
            raise UnknownKeyspaceError("collection", name.path())
        known = self._known.get(found.storage_id)
        if known is None:
            known = self._known[found.storage_id] = CollectionKeyspace(
                found, name, acknowledge_persisted=self._acknowledge_persisted
            )
        return known

    def _bucket(self, name: str) -> Bucket:
        bucket = self._store.catalog.buckets.get(name)
        if bucket is None:
            raise UnknownKeyspaceError("bucket", f"default:{name}")
        return bucket

    def _scope(self, bucket: str, scope: str) -> Bucket:
        found = self._bucket(bucket)
        if scope not in found.scopes:
            raise UnknownKeyspaceError("scope", f"default:{bucket}.{scope}")
        return found

    def buckets(self) -> Iterable[str]:
        """The buckets' names."""
        return list(self._store.catalog.buckets)

    def scopes(self, bucket: str) -> Iterable[str]:
        """The names of a bucket's scopes."""
        return list(self._bucket(bucket).scopes)

    def collections(self, bucket: str, scope: str) -> Iterable[str]:
        """The names of a scope's collections."""
        return list(self._scope(bucket, scope).scopes[scope].collections)

    async def create_scope(self, bucket: str, scope: str) -> None:
        """Make a scope."""
        found = self._bucket(bucket)
        try:
            await self._store.catalog.create_scope(found, scope)
        except NameTakenError as error:
            raise AlreadyExistsError(str(error)) from None

    async def drop_scope(self, bucket: str, scope: str) -> None:
        """Drop a scope with its collections."""
        await self._store.catalog.drop_scope(self._scope(bucket, scope), scope)

    async def create_collection(
        self, bucket: str, scope: str, collection: str, *, max_expiry_s: int = 0
    ) -> None:
        """Make a collection."""
        found = self._scope(bucket, scope)
        try:
            await self._store.catalog.create_collection(
                found, scope, collection, max_expiry_s=max_expiry_s
            )
        except NameTakenError as error:
            raise AlreadyExistsError(str(error)) from None

    async def drop_collection(self, bucket: str, scope: str, collection: str) -> None:
        """Drop a collection with its documents."""
        self.resolve(bucket, scope, collection)
        await self._store.catalog.drop_collection(self._bucket(bucket), scope, collection)

    def index_definitions(self) -> Iterable[IndexDefinition]:
        """All index definitions whose keyspace exists."""
        return [index for index in self._definitions() if self._exists(index)]

    async def save_index(self, index: IndexDefinition) -> None:
        """Keep a definition; on disk when it returns."""
        await self._store.settings.put(_INDEX_PREFIX + index.id, msgspec.json.encode(index))

    async def drop_index(self, index_id: str) -> None:
        """Forget a definition."""
        await self._store.settings.remove(_INDEX_PREFIX + index_id)

    async def commit(self, changes: Sequence[StagedChange]) -> None:
        """Make all changes of a transaction, in one group on disk, or none."""
        self._store.journal.check()
        checked = [self._checked(change) for change in changes]
        # Without an `await` between them they are in one group of the journal.
        for collection, document, change, encoded in checked:
            key = change.key.encode()
            kept = _without_staged(document.xattrs) if document is not None else b""
            if encoded is not None:
                collection.put(key, encoded, flags=_JSON_FLAGS, datatype=JSON,
                               expiry_s=change.expiration, xattrs=kept)  # fmt: skip
            elif document is not None and not document.deleted:
                collection.delete(key, document)
            elif document is not None:
                collection.put(key, b"", datatype=0, xattrs=kept, deleted=True)
        await self._store.flushed()

    def _checked(
        self, change: StagedChange
    ) -> tuple[Collection, Document | None, StagedChange, bytes | None]:
        """A change with the document it is made over, if that is as the transaction saw it."""
        collection = self._collection(change.keyspace)
        key = change.key.encode()
        document = collection.find(key) if change.adopted else collection.get(key)
        if document is None and change.cas:
            raise KeyNotFoundError(change.key)
        if document is not None and not change.cas:
            raise KeyExistsError(change.key)
        if document is not None and document.cas != change.cas:
            raise CasMismatchError(change.key)
        other = document is not None and _STAGED in xattrs.decode(document.xattrs)
        if collection.locked(key) or (other and not change.adopted):
            raise CasMismatchError(change.key)
        encoded = None if change.value is MISSING else msgspec.json.encode(change.value)
        size = len(encoded or b"") + (len(document.xattrs) if document is not None else 0)
        if not 0 < len(key) <= KEY_LIMIT or size > VALUE_LIMIT:
            raise CasMismatchError(change.key)
        return collection, document, change, encoded

    def _collection(self, name: KeyspaceName) -> Collection:
        found = self._scope(name.bucket, name.scope).scopes[name.scope]
        collection = found.collections.get(name.collection)
        if collection is None:
            raise UnknownKeyspaceError("collection", name.path())
        return collection

    def staged_content(self, name: KeyspaceName, key: str, cas: int) -> Any:
        """What a client's transaction staged in a document's attributes."""
        document = self._collection(name).find(key.encode())
        if document is None or document.cas != cas:
            raise CasMismatchError(key)
        staged = xattrs.decode(document.xattrs).get(_STAGED)
        if staged is None:
            raise CasMismatchError(key)
        operation = msgspec.json.decode(staged).get("op", {})
        return MISSING if operation.get("type") == "remove" else operation.get("stgd")

    async def unstage(self, changes: Sequence[StagedChange]) -> None:
        """Take what was staged out of the documents' attributes."""
        for change in changes:
            collection = self._collection(change.keyspace)
            document = collection.find(change.key.encode())
            if document is not None and document.cas == change.cas:
                collection.put(
                    change.key.encode(), document.value, flags=document.flags,
                    datatype=document.datatype & JSON, expiry_s=document.expiry_s,
                    xattrs=_without_staged(document.xattrs), deleted=document.deleted,
                )  # fmt: skip
        await self._store.flushed()

    def index_entries(self) -> IndexEntries:
        """Where indexes' entries are kept."""
        return self._store.index_entries

    def definitions(self, kind: str) -> Iterable[tuple[str, bytes]]:
        """The definitions of a kind by name."""
        prefix = f"query/{kind}/"
        return [
            (name.removeprefix(prefix), data)
            for name, data in self._store.settings.beginning(prefix)
        ]

    async def save_definition(self, kind: str, name: str, data: bytes) -> None:
        """Keep a definition; on disk when it returns."""
        await self._store.settings.put(f"query/{kind}/{name}", data)

    async def drop_definition(self, kind: str, name: str) -> None:
        """Forget a definition."""
        await self._store.settings.remove(f"query/{kind}/{name}")

    def _definitions(self) -> list[IndexDefinition]:
        stored = self._store.settings.beginning(_INDEX_PREFIX)
        return [msgspec.json.decode(value, type=IndexDefinition) for _, value in stored]

    def _exists(self, index: IndexDefinition) -> bool:
        bucket = self._store.catalog.buckets.get(index.bucket)
        return bucket is not None and bucket.collection(index.scope, index.collection) is not None

    def _prune(self, bucket: Bucket) -> None:
        """Forget the indexes of what was dropped: one of the same name begins without them."""
        self._known = {
            storage_id: keyspace for storage_id, keyspace in self._known.items() if keyspace.live
        }
        for index in self._definitions():
            if index.bucket == bucket.name and not self._exists(index):
                task = asyncio.get_running_loop().create_task(self.drop_index(index.id))
                self._pruning.add(task)
                task.add_done_callback(self._pruning.discard)
