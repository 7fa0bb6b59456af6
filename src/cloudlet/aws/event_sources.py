"""What Lambda's event source mappings poll: queues and streams that other services bring.

The service of a source (SQS, DynamoDB) registers its kind with what Lambda offers:
`parts.wanted(EventSources).register(kind)` at its start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cloudlet.aws.principal import Principal


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """One record of a source.

    `id` is what a partial batch response names (a message's id, a sequence number); `event` is the
    record as functions get it; `filtered` is what filter criteria see of it, with its body or data
    decoded where that is JSON; `key` is a stream's partition key: records of the same key stay in
    their order.
    """

    id: str
    event: Mapping[str, Any]
    filtered: Mapping[str, Any]
    arrived_ms: int
    key: str = ""


class QueueReader(Protocol):
    """A queue: what is received is hidden from others until it is done or its time is over."""

    async def receive(self, most: int, wait_s: float) -> Sequence[SourceRecord]:
        """Up to `most` messages; waits until there is one, at most `wait_s`."""

    async def done(self, records: Sequence[SourceRecord]) -> None:
        """Delete messages that were processed."""

    async def release(self, records: Sequence[SourceRecord]) -> None:
        """Messages that were not: they come again, or go to the queue's dead-letter queue."""


class StreamReader(Protocol):
    """A stream of ordered shards."""

    async def shards(self) -> Sequence[str]:
        """The shards to read, those that have ended included while they have records."""

    async def read(
        self, shard: str, after: str, most: int, wait_s: float
    ) -> Sequence[SourceRecord]:
        """Up to `most` records after the record `after`; waits until there is one.

        `after` is a record's id, or one of `TRIM_HORIZON`, `LATEST` (from now on) and
        `AT_TIMESTAMP:<epoch seconds>`, which stand for positions before the first batch.
        """

    async def position(self, shard: str) -> str:
        """What `after` is for `LATEST` now, so that a restart does not lose what came since."""


class SourceKind(Protocol):
    """A kind of source, such as SQS."""

    service: str  # of its ARNs: "sqs"
    title: str  # "SQS"
    is_stream: bool
    batch_size: int  # where the mapping names none
    actions: tuple[str, ...]  # what the function's role must be allowed: "sqs:ReceiveMessage"
    batch_info: str  # of a stream's failed batches, in their records: "DDBStreamBatchInfo"

    def largest_batch(self, arn: str) -> int:
        """The largest BatchSize of this source: FIFO queues have a smaller one."""

    def exists(self, arn: str) -> bool:
        """Whether there is such a queue or stream."""

    def open(self, arn: str, reader: Principal) -> QueueReader | StreamReader:
        """The source, read as the function's role."""


class EventSources(Protocol):
    """What Lambda offers to the services of sources."""

    def register(self, kind: SourceKind) -> None:
        """Make a kind of source known; mappings that wait for it begin."""
