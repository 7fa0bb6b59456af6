"""One collection: its documents in memory and on disk, and the mutations every verb is made of."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, Protocol

from cloudlet.storage.database import Database
from cloudlet.storage.documents.cache import TREE_FACTOR, Cache, growth
from cloudlet.storage.documents.clock import HybridClock
from cloudlet.storage.documents.journal import Journal
from cloudlet.storage.documents.model import (
    JSON,
    KEY_LIMIT,
    VALUE_LIMIT,
    XATTR,
    CasMismatchError,
    CorruptDocumentError,
    Document,
    DocumentLockedError,
    DocumentNotFoundError,
    KeyTooLongError,
    SyncWriteInProgressError,
    ValueTooLargeError,
)
from cloudlet.storage.documents.schema import SELECT_ONE, from_row
from cloudlet.storage.documents.xattrs import system_only

if TYPE_CHECKING:
    from cloudlet.storage.documents.catalog import Bucket

_LOG = logging.getLogger(__name__)

#: Keys a page of a scan holds; a page takes about a millisecond.
PAGE_KEYS: Final = 1000


class Engine(Protocol):
    """What collections share: the database, the journal, the cache."""

    database: Database
    journal: Journal
    cache: Cache


class Recorder(Protocol):
    """Who is told of every version that was made a key's newest."""

    #: Whether a mutation may be one that cannot be taken now.
    behind: bool

    def record(self, collection: Collection, key: bytes, document: Document, longer: int) -> None:
        """Take the version, which is `longer` bytes longer than the one before it."""


