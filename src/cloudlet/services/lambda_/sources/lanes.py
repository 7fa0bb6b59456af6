"""Several batches of one shard at a time, in order for each partition key.

After "ParallelizationFactor" of "Polling and batching strategies": records are dealt to as many
lanes as the factor says by their partition keys, and a lane that is held up does not hold up the
others, until its own backlog is full.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Awaitable, Callable, Sequence
from itertools import takewhile
from operator import itemgetter

from cloudlet.aws.event_sources import SourceRecord
from cloudlet.services.lambda_.model import MappingRecord
from cloudlet.services.lambda_.sources.batch import PAYLOAD_BYTES, fits

#: Batches that a lane may have waiting before reading pauses.
_BACKLOG = 2


class Lanes:
    """The lanes of one shard; what is done is saved in the order of the shard."""

    def __init__(
        self,
        mapping: MappingRecord,
        wanted: Callable[[SourceRecord], bool],
        process: Callable[[Sequence[SourceRecord]], Awaitable[None]],
        save: Callable[[str], Awaitable[None]],
    ) -> None:
        self._mapping, self._wanted = mapping, wanted
        self._process, self._save = process, save
        size = _BACKLOG * mapping.batch_size
        self._lanes = [_Lane(size) for _ in range(mapping.parallelization)]
        self._open: dict[str, bool] = {}  # by id, in the shard's order: is it done
        self._saving = asyncio.Lock()

    async def run(
        self, read: Callable[[str, int], Awaitable[Sequence[SourceRecord]]], after: str
    ) -> None:
        """Read on from `after` until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._deal(read, after))
                for lane in self._lanes:
                    tasks.create_task(self._work(lane))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _deal(
        self, read: Callable[[str, int], Awaitable[Sequence[SourceRecord]]], after: str
    ) -> None:
        while True:
            for record in await read(after, self._mapping.batch_size):
                after = record.id
                self._open[record.id] = False
                if self._wanted(record):
                    lane = zlib.crc32(record.key.encode()) % len(self._lanes)
                    await self._lanes[lane].put(record)
                else:
                    await self._done([record])

    async def _work(self, lane: _Lane) -> None:
        while True:
            batch = await lane.batch(self._mapping.batch_size, self._mapping.window_s)
            await self._process(batch)
            await self._done(batch)

    async def _done(self, records: Sequence[SourceRecord]) -> None:
        """Note what is processed, and save how far everything is."""
        for record in records:
            self._open[record.id] = True
        async with self._saving:
            finished = [id_ for id_, _ in takewhile(itemgetter(1), self._open.items())]
            for id_ in finished:
                del self._open[id_]
            if finished:
                await self._save(finished[-1])


class _Lane:
    """Records that wait for their batch."""

    def __init__(self, size: int) -> None:
        self._waiting: asyncio.Queue[SourceRecord] = asyncio.Queue(size)
        self._held: SourceRecord | None = None  # it did not fit into the last batch

    async def put(self, record: SourceRecord) -> None:
        await self._waiting.put(record)

    async def batch(self, most: int, window_s: float) -> list[SourceRecord]:
        """A batch: full, or all that came within the window, which its first record opens."""
        first, self._held = self._held or await self._waiting.get(), None
        batch, size = [first], fits(0, first)
        closes = time.monotonic() + window_s
        while len(batch) < most:
            left = closes - time.monotonic()
            try:
                if left <= 0:
                    record = self._waiting.get_nowait()
                else:
                    record = await asyncio.wait_for(self._waiting.get(), left)
            except (TimeoutError, asyncio.QueueEmpty):
                break
            size = fits(size, record)
            if size > PAYLOAD_BYTES:
                self._held = record
                break
            batch.append(record)
        return batch
