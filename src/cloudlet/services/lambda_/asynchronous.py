"""Asynchronous invocation: a durable queue, and Lambda's retries.

After "Retaining records and handling errors": two more attempts after a function's error, one
minute and then two minutes later; throttles and failures of the platform are retried for up to
six hours, from one second's delay up to five minutes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from cloudlet.aws.errors import AWSError
from cloudlet.compute.environment import Outcome
from cloudlet.services.lambda_.errors import ResourceNotFound
from cloudlet.storage.queue import Item, Queue, now_ms

log = logging.getLogger("cloudlet.lambda")


class Event(msgspec.Struct, frozen=True):
    """A queued invocation; `arn` may have a qualifier."""

    request_id: str
    arn: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Schedule:
    """When failed events are tried again."""

    retry_delays_s: tuple[float, ...] = (60.0, 120.0)
    backoff_s: tuple[float, float] = (1.0, 300.0)  # first and longest
    maximum_age_s: float = 6 * 3600.0


#: Events of one function that run at the same time, so that a slow one cannot hold up others.
LANE = 50

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Event).decode

Run = Callable[[Event], Awaitable[Outcome]]
#: Gives a function's own (number of retries, maximum age in seconds), each None where not set;
#: raises `ResourceNotFound`.
Limits = Callable[[str], tuple[int | None, float | None]]


class Events:
    """Takes events from the queue and runs them, a bounded number of each function at a time."""

    def __init__(self, queue: Queue, schedule: Schedule | None = None) -> None:
        self.queue = queue
        self.schedule = schedule or Schedule()
        self._run: Run | None = None
        self._limits: Limits | None = None
        self._taker: asyncio.Task[None] | None = None
        self._lanes: dict[str, _Lane] = {}

    async def put(self, event: Event) -> None:
        """Queue an event; on disk when this returns."""
        await self.queue.put(event.arn, _encode(event))

    def start(self, run: Run, limits: Limits) -> None:
        """Begin to take events, those of before the last stop first."""
        self._run, self._limits = run, limits
        self._taker = asyncio.create_task(self._take())

    async def stop(self) -> None:
        """Stop; what is not done stays in the queue."""
        tasks = [task for lane in self._lanes.values() for task in lane.tasks]
        if self._taker is not None:
            tasks.append(self._taker)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lanes.clear()
        self._taker = None

    async def clear(self) -> None:
        """Drop every event, those that run included."""
        await self.stop()
        await self.queue.clear()
        if self._run is not None and self._limits is not None:
            self.start(self._run, self._limits)

    async def _take(self) -> None:
        while True:
            item = await self.queue.take()
            await asyncio.sleep(0)  # with many items due, taking one does not wait
            lane = self._lanes.setdefault(item.lane, _Lane())
            lane.waiting.append(item)
            if len(lane.tasks) < LANE:
                task = asyncio.create_task(self._work(item.lane, lane))
                lane.tasks.add(task)
                task.add_done_callback(lane.tasks.discard)

    async def _work(self, name: str, lane: _Lane) -> None:
        """Process the lane's events until none waits."""
        while lane.waiting:
            item = lane.waiting.popleft()
            try:
                await self._process(item)
            except Exception:
                log.exception("event %s of %s could not be tried", item.id, item.lane)
                await self.queue.postpone(item, self.schedule.backoff_s[1])
        if len(lane.tasks) == 1 and self._lanes.get(name) is lane:
            del self._lanes[name]

    async def _process(self, item: Item) -> None:
        assert self._run is not None
        assert self._limits is not None
        event = _decode(await self.queue.body(item))
        age_s = (now_ms() - item.added_ms) / 1000
        try:
            retries, maximum_age_s = self._limits(event.arn)
            if age_s > (maximum_age_s or self.schedule.maximum_age_s):
                log.warning("event %s of %s is dropped: too old", event.request_id, event.arn)
                await self.queue.done(item)
                return
            outcome = await self._run(event)
        except ResourceNotFound as error:
            log.warning("event %s is dropped: %s", event.request_id, error.message)
            await self.queue.done(item)
            return
        except AWSError as error:
            first, longest = self.schedule.backoff_s
            delay_s = min(first * 2 ** min(item.postponed, 20), longest)
            log.info("event %s of %s waits: %s", event.request_id, event.arn, error.message)
            await self.queue.postpone(item, delay_s)
            return
        delays = self.schedule.retry_delays_s[:retries]
        if outcome.error is None:
            await self.queue.done(item)
        elif item.attempts < len(delays):
            await self.queue.retry(item, delays[item.attempts])
        else:
            log.warning(
                "event %s of %s failed %d times and is dropped; the last answer was %.500s",
                event.request_id,
                event.arn,
                item.attempts + 1,
                outcome.payload.decode(errors="replace"),
            )
            await self.queue.done(item)


class _Lane:
    """The events of one function that were taken."""

    __slots__ = ("tasks", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[Item] = deque()
        self.tasks: set[asyncio.Task[None]] = set()
