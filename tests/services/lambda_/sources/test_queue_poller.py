from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.services.lambda_.sources.source import QUEUE, Queue, record
from tests.services.lambda_.world import World, outcome

from cloudlet.compute.environment import Invocation, Outcome


async def _map(world: World, queue: Queue, **given: Any) -> dict[str, Any]:
    world.allow_role("sqs:*")
    world.state.pollers.register(queue)
    await world.create()
    wanted: dict[str, Any] = {"FunctionName": "f", "EventSourceArn": QUEUE}
    return await world.call("CreateEventSourceMapping", **wanted, **given)


def _batches(world: World) -> list[list[str]]:
    return [
        [one["messageId"] for one in json.loads(invocation.payload)["Records"]]
        for _, invocation in world.compute.invocations
    ]


def _answers(world: World, *answers: Outcome) -> None:
    left = list(answers)

    async def answer(_invocation: Invocation) -> Outcome:
        return left.pop(0) if len(left) > 1 else left[0]

    world.compute.answer = answer


async def test_messages_are_processed_and_deleted(world: World):
    queue = Queue()
    await queue.put(*(record(str(n)) for n in range(3)))
    await _map(world, queue)
    await queue.settled(3)
    assert _batches(world) == [["0", "1", "2"]]
    assert (queue.deleted, queue.released) == (["0", "1", "2"], [])


async def test_a_batch_is_at_most_its_size(world: World):
    queue = Queue()
    await queue.put(*(record(str(n)) for n in range(5)))
    await _map(world, queue, BatchSize=2)
    await queue.settled(5)
    assert sorted(map(len, _batches(world))) == [1, 2, 2]


async def test_a_window_waits_for_more(world: World):
    queue = Queue()
    await _map(world, queue, MaximumBatchingWindowInSeconds=1, BatchSize=20)
    await queue.put(record("a"))
    await asyncio.sleep(0.05)
    assert _batches(world) == []
    await queue.put(record("b"))
    await queue.settled(2)
    assert _batches(world) == [["a", "b"]]


@pytest.mark.parametrize(
    ("answer", "given", "deleted", "released"),
    [
        (outcome(b"{}", "Unhandled"), {}, [], ["a", "b"]),
        (outcome(b'{"batchItemFailures":[{"itemIdentifier":"b"}]}'), {}, ["a", "b"], []),
        (outcome(b'{"batchItemFailures":[{"itemIdentifier":"b"}]}'), True, ["a"], ["b"]),
        (outcome(b'{"batchItemFailures":[]}'), True, ["a", "b"], []),
        (outcome(b'{"batchItemFailures":[{"itemIdentifier":"z"}]}'), True, [], ["a", "b"]),
        (outcome(b'{"batchItemFailures":[{"itemIdentifier":null}]}'), True, [], ["a", "b"]),
        (outcome(b'"text"'), True, [], ["a", "b"]),
        (outcome(b"null"), True, ["a", "b"], []),
    ],
)
async def test_failures_go_back(
    world: World, answer: Outcome, given: Any, deleted: list[str], released: list[str]
):
    queue = Queue()
    await queue.put(record("a"), record("b"))
    _answers(world, answer)
    await _map(world, queue, FunctionResponseTypes=["ReportBatchItemFailures"] if given else [])
    await queue.settled(2)
    assert (queue.deleted, queue.released) == (deleted, released)


async def test_what_the_filter_drops_is_deleted_unseen(world: World):
    queue = Queue()
    await queue.put(record("a", {"kind": 1}), record("b", {"kind": 2}), record("c", "text"))
    pattern = json.dumps({"body": {"kind": [2]}})
    await _map(world, queue, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    await queue.settled(3)
    assert _batches(world) == [["b"]]
    assert sorted(queue.deleted) == ["a", "b", "c"]


async def test_throttled_messages_go_back(world: World):
    queue = Queue()
    await _map(world, queue)
    await world.call("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=0)
    await queue.put(record("a"))
    await queue.settled(1)
    assert queue.released == ["a"]


async def test_a_disabled_mapping_does_not_poll(world: World):
    queue = Queue()
    made = await _map(world, queue, Enabled=False)
    await queue.put(record("a"))
    await asyncio.sleep(0.05)
    assert queue.waiting
    changed = await world.call("UpdateEventSourceMapping", UUID=made["UUID"], Enabled=True)
    assert changed["State"] == "Enabling"
    await queue.settled(1)
    await world.call("DeleteEventSourceMapping", UUID=made["UUID"])
    await queue.put(record("b"))
    await asyncio.sleep(0.05)
    assert queue.deleted == ["a"]
