"""Log groups, streams and events on disk; events are read page by page, never all at once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from cloudlet.services.logs import chunks
from cloudlet.services.logs.errors import NO_GROUP, NO_STREAM, ResourceNotFound
from cloudlet.services.logs.model import Event, GroupRecord, Stream
from cloudlet.storage.database import Database
from cloudlet.storage.records import Records

MIGRATIONS = [
    """
    CREATE TABLE stream (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        grp INTEGER NOT NULL,
        name TEXT NOT NULL,
        created_ms INTEGER NOT NULL,
        first_ms INTEGER NOT NULL DEFAULT 0,
        last_ms INTEGER NOT NULL DEFAULT 0,
        ingested_ms INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        UNIQUE (grp, name)
    );
    CREATE TABLE event (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        grp INTEGER NOT NULL,
        stream INTEGER NOT NULL,
        timestamp_ms INTEGER NOT NULL,
        ingested_ms INTEGER NOT NULL,
        message TEXT NOT NULL
    );
    CREATE INDEX event_of_stream ON event (stream, timestamp_ms);
    CREATE INDEX event_of_group ON event (grp, timestamp_ms);
    CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO counter VALUES ('group', 0);
    """,
    """
    CREATE TABLE chunk (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        grp INTEGER NOT NULL,
        stream INTEGER NOT NULL,
        first_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL,
        ingested_ms INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        content BLOB NOT NULL
    );
    INSERT INTO chunk SELECT number, grp, stream, timestamp_ms, timestamp_ms, ingested_ms,
        octet_length(message) + 26, CAST(json_array(json_array(timestamp_ms, message)) AS BLOB)
        FROM event;
    DROP TABLE event;
    CREATE INDEX chunk_of_stream ON chunk (stream, first_ms);
    CREATE INDEX chunk_of_group ON chunk (grp, first_ms);
    """,
]

#: A group, the name of one of its streams, (unix milliseconds, message) of each event.
Batch = tuple[GroupRecord, str, Sequence[tuple[int, str]]]

_STREAM = "number, name, created_ms, first_ms, last_ms, ingested_ms"


class Store:
    """Groups by (account, region, name); streams and events by the group's number."""

    def __init__(self, records: Records, path: Path) -> None:
        self.groups = records.table("logs.group", GroupRecord)
        self.database = Database(path, MIGRATIONS)

    def group(self, account: str, region: str, name: str) -> GroupRecord:
        """The group, or `ResourceNotFound`."""
        found = self.groups.get(account, region, name)
        if found is None:
            raise ResourceNotFound(NO_GROUP)
        return found

    async def create_group(self, account: str, region: str, name: str, **fields: object) -> bool:
        """Create a group with a number that was never used; False where the group is there."""

        def next_number(connection: apsw.Connection) -> int:
            rows = connection.execute(
                "UPDATE counter SET value = value + 1 WHERE name = 'group' RETURNING value"
            )
            return _number(rows)

        number = await self.database.write(next_number)
        record = GroupRecord(name=name, number=number, created_ms=now_ms(), **fields)  # type: ignore[arg-type]
        if self.groups.get(account, region, name) is not None:
            return False
        await self.groups.put(account, region, name, record)
        return True

    async def delete_group(self, account: str, region: str, name: str) -> None:
        """Delete the group with its streams and events."""
        number = self.group(account, region, name).number
        await self.groups.delete(account, region, name)

        def delete(connection: apsw.Connection) -> None:
            connection.execute("DELETE FROM chunk WHERE grp=?", (number,))
            connection.execute("DELETE FROM stream WHERE grp=?", (number,))

        await self.database.write(delete)

    def stream(self, group: GroupRecord, name: str) -> Stream:
        """The stream, or `ResourceNotFound`."""
        rows = self.database.reader.execute(
            f"SELECT {_STREAM} FROM stream WHERE grp=? AND name=?",  # noqa: S608 - a constant
            (group.number, name),
        ).fetchall()
        if not rows:
            raise ResourceNotFound(NO_STREAM)
        return _stream(rows[0])

    def has_stream(self, group: GroupRecord, name: str) -> bool:
        """Whether the group has a stream of that name."""
        rows = self.database.reader.execute(
            "SELECT 1 FROM stream WHERE grp=? AND name=?", (group.number, name)
        )
        return bool(rows.fetchall())

    async def stream_names(self, numbers: set[int]) -> dict[int, str]:
        """The names of these streams, by number."""

        def read(connection: apsw.Connection) -> dict[int, str]:
            query = "SELECT name FROM stream WHERE number=?"
            found = {n: connection.execute(query, (n,)).fetchall() for n in numbers}
            return {number: str(rows[0][0]) for number, rows in found.items() if rows}

        return await self.database.read(read)

    async def streams(self, group: GroupRecord, prefix: str = "") -> list[Stream]:
        """The streams whose name starts with `prefix`, by name."""

        def read(connection: apsw.Connection) -> list[Stream]:
            rows = connection.execute(
                f"SELECT {_STREAM} FROM stream WHERE grp=? AND name>=? AND"  # noqa: S608
                " substr(name, 1, ?)=? ORDER BY name",
                (group.number, prefix, len(prefix), prefix),
            )
            return [_stream(row) for row in rows]

        return await self.database.read(read)

    async def create_stream(self, group: GroupRecord, name: str) -> bool:
        """Create a stream; False where it was there."""

        def insert(connection: apsw.Connection) -> bool:
            connection.execute(
                "INSERT OR IGNORE INTO stream (grp, name, created_ms) VALUES (?,?,?)",
                (group.number, name, now_ms()),
            )
            return connection.changes() > 0

        return await self.database.write(insert)

    async def delete_stream(self, group: GroupRecord, name: str) -> None:
        """Delete a stream with its events."""
        number = self.stream(group, name).number

        def delete(connection: apsw.Connection) -> None:
            connection.execute("DELETE FROM chunk WHERE stream=?", (number,))
            connection.execute("DELETE FROM stream WHERE number=?", (number,))

        await self.database.write(delete)

    async def append(
        self, group: GroupRecord, stream: str, events: Sequence[tuple[int, str]]
    ) -> None:
        """Add (unix milliseconds, message) to a stream that exists; on disk when it returns."""
        if await self.append_all([(group, stream, events)]):
            raise ResourceNotFound(NO_STREAM)

    async def append_all(self, batches: Sequence[Batch]) -> list[Batch]:
        """Add to several streams at once; returns the batches whose stream is not there."""
        batches = [batch for batch in batches if batch[2]]
        ingested = now_ms()

        def insert(connection: apsw.Connection) -> list[Batch]:
            return [batch for batch in batches if not _insert(connection, batch, ingested)]

        return await self.database.write(insert) if batches else []

    async def events(
        self,
        scope: tuple[str, int],
        *,
        after: tuple[int, int] | None = None,
        before: tuple[int, int] | None = None,
        start_ms: int = 0,
        end_ms: int = 1 << 62,
        limit: int,
    ) -> list[Event]:
        """Up to `limit` events of `scope`, ("stream" or "grp", number), in their order.

        From the first that follows `after`, or the last that precede `before`, both as
        (timestamp, number); `start_ms` is inclusive, `end_ms` exclusive.
        """
        column, number = scope
        assert column in {"stream", "grp"}
        span = chunks.Span(
            column, number, start_ms, end_ms,
            after=after or (-1, -1), before=before or (1 << 62, 1 << 62),
        )  # fmt: skip
        read = chunks.forward if before is None else chunks.backward
        return await self.database.read(lambda connection: read(connection, span, limit))

    async def stored_bytes(self, groups: Sequence[GroupRecord]) -> dict[int, int]:
        """How many bytes each group's events have, as CloudWatch Logs counts them."""

        def read(connection: apsw.Connection) -> dict[int, int]:
            query = "SELECT coalesce(sum(bytes), 0) FROM stream WHERE grp=?"
            return {
                group.number: _number(connection.execute(query, (group.number,)))
                for group in groups
            }

        return await self.database.read(read)

    async def expire(self, group: GroupRecord, before_ms: int, batch: int = 500) -> int:
        """Delete up to `batch` chunks whose events are all older than `before_ms`; returns how
        many.
        """

        def delete(connection: apsw.Connection) -> int:
            freed: Counter[int] = Counter()
            count = 0
            for stream, size in connection.execute(
                "DELETE FROM chunk WHERE number IN (SELECT number FROM chunk"
                " WHERE grp=? AND first_ms<? AND last_ms<? LIMIT ?) RETURNING stream, bytes",
                (group.number, before_ms, before_ms, batch),
            ):
                freed[stream] += size
                count += 1
            connection.executemany(
                "UPDATE stream SET bytes=bytes-? WHERE number=?",
                [(size, stream) for stream, size in freed.items()],
            )
            return count

        return await self.database.write(delete)

    async def clear(self) -> None:
        """Delete all streams and events."""

        def delete(connection: apsw.Connection) -> None:
            connection.execute("DELETE FROM chunk")
            connection.execute("DELETE FROM stream")

        await self.database.write(delete)


