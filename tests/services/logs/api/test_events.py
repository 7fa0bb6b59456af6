from __future__ import annotations

from typing import Any

import pytest
from tests.services.logs.world import World

from cloudlet.aws.errors import AWSError
from cloudlet.services.logs.state import DAY_MS
from cloudlet.services.logs.store import now_ms


async def _get(world: World, **given: Any) -> tuple[list[str], dict[str, Any]]:
    page = await world.call("GetLogEvents", logGroupName="g", logStreamName="s", **given)
    return [event["message"] for event in page["events"]], page


async def test_reading_forward_ends_with_the_same_token(world: World):
    await world.stream()
    await world.put("1", "2", "3")
    first, page = await _get(world, startFromHead=True, limit=2)
    rest, following = await _get(world, nextToken=page["nextForwardToken"], limit=2)
    assert (first, rest) == (["1", "2"], ["3"])
    none, end = await _get(world, nextToken=following["nextForwardToken"])
    assert none == []
    assert end["nextForwardToken"] == following["nextForwardToken"]
    await world.put("4", at=now_ms() + 10)  # after "3", however fast this was
    assert (await _get(world, nextToken=end["nextForwardToken"]))[0] == ["4"]


async def test_reading_backward_from_the_tail(world: World):
    await world.stream()
    await world.put("1", "2", "3")
    last, page = await _get(world, limit=2)
    first, earlier = await _get(world, nextToken=page["nextBackwardToken"], limit=2)
    assert (last, first) == (["2", "3"], ["1"])
    none, end = await _get(world, nextToken=earlier["nextBackwardToken"])
    assert none == []
    assert end["nextBackwardToken"] == earlier["nextBackwardToken"]
    assert (await _get(world, nextToken=end["nextForwardToken"]))[0] == ["1", "2", "3"]


async def test_an_empty_stream_can_be_followed(world: World):
    await world.stream()
    none, page = await _get(world, startFromHead=True)
    assert none == []
    await world.put("1")
    assert (await _get(world, nextToken=page["nextForwardToken"]))[0] == ["1"]


async def test_the_start_is_inclusive_and_the_end_exclusive(world: World):
    await world.stream()
    start = now_ms() - 10
    await world.put("1", "2", "3", at=start)
    assert (await _get(world, startTime=start + 1, endTime=start + 2))[0] == ["2"]


async def test_an_answer_is_at_most_a_megabyte(world: World):
    await world.stream()
    for _ in range(3):
        await world.put("x" * 600_000)
    messages, page = await _get(world, startFromHead=True)
    assert len(messages) == 1
    assert len((await _get(world, nextToken=page["nextForwardToken"]))[0]) == 1


async def test_events_too_old_or_too_new_are_reported(world: World):
    await world.stream()
    now = now_ms()
    times = [now - 14 * DAY_MS - 60_000, now - 14 * DAY_MS + 60_000]
    answer = await world.call(
        "PutLogEvents", logGroupName="g", logStreamName="s", sequenceToken="ignored",
        logEvents=[{"timestamp": at, "message": "x"} for at in times],
    )  # fmt: skip
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    times = [now, now + 3 * 3_600_000]
    answer = await world.call(
        "PutLogEvents", logGroupName="g", logStreamName="s",
        logEvents=[{"timestamp": at, "message": "y"} for at in times],
    )  # fmt: skip
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    assert sorted((await _get(world))[0]) == ["x", "y"]


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([(2, "a"), (1, "b")], "chronological order"),
        ([(0, "a"), (DAY_MS + 1, "b")], "more than 24 hours"),
        ([(0, "x" * 600_000)] * 2, "Upload too large: 1200052 bytes"),
    ],
)
async def test_bad_batches_are_refused(world: World, events: list[tuple[int, str]], words: str):
    await world.stream()
    start = now_ms() - 2 * DAY_MS
    with pytest.raises(AWSError, match=words) as refused:
        await world.call(
            "PutLogEvents", logGroupName="g", logStreamName="s",
            logEvents=[{"timestamp": start + at, "message": text} for at, text in events],
        )  # fmt: skip
    assert refused.value.code == "InvalidParameterException"


@pytest.mark.parametrize("token", ["nonsense", "f/1", "x/" + "0" * 56])
async def test_bad_tokens_are_refused(world: World, token: str):
    await world.stream()
    with pytest.raises(AWSError, match="nextToken is invalid"):
        await _get(world, nextToken=token)


async def test_name_and_identifier_exclude_each_other(world: World):
    await world.stream()
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:g"
    for identifier in ("g", arn):
        await world.call("GetLogEvents", logGroupIdentifier=identifier, logStreamName="s")
    with pytest.raises(AWSError, match="mutually exclusive"):
        await _get(world, logGroupIdentifier="g")
