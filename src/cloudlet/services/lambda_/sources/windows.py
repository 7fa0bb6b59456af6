"""Tumbling windows: records of a shard in spans of time, with a state from batch to batch.

After "Using tumbling windows" (Kinesis and DynamoDB streams, AWS Lambda Developer Guide). A record
belongs to the window in which it arrived. The state that the function returns is handed to its next
invocation, is on disk with the shard's position, and is dropped after the window's final
invocation, which has no records; until that succeeds nothing else is read. A state over one
megabyte ends its window early.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import groupby

import msgspec

from cloudlet.aws.event_sources import SourceRecord
from cloudlet.services.lambda_.model import CheckpointRecord, MappingRecord, WindowRecord
from cloudlet.services.lambda_.sources.batch import Answer, Batches
from cloudlet.services.lambda_.sources.processing import Processing

STATE_BYTES = 1024 * 1024
_EMPTY = msgspec.Raw(b"{}")

#: Collects a batch after a record's id, until a moment in seconds since the epoch at the latest.
Collect = Callable[[str, float | None], Awaitable[tuple[list[SourceRecord], str]]]


class Windows:
    """The windows of one shard."""

    def __init__(
        self,
        mapping: MappingRecord,
        shard: str,
        batches: Batches,
        processing: Processing,
        save: Callable[[CheckpointRecord], Awaitable[None]],
        checkpoint: CheckpointRecord,
    ) -> None:
        self._mapping, self._shard = mapping, shard
        self._batches, self._processing, self._save = batches, processing, save
        self._span_ms = mapping.tumbling_s * 1000
        self._after, self._window = checkpoint.after, checkpoint.window

    async def run(self, collect: Collect) -> None:
        """Read on until cancelled."""
        while True:
            ends_s = None
            if self._window is not None:
                ends_s = (self._window.start_ms + self._span_ms) / 1000
            batch, after = await collect(self._after, ends_s)
            wanted = [record for record in batch if self._batches.wanted(record)]
            for start_ms, records in groupby(wanted, self._start):
                await self._add(start_ms, list(records))
            if batch:
                await self._advance(after)
            elif ends_s is not None and time.time() >= ends_s:
                await self._finish()

    def _start(self, record: SourceRecord) -> int:
        """When the record's window began; a late one belongs to the window that is open."""
        start_ms = record.arrived_ms - record.arrived_ms % self._span_ms
        return start_ms if self._window is None else max(start_ms, self._window.start_ms)

    async def _add(self, start_ms: int, records: Sequence[SourceRecord]) -> None:
        if self._window is not None and self._window.start_ms != start_ms:
            await self._finish()
        if self._window is None:
            self._window = WindowRecord(start_ms=start_ms, state=_EMPTY)
        await self._processing.run(self._shard, records, self._send)
        if len(bytes(self._window.state)) > STATE_BYTES:
            await self._conclude(early=True)
            self._window = WindowRecord(start_ms=start_ms, state=_EMPTY)
        await self._advance(records[-1].id)

    async def _send(self, records: Sequence[SourceRecord]) -> Answer:
        assert self._window is not None
        answer = await self._batches.send(records, self._event())
        if answer.state is not None:
            self._window = msgspec.structs.replace(self._window, state=answer.state)
        return answer

    async def _finish(self) -> None:
        """The window's final invocation, after which its state is dropped."""
        await self._conclude()
        self._window = None
        await self._advance(self._after)

    async def _conclude(self, *, early: bool = False) -> None:
        attempts = 0
        while True:
            answer = await self._batches.send((), self._event(final=not early, early=early))
            self._processing.note(answer.result)
            if answer.state is not None:
                return
            attempts += 1
            await asyncio.sleep(self._processing.backoff.after(attempts))

    def _event(self, *, final: bool = False, early: bool = False) -> dict[str, object]:
        """The members of an event beside its records."""
        window = self._window
        assert window is not None
        return {
            "window": {
                "start": _iso(window.start_ms),
                "end": _iso(window.start_ms + self._span_ms),
            },
            "state": window.state,
            "shardId": self._shard,
            "eventSourceARN": self._mapping.source,
            "isFinalInvokeForWindow": final,
            "isWindowTerminatedEarly": early,
        }

    async def _advance(self, after: str) -> None:
        self._after = after
        await self._save(CheckpointRecord(after=after, window=self._window))


def _iso(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
