"""One SQLite database: one writer thread with group commit, reads on per-thread connections."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import apsw

T = TypeVar("T")

#: The most writes that share one transaction, so that a flood cannot delay its own first answer.
GROUP_LIMIT = 512

#: Waiters that go on in one turn of the event loop.
WAKEN = 8

#: Pages of the write-ahead log after which SQLite folds it into the database (4 KiB each).
CHECKPOINT_PAGES = 4000

#: Memory that each connection may take for pages, in KiB: SQLite's default.
CACHE_KIB = 2000

_Job = tuple[Callable[[apsw.Connection], Any], "Future[Any]"]


class Database:
    """A SQLite file in WAL mode whose writes are durable when their awaitable is done.

    Writes run on one thread in the order they were submitted; those that wait at the same time
    share one transaction and one fsync (`synchronous=FULL`), each in a savepoint of its own, so
    that one that raises undoes only itself. Reads see every write that was acknowledged.
    """

    def __init__(
        self, path: Path, migrations: Sequence[str], *, writer_cache_kib: int = CACHE_KIB
    ) -> None:
        """Open or create `path` and bring it to version `len(migrations)`.

        Each migration is an SQL script; its place in the sequence is its version number.
        A file of a newer version than the code's is refused with `ValueError`. A transaction that
        changes more pages than `writer_cache_kib` holds writes some of them twice.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._local = threading.local()
        self._readers: list[apsw.Connection] = []
        self._readers_lock = threading.Lock()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._arrived: dict[
            asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Future[Any]]]
        ] = {}
        self._writer = self._connect()
        self._writer.pragma("cache_size", -writer_cache_kib)
        # Pages that a statement of many rows may have to undo are copied: not to a file.
        self._writer.pragma("temp_store", "memory")
        self._migrate(migrations)
        self._thread = threading.Thread(target=self._write_loop, name=f"write {path.name}")
        self._thread.daemon = True
        self._thread.start()

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self.path))
        connection.set_busy_timeout(10_000)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        return connection

    def _migrate(self, migrations: Sequence[str]) -> None:
        version = int(self._writer.pragma("user_version"))
        if version > len(migrations):
            raise ValueError(
                f"{self.path} has version {version}, this cloudlet knows {len(migrations)}:"
                " it was written by a newer release"
            )
        for number, script in enumerate(migrations[version:], start=version + 1):
            with self._writer:
                self._writer.execute(script)
                self._writer.pragma("user_version", number)

    @property
    def reader(self) -> apsw.Connection:
        """The calling thread's own connection, for reads only."""
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._connect()
            connection.pragma("query_only", True)
            self._local.connection = connection
            with self._readers_lock:
                self._readers.append(connection)
        return connection

    def submit(self, write: Callable[[apsw.Connection], T]) -> Future[T]:
        """Queue `write`; the future is done once it is on disk, or holds what it raised."""
        if self._closed:
            raise RuntimeError(f"{self.path} is closed")
        future: Future[T] = Future()
        self._jobs.put((write, future))
        return future

    async def write(self, write: Callable[[apsw.Connection], T]) -> T:
        """Run `write` on the writer thread; return its result once it is on disk.

        Those whose writes shared a commit go on a few at a time, so that a large group does not
        hold the event loop.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        future = self.submit(write)

        def settled(done: Future[T]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._arrive, waiter, done)

        future.add_done_callback(settled)
        try:
            return await waiter
        except asyncio.CancelledError:
            future.cancel()
            raise

    def _arrive(self, waiter: asyncio.Future[Any], done: Future[Any]) -> None:
        loop = waiter.get_loop()
        arrived = self._arrived.setdefault(loop, [])
        arrived.append((waiter, done))
        if len(arrived) == 1:
            loop.call_soon(self._hand_out, loop)

    def _hand_out(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wake the waiters of some settled writes; the others in the loop's next turns."""
        arrived = self._arrived[loop]
        for waiter, done in arrived[:WAKEN]:
            if waiter.done():
                continue
            if done.cancelled():
                waiter.cancel()
            elif (error := done.exception()) is not None:
                waiter.set_exception(error)
            else:
                waiter.set_result(done.result())
        del arrived[:WAKEN]
        if arrived:
            loop.call_soon(self._hand_out, loop)
        else:
            del self._arrived[loop]

    async def read(self, read: Callable[[apsw.Connection], T]) -> T:
        """Run `read` on a thread with its own connection: for reads that may take over 1 ms."""
        return await asyncio.to_thread(lambda: read(self.reader))

    def close(self) -> None:
        """Finish the queued writes, then close every connection."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        self._thread.join()
        self._writer.close()
        with self._readers_lock:
            for connection in self._readers:
                connection.close()
            self._readers.clear()

    def _write_loop(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            group = [job]
            stop = False
            while len(group) < GROUP_LIMIT and not self._jobs.empty():
                following = self._jobs.get()
                if following is None:
                    stop = True
                    break
                group.append(following)
            self._commit(group)
            if stop:
                return
            # What was written is not kept until the next write comes.
            del job, group

    def _commit(self, group: list[_Job]) -> None:
        """Run `group` in one transaction and settle its futures after the commit."""
        settle: list[Callable[[], None]] = []
        # A savepoint has SQLite copy each page before its change; the only write needs none, for
        # it is undone with the transaction.
        run = self._run_alone if len(group) == 1 else self._run_one
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for write, future in group:
                settle.append(run(write, future))
            self._writer.execute("COMMIT")
        except Exception as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            for _, future in group:
                _settle(future, None, error)
            return
        for done in settle:
            done()

    def _run_alone(
        self, write: Callable[[apsw.Connection], Any], future: Future[Any]
    ) -> Callable[[], None]:
        if future.cancelled():
            return lambda: None
        result = write(self._writer)
        return lambda: _settle(future, result, None)

    def _run_one(
        self, write: Callable[[apsw.Connection], Any], future: Future[Any]
    ) -> Callable[[], None]:
        if future.cancelled():
            return lambda: None
        self._writer.execute("SAVEPOINT one")
        try:
            result = write(self._writer)
        except Exception as error:
            self._writer.execute("ROLLBACK TO one")
            self._writer.execute("RELEASE one")
            failure = error
            return lambda: _settle(future, None, failure)
        self._writer.execute("RELEASE one")
        return lambda: _settle(future, result, None)


def _settle(future: Future[Any], result: object, failure: Exception | None) -> None:
    """Settle `future` unless its waiter has gone."""
    if not future.set_running_or_notify_cancel():
        return
    if failure is not None:
        future.set_exception(failure)
    else:
        future.set_result(result)
