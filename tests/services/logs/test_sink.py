from __future__ import annotations

import asyncio

from tests.services.logs.world import World

from cloudlet.services.logs import sink as sink_module
from cloudlet.services.logs.store import now_ms

ROLE = "arn:aws:iam::000000000000:role/runner"
GROUP = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f"
DESTINATION = f"{GROUP} {ROLE}"
BASIC = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")


async def _written(world: World, count: int) -> list[str]:
    """The messages of the group, once there are `count`, which must be soon."""
    for _ in range(100):
        groups = await world.call("DescribeLogGroups")
        if groups["logGroups"]:
            found = await world.call("FilterLogEvents", logGroupName="/aws/lambda/f")
            if len(found["events"]) >= count:
                return [event["message"] for event in found["events"]]
        await asyncio.sleep(0.01)
    raise AssertionError("the lines did not come")


async def test_lines_are_in_the_log_soon_and_in_their_order(world: World):
    world.roles.allow(ROLE, *BASIC)
    sink, now = world.state.sink, now_ms()
    sink.write(DESTINATION, "2026/01/01/[$LATEST]1", [(now, "START"), (now, "print")])
    sink.write(DESTINATION, "2026/01/01/[$LATEST]1", [(now, "END")])
    assert await _written(world, 3) == ["START\n", "print\n", "END\n"]
    (stream,) = (await world.call("DescribeLogStreams", logGroupName="/aws/lambda/f"))["logStreams"]
    assert stream["logStreamName"] == "2026/01/01/[$LATEST]1"


async def test_a_role_without_the_permission_writes_nothing(world: World):
    sink = world.state.sink
    sink.write(DESTINATION, "s", [(now_ms(), "x")])
    await sink.close()
    assert (await world.call("DescribeLogGroups"))["logGroups"] == []


async def test_a_role_that_may_not_create_the_group_writes_to_one_that_is_there(world: World):
    world.roles.allow(ROLE, "logs:CreateLogStream", "logs:PutLogEvents", resource=f"{GROUP}:*")
    sink = world.state.sink
    sink.write(DESTINATION, "s", [(now_ms(), "lost")])
    await asyncio.sleep(0.1)
    assert (await world.call("DescribeLogGroups"))["logGroups"] == []
    await world.call("CreateLogGroup", logGroupName="/aws/lambda/f")
    sink.write(DESTINATION, "s", [(now_ms(), "kept")])
    assert await _written(world, 1) == ["kept\n"]


async def test_a_flood_is_bounded(world: World, monkeypatch):
    monkeypatch.setattr(sink_module, "BUFFER_CHARACTERS", 1000)
    world.roles.allow(ROLE, *BASIC)
    sink = world.state.sink
    for _ in range(100):
        sink.write(DESTINATION, "s", [(now_ms(), "x" * 100)])
    assert len(await _written(world, 10)) == 10


async def test_closing_writes_what_waits(world: World):
    world.roles.allow(ROLE, *BASIC)
    sink = world.state.sink
    sink.write(DESTINATION, "s", [(now_ms(), "last")])
    await sink.close()
    sink.write(DESTINATION, "s", [(now_ms(), "too late")])
    assert await _written(world, 1) == ["last\n"]
