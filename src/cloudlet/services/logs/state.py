"""What the operations of CloudWatch Logs work with."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass

from cloudlet.services.logs.model import GroupRecord
from cloudlet.services.logs.sink import Sink
from cloudlet.services.logs.store import Store, now_ms

log = logging.getLogger("cloudlet.logs")

DAY_MS = 86_400_000
#: Seconds between two looks for expired events.
SWEEP_S = 600.0


@dataclass(slots=True)
class LogsService:
    """The service's state."""

    store: Store
    sink: Sink
    _sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to remove expired events."""
        self._sweeper = asyncio.create_task(self._sweep_always())

    async def stop(self) -> None:
        """Write what functions logged, then close."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        await self.sink.close()
        self.store.database.close()

    async def reset(self) -> None:
        """The groups are gone: remove their streams and events."""
        self.sink.discard()
        await self.store.clear()

    async def _sweep_always(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                await self.sweep()
            await asyncio.sleep(SWEEP_S)

    async def sweep(self) -> None:
        """Delete the events that are older than their group keeps them."""
        for _, _, _, group in self.store.groups.everywhere():
            oldest = oldest_kept_ms(group)
            while oldest and await self.store.expire(group, oldest):
                pass


def oldest_kept_ms(group: GroupRecord) -> int:
    """The time before which the group's events have expired; 0 where they never do."""
    if group.retention_days is None:
        return 0
    return now_ms() - group.retention_days * DAY_MS
