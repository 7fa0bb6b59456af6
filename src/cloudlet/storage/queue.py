"""A durable queue of work that is done at least once, with retries at a later time."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import apsw

from cloudlet.storage.database import Database

MIGRATIONS = [
    """
    CREATE TABLE item (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        lane TEXT NOT NULL,
        body BLOB NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        postponed INTEGER NOT NULL DEFAULT 0,
        added_ms INTEGER NOT NULL,
        due_ms INTEGER NOT NULL
    );
    """,
]


@dataclass(frozen=True, slots=True)
class Item:
    """A piece of work: how often it was tried and failed, and how often put off untried."""

    id: int
    lane: str
    added_ms: int
    attempts: int = 0
    postponed: int = 0


class Queue:
    """Items by due time, in lanes that their consumer may hold up one by one.

    An item is on disk from the return of `put` until that of `done`; one that was taken and not
    done when the process died is there again after the next start. In memory are only ids and
    lanes, so that a long queue is cheap; bodies are read when they are needed.
    """

    def __init__(self, path: Path) -> None:
        self.database = Database(path, MIGRATIONS)
        self._waiting: list[tuple[int, int, Item]] = []  # a heap by (due_ms, id)
        self._arrived = asyncio.Event()
        rows = self.database.reader.execute(
            "SELECT due_ms, id, lane, added_ms, attempts, postponed FROM item"
        )
        for due_ms, id_, *rest in rows:
            self._waiting.append((due_ms, id_, Item(id_, *rest)))
        heapq.heapify(self._waiting)

    def __len__(self) -> int:
        """How many items wait; those that are taken do not count."""
        return len(self._waiting)

    async def put(self, lane: str, body: bytes) -> int:
        """Add an item that is due at once; on disk when this returns its id."""
        now = now_ms()

        def insert(connection: apsw.Connection) -> int:
            connection.execute(
                "INSERT INTO item (lane, body, added_ms, due_ms) VALUES (?,?,?,?)",
                (lane, body, now, now),
            )
            return connection.last_insert_rowid()

        # Shielded: once the row is written the item must be taken, whoever waits for it.
        return await asyncio.shield(self._add(lane, now, insert))

    async def _add(self, lane: str, now: int, insert: Callable[[apsw.Connection], int]) -> int:
        id_ = await self.database.write(insert)
        self._push(now, Item(id_, lane, now))
        return id_

    async def take(self) -> Item:
        """The next item that is due; waits until there is one. The caller owes a `done`."""
        while True:
            self._arrived.clear()
            wait_s: float | None = None
            if self._waiting:
                wait_s = (self._waiting[0][0] - now_ms()) / 1000
                if wait_s <= 0:
                    return heapq.heappop(self._waiting)[2]
            try:
                await asyncio.wait_for(self._arrived.wait(), wait_s)
            except TimeoutError:
                continue

    async def body(self, item: Item) -> bytes:
        """The item's body; `LookupError` where it is done already."""
        rows = self.database.reader.execute("SELECT body FROM item WHERE id=?", (item.id,))
        for (body,) in rows:
            return bytes(body)
        raise LookupError(f"item {item.id} is not in the queue")

    async def done(self, item: Item) -> None:
        """Remove the item; on disk when it returns."""
        await self.database.write(
            lambda connection: connection.execute("DELETE FROM item WHERE id=?", (item.id,))
        )

    async def retry(self, item: Item, delay_s: float) -> None:
        """Put a taken item back, due in `delay_s`, with one more attempt."""
        await self._put_back(replace(item, attempts=item.attempts + 1), delay_s)

    async def postpone(self, item: Item, delay_s: float) -> None:
        """Put a taken item back, due in `delay_s`, because it could not be tried."""
        await self._put_back(replace(item, postponed=item.postponed + 1), delay_s)

    async def _put_back(self, item: Item, delay_s: float) -> None:
        due = now_ms() + round(delay_s * 1000)
        await self.database.write(
            lambda connection: connection.execute(
                "UPDATE item SET due_ms=?, attempts=?, postponed=? WHERE id=?",
                (due, item.attempts, item.postponed, item.id),
            )
        )
        self._push(due, item)

    async def clear(self) -> None:
        """Remove every item."""
        self._waiting.clear()
        await self.database.write(lambda connection: connection.execute("DELETE FROM item"))
        self._waiting.clear()

    def close(self) -> None:
        """Finish what is being written and close the file."""
        self.database.close()

    def _push(self, due_ms: int, item: Item) -> None:
        heapq.heappush(self._waiting, (due_ms, item.id, item))
        self._arrived.set()


def now_ms() -> int:
    """Milliseconds since the epoch, which survive a restart."""
    return time.time_ns() // 1_000_000
