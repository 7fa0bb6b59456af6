"""Mutations on their way to the disk: applied in memory at once, committed in groups."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import apsw

from cloudlet.storage.database import Database
from cloudlet.storage.documents.model import Document, StoreBusyError
from cloudlet.storage.documents.schema import to_row, upsert_statement

if TYPE_CHECKING:
    from cloudlet.storage.documents.collection import Collection

_LOG = logging.getLogger(__name__)

#: Rows a statement: few sizes, so that SQLite's prepared statements are found again.
_STATEMENTS: Final = [(rows, upsert_statement(rows)) for rows in (128, 32, 8, 1)]

#: Documents of one group, so that settling it keeps the event loop for under 2 ms.
GROUP_DOCUMENTS: Final = 2000

#: Mutations that wait for the disk: above these, new ones raise `StoreBusyError`.
WAITING_BYTES: Final = 64 * 1024 * 1024
WAITING_DOCUMENTS: Final = 100_000

#: How long a refused group waits before it is tried again, in seconds.
RETRY_S: Final = 1.0

_Group = dict[tuple[int, bytes], tuple["Collection", Document]]


class _Closed(NamedTuple):
    """A group that takes no more mutations."""

    ticket: int
    group: _Group
    size: int
    mutations: int


class Journal:
    """Groups of mutations, numbered from 1; group n is on disk when `persisted >= n`.

    One group commits while the next one gathers. A group that the disk refuses is tried again
    every second, and until it succeeds new mutations raise `StoreBusyError`: what was seen in
    memory is never forgotten while the process lives. Used from the event loop's thread only.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        #: The open group, and whether it is spoken for (it may be empty after a drop).
        self._group: _Group = {}
        self._group_bytes = 0
        self._group_count = 0
        self._open = False
        #: Full groups that wait for their turn.
        self._full: deque[_Closed] = deque()
        self._waiting_bytes = 0
        self._waiting_documents = 0
        self._committing: Future[None] | None = None
        self._waiters: dict[int, list[Callable[[], None]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refused = False
        self._together = False
        #: Called when a group is on disk, after those who waited for it.
        self.listeners: list[Callable[[], None]] = []
        #: The number of the group that a mutation made now belongs to.
        self.ticket = 1
        #: The highest group that is on disk.
        self.persisted = 0

    def check(self) -> None:
        """Raise `StoreBusyError` where a mutation could not be taken."""
        if (
            self._refused
            or self._waiting_bytes > WAITING_BYTES
            or self._waiting_documents > WAITING_DOCUMENTS
        ):
            raise StoreBusyError("writes to disk are behind")

    def record(self, collection: Collection, key: bytes, document: Document) -> None:
        """Add a mutation to the open group; a later one of the same key takes its place."""
        size = len(document.value) + len(document.xattrs)
        self._group[(collection.storage_id, key)] = (collection, document)
        self._group_bytes += size
        self._waiting_bytes += size
        self._waiting_documents += 1
        if not self._open:
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            self._open = True
            if self._committing is None:
                self._loop.call_soon(self._start)
        self._group_count += 1
        if self._group_count >= GROUP_DOCUMENTS and not self._together:
            self._full.append(self._close_group())

    @contextmanager
    def together(self) -> Iterator[None]:
        """All mutations made inside (without awaiting) are in one group: on disk all or none."""
        self._together = True
        try:
            yield
        finally:
            self._together = False
            if self._group_count >= GROUP_DOCUMENTS:
                self._full.append(self._close_group())

    def forget(self, storage_id: int) -> None:
        """Leave out the waiting mutations of a dropped collection."""
        for group in (self._group, *(closed.group for closed in self._full)):
            for at in [at for at in group if at[0] == storage_id]:
                del group[at]

    def when_persisted(self, ticket: int, call: Callable[[], None]) -> None:
        """Call `call` when group `ticket` is on disk; at once if it is."""
        if ticket <= self.persisted:
            call()
        else:
            self._waiters.setdefault(ticket, []).append(call)

    @property
    def last_ticket(self) -> int:
        """The number of the latest group that holds a mutation."""
        return self.ticket if self._open else self.ticket - 1

    async def flushed(self) -> None:
        """Return when every mutation made before the call is on disk."""
        ticket = self.last_ticket
        if ticket <= self.persisted:
            return
        done = asyncio.get_running_loop().create_future()
        self.when_persisted(ticket, lambda: _wake(done))
        await done

    def _close_group(self) -> _Closed:
        closed = _Closed(self.ticket, self._group, self._group_bytes, self._group_count)
        self._group, self._group_bytes, self._group_count = {}, 0, 0
        self._open = False
        self.ticket += 1
        return closed

    def _start(self) -> None:
        """Begin with the oldest group, unless one is being written."""
        if self._committing is not None:
            return
        if self._full:
            self._submit(self._full.popleft())
        elif self._open:
            self._submit(self._close_group())

    def _submit(self, closed: _Closed) -> None:
        """Hand a group to the writer thread, with the counts and clocks that belong to it."""
        loop = self._loop
        assert loop is not None
        group = closed.group
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
            loop.call_soon_threadsafe(self._committed, closed, future)

        self._committing = self._database.submit(write)
        self._committing.add_done_callback(done)

    def _retry(self, closed: _Closed) -> None:
        """Submit a refused group again, without what was dropped since."""
        for at in [at for at, entry in closed.group.items() if not entry[0].live]:
            del closed.group[at]
        self._submit(closed)

    def _committed(self, closed: _Closed, future: Future[None]) -> None:
        failure = future.exception()
        if failure is not None:
            _LOG.error("documents could not be written, trying again: %s", failure)
            self._refused = True
            assert self._loop is not None
            self._loop.call_later(RETRY_S, self._retry, closed)
            return
        self._refused = False
        self._committing = None
        self.persisted = closed.ticket
        self._waiting_bytes -= closed.size
        self._waiting_documents -= closed.mutations
        for (_, key), (collection, document) in closed.group.items():
            bucket = collection.bucket
            bucket.persisted_seqno = max(bucket.persisted_seqno, document.seqno)
            if collection.pending.get(key) is document:
                del collection.pending[key]
        self._start()
        for call in self._waiters.pop(closed.ticket, ()):
            call()
        for call in self.listeners:
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
