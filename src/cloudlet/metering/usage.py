"""The usage store: counters in memory, written to disk once a second, by minute and by hour."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import apsw

from cloudlet.metering.counters import Counters, Meter
from cloudlet.storage.database import Database

log = logging.getLogger("cloudlet.metering")

MINUTE_S, HOUR_S = 60, 3600
#: How long rows are kept: as long as CloudWatch keeps data of a minute's and an hour's grain.
KEPT_S = {MINUTE_S: 15 * 86_400, HOUR_S: 455 * 86_400}
FLUSH_S = 1.0

_COUNTS = (
    "invocations", "errors", "throttles", "billed_ms", "billed_mb_ms", "max_memory_mb", "starts",
    "init_ms", "provisioned_mb_ms",
)  # fmt: skip
MIGRATIONS = [
    """
    CREATE TABLE usage (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        function TEXT NOT NULL,
        version TEXT NOT NULL,
        grain_s INTEGER NOT NULL,
        start_s INTEGER NOT NULL,
        invocations INTEGER NOT NULL,
        errors INTEGER NOT NULL,
        throttles INTEGER NOT NULL,
        billed_ms INTEGER NOT NULL,
        billed_mb_ms INTEGER NOT NULL,
        max_memory_mb INTEGER NOT NULL,
        starts INTEGER NOT NULL,
        init_ms REAL NOT NULL,
        provisioned_mb_ms INTEGER NOT NULL,
        PRIMARY KEY (account, region, function, grain_s, start_s, version)
    ) WITHOUT ROWID;
    CREATE INDEX usage_by_age ON usage (grain_s, start_s);
    """,
]
_ADD = (  # names of columns, nobody's input
    f"INSERT INTO usage VALUES ({', '.join('?' * (6 + len(_COUNTS)))}) ON CONFLICT DO UPDATE SET "  # noqa: S608
    + ", ".join(
        f"{name} = max({name}, excluded.{name})"
        if name == "max_memory_mb"
        else f"{name} = {name} + excluded.{name}"
        for name in _COUNTS
    )
)

#: Whose memory is kept ready at the moment, and how much of it in MB.
Provisioned = Callable[[], Iterable[tuple[Meter, int]]]


class Usage:
    """Counts what functions use; only adds to counters in memory until the next second.

    What was counted is on disk within a second or two; a killed server loses no more than that.
    Time is that of the end of an invocation. The file is opened at its first use.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: Database | None = None
        self._counting: dict[Meter, Counters] = {}
        self._task: asyncio.Task[None] | None = None
        self._flushing = asyncio.Lock()
        self._pruned_s = 0
        self._provisioned: Provisioned = tuple

    def of(self, meter: Meter) -> Counters:
        """The counters to add to now; not to be kept."""
        counters = self._counting.get(meter)
        if counters is None:
            counters = self._counting[meter] = Counters()
        return counters

    def start(self, provisioned: Provisioned) -> None:
        """Begin to write; `provisioned` is asked every second for what is kept ready."""
        self._provisioned = provisioned
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Write what was counted and close the file."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self.flush()
        opened, self._opened = self._opened, None
        if opened is not None:
            await asyncio.to_thread(opened.close)

    async def clear(self) -> None:
        """Forget everything."""
        self._counting.clear()
        if self._opened is not None or self._path.exists():
            database = await self._database()
            await database.write(lambda connection: connection.execute("DELETE FROM usage"))

    async def _run(self) -> None:
        before = time.monotonic()
        while True:
            await asyncio.sleep(FLUSH_S)
            now = time.monotonic()
            passed_ms, before = (now - before) * 1000, now
            try:
                for meter, memory_mb in self._provisioned():
                    self.of(meter).provisioned_mb_ms += round(memory_mb * passed_ms)
                await self.flush()
            except Exception:
                log.exception("usage could not be written; it is kept for the next attempt")

    async def flush(self) -> None:
        """Write what was counted; on disk when this returns."""
        async with self._flushing:
            if not self._counting:
                return
            database = await self._database()
            counted, self._counting = self._counting, {}
            now_s = int(time.time())
            prune = now_s - self._pruned_s > HOUR_S
            try:
                await database.write(lambda connection: _write(connection, counted, now_s, prune))
            except BaseException:
                for meter, counters in counted.items():
                    self.of(meter).add(counters)
                raise
            if prune:
                self._pruned_s = now_s

    async def _database(self) -> Database:
        if self._opened is None:
            self._opened = await asyncio.to_thread(Database, self._path, MIGRATIONS)
        return self._opened

    async def by_version(
        self, account: str, region: str, function: str, *, since_s: int, grain_s: int = MINUTE_S
    ) -> dict[str, Counters]:
        """What each version of a function used in the minutes (or hours) from `since_s` on."""
        rows = await self._rows(account, region, function, since_s, grain_s)
        found: dict[str, Counters] = {}
        for version, _, counters in rows:
            found.setdefault(version, Counters()).add(counters)
        return found

    async def by_time(
        self, account: str, region: str, function: str, *, since_s: int, grain_s: int = MINUTE_S
    ) -> dict[int, Counters]:
        """What a function used in each minute (or hour) from `since_s` on, by its start."""
        rows = await self._rows(account, region, function, since_s, grain_s)
        found: dict[int, Counters] = {}
        for _, start_s, counters in rows:
            found.setdefault(start_s, Counters()).add(counters)
        return found

    async def last_used_s(self, account: str, region: str, function: str) -> int | None:
        """The start of the last minute, or hour, in which the function ran."""
        await self.flush()
        if self._opened is None and not self._path.exists():
            return None
        database = await self._database()

        def read(connection: apsw.Connection) -> int | None:
            found = connection.execute(
                "SELECT max(start_s) FROM usage WHERE account = ? AND region = ? AND function = ?"
                " AND invocations > 0",
                (account, region, function),
            ).fetchone()
            return None if found is None or found[0] is None else int(found[0])

        return await database.read(read)

    async def _rows(
        self, account: str, region: str, function: str, since_s: int, grain_s: int
    ) -> list[tuple[str, int, Counters]]:
        await self.flush()
        if self._opened is None and not self._path.exists():
            return []
        database = await self._database()

        def read(connection: apsw.Connection) -> list[tuple[str, int, Counters]]:
            rows = connection.execute(
                f"SELECT version, start_s, {', '.join(_COUNTS)} FROM usage"  # noqa: S608 - names
                " WHERE account = ? AND region = ? AND function = ? AND grain_s = ?"
                " AND start_s >= ? ORDER BY start_s",
                (account, region, function, grain_s, since_s - since_s % grain_s),
            )
            return [(version, start_s, Counters(*counts)) for version, start_s, *counts in rows]

        return await database.read(read)


def _write(
    connection: apsw.Connection, counted: dict[Meter, Counters], now_s: int, prune: bool
) -> None:
    for meter, counters in counted.items():
        whose = (meter.account, meter.region, meter.function, meter.version)
        counts = tuple(getattr(counters, name) for name in _COUNTS)
        for grain_s in KEPT_S:
            connection.execute(_ADD, (*whose, grain_s, now_s - now_s % grain_s, *counts))
    if prune:
        for grain_s, kept_s in KEPT_S.items():
            connection.execute(
                "DELETE FROM usage WHERE grain_s = ? AND start_s < ?", (grain_s, now_s - kept_s)
            )
