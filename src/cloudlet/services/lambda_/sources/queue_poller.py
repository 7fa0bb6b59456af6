"""Polling a queue: messages in batches, several batches at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from cloudlet.aws.event_sources import QueueReader, SourceRecord
from cloudlet.services.lambda_.model import MappingRecord
from cloudlet.services.lambda_.sources.batch import PAYLOAD_BYTES, Batches, fits

#: Batches at a time where the mapping does not say ("Using Lambda with Amazon SQS": five to begin
#: with), seconds of a long poll, and messages of one.
CONCURRENCY, POLL_S, RECEIVE = 5, 20.0, 10


class QueuePoller:
    """Receives messages, invokes the function, deletes what it processed."""

    def __init__(
        self,
        mapping: MappingRecord,
        reader: QueueReader,
        batches: Batches,
        note: Callable[[str], None],
    ) -> None:
        self._mapping, self._reader, self._batches = mapping, reader, batches
        self._note = note
        self._working: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Poll until cancelled; batches that are at work are awaited at the end."""
        most = self._mapping.maximum_concurrency or CONCURRENCY
        try:
            while True:
                while len(self._working) >= most:
                    await asyncio.wait(self._working, return_when=asyncio.FIRST_COMPLETED)
                batch = await self._collect()
                if batch:
                    task = asyncio.create_task(self._process(batch))
                    self._working.add(task)
                    task.add_done_callback(self._working.discard)
        finally:
            if self._working:
                await asyncio.wait(self._working, timeout=1)
            for task in self._working:
                task.cancel()
            await asyncio.gather(*self._working, return_exceptions=True)

    async def _collect(self) -> list[SourceRecord]:
        """A batch: full, or all that came within the window, which the first message opens."""
        mapping = self._mapping
        batch: list[SourceRecord] = []
        size = 0
        closes = 0.0
        while len(batch) < mapping.batch_size and size < PAYLOAD_BYTES:
            wait_s = POLL_S
            if batch:
                wait_s = closes - time.monotonic()
                if wait_s <= 0:
                    break
            most = min(RECEIVE, mapping.batch_size - len(batch))
            for record in await self._reader.receive(most, wait_s):
                if not self._batches.wanted(record):
                    await self._reader.done([record])
                    continue
                if not batch:
                    closes = time.monotonic() + mapping.window_s
                size = fits(size, record)
                batch.append(record)
        return batch

    async def _process(self, batch: list[SourceRecord]) -> None:
        try:
            while batch:
                part, batch = _first_part(batch)
                answer = await self._batches.send(part)
                self._note(answer.result)
                failed = [record for record in part if record.id in answer.failed]
                done = [record for record in part if record.id not in answer.failed]
                if done:
                    await self._reader.done(done)
                if failed:
                    await self._reader.release(failed)
        except asyncio.CancelledError:
            await self._reader.release(batch)
            raise


def _first_part(batch: list[SourceRecord]) -> tuple[list[SourceRecord], list[SourceRecord]]:
    """As many records as a payload holds, one at least, and the rest."""
    size = 0
    for index, record in enumerate(batch):
        size = fits(size, record)
        if size > PAYLOAD_BYTES and index:
            return batch[:index], batch[index:]
    return batch, []
