from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.services.lambda_.sources.mapping import mapped, position
from tests.services.lambda_.sources.source import STREAM, Stream, record
from tests.services.lambda_.world import World, outcome

from cloudlet.aws.errors import AWSError
from cloudlet.compute.environment import Invocation, Outcome


class Counter:
    """A function that counts its records in the window's state."""

    def __init__(self, world: World) -> None:
        self.events: list[dict[str, Any]] = []
        self.called = asyncio.Condition()
        self.failures: list[Outcome] = []
        self.failing_ends = 0
        self.padding = ""
        world.compute.answer = self

    async def __call__(self, invocation: Invocation) -> Outcome:
        event = json.loads(invocation.payload)
        async with self.called:
            self.events.append(event)
            self.called.notify_all()
        if self.failures:
            return self.failures.pop()
        if event["isFinalInvokeForWindow"] and self.failing_ends:
            self.failing_ends -= 1
            return outcome(b"{}", "Unhandled")
        count = event["state"].get("n", 0) + len(event["Records"])
        return outcome(json.dumps({"state": {"n": count, "padding": self.padding}}).encode())

    async def until(self, count: int) -> list[dict[str, Any]]:
        async with asyncio.timeout(5), self.called:
            await self.called.wait_for(lambda: len(self.events) >= count)
        return self.events

    @property
    def told(self) -> list[tuple[str, int, bool]]:
        """Records, the count before them, and whether it was the last of the window."""
        return [
            (
                "".join(one["messageId"] for one in event["Records"]),
                event["state"].get("n", 0),
                event["isFinalInvokeForWindow"],
            )
            for event in self.events
        ]


async def test_a_windows_state_goes_from_batch_to_batch(world: World) -> None:
    stream = Stream(*(record(id_, age_s=5000) for id_ in "abc"), record("d", age_s=2000))
    function = Counter(world)
    await mapped(world, stream, BatchSize=2, TumblingWindowInSeconds=60)
    events = await function.until(5)
    assert function.told == [
        ("ab", 0, False),
        ("c", 2, False),
        ("", 3, True),
        ("d", 0, False),
        ("", 1, True),
    ]
    first = events[0]
    assert (first["shardId"], first["eventSourceARN"]) == ("shard-1", STREAM)
    assert first["isWindowTerminatedEarly"] is False
    assert first["window"]["start"].endswith(":00Z")


async def test_a_window_is_open_until_its_time_is_over(world: World) -> None:
    stream = Stream(record("a"))
    function = Counter(world)
    await mapped(world, stream, TumblingWindowInSeconds=900)
    await function.until(1)
    await stream.put(record("b"))
    await function.until(2)
    assert function.told == [("a", 0, False), ("b", 1, False)]


async def test_the_state_is_there_after_a_restart(world: World) -> None:
    stream = Stream(record("a"))
    function = Counter(world)
    await mapped(world, stream, TumblingWindowInSeconds=900)
    await function.until(1)
    await position(world, "a")
    await world.state.pollers.stop()
    await stream.put(record("b"))
    world.state.pollers.start()
    await function.until(2)
    assert function.told == [("a", 0, False), ("b", 1, False)]


@pytest.mark.parametrize("answer", [b"{}", b'{"state": 7}', b"null", b"nonsense"])
async def test_an_answer_without_a_state_is_a_failure(world: World, answer: bytes) -> None:
    stream = Stream(record("a", age_s=5000))
    function = Counter(world)
    function.failures = [outcome(answer)]
    await mapped(world, stream, TumblingWindowInSeconds=60)
    await function.until(3)
    assert function.told == [("a", 0, False), ("a", 0, False), ("", 1, True)]


async def test_nothing_is_read_until_the_final_invocation_succeeds(world: World) -> None:
    stream = Stream(record("a", age_s=5000), record("b", age_s=2000))
    function = Counter(world)
    function.failing_ends = 2
    await mapped(world, stream, BatchSize=1, TumblingWindowInSeconds=60)
    await function.until(6)
    assert function.told == [
        ("a", 0, False),
        ("", 1, True),
        ("", 1, True),
        ("", 1, True),
        ("b", 0, False),
        ("", 1, True),
    ]


async def test_a_state_over_a_megabyte_ends_its_window_early(world: World) -> None:
    stream = Stream(record("a"), record("b"))
    function = Counter(world)
    function.padding = "x" * 1024 * 1024
    await mapped(world, stream, BatchSize=1, TumblingWindowInSeconds=900)
    events = await function.until(3)
    assert [event["isWindowTerminatedEarly"] for event in events[:3]] == [False, True, False]
    assert function.told[:3] == [("a", 0, False), ("", 1, False), ("b", 0, False)]


async def test_windows_exclude_several_batches_at_a_time(world: World) -> None:
    with pytest.raises(AWSError) as refused:
        await mapped(world, Stream(), TumblingWindowInSeconds=60, ParallelizationFactor=2)
    assert refused.value.code == "InvalidParameterValueException"