def _stream(row: Any) -> Stream:
    return Stream(*row)


def _number(rows: Any) -> int:
    """The single value of the single row."""
    return int(rows.fetchall()[0][0])


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def _insert(connection: apsw.Connection, batch: Batch, ingested_ms: int) -> bool:
    """Add a batch to its stream; False where the stream is not there."""
    group, stream, events = batch
    packed = list(chunks.pack(events))
    first, last = min(c.first_ms for c in packed), max(c.last_ms for c in packed)
    rows = connection.execute(
        "UPDATE stream SET ingested_ms=?, bytes=bytes+?, last_ms=max(last_ms, ?),"
        " first_ms=CASE WHEN first_ms=0 THEN ? ELSE min(first_ms, ?) END"
        " WHERE grp=? AND name=? RETURNING number",
        (ingested_ms, sum(c.size for c in packed), last, first, first, group.number, stream),
    ).fetchall()
    if not rows:
        return False
    number = rows[0][0]
    connection.executemany(
        "INSERT INTO chunk (grp, stream, first_ms, last_ms, ingested_ms, bytes, content)"
        " VALUES (?,?,?,?,?,?,?)",
        [
            (group.number, number, c.first_ms, c.last_ms, ingested_ms, c.size, c.content)
            for c in packed
        ],
    )
    return True
