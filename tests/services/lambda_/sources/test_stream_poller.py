from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest
from tests.services.lambda_.sources.mapping import mapped
from tests.services.lambda_.sources.source import Stream, record
from tests.services.lambda_.world import World, outcome

from cloudlet.compute.environment import Invocation, Outcome


class Function:
    """Fails for batches with a poisonous record; knows what it was given."""

    def __init__(self, world: World, poison: str = "", reports: bool = False) -> None:
        self.batches: list[str] = []
        self.poison, self.reports = poison, reports
        self.called = asyncio.Condition()
        world.compute.answer = self

    async def __call__(self, invocation: Invocation) -> Outcome:
        ids = "".join(one["messageId"] for one in json.loads(invocation.payload)["Records"])
        async with self.called:
            self.batches.append(ids)
            self.called.notify_all()
        if not self.poison or self.poison not in ids:
            return outcome(b"{}")
        if self.reports:
            failures = {"batchItemFailures": [{"itemIdentifier": self.poison}]}
            return outcome(json.dumps(failures).encode())
        return outcome(b"{}", "Unhandled")

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(5), self.called:
            await self.called.wait_for(lambda: len(self.batches) >= count)
        return self.batches


async def _noted(world: World) -> None:
    """Until a position in the stream is on disk."""
    async with asyncio.timeout(5):
        while not world.state.store.checkpoints.scan("000000000000", "us-east-1"):  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def test_records_come_in_order_and_once(world: World):
    stream = Stream(*map(record, "abcde"))
    function = Function(world)
    await mapped(world, stream, BatchSize=2)
    assert await function.until(3) == ["ab", "cd", "e"]
    await stream.put(record("f"))
    assert await function.until(4) == ["ab", "cd", "e", "f"]


async def test_latest_is_what_comes_from_now_on(world: World):
    stream = Stream(record("a"))
    function = Function(world)
    await mapped(world, stream, StartingPosition="LATEST")
    await _noted(world)
    await stream.put(record("b"))
    assert await function.until(1) == ["b"]


async def test_a_mapping_goes_on_where_it_was(world: World):
    stream = Stream(*map(record, "ab"))
    function = Function(world)
    uuid = await mapped(world, stream)
    await function.until(1)
    await _noted(world)
    await world.call("UpdateEventSourceMapping", UUID=uuid, BatchSize=5)
    await stream.put(record("c"))
    assert await function.until(2) == ["ab", "c"]


@pytest.mark.parametrize(
    ("given", "reports", "batches"),
    [
        ({"MaximumRetryAttempts": 2}, False, ["abcd", "abcd", "abcd", "e"]),
        (
            {"MaximumRetryAttempts": 0, "BisectBatchOnFunctionError": True},
            False,
            ["abcd", "ab", "cd", "c", "d", "e"],
        ),
        (
            {"MaximumRetryAttempts": 1, "FunctionResponseTypes": ["ReportBatchItemFailures"]},
            True,
            ["abcd", "cd", "cd", "e"],
        ),
    ],
)
async def test_a_poisonous_record_is_given_up(
    world: World, given: dict[str, Any], reports: bool, batches: list[str]
):
    stream = Stream(*map(record, "abcd"))
    function = Function(world, poison="c", reports=reports)
    await mapped(world, stream, **given)
    await function.until(len(batches) - 1)
    await stream.put(record("e"))
    assert await function.until(len(batches)) == batches


async def test_old_records_are_given_up(world: World):
    stream = Stream(record("a", age_s=100), record("b"))
    function = Function(world)
    await mapped(world, stream, MaximumRecordAgeInSeconds=60)
    assert await function.until(1) == ["b"]


async def test_filters_drop_records(world: World):
    stream = Stream(record("a", {"n": 1}), record("b", {"n": 2}))
    function = Function(world)
    pattern = json.dumps({"body": {"n": [{"numeric": [">", 1]}]}})
    await mapped(world, stream, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    assert await function.until(1) == ["b"]


async def test_a_destination_hears_of_a_lost_batch(world: World):
    stream = Stream(*map(record, "ab"))
    Function(world, poison="a")
    sent: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    async def put(arn: str, _role: str, _function: str, content: bytes) -> None:
        await sent.put((arn, content))

    world.state.destinations.put = put  # type: ignore[method-assign, assignment]
    world.allow_role("dynamodb:*", "s3:*")
    await mapped(world, stream, MaximumRetryAttempts=1)
    uuid = (await world.call("ListEventSourceMappings"))["EventSourceMappings"][0]["UUID"]
    mapping = world.state.store.mappings.get("000000000000", "us-east-1", uuid)
    assert mapping is not None
    mapping = msgspec.structs.replace(mapping, on_failure="arn:aws:s3:::lost")
    await world.state.pollers.changed("000000000000", "us-east-1", mapping)
    async with asyncio.timeout(5):
        arn, content = await sent.get()
    found = json.loads(content)
    assert arn == "arn:aws:s3:::lost"
    assert found["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert found["requestContext"]["approximateInvokeCount"] == 2
    info = found["DDBStreamBatchInfo"]
    assert (info["startSequenceNumber"], info["endSequenceNumber"]) == ("a", "b")
    assert (info["batchSize"], info["shardId"]) == (2, "shard-1")
