"""Polling a stream: each shard in its order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from cloudlet.aws.event_sources import SourceRecord, StreamReader
from cloudlet.services.lambda_.model import CheckpointRecord, MappingRecord
from cloudlet.services.lambda_.sources.batch import PAYLOAD_BYTES, Batches, fits
from cloudlet.services.lambda_.sources.lanes import Lanes
from cloudlet.services.lambda_.sources.processing import Processing
from cloudlet.services.lambda_.sources.windows import Windows

#: Seconds of a poll, and between looks for new shards.
POLL_S, SHARDS_S = 20.0, 10.0


class StreamPoller:
    """Reads every shard from where the last batch ended, and invokes the function.

    A batch that fails holds its shard (with several batches at a time, its partition keys) up until
    it succeeds or is given up: after the mapping's retries, when it is too old, or halved again and
    again where the mapping says so.
    """

    def __init__(
        self,
        mapping: MappingRecord,
        reader: StreamReader,
        batches: Batches,
        processing: Processing,
        load: Callable[[str], CheckpointRecord | None],
        save: Callable[[str, CheckpointRecord], Awaitable[None]],
    ) -> None:
        self._mapping, self._reader, self._batches = mapping, reader, batches
        self._processing, self._load, self._save = processing, load, save

    async def run(self) -> None:
        """Poll until cancelled."""
        shards: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                for shard in await self._reader.shards():
                    if shard not in shards:
                        shards[shard] = asyncio.create_task(self._shard(shard))
                if not shards:
                    await asyncio.sleep(SHARDS_S)
                    continue
                done, _ = await asyncio.wait(
                    shards.values(), timeout=SHARDS_S, return_when=asyncio.FIRST_EXCEPTION
                )
                for task in done:
                    task.result()
        finally:
            for task in shards.values():
                task.cancel()
            await asyncio.gather(*shards.values(), return_exceptions=True)

    async def _shard(self, shard: str) -> None:
        mapping = self._mapping
        checkpoint = self._load(shard)
        if checkpoint is None:
            checkpoint = await self._begin(shard)
        if mapping.tumbling_s:
            await self._in_windows(shard, checkpoint)
        elif mapping.parallelization > 1:
            await self._in_lanes(shard, checkpoint.after)
        else:
            await self._in_order(shard, checkpoint.after)

    async def _in_order(self, shard: str, after: str) -> None:
        while True:
            batch, after = await self._collect(shard, after)
            wanted = [record for record in batch if self._batches.wanted(record)]
            if wanted:
                await self._processing.run(shard, wanted, self._batches.send)
            if batch:
                await self._save(shard, CheckpointRecord(after=after))

    async def _in_lanes(self, shard: str, after: str) -> None:
        async def read(after: str, most: int) -> Sequence[SourceRecord]:
            return await self._reader.read(shard, after, most, POLL_S)

        async def process(batch: Sequence[SourceRecord]) -> None:
            await self._processing.run(shard, batch, self._batches.send)

        async def save(after: str) -> None:
            await self._save(shard, CheckpointRecord(after=after))

        await Lanes(self._mapping, self._batches.wanted, process, save).run(read, after)

    async def _in_windows(self, shard: str, checkpoint: CheckpointRecord) -> None:
        async def collect(after: str, until_s: float | None) -> tuple[list[SourceRecord], str]:
            return await self._collect(shard, after, until_s)

        async def save(checkpoint: CheckpointRecord) -> None:
            await self._save(shard, checkpoint)

        windows = Windows(self._mapping, shard, self._batches, self._processing, save, checkpoint)
        await windows.run(collect)

    async def _begin(self, shard: str) -> CheckpointRecord:
        """Where the mapping starts in a shard that it has not read yet."""
        mapping = self._mapping
        if mapping.position == "AT_TIMESTAMP":
            return CheckpointRecord(after=f"AT_TIMESTAMP:{mapping.position_timestamp}")
        if mapping.position == "TRIM_HORIZON":
            return CheckpointRecord(after=mapping.position)
        checkpoint = CheckpointRecord(after=await self._reader.position(shard))
        await self._save(shard, checkpoint)
        return checkpoint

    async def _collect(
        self, shard: str, after: str, until_s: float | None = None
    ) -> tuple[list[SourceRecord], str]:
        """A batch: full, or all that came within the window, which its first record opens; what
        there is at `until_s`, in seconds since the epoch, or now where that is past.
        """
        mapping = self._mapping
        batch: list[SourceRecord] = []
        overdue = until_s is not None
        size, closes = 0, 0.0
        while len(batch) < mapping.batch_size and size < PAYLOAD_BYTES:
            wait_s = closes - time.monotonic() if batch else POLL_S
            if until_s is not None:
                wait_s = min(wait_s, until_s - time.time())
            if wait_s <= 0 and not overdue:
                break
            overdue = False
            most = mapping.batch_size - len(batch)
            for record in await self._reader.read(shard, after, most, max(0.0, wait_s)):
                if not batch:
                    closes = time.monotonic() + mapping.window_s
                size = fits(size, record)
                if size > PAYLOAD_BYTES and batch:
                    break
                batch.append(record)
                after = record.id
        return batch, after
