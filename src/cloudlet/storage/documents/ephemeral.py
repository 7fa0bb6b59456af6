"""Collections of ephemeral buckets: documents in memory only, gone with the process."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from itertools import islice
from typing import Any, Final

from cloudlet.storage.documents.cache import TREE_FACTOR, growth, weight
from cloudlet.storage.documents.collection import PAGE_KEYS, Collection
from cloudlet.storage.documents.journal import Journal
from cloudlet.storage.documents.model import Document, StoreFullError

_MEGABYTE: Final = 1024 * 1024

#: Documents looked at when room is made, in one go.
_SWEEP: Final = 1024


class _Announcer:
    """In the journal's place: nothing is written, and its listeners hear of mutations."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        #: Every mutation needs room in memory.
        self.behind = True
        #: Whether the listeners will be told of the latest.
        self._telling = False

    def record(self, collection: Collection, key: bytes, document: Document, longer: int) -> None:
        """Have the listeners told, once in a turn of the event loop."""
        del key, document, longer
        bucket = collection.bucket
        bucket.persisted_seqno = bucket.high_seqno
        if not self._telling:
            self._telling = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._telling = False
        for call in self._journal.listeners:
            call()


class EphemeralCollection(Collection):
    """As any collection, but that nothing is written and nothing leaves memory by itself.

    Above the bucket's memory quota mutations raise `StoreFullError`, or (nruEviction) documents
    that nobody read lately are deleted.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.resident = True
        self.items = 0
        #: The keys in order of bytes, made when it is asked for.
        self._sorted: list[bytes] | None = None
        self._recorder = _Announcer(self._journal)
        # Not the cache's: it could not read again what it removed.
        self._cache.drop(self)

    def _remember(self, key: bytes, document: Document) -> int:
        documents = self.documents
        before = documents.get(key)
        if before is None:
            self._sorted = None
        elif before.seqno != document.seqno:
            # `documents` is in the order of sequence numbers.
            del documents[key]
        documents[key] = document
        longer, grown = growth(key, document, before)
        self.cached_bytes += grown
        return longer

    def _admit(self, key: bytes) -> None:
        del key
        bucket = self.bucket
        if bucket.used_bytes <= bucket.settings.ram_quota_mb * _MEGABYTE:
            return
        if bucket.settings.eviction_policy != "nruEviction":
            raise StoreFullError
        for key, document in list(islice(self.documents.items(), _SWEEP)):
            if document.deleted:
                continue
            if document.used:
                document.used = False
            else:
                self._tombstone(key, document, document.xattrs)

    def keep_tree(self, document: Document, tree: Any) -> None:
        """Keep a document's decoded value beside it."""
        if document.tree is None:
            document.tree = tree
            self.cached_bytes += TREE_FACTOR * len(document.value)

    def page(self, low: bytes = b"", limit: int = PAGE_KEYS) -> list[bytes]:
        """The next keys from `low` on in order of bytes, live or not; empty at the end."""
        if self._sorted is None:
            self._sorted = sorted(self.documents)
        at = bisect_left(self._sorted, low)
        return self._sorted[at : at + limit]

    def changed(self, since: int, limit: int = PAGE_KEYS) -> list[tuple[bytes, int]]:
        """Keys and sequence numbers of mutations after `since`, oldest first."""
        found: list[tuple[bytes, int]] = []
        for key in reversed(self.documents):
            seqno = self.documents[key].seqno
            if seqno <= since:
                break
            found.append((key, seqno))
        found.reverse()
        return found[:limit]

    def purge(self, before_cas: int) -> None:
        """Forget the tombstones that are older."""
        old = [
            key
            for key, document in self.documents.items()
            if document.deleted and document.cas < before_cas
        ]
        for key in old:
            self.cached_bytes -= weight(key, self.documents.pop(key))
        self._sorted = None

    async def durable(self) -> None:
        """Nothing is to be awaited: memory is all there is."""
