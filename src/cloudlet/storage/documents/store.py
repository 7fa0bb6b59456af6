"""The document store: one data directory's buckets, opened once by one process."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cloudlet.storage.database import Database
from cloudlet.storage.documents.cache import Cache
from cloudlet.storage.documents.catalog import Catalog
from cloudlet.storage.documents.journal import Journal
from cloudlet.storage.documents.pager import Pager
from cloudlet.storage.documents.schema import MIGRATIONS
from cloudlet.storage.documents.settings import Settings

DEFAULT_CACHE_BYTES: Final = 256 * 1024 * 1024


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
        self.database = Database(path, MIGRATIONS)
        self.journal = Journal(self.database)
        self.settings = Settings(self.database)
        self.cache = Cache(cache_bytes)
        self.catalog = Catalog(self)
        self.pager = Pager(self, pager_interval_s)

    def start(self) -> None:
        """Begin the background sweeps."""
        self.pager.start()

    async def flushed(self) -> None:
        """Return when every mutation made before the call is on disk."""
        await self.journal.flushed()

    async def close(self) -> None:
        """Write what is pending and close the files."""
        await self.pager.stop()
        await self.journal.flushed()
        self.database.close()
