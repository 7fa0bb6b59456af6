"""Mutations on their way to the disk: applied in memory at once, committed in groups."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

import apsw

from cloudlet.storage.database import Database
from cloudlet.storage.documents.model import Document, StoreBusyError
from cloudlet.storage.documents.schema import to_row, upsert_statement

if TYPE_CHECKING:
    from cloudlet.storage.documents.collection import Collection

_LOG = logging.getLogger(__name__)

#: Rows a statement: few sizes, so that SQLite's prepared statements are found again.
_STATEMENTS: Final = [(rows, upsert_statement(rows)) for rows in (128, 32, 8, 1)]

#: The open group answers `StoreBusyError` above these: the disk does not keep up.
GROUP_BYTES: Final = 64 * 1024 * 1024
GROUP_DOCUMENTS: Final = 100_000

#: How long a refused group waits before it is tried again, in seconds.
RETRY_S: Final = 1.0

_Group = dict[tuple[int, bytes], tuple["Collection", Document]]


class Journal:
    """Groups of mutations, numbered from 1; group n is on disk when `persisted >= n`.

    One group commits while the next one gathers. A group that the disk refuses is tried again
    every second, and until it succeeds new mutations raise `StoreBusyError`: what was seen in
    memory is never forgotten while the process lives. Used from the event loop's thread only.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._group: _Group = {}
        self._group_bytes = 0
        self._scheduled = False
        self._committing: Future[None] | None = None
        self._waiters: dict[int, list[Callable[[], None]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refused = False
        #: The number of the group that a mutation made now belongs to.
        self.ticket = 1
        #: The highest group that is on disk.
        self.persisted = 0

    def check(self) -> None:
        """Raise `StoreBusyError` where a mutation could not be taken."""
        if self._refused or self._group_bytes > GROUP_BYTES or len(self._group) > GROUP_DOCUMENTS:
            raise StoreBusyError("writes to disk are behind")

    def record(self, collection: Collection, key: bytes, document: Document) -> None:
        """Add a mutation to the open group; a later one of the same key takes its place."""
        self._group[(collection.storage_id, key)] = (collection, document)
        self._group_bytes += len(document.value) + len(document.xattrs)
        if not self._scheduled:
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            self._scheduled = True
            if self._committing is None:
                self._loop.call_soon(self._start)

    def forget(self, storage_id: int) -> None:
        """Leave out the open group's mutations of a dropped collection."""
        self._group = {at: entry for at, entry in self._group.items() if at[0] != storage_id}

    def when_persisted(self, ticket: int, call: Callable[[], None]) -> None:
        """Call `call` when group `ticket` is on disk; at once if it is."""
        if ticket <= self.persisted:
            call()
        else:
            self._waiters.setdefault(ticket, []).append(call)

    @property
    def last_ticket(self) -> int:
        """The number of the latest group that holds a mutation."""
        return self.ticket if self._scheduled else self.ticket - 1

    async def flushed(self) -> None:
        """Return when every mutation made before the call is on disk."""
        ticket = self.last_ticket
        if ticket <= self.persisted:
            return
        done = asyncio.get_running_loop().create_future()
        self.when_persisted(ticket, lambda: _wake(done))
        await done

    def _start(self) -> None:
        group, self._group, self._group_bytes = self._group, {}, 0
        self._scheduled = False
        ticket, self.ticket = self.ticket, self.ticket + 1
        self._submit(ticket, group)

    def _submit(self, ticket: int, group: _Group) -> None:
        """Hand a group to the writer thread, with the counts and clocks that belong to it."""
        loop = self._loop
        assert loop is not None
        collections = {collection.storage_id: collection for collection, _ in group.values()}
        buckets = {collection.bucket.id: collection.bucket for collection in collections.values()}
        items = [(collection.items, at) for at, collection in collections.items()]
        clocks = [(bucket.high_seqno, bucket.clock.last, at) for at, bucket in buckets.items()]

        def write(connection: apsw.Connection) -> None:
            _write_rows(connection, group)
            connection.executemany("UPDATE collections SET items = ? WHERE id = ?", items)
            connection.executemany(
                "UPDATE buckets SET high_seqno = ?, clock = ? WHERE id = ?", clocks
            )

        def done(future: Future[None]) -> None:
            loop.call_soon_threadsafe(self._committed, ticket, group, future)

        self._committing = self._database.submit(write)
        self._committing.add_done_callback(done)

    def _retry(self, ticket: int, group: _Group) -> None:
        """Submit a refused group again, without what was dropped since."""
        kept = {at: entry for at, entry in group.items() if entry[0].live}
        self._submit(ticket, kept)

    def _committed(self, ticket: int, group: _Group, future: Future[None]) -> None:
        failure = future.exception()
        if failure is not None:
            _LOG.error("documents could not be written, trying again: %s", failure)
            self._refused = True
            assert self._loop is not None
            self._loop.call_later(RETRY_S, self._retry, ticket, group)
            return
        self._refused = False
        self._committing = None
        self.persisted = ticket
        for collection, document in group.values():
            bucket = collection.bucket
            bucket.persisted_seqno = max(bucket.persisted_seqno, document.seqno)
        for (_, key), (collection, document) in group.items():
            if collection.pending.get(key) is document:
                del collection.pending[key]
        if self._scheduled:
            self._start()
        for call in self._waiters.pop(ticket, ()):
            call()


def _wake(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _write_rows(connection: apsw.Connection, group: _Group) -> None:
    entries = list(group.items())
    at = 0
    for rows, statement in _STATEMENTS:
        while len(entries) - at >= rows:
            bindings: list[Any] = []
            for (storage_id, key), (_, document) in entries[at : at + rows]:
                bindings.extend(to_row(storage_id, key, document))
            connection.execute(statement, bindings)
            at += rows
