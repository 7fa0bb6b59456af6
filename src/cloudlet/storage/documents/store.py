"""The document store: one data directory's buckets, opened once by one process."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from cloudlet.storage.database import Database
from cloudlet.storage.documents.cache import Cache
from cloudlet.storage.documents.catalog import Catalog
from cloudlet.storage.documents.index_entries import IndexEntries
from cloudlet.storage.documents.journal import Journal
from cloudlet.storage.documents.pager import Pager
from cloudlet.storage.documents.schema import MIGRATIONS
from cloudlet.storage.documents.settings import Settings

DEFAULT_CACHE_BYTES: Final = 256 * 1024 * 1024

#: Pages in memory while a group is written: some 10,000 documents of 1 KB all over a collection.
WRITER_CACHE_KIB: Final = 16 * 1024

#: The settings that say that the last run ended in order, and how a bucket's histories are named.
_CLEAN: Final = "store/clean"
_HISTORY: Final = "store/history/"

#: Failovers that are remembered, as Couchbase's 25.
_FAILOVERS: Final = 25


class DocumentStore:
    """Buckets of durable documents under one event loop.

    A mutation is seen at once and committed within milliseconds with those made beside it;
    `flushed` awaits the disk. After a `kill -9` every committed mutation is there.
    """

    def __init__(
        self,
        path: Path,
        *,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        pager_interval_s: float = 30.0,
    ) -> None:
        self.database = Database(path, MIGRATIONS, writer_cache_kib=WRITER_CACHE_KIB)
        self.journal = Journal(self.database)
        self.settings = Settings(self.database)
        self.index_entries = IndexEntries(self.database, self.journal)
        self.cache = Cache(cache_bytes)
        self.catalog = Catalog(self)
        self.pager = Pager(self, pager_interval_s)
        self._closed = False
        self._name_histories()

    def _name_histories(self) -> None:
        """Name the vbuckets' histories anew where the last run may have lost mutations."""
        clean = self.settings.get(_CLEAN) is not None
        names = []
        for bucket in self.catalog.buckets.values():
            known = self.settings.get(_HISTORY + bucket.uuid)
            if known is not None:
                bucket.failovers = msgspec.json.decode(known, type=list[tuple[int, int]])
                bucket.vbucket_uuid = bucket.failovers[0][0]
            if bucket.ephemeral or not clean:
                bucket.begin_history()
                del bucket.failovers[_FAILOVERS:]
                names.append((_HISTORY + bucket.uuid, msgspec.json.encode(bucket.failovers)))
        self.settings.put_now(names, forget=_CLEAN)

    def start(self) -> None:
        """Begin the background sweeps."""
        self.pager.start()

    async def flushed(self) -> None:
        """Return when every mutation made before the call is on disk."""
        await self.journal.flushed()

    async def close(self) -> None:
        """Write what is pending and close the files; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        await self.pager.stop()
        await self.journal.flushed()
        await self.settings.put(_CLEAN, b"1")
        self.database.close()
