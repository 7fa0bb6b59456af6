"""Mutations on their way to the disk: applied in memory at once, committed in groups."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import apsw

from cloudlet.storage.database import Database
from cloudlet.storage.documents.model import Document, StoreBusyError
from cloudlet.storage.documents.schema import to_row, upsert_statement

if TYPE_CHECKING:
    from cloudlet.storage.documents.collection import Collection

_LOG = logging.getLogger(__name__)

#: Rows a statement: few sizes, so that SQLite's prepared statements are found again. The writer
#: thread holds the interpreter for some 2 microseconds a row.
_STATEMENTS: Final = [(rows, upsert_statement(rows)) for rows in (64, 8, 1)]

#: Mutations that wait for the disk: above these, new ones raise `StoreBusyError`.
WAITING_BYTES: Final = 64 * 1024 * 1024
WAITING_DOCUMENTS: Final = 100_000

#: How long a refused group waits before it is tried again, in seconds.
RETRY_S: Final = 1.0

#: How long a group that nobody waits for gathers: so many times what the last commit took, so
#: that the disk and the interpreter are left to others for three quarters of the time.
REST_COMMITS: Final = 3

#: Within this, in seconds.
REST_S: Final = (0.005, 0.5)

#: How old a mutation gets that comes while a commit begins (which it waits for, and then gathers,
#: and then commits), unless the disk becomes slower: under the second that a kill may cost.
AGE_S: Final = 0.8


class _Group(NamedTuple):
    """A group that takes no more mutations, with the counts and clocks that belong to it."""

    ticket: int
    #: The newest version of each key.
    documents: dict[Collection, dict[bytes, Document]]
    #: Sequence number, clock and number of each bucket; items and number of each collection.
    buckets: list[tuple[int, int, int]]
    items: list[tuple[int, int]]


class Journal:
    """Groups of mutations, numbered from 1; group n is on disk when `persisted >= n`.

    One group commits while the next one gathers; mutations made without an `await` between them
    are in one group, on disk all or none. A group that somebody waits for or listens to is
    written as soon as the one before it is; another gathers for a while, up to half a second, so
    that a key that changes often is written once. A group that the disk refuses is tried again
    every second, and until it succeeds new mutations raise `StoreBusyError`: what was seen in
    memory is never forgotten while the process lives. Used from the event loop's thread only.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        #: The open group's collections, its size, and whether it is spoken for (it may be empty
        #: after a drop).
        self._collections: set[Collection] = set()
        self._bytes = 0
        self._count = 0
        self._open = False
        #: What the open group may hold yet before mutations are refused.
        self._bytes_left = WAITING_BYTES
        self._count_left = WAITING_DOCUMENTS
        self._committing: Future[None] | None = None
        self._began = 0.0
        self._rest_s = REST_S[0]
        self._resting: asyncio.TimerHandle | None = None
        self._waiters: dict[int, list[Callable[[], None]]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._refused = False
        #: Called when a group is on disk, after those who waited for it.
        self.listeners: list[Callable[[], None]] = []
        #: Whether a mutation could not be taken now.
        self.behind = False
        #: The number of the group that a mutation made now belongs to.
        self.ticket = 1
        #: The highest group that is on disk.
        self.persisted = 0

    def check(self) -> None:
        """Raise `StoreBusyError` where a mutation could not be taken."""
        if self.behind:
            raise StoreBusyError("writes to disk are behind")

    def record(self, collection: Collection, key: bytes, document: Document, longer: int) -> None:
        """Add a mutation to the open group; a later one of the same key takes its place."""
        pending = collection.pending
        waiting = len(pending)
        pending[key] = document
        if len(pending) == waiting:
            # The version before it was the one that waited, and need not be written any more.
            self._bytes += longer
            return
        self._bytes += len(document.value) + len(document.xattrs)
        self._count += 1
        if not waiting:
            self._collections.add(collection)
            self._open_group()
        if self._bytes > self._bytes_left or self._count > self._count_left:
            self.behind = True

    def _open_group(self) -> None:
        if self._open:
            return
        self._open = True
        if self._committing is None:
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._start)

    def forget(self, collection: Collection) -> None:
        """Leave out the waiting mutations of a dropped collection."""
        for document in collection.pending.values():
            self._bytes -= len(document.value) + len(document.xattrs)
        self._count -= len(collection.pending)
        collection.pending = {}
        self._collections.discard(collection)

    def when_persisted(self, ticket: int, call: Callable[[], None]) -> None:
        """Call `call` when group `ticket` is on disk; at once if it is."""
        if ticket <= self.persisted:
            call()
            return
        self._waiters.setdefault(ticket, []).append(call)
        if self._resting is not None and self._loop is not None:
            self._resting.cancel()
            self._resting = None
            self._loop.call_soon(self._start)

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

    def _start(self) -> None:
        """Write the open group, or let it gather where nobody waits for it."""
        if self._committing is not None or not self._open:
            return
        assert self._loop is not None
        if self.ticket not in self._waiters and not self.listeners and self._resting is None:
            self._resting = self._loop.call_later(self._rest_s, self._start)
            return
        self._resting = None
        self._submit(self._close_group())

    def _close_group(self) -> _Group:
        buckets = {one.bucket.id: one.bucket for one in self._collections}
        group = _Group(
            self.ticket,
            {one: one.pending for one in self._collections},
            [(bucket.high_seqno, bucket.clock.last, at) for at, bucket in buckets.items()],
            [(one.items, one.storage_id) for one in self._collections],
        )
        for collection in self._collections:
            collection.committing, collection.pending = collection.pending, {}
        self._collections = set()
        self._bytes_left = WAITING_BYTES - self._bytes
        self._count_left = WAITING_DOCUMENTS - self._count
        self._bytes = self._count = 0
        self._open = False
        self.ticket += 1
        return group

    def _submit(self, group: _Group) -> None:
        """Hand a group to the writer thread."""
        loop = self._loop
        assert loop is not None

        def write(connection: apsw.Connection) -> None:
            for collection, documents in group.documents.items():
                _write_rows(connection, collection.storage_id, documents)
            connection.executemany("UPDATE collections SET items = ? WHERE id = ?", group.items)
            connection.executemany(
                "UPDATE buckets SET high_seqno = ?, clock = ? WHERE id = ?", group.buckets
            )

        def done(future: Future[None]) -> None:
            loop.call_soon_threadsafe(self._committed, group, future)

        self._began = loop.time()
        self._committing = self._database.submit(write)
        self._committing.add_done_callback(done)

    def _retry(self, group: _Group) -> None:
        """Submit a refused group again, without what was dropped since."""
        for collection in [one for one in group.documents if not one.live]:
            del group.documents[collection]
        self._submit(group)

    def _committed(self, group: _Group, future: Future[None]) -> None:
        assert self._loop is not None
        failure = future.exception()
        if failure is not None:
            _LOG.error("documents could not be written, trying again: %s", failure)
            self._refused = self.behind = True
            self._loop.call_later(RETRY_S, self._retry, group)
            return
        self._refused = self.behind = False
        self._bytes_left, self._count_left = WAITING_BYTES, WAITING_DOCUMENTS
        self._committing = None
        self._rest_s = _rest_after(self._loop.time() - self._began)
        self.persisted = group.ticket
        reached = {at: seqno for seqno, _, at in group.buckets}
        for collection in group.documents:
            collection.committing = {}
            bucket = collection.bucket
            bucket.persisted_seqno = max(bucket.persisted_seqno, reached[bucket.id])
        self._start()
        for call in self._waiters.pop(group.ticket, ()):
            call()
        for call in self.listeners:
            call()


def _rest_after(commit_s: float) -> float:
    """How long the group after a commit that took so long gathers where nobody waits for it."""
    shortest, longest = REST_S
    return max(min(REST_COMMITS * commit_s, AGE_S - 2 * commit_s, longest), shortest)


def _wake(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


def _write_rows(
    connection: apsw.Connection, storage_id: int, documents: dict[bytes, Document]
) -> None:
    entries = iter(documents.items())
    left = len(documents)
    for rows, statement in _STATEMENTS:
        while left >= rows:
            bindings: list[Any] = []
            for key, document in islice(entries, rows):
                bindings += to_row(storage_id, key, document)
            connection.execute(statement, bindings)
            left -= rows
