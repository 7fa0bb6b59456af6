from __future__ import annotations

import pytest
from tests.services.logs.world import World

from cloudlet.aws.errors import AWSError
from cloudlet.services.logs.store import now_ms


async def test_streams_are_ordered_by_name_or_by_their_last_event(world: World):
    now = now_ms()
    for name, at in (("a", 2), ("b", 3), ("c", 1)):
        await world.stream(name=name)
        await world.put("x", stream=name, at=now - 1000 + at)

    async def names(**given: object) -> list[str]:
        found = await world.call("DescribeLogStreams", logGroupName="g", **given)
        return [stream["logStreamName"] for stream in found["logStreams"]]

    assert await names() == ["a", "b", "c"]
    assert await names(descending=True) == ["c", "b", "a"]
    assert await names(orderBy="LastEventTime") == ["c", "a", "b"]
    assert await names(orderBy="LastEventTime", descending=True, limit=1) == ["b"]
    assert await names(logStreamNamePrefix="b") == ["b"]


async def test_a_stream_is_shown_with_its_times(world: World):
    await world.stream()
    start = now_ms() - 5
    await world.put("one", "two", at=start)
    (stream,) = (await world.call("DescribeLogStreams", logGroupName="g"))["logStreams"]
    assert stream["firstEventTimestamp"] == start
    assert stream["lastEventTimestamp"] == start + 1
    assert stream["arn"].endswith(":log-group:g:log-stream:s")


async def test_streams_are_made_once_and_deleted_with_their_events(world: World):
    await world.stream()
    with pytest.raises(AWSError) as refused:
        await world.call("CreateLogStream", logGroupName="g", logStreamName="s")
    assert refused.value.code == "ResourceAlreadyExistsException"
    await world.put("x")
    await world.call("DeleteLogStream", logGroupName="g", logStreamName="s")
    assert (await world.call("FilterLogEvents", logGroupName="g"))["events"] == []
    with pytest.raises(AWSError, match="The specified log stream does not exist"):
        await world.call("GetLogEvents", logGroupName="g", logStreamName="s")
