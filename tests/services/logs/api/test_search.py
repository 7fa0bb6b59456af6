from __future__ import annotations

from typing import Any

import pytest
from tests.services.logs.world import World

from cloudlet.aws.errors import AWSError
from cloudlet.services.logs.api import search
from cloudlet.services.logs.store import now_ms


async def _find(world: World, **given: Any) -> list[str]:
    messages: list[str] = []
    while True:
        page = await world.call("FilterLogEvents", logGroupName="g", **given)
        messages += [event["message"] for event in page["events"]]
        if "nextToken" not in page:
            return messages
        given["nextToken"] = page["nextToken"]


async def _two_streams(world: World) -> int:
    start = now_ms() - 100
    for stream, times in (("a/1", (0, 4)), ("b/1", (2, 6))):
        await world.stream(name=stream)
        for at in times:
            await world.put(f"{stream} at {at}", stream=stream, at=start + at)
    return start


async def test_events_of_all_streams_come_by_their_time(world: World):
    await _two_streams(world)
    assert await _find(world) == ["a/1 at 0", "b/1 at 2", "a/1 at 4", "b/1 at 6"]
    assert await _find(world, filterPattern='"b/1"') == ["b/1 at 2", "b/1 at 6"]


async def test_streams_and_times_narrow_the_search(world: World):
    start = await _two_streams(world)
    assert await _find(world, logStreamNames=["a/1"]) == ["a/1 at 0", "a/1 at 4"]
    assert await _find(world, logStreamNamePrefix="b") == ["b/1 at 2", "b/1 at 6"]
    found = await _find(world, startTime=start + 2, endTime=start + 4)
    assert found == ["b/1 at 2", "a/1 at 4"]
    with pytest.raises(AWSError, match="log stream does not exist"):
        await _find(world, logStreamNames=["none"])


async def test_a_search_goes_on_from_its_token(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(search, "BATCH", 3)
    await world.stream()
    await world.put(*(f"line {i}" for i in range(10)))
    assert await _find(world, limit=2) == [f"line {i}" for i in range(10)]
    monkeypatch.setattr(search, "SEARCH_S", -1.0)
    assert await _find(world, filterPattern='"line 8"') == ["line 8"]


async def test_event_ids_are_unique(world: World):
    await world.stream()
    start = now_ms()
    for _ in range(3):
        await world.put("same", at=start)
    page = await world.call("FilterLogEvents", logGroupName="g")
    assert len({event["eventId"] for event in page["events"]}) == 3


@pytest.mark.parametrize(
    "given",
    [
        {"filterPattern": "{ broken"},
        {"filterPattern": "%(group)%"},
        {"nextToken": "x"},
        {"logStreamNames": ["s"], "logStreamNamePrefix": "s"},
    ],
)
async def test_bad_searches_are_refused(world: World, given: dict[str, Any]):
    await world.stream()
    with pytest.raises(AWSError) as refused:
        await _find(world, **given)
    assert refused.value.code == "InvalidParameterException"
