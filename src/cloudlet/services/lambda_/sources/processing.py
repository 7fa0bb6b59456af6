"""One batch of a stream: invoked with until it is processed or given up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from cloudlet.aws.event_sources import SourceRecord
from cloudlet.services.lambda_.model import MappingRecord
from cloudlet.services.lambda_.sources.batch import Answer

Send = Callable[[Sequence[SourceRecord]], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds before a failed batch is tried again: at first, and at most."""

    first_s: float = 1.0
    longest_s: float = 60.0

    def after(self, attempts: int) -> float:
        """Seconds to wait after so many attempts."""
        return min(self.first_s * 2.0 ** min(attempts, 16), self.longest_s)


@dataclass(frozen=True, slots=True)
class Lost:
    """A batch that was given up."""

    shard: str
    condition: str  # "RetryAttemptsExhausted" | "RecordAgeExceeded"
    records: Sequence[SourceRecord]
    attempts: int
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class Processing:
    """How the batches of one mapping are tried: its retries, age, and bisecting."""

    mapping: MappingRecord
    note: Callable[[str], None]
    lose: Callable[[Lost], Awaitable[None]]
    backoff: Backoff

    async def run(
        self, shard: str, batch: Sequence[SourceRecord], send: Send, attempts: int = 0
    ) -> None:
        """Invoke by `send` until the batch is processed or given up."""
        mapping = self.mapping
        answer: Answer | None = None
        while batch:
            if mapping.maximum_age_s >= 0:
                batch = await self._drop_old(shard, batch, attempts, answer)
                if not batch:
                    return
            answer = await send(batch)
            attempts += 1
            self.note(answer.result)
            if not answer.failed:
                return
            if answer.reported:
                # "Lambda uses the lowest sequence number as the checkpoint"
                first = next(i for i, r in enumerate(batch) if r.id in answer.failed)
                if first:
                    batch, attempts = batch[first:], 0
            if mapping.bisect and len(batch) > 1 and not answer.error:
                half = len(batch) // 2  # splitting does not count as a retry
                await self.run(shard, batch[:half], send, attempts - 1)
                await self.run(shard, batch[half:], send, attempts - 1)
                return
            if 0 <= mapping.retries < attempts and not answer.error:
                await self.lose(Lost(shard, "RetryAttemptsExhausted", batch, attempts, answer))
                return
            if answer.error:
                attempts -= 1  # it was not tried
            await asyncio.sleep(self.backoff.after(attempts))

    async def _drop_old(
        self, shard: str, batch: Sequence[SourceRecord], attempts: int, answer: Answer | None
    ) -> Sequence[SourceRecord]:
        """The records that are not too old; the others are given up."""
        oldest = time.time() * 1000 - self.mapping.maximum_age_s * 1000
        old = [record for record in batch if record.arrived_ms < oldest]
        if old:
            await self.lose(Lost(shard, "RecordAgeExceeded", old, attempts, answer))
        return [record for record in batch if record.arrived_ms >= oldest]
