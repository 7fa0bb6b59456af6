"""A queue and a stream in memory, as a service would bring them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

from cloudlet.aws.event_sources import SourceRecord
from cloudlet.aws.principal import Principal

QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/s"


def record(id_: str, body: Any = None, age_s: float = 0, key: str = "") -> SourceRecord:
    event = {"messageId": id_, "body": json.dumps(body)}
    arrived = round((time.time() - age_s) * 1000)
    return SourceRecord(id_, event, {"body": body}, arrived, key)


class Queue:
    """The kind and the reader of one queue."""

    service, title, is_stream, batch_size = "sqs", "SQS", False, 10
    actions: tuple[str, ...] = ("sqs:ReceiveMessage", "sqs:DeleteMessage")
    batch_info = ""

    def __init__(self) -> None:
        self.waiting: list[SourceRecord] = []
        self.deleted: list[str] = []
        self.released: list[str] = []
        self.changed = asyncio.Condition()

    def largest_batch(self, _arn: str) -> int:
        return 10_000

    def exists(self, arn: str) -> bool:
        return arn == QUEUE

    def open(self, _arn: str, reader: Principal) -> Queue:
        assert reader.role_arn.endswith(":role/runner")
        return self

    async def put(self, *records: SourceRecord) -> None:
        async with self.changed:
            self.waiting += records
            self.changed.notify_all()

    async def receive(self, most: int, wait_s: float) -> Sequence[SourceRecord]:
        async with self.changed:
            try:
                async with asyncio.timeout(wait_s):
                    await self.changed.wait_for(lambda: self.waiting)
            except TimeoutError:
                return []
            found, self.waiting = self.waiting[:most], self.waiting[most:]
            return found

    async def done(self, records: Sequence[SourceRecord]) -> None:
        async with self.changed:
            self.deleted += [one.id for one in records]
            self.changed.notify_all()

    async def release(self, records: Sequence[SourceRecord]) -> None:
        async with self.changed:
            self.released += [one.id for one in records]
            self.changed.notify_all()

    async def settled(self, count: int) -> None:
        """Until so many messages were deleted or released."""
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(lambda: len(self.deleted) + len(self.released) >= count)


class Stream:
    """The kind and the reader of one stream with one shard."""

    service, title, is_stream, batch_size = "dynamodb", "DynamoDB", True, 100
    actions: tuple[str, ...] = ("dynamodb:GetRecords",)
    batch_info = "DDBStreamBatchInfo"

    def __init__(self, *records: SourceRecord) -> None:
        self.records = list(records)
        self.changed = asyncio.Condition()

    def largest_batch(self, _arn: str) -> int:
        return 10_000

    def exists(self, arn: str) -> bool:
        return arn == STREAM

    def open(self, _arn: str, _reader: Principal) -> Stream:
        return self

    async def shards(self) -> Sequence[str]:
        return ["shard-1"]

    async def put(self, *records: SourceRecord) -> None:
        async with self.changed:
            self.records += records
            self.changed.notify_all()

    async def position(self, _shard: str) -> str:
        return self.records[-1].id if self.records else "TRIM_HORIZON"

    async def read(
        self, _shard: str, after: str, most: int, wait_s: float
    ) -> Sequence[SourceRecord]:
        def found() -> list[SourceRecord]:
            ids = [one.id for one in self.records]
            start = ids.index(after) + 1 if after in ids else 0
            return self.records[start : start + most]

        async with self.changed:
            try:
                async with asyncio.timeout(wait_s):
                    await self.changed.wait_for(found)
            except TimeoutError:
                return []
            return found()