class Collection:
    """Documents by key. Every call returns at once and is seen by the next one.

    Used from the event loop's thread only. A mutation is in memory when the call returns and on
    disk when `journal.persisted` reaches the ticket that was open; `durable` awaits that.
    """

    def __init__(
        self,
        engine: Engine,
        bucket: Bucket,
        *,
        storage_id: int,
        scope_uid: int,
        scope_name: str,
        uid: int,
        name: str,
        max_expiry_s: int = 0,
        history: bool = False,
        items: int = 0,
    ) -> None:
        self.bucket = bucket
        self.storage_id = storage_id
        self.scope_uid = scope_uid
        self.scope_name = scope_name
        self.uid = uid
        self.name = name
        #: 0: the bucket's; -1: documents never expire by default; else seconds.
        self.max_expiry_s = max_expiry_s
        self.history = history
        #: Live documents, kept with every mutation.
        self.items = items
        #: False once it was dropped.
        self.live = True
        #: Cached documents and tombstones.
        self.documents: dict[bytes, Document] = {}
        self.cached_bytes = 0
        #: Every stored document is cached, so that a key not found there is nowhere.
        self.resident = items == 0 and (
            engine.database.reader.execute(
                "SELECT 1 FROM documents WHERE collection = ? LIMIT 1", (storage_id,)
            ).fetchone()
            is None
        )
        #: Mutations that are not yet on disk: of the group that gathers, and of the one that is
        #: being written. They change with every group.
        self.pending: dict[bytes, Document] = {}
        self.committing: dict[bytes, Document] = {}
        #: Durable writes that are not committed: what others still see of the key, and the
        #: write's sequence number, oldest first.
        self.prepared: dict[bytes, tuple[Document | None, int]] = {}
        #: What the latest mutation replaced.
        self.replaced: Document | None = None
        #: Locked keys: the lock's CAS and its end on the monotonic clock.
        self.locks: dict[bytes, tuple[int, float]] = {}
        #: The newest mutation's sequence number; at a start, the bucket's.
        self.high_seqno = bucket.high_seqno
        self._database = engine.database
        self._journal = engine.journal
        #: Who has mutations written.
        self._recorder: Recorder = engine.journal
        self._cache = engine.cache
        self._clock: HybridClock = bucket.clock
        self._cache.add(self)

    def find(self, key: bytes) -> Document | None:
        """The key's document or tombstone, whether expired or not."""
        if self.prepared and key in self.prepared:
            return self.prepared[key][0]
        document = self.documents.get(key)
        if document is None:
            return None if self.resident else self._load(key)
        document.used = True
        return document

    def get(self, key: bytes) -> Document | None:
        """The live document of `key`, or None."""
        if self.prepared and key in self.prepared:
            before = self.prepared[key][0]
            return None if before is None or before.deleted or before.expired else before
        document = self.documents.get(key)
        if document is None:
            if self.resident:
                return None
            document = self._load(key)
            if document is None:
                return None
        if document.deleted:
            return None
        if document.expiry_s and document.expiry_s <= time.time():
            self.expire(key, document)
            return None
        document.used = True
        return document

    @property
    def unsaved(self) -> dict[bytes, Document]:
        """The newest versions that are not on disk yet."""
        return {**self.committing, **self.pending} if self.committing else self.pending

    def is_saved(self, key: bytes) -> bool:
        """Whether the newest version of `key` is on disk."""
        return key not in self.pending and key not in self.committing

    def require(self, key: bytes) -> Document:
        """The live document of `key`; `DocumentNotFoundError` if there is none."""
        document = self.get(key)
        if document is None:
            raise DocumentNotFoundError
        return document

    def _load(self, key: bytes) -> Document | None:
        row = self._database.reader.execute(SELECT_ONE, (self.storage_id, key)).fetchone()
        if row is None:
            return None
        try:
            document = from_row(key, row)
        except CorruptDocumentError as error:
            _LOG.error("%s.%s.%s: %s", self.bucket.name, self.scope_name, self.name, error)
            raise
        self._remember(key, document)
        return document

    def _remember(self, key: bytes, document: Document) -> int:
        """Make a version the key's newest in memory; by how many bytes it is longer."""
        documents = self.documents
        before = documents.get(key)
        documents[key] = document
        longer, grown = growth(key, document, before)
        cache = self._cache
        if grown:
            self.cached_bytes += grown
            cache.used_bytes += grown
        if cache.used_bytes > cache.limit_bytes:
            cache.make_room()
        return longer

    def check(self, key: bytes, current: Document | None, cas: int) -> None:
        """Refuse a mutation of a locked or (where `cas` is not 0) a changed document.

        A mutation with the lock's CAS may be made, and ends the lock.
        """
        if self.locks and key in self.locks:
            lock_cas, until = self.locks[key]
            if until > time.monotonic() and cas != lock_cas:
                raise DocumentLockedError
        if cas and current is not None and current.cas != cas:
            raise CasMismatchError

    def locked(self, key: bytes) -> bool:
        """Whether `key` is locked now."""
        if not self.locks or key not in self.locks:
            return False
        if self.locks[key][1] > time.monotonic():
            return True
        del self.locks[key]
        return False

    def put(
        self,
        key: bytes,
        value: bytes,
        *,
        flags: int = 0,
        datatype: int = JSON,
        expiry_s: int = 0,
        xattrs: bytes = b"",
        deleted: bool = False,
        cas: int = 0,
    ) -> Document:
        """Make the next version of `key`, whatever was there; the caller has checked that it may.

        `expiry_s` is a Unix time; the collection's or bucket's maximum bounds it. `cas` is one
        that was drawn from the bucket's clock just now, by who had to know it first.
        """
        if deleted:
            self._admit(key)
        return self.store(
            key, self.find(key), value, flags, datatype, expiry_s, xattrs, deleted, cas
        )

    def store(
        self,
        key: bytes,
        previous: Document | None,
        value: bytes,
        flags: int,
        datatype: int,
        expiry_s: int,
        xattrs: bytes,
        deleted: bool,
        cas: int,
    ) -> Document:
        """As `put`, by who has found the key's document or tombstone just now.

        Whether a tombstone may be made the caller knows: what expires is deleted always.
        """
        if not key or len(key) > KEY_LIMIT:
            raise KeyTooLongError
        if len(value) + len(xattrs) > VALUE_LIMIT:
            raise ValueTooLargeError
        bucket = self.bucket
        if not deleted:
            if self.prepared or self._recorder.behind:
                self._admit(key)
            if self.max_expiry_s or bucket.max_expiry_s:
                expiry_s = self.bounded(expiry_s)
        self.high_seqno = bucket.high_seqno = seqno = bucket.high_seqno + 1
        if previous is None:
            revision = 1
            was_live = False
        else:
            revision = previous.revision + 1
            was_live = not previous.deleted
        if was_live is deleted:
            self.items += -1 if deleted else 1
        if xattrs:
            datatype |= XATTR
        document = Document(
            value, flags, datatype, cas or self._clock.next(), expiry_s, revision, seqno, xattrs,
            deleted,
        )  # fmt: skip
        if self.locks:
            self.locks.pop(key, None)
        self.replaced = previous
        self._recorder.record(self, key, document, self._remember(key, document))
        return document

    def _admit(self, key: bytes) -> None:
        """Raise where a mutation of `key` cannot be taken now."""
        if self.prepared and key in self.prepared:
            raise SyncWriteInProgressError
        if self._journal.behind:
            self._journal.check()

    def conceal(self, key: bytes, document: Document) -> None:
        """Hide the mutation just made until it is on disk: readers see what it replaced, and
        other writers of the key get `SyncWriteInProgressError`, as of Couchbase's sync writes.
        """
        self.prepared[key] = (self.replaced, document.seqno)
        self._journal.when_persisted(self._journal.last_ticket, lambda: self._reveal(key))

    def _reveal(self, key: bytes) -> None:
        self.prepared.pop(key, None)

    @property
    def visible_seqno(self) -> int:
        """The newest mutation that readers see, with all before it."""
        if self.prepared:
            return next(iter(self.prepared.values()))[1] - 1
        return self.high_seqno

    def delete(self, key: bytes, document: Document, xattrs: bytes | None = None) -> Document:
        """Make `key` a tombstone; its system attributes (or those of `xattrs`) stay, as in
        Couchbase.
        """
        self._admit(key)
        return self._tombstone(key, document, document.xattrs if xattrs is None else xattrs)

    def _tombstone(self, key: bytes, document: Document, xattrs: bytes) -> Document:
        kept = system_only(xattrs)
        return self.store(key, document, b"", 0, 0, 0, kept, True, 0)

    def expire(self, key: bytes, document: Document) -> None:
        """Delete a document whose time is over."""
        self._tombstone(key, document, document.xattrs)

    def recas(self, key: bytes, document: Document) -> Document:
        """The same version under a new CAS, as a lock gives it."""
        self._admit(key)
        renewed = Document(
            document.value,
            document.flags,
            document.datatype,
            self._clock.next(),
            document.expiry_s,
            document.revision,
            document.seqno,
            document.xattrs,
            tree=document.tree,
        )
        self._recorder.record(self, key, renewed, self._remember(key, renewed))
        return renewed

    def bounded(self, expiry_s: int) -> int:
        """`expiry_s` (a Unix time or 0) within the collection's or bucket's maximum."""
        limit = self.max_expiry_s or self.bucket.max_expiry_s
        if limit <= 0:
            return expiry_s
        latest = int(time.time()) + limit
        return min(expiry_s, latest) if expiry_s else latest

    def page(self, low: bytes = b"", limit: int = PAGE_KEYS) -> list[bytes]:
        """The next stored keys from `low` on in order of bytes, live or not; empty at the end."""
        rows = self._database.reader.execute(
            "SELECT key FROM documents WHERE collection = ? AND key >= ? ORDER BY key LIMIT ?",
            (self.storage_id, low, limit),
        )
        keys: list[bytes] = [row[0] for row in rows]
        if unsaved := self.unsaved:
            last = keys[-1] if len(keys) == limit else None
            fresh = {key for key in unsaved if key >= low and (last is None or key <= last)}
            if fresh:
                keys = sorted(fresh.union(keys))
        return keys

    def scan(self) -> Iterator[tuple[bytes, Document]]:
        """All live documents in key order; sees changes made while it runs, page by page."""
        low = b""
        while keys := self.page(low):
            for key in keys:
                document = self.get(key)
                if document is not None:
                    yield key, document
            low = keys[-1] + b"\0"

    def changed(self, since: int, limit: int = PAGE_KEYS) -> list[tuple[bytes, int]]:
        """Keys and sequence numbers of mutations after `since`, oldest first; empty at the end.

        A key's newest mutation only; mutations that are not on disk yet come last, and those
        that nobody may see yet not at all.
        """
        latest = self.visible_seqno
        rows: list[tuple[Any, ...]] = self._database.reader.execute(
            "SELECT key, seqno FROM documents WHERE collection = ? AND seqno > ? AND seqno <= ?"
            " ORDER BY seqno LIMIT ?",
            (self.storage_id, since, latest, limit),
        ).fetchall()
        if rows:
            return [(key, seqno) for key, seqno in rows]
        fresh = ((key, document.seqno) for key, document in self.unsaved.items())
        found = sorted((one for one in fresh if since < one[1] <= latest), key=lambda one: one[1])
        return found[:limit]

    def keep_tree(self, document: Document, tree: Any) -> None:
        """Keep a document's decoded value beside it, within the cache's limit."""
        if document.tree is None:
            grown = TREE_FACTOR * len(document.value)
            document.tree = tree
            self.cached_bytes += grown
            self._cache.used_bytes += grown

    async def durable(self) -> None:
        """Return when all mutations made so far are on disk."""
        await self._journal.flushed()
