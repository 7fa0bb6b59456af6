"""Polling a stream: each shard in its order, one batch after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from cloudlet.aws.event_sources import SourceRecord, StreamReader
from cloudlet.services.lambda_.model import MappingRecord
from cloudlet.services.lambda_.sources.batch import PAYLOAD_BYTES, Answer, Batches, fits

#: Seconds of a poll, and between looks for new shards.
POLL_S, SHARDS_S = 20.0, 10.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds before a failed batch is tried again: at first, and at most."""

    first_s: float = 1.0
    longest_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Lost:
    """A batch that was given up."""

    shard: str
    condition: str  # "RetryAttemptsExhausted" | "RecordAgeExceeded"
    records: Sequence[SourceRecord]
    attempts: int
    answer: Answer | None


class StreamPoller:
    """Reads every shard from where the last batch ended, and invokes the function.

    A batch that fails holds its shard up until it succeeds or is given up: after the mapping's
    retries, when it is too old, or halved again and again where the mapping says so.
    """

    def __init__(
        self,
        mapping: MappingRecord,
        reader: StreamReader,
        batches: Batches,
        note: Callable[[str], None],
        load: Callable[[str], str | None],
        save: Callable[[str, str], Awaitable[None]],
        lose: Callable[[Lost], Awaitable[None]],
        backoff: Backoff,
    ) -> None:
        self._mapping, self._reader, self._batches = mapping, reader, batches
        self._note, self._load, self._save, self._lose = note, load, save, lose
        self._backoff = backoff

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
        after = self._load(shard)
        if after is None:
            after = await self._begin(shard)
        while True:
            batch, after = await self._collect(shard, after)
            wanted = [record for record in batch if self._batches.wanted(record)]
            if wanted:
                await self._process(shard, wanted, 0)
            if batch:
                await self._save(shard, after)

    async def _begin(self, shard: str) -> str:
        """Where the mapping starts in a shard that it has not read yet."""
        mapping = self._mapping
        if mapping.position == "AT_TIMESTAMP":
            return f"AT_TIMESTAMP:{mapping.position_timestamp}"
        if mapping.position == "TRIM_HORIZON":
            return mapping.position
        after = await self._reader.position(shard)
        await self._save(shard, after)
        return after

    async def _collect(self, shard: str, after: str) -> tuple[list[SourceRecord], str]:
        """A batch: full, or all that came within the window, which its first record opens."""
        mapping = self._mapping
        batch: list[SourceRecord] = []
        size, closes = 0, 0.0
        while len(batch) < mapping.batch_size and size < PAYLOAD_BYTES:
            wait_s = POLL_S
            if batch:
                wait_s = closes - time.monotonic()
                if wait_s <= 0:
                    break
            most = mapping.batch_size - len(batch)
            for record in await self._reader.read(shard, after, most, wait_s):
                if not batch:
                    closes = time.monotonic() + mapping.window_s
                size = fits(size, record)
                if size > PAYLOAD_BYTES and batch:
                    break
                batch.append(record)
                after = record.id
        return batch, after

    async def _process(self, shard: str, batch: Sequence[SourceRecord], attempts: int) -> None:
        """Invoke until the batch is processed or given up."""
        mapping = self._mapping
        answer: Answer | None = None
        while batch:
            if mapping.maximum_age_s >= 0:
                batch = await self._drop_old(shard, batch, attempts, answer)
                if not batch:
                    return
            answer = await self._batches.send(batch)
            attempts += 1
            self._note(answer.result)
            if not answer.failed:
                return
            if answer.reported:
                # "Lambda uses the lowest sequence number as the checkpoint"
                first = next(i for i, r in enumerate(batch) if r.id in answer.failed)
                if first:
                    batch, attempts = batch[first:], 0
            if mapping.bisect and len(batch) > 1 and not answer.error:
                half = len(batch) // 2  # splitting does not count as a retry
                await self._process(shard, batch[:half], attempts - 1)
                await self._process(shard, batch[half:], attempts - 1)
                return
            if 0 <= mapping.retries < attempts and not answer.error:
                await self._lose(Lost(shard, "RetryAttemptsExhausted", batch, attempts, answer))
                return
            if answer.error:
                attempts -= 1  # it was not tried
            backoff = self._backoff
            await asyncio.sleep(min(backoff.first_s * 2 ** min(attempts, 16), backoff.longest_s))

    async def _drop_old(
        self, shard: str, batch: Sequence[SourceRecord], attempts: int, answer: Answer | None
    ) -> Sequence[SourceRecord]:
        """The records that are not too old; the others are given up."""
        oldest = time.time() * 1000 - self._mapping.maximum_age_s * 1000
        old = [record for record in batch if record.arrived_ms < oldest]
        if old:
            await self._lose(Lost(shard, "RecordAgeExceeded", old, attempts, answer))
        return [record for record in batch if record.arrived_ms >= oldest]
