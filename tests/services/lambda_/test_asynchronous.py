from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.services.lambda_.world import World, outcome

from cloudlet.compute.environment import Invocation, Outcome
from cloudlet.services.lambda_.asynchronous import (
    Event,
    Events,
    EventSettings,
    Result,
    Schedule,
)
from cloudlet.services.lambda_.errors import (
    RecursiveInvocation,
    ResourceNotFound,
    ServiceFailure,
    TooManyRequests,
)
from cloudlet.storage.queue import Queue

FAST = Schedule(retry_delays_s=(0.01, 0.02), backoff_s=(0.01, 0.02), delivery_delays_s=(0.01, 0.01))


def unlimited(_arn: str) -> EventSettings:
    return EventSettings(role="role")


async def nowhere(_event: Event, _settings: EventSettings, _result: Result) -> None:
    return None


class Runs:
    """Counts runs and gives the answers in their order, the last one for ever."""

    def __init__(self, *answers: Outcome | Exception, stop_at: int = 1) -> None:
        self.answers = list(answers)
        self.events: list[Event] = []
        self.stop_at = stop_at
        self.reached = asyncio.Event()

    async def __call__(self, event: Event) -> tuple[Outcome, str]:
        self.events.append(event)
        if len(self.events) == self.stop_at:
            self.reached.set()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer, "$LATEST"


async def _settle(events: Events) -> None:
    """Until the lanes are empty, which is when the last event is done or put back."""
    while tasks := [task for lane in events._lanes.values() for task in lane.tasks]:
        await asyncio.wait(tasks, timeout=5)


def _stored(path: Path) -> int:
    queue = Queue(path)
    try:
        return len(queue)
    finally:
        queue.close()


@pytest.mark.parametrize(
    ("answers", "runs"),
    [
        ((outcome(),), 1),
        ((outcome(error="Unhandled"), outcome()), 2),
        ((outcome(error="Unhandled"),), 3),
        ((TooManyRequests("x"), TooManyRequests("x"), outcome()), 3),
        ((ResourceNotFound("gone"),), 1),
    ],
)
async def test_events_are_tried_as_often_as_aws_does(
    tmp_path: Path, answers: tuple[Outcome | Exception, ...], runs: int
):
    events = Events(Queue(tmp_path / "q.db"), FAST)
    run = Runs(*answers, stop_at=runs)
    events.start(run, unlimited, nowhere)
    await events.put(Event("id", "arn", b"{}"))
    async with asyncio.timeout(5):
        await run.reached.wait()
    await _settle(events)
    await asyncio.sleep(0.05)
    assert [event.request_id for event in run.events] == ["id"] * runs
    await events.stop()
    events.queue.close()
    assert _stored(tmp_path / "q.db") == 0


async def test_an_event_over_its_age_is_dropped(tmp_path: Path):
    events = Events(Queue(tmp_path / "q.db"), Schedule(maximum_age_s=-1))
    run = Runs(outcome())
    events.start(run, unlimited, nowhere)
    await events.put(Event("id", "arn", b"{}"))
    await asyncio.sleep(0.02)
    await _settle(events)
    assert run.events == []
    await events.stop()
    events.queue.close()
    assert _stored(tmp_path / "q.db") == 0


@pytest.mark.parametrize(
    ("settings", "runs"),
    [
        (EventSettings("role", retries=0), 1),
        (EventSettings("role", retries=1, maximum_age_s=60.0), 2),
    ],
)
async def test_a_functions_own_limits_hold(tmp_path: Path, settings: EventSettings, runs: int):
    events = Events(Queue(tmp_path / "q.db"), FAST)
    run = Runs(outcome(error="Unhandled"), stop_at=runs)
    events.start(run, lambda _arn: settings, nowhere)
    await events.put(Event("id", "arn", b"{}"))
    async with asyncio.timeout(5):
        await run.reached.wait()
    await _settle(events)
    await asyncio.sleep(0.05)
    assert len(run.events) == runs
    await events.stop()
    events.queue.close()


@pytest.mark.parametrize(
    ("answers", "settings", "condition", "attempts"),
    [
        ((outcome(),), EventSettings("r"), "Success", 1),
        ((outcome(error="Unhandled"),), EventSettings("r"), "RetriesExhausted", 3),
        ((outcome(error="Unhandled"),), EventSettings("r", retries=0), "RetriesExhausted", 1),
        ((outcome(),), EventSettings("r", maximum_age_s=-1), "EventAgeExceeded", 0),
        (
            (outcome(error="Unhandled"),),
            EventSettings("r", maximum_age_s=60.0),  # sooner than it would be tried again
            "EventAgeExceeded",
            1,
        ),
        ((outcome(),), EventSettings("r", disabled=True), "ZeroReservedConcurrency", 0),
        ((RecursiveInvocation(),), EventSettings("r"), "RecursiveInvocation", 0),
    ],
)
async def test_destinations_hear_what_became_of_an_event(
    tmp_path: Path,
    answers: tuple[Outcome | Exception, ...],
    settings: EventSettings,
    condition: str,
    attempts: int,
):
    schedule = replace(FAST, retry_delays_s=(99.0,)) if settings.maximum_age_s else FAST
    events = Events(Queue(tmp_path / "q.db"), schedule)
    heard: asyncio.Queue[Result] = asyncio.Queue()

    async def deliver(_event: Event, _settings: EventSettings, result: Result) -> None:
        await heard.put(result)

    events.start(Runs(*answers), lambda _arn: settings, deliver)
    await events.put(Event("id", "arn", b"{}"))
    async with asyncio.timeout(5):
        result = await heard.get()
    assert (result.condition, result.attempts) == (condition, attempts)
    await _settle(events)
    await events.stop()
    events.queue.close()
    assert _stored(tmp_path / "q.db") == 0


async def test_a_delivery_that_failed_is_tried_again(tmp_path: Path):
    events = Events(Queue(tmp_path / "q.db"), FAST)
    tries = 0
    delivered = asyncio.Event()

    async def deliver(_event: Event, _settings: EventSettings, _result: Result) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ServiceFailure("not now")
        delivered.set()

    run = Runs(outcome())
    events.start(run, unlimited, deliver)
    await events.put(Event("id", "arn", b"{}"))
    async with asyncio.timeout(5):
        await delivered.wait()
    await _settle(events)
    assert len(run.events) == 1
    await events.stop()
    events.queue.close()


async def test_an_event_that_runs_at_the_stop_is_there_at_the_next_start(tmp_path: Path):
    started = asyncio.Event()

    async def never(_event: Event) -> tuple[Outcome, str]:
        started.set()
        await asyncio.Event().wait()
        return outcome(), ""

    events = Events(Queue(tmp_path / "q.db"), FAST)
    events.start(never, unlimited, nowhere)
    await events.put(Event("id", "arn", b"{}"))
    await started.wait()
    await events.stop()
    events.queue.close()
    events = Events(Queue(tmp_path / "q.db"), FAST)
    run = Runs(outcome())
    events.start(run, unlimited, nowhere)
    async with asyncio.timeout(5):
        await run.reached.wait()
    await _settle(events)
    await events.stop()
    events.queue.close()


async def test_an_event_invocation_is_answered_before_it_runs(world: World):
    ran = asyncio.Event()

    async def note(invocation: Invocation) -> Outcome:
        ran.set()
        return outcome()

    world.compute.answer = note
    await world.create()
    answer = await world.call("Invoke", FunctionName="f", InvocationType="Event", Payload=b"[1]")
    assert answer["StatusCode"] == 202
    async with asyncio.timeout(5):
        await ran.wait()
    assert world.compute.invocations[0][1].payload == b"[1]"
