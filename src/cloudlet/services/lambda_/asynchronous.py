"""Asynchronous invocation: a durable queue, and Lambda's retries.

After "Retaining records and handling errors": two more attempts after a function's error, one
minute and then two minutes later; throttles and failures of the platform are retried for up to
six hours, from one second's delay up to five minutes. What becomes of an event in the end is told
to the function's destinations.
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
from cloudlet.services.lambda_.errors import RecursiveInvocation, ResourceNotFound
from cloudlet.storage.queue import Item, Queue, now_ms

log = logging.getLogger("cloudlet.lambda")


class Event(msgspec.Struct, frozen=True):
    """A queued invocation; `arn` may have a qualifier."""

    request_id: str
    arn: str
    payload: bytes
    trace_id: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """When failed events are tried again."""

    retry_delays_s: tuple[float, ...] = (60.0, 120.0)
    backoff_s: tuple[float, float] = (1.0, 300.0)  # first and longest
    maximum_age_s: float = 6 * 3600.0
    delivery_delays_s: tuple[float, ...] = (1.0, 5.0)  # of a record to its destination


@dataclass(frozen=True, slots=True)
class EventSettings:
    """A function's own settings for its events; None where not set, "" for no destination."""

    role: str
    retries: int | None = None
    maximum_age_s: float | None = None
    on_success: str = ""
    on_failure: str = ""
    dead_letter: str = ""
    disabled: bool = False  # its reserved concurrency is 0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an event: AWS's `condition`, the attempts, and the last answer, if any."""

    condition: str
    attempts: int
    outcome: Outcome | None = None
    version: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether the function processed the event."""
        return self.condition == SUCCESS


SUCCESS, EXHAUSTED, TOO_OLD = "Success", "RetriesExhausted", "EventAgeExceeded"
DISABLED, RECURSIVE = "ZeroReservedConcurrency", "RecursiveInvocation"

#: Events of one function that run at the same time, so that a slow one cannot hold up others.
LANE = 50

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Event).decode

#: Runs an event; gives the answer and the version that gave it.
Run = Callable[[Event], Awaitable[tuple[Outcome, str]]]
#: Gives the settings of a function by its ARN; raises `ResourceNotFound`.
SettingsOf = Callable[[str], EventSettings]
#: Tells the function's destinations what became of an event; raises `AWSError` where they do not
#: take it.
Deliver = Callable[[Event, EventSettings, Result], Awaitable[None]]


class Events:
    """Takes events from the queue and runs them, a bounded number of each function at a time."""

    def __init__(self, queue: Queue, schedule: Schedule | None = None) -> None:
        self.queue = queue
        self.schedule = schedule or Schedule()
        self._parts: tuple[Run, SettingsOf, Deliver] | None = None
        self._taker: asyncio.Task[None] | None = None
        self._lanes: dict[str, _Lane] = {}

    async def put(self, event: Event) -> None:
        """Queue an event; on disk when this returns."""
        await self.queue.put(event.arn, _encode(event))

    def start(self, run: Run, settings: SettingsOf, deliver: Deliver) -> None:
        """Begin to take events, those of before the last stop first."""
        self._parts = run, settings, deliver
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
        if self._parts is not None:
            self.start(*self._parts)

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
        assert self._parts is not None
        run, settings_of, _ = self._parts
        event = _decode(await self.queue.body(item))
        try:
            settings = settings_of(event.arn)
            result = self._refusal(item, settings)
            if result is not None:
                await self._finish(item, event, settings, result)
                return
            outcome, version = await run(event)
        except ResourceNotFound as error:
            log.warning("event %s is dropped: %s", event.request_id, error.message)
            await self.queue.done(item)
            return
        except RecursiveInvocation:
            await self._finish(item, event, settings, Result(RECURSIVE, item.attempts))
            return
        except AWSError as error:
            first, longest = self.schedule.backoff_s
            delay_s = min(first * 2 ** min(item.postponed, 20), longest)
            log.info("event %s of %s waits: %s", event.request_id, event.arn, error.message)
            await self.queue.postpone(item, delay_s)
            return
        attempts = item.attempts + 1
        delays = self.schedule.retry_delays_s[: settings.retries]
        if outcome.error is None:
            result = Result(SUCCESS, attempts, outcome, version)
        elif item.attempts >= len(delays):
            result = Result(EXHAUSTED, attempts, outcome, version)
        elif self._is_too_old(item, settings, delays[item.attempts]):
            result = Result(TOO_OLD, attempts, outcome, version)
        else:
            await self.queue.retry(item, delays[item.attempts])
            return
        await self._finish(item, event, settings, result)

    def _refusal(self, item: Item, settings: EventSettings) -> Result | None:
        """Why the event is not tried at all any more, if so."""
        if settings.disabled:
            return Result(DISABLED, item.attempts)
        if self._is_too_old(item, settings, 0):
            return Result(TOO_OLD, item.attempts)
        return None

    def _is_too_old(self, item: Item, settings: EventSettings, later_s: float) -> bool:
        age_s = (now_ms() - item.added_ms) / 1000 + later_s
        return age_s > (settings.maximum_age_s or self.schedule.maximum_age_s)

    async def _finish(
        self, item: Item, event: Event, settings: EventSettings, result: Result
    ) -> None:
        """Tell the destinations, then forget the event."""
        assert self._parts is not None
        if not result.succeeded:
            payload = result.outcome.payload if result.outcome else b""
            log.warning(
                "event %s of %s is dropped after %d attempts: %s %.500s",
                event.request_id,
                event.arn,
                result.attempts,
                result.condition,
                payload.decode(errors="replace"),
            )
        for delay_s in (*self.schedule.delivery_delays_s, None):
            try:
                await self._parts[2](event, settings, result)
                break
            except AWSError as error:
                log.warning("a record of %s was not delivered: %s", event.arn, error.message)
                if delay_s is None or error.status < 429:
                    break
                await asyncio.sleep(delay_s)
        await self.queue.done(item)


class _Lane:
    """The events of one function that were taken."""

    __slots__ = ("tasks", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[Item] = deque()
        self.tasks: set[asyncio.Task[None]] = set()
