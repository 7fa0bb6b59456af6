"""What runs in the background: expired documents, dropped collections, old tombstones."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final

import apsw

from cloudlet.storage.documents.ephemeral import EphemeralCollection
from cloudlet.storage.documents.model import CorruptDocumentError

if TYPE_CHECKING:
    from cloudlet.storage.documents.store import DocumentStore

_LOG = logging.getLogger(__name__)

#: Documents expired, or rows removed, in one slice.
_SLICE: Final = 500

#: Couchbase's metadata purge interval: tombstones are forgotten after three days.
TOMBSTONE_LIFE_S: Final = 3 * 24 * 3600


class Pager:
    """Sweeps every `interval_s` seconds while it runs.

    A tombstone that a saved index has not taken in yet is kept: the index will ask for it.
    """

    def __init__(self, store: DocumentStore, interval_s: float) -> None:
        self._store = store
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Sweep from now on."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End after the slice at hand."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep()
            except apsw.Error as error:
                _LOG.error("sweeping expired documents failed: %s", error)
            await asyncio.sleep(self._interval_s)

    async def sweep(self) -> None:
        """Expire what is due, remove what was dropped, forget old tombstones."""
        await self._expire()
        await self._sweep_ephemeral()
        await self._remove_dropped()
        await self._forget_tombstones()

    async def _sweep_ephemeral(self) -> None:
        """Expire and purge what is in memory only."""
        before = time.time_ns() - TOMBSTONE_LIFE_S * 1_000_000_000
        for bucket in list(self._store.catalog.buckets.values()):
            for collection in list(bucket.collections.values()):
                if isinstance(collection, EphemeralCollection):
                    for at, (key, document) in enumerate(list(collection.documents.items())):
                        if document.expiry_s:
                            collection.get(key)
                        if at % _SLICE == _SLICE - 1:
                            await asyncio.sleep(0)
                    collection.purge(before)

    async def _expire(self) -> None:
        store = self._store
        now = int(time.time())
        while True:
            rows: list[tuple[Any, ...]] = await store.database.read(
                lambda reader: reader.execute(
                    "SELECT collection, key FROM documents"
                    " WHERE expiry > 0 AND expiry <= ? LIMIT ?",
                    (now, _SLICE),
                ).fetchall()
            )
            if not rows:
                return
            by_id = {
                collection.storage_id: collection
                for bucket in store.catalog.buckets.values()
                for collection in bucket.collections.values()
            }
            expired = 0
            for storage_id, key in rows:
                collection = by_id.get(storage_id)
                if collection is None:
                    continue
                try:
                    # Reading it is what expires it; a later version may have come in between.
                    if collection.get(key) is None:
                        expired += 1
                except CorruptDocumentError:
                    continue  # told where it is read
            await store.journal.flushed()
            if len(rows) < _SLICE or not expired:
                return

    async def _remove_dropped(self) -> None:
        def slice_of(connection: apsw.Connection) -> bool:
            found = connection.execute("SELECT collection FROM dropped LIMIT 1").fetchone()
            if found is None:
                return False
            connection.execute(
                "DELETE FROM documents WHERE id IN"
                " (SELECT id FROM documents WHERE collection = ? LIMIT ?)",
                (found[0], _SLICE),
            )
            if connection.changes() == 0:
                connection.execute("DELETE FROM dropped WHERE collection = ?", found)
            return True

        more = True
        while more:
            more = await self._store.database.write(slice_of)

    async def _forget_tombstones(self) -> None:
        before = (time.time_ns()) - TOMBSTONE_LIFE_S * 1_000_000_000

        def slice_of(connection: apsw.Connection) -> bool:
            connection.execute(
                "DELETE FROM documents WHERE id IN"
                " (SELECT id FROM documents WHERE deleted = 1 AND cas < ? AND NOT EXISTS"
                " (SELECT 1 FROM index_builds AS b WHERE b.collection = documents.collection"
                " AND b.seqno < documents.seqno) LIMIT ?)",
                (before, _SLICE),
            )
            return connection.changes() == _SLICE

        more = True
        while more:
            more = await self._store.database.write(slice_of)
