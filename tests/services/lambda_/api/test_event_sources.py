from __future__ import annotations

from typing import Any

import pytest
from tests.services.lambda_.sources.source import QUEUE, STREAM, Queue, Stream
from tests.services.lambda_.world import World

from cloudlet.aws.errors import AWSError


@pytest.fixture
async def sources(world: World) -> World:
    world.state.pollers.register(Queue())
    world.state.pollers.register(Stream())
    world.allow_role("sqs:*", "dynamodb:*")
    await world.create()
    return world


async def test_a_mapping_is_made_shown_changed_and_removed(sources: World):
    made = await sources.call("CreateEventSourceMapping", FunctionName="f", EventSourceArn=QUEUE)
    assert (made["State"], made["BatchSize"]) == ("Creating", 10)
    uuid = made["UUID"]
    got = await sources.call("GetEventSourceMapping", UUID=uuid)
    assert (got["State"], got["EventSourceArn"]) == ("Enabled", QUEUE)
    assert got["EventSourceMappingArn"].endswith(f":event-source-mapping:{uuid}")
    changed = await sources.call(
        "UpdateEventSourceMapping", UUID=uuid, Enabled=False,
        ScalingConfig={"MaximumConcurrency": 3},
    )  # fmt: skip
    assert (changed["State"], changed["ScalingConfig"]) == ("Disabling", {"MaximumConcurrency": 3})
    filters: list[dict[str, Any]] = [{"FunctionName": "f"}, {"EventSourceArn": QUEUE}, {}]
    for given in filters:
        listed = await sources.call("ListEventSourceMappings", **given)
        assert [one["State"] for one in listed["EventSourceMappings"]] == ["Disabled"]
    assert not (await sources.call("ListEventSourceMappings", EventSourceArn=STREAM))[
        "EventSourceMappings"
    ]
    gone = await sources.call("DeleteEventSourceMapping", UUID=uuid)
    assert gone["State"] == "Deleting"
    with pytest.raises(AWSError) as missing:
        await sources.call("GetEventSourceMapping", UUID=uuid)
    assert missing.value.status == 404


async def test_a_streams_settings_are_aws_defaults(sources: World):
    made = await sources.call(
        "CreateEventSourceMapping",
        FunctionName="f",
        EventSourceArn=STREAM,
        StartingPosition="LATEST",
    )
    assert (made["BatchSize"], made["MaximumRetryAttempts"]) == (100, -1)
    assert made["MaximumRecordAgeInSeconds"] == -1
    assert made["LastProcessingResult"] == "No records processed"


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"EventSourceArn": f"{QUEUE}x"}, "InvalidParameterValueException", "NonExistentQueue"),
        ({"EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/s"},
         "InvalidParameterValueException", "Stream not found: .*no Kinesis yet"),
        ({"EventSourceArn": "arn:aws:kafka:us-east-1:000000000000:cluster/c"},
         "InvalidParameterValueException", "Unrecognized event source"),
        ({"EventSourceArn": STREAM}, "InvalidParameterValueException", "startingPosition"),
        ({"EventSourceArn": STREAM, "StartingPosition": "AT_TIMESTAMP"},
         "InvalidParameterValueException", "StartingPositionTimestamp is required"),
        ({"StartingPosition": "LATEST"}, "InvalidParameterValueException", "Unsupported Starting"),
        ({"BatchSize": 11}, "InvalidParameterValueException", "Maximum batch window"),
        ({"FunctionName": "g"}, "InvalidParameterValueException", "Function does not exist"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{"}]}},
         "InvalidParameterValueException", "Invalid filter pattern definition"),
        ({"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"},
         "InvalidParameterValueException", "customer managed keys"),
    ],
)  # fmt: skip
async def test_bad_requests_are_refused(
    sources: World, given: dict[str, Any], code: str, words: str
):
    wanted: dict[str, Any] = {"FunctionName": "f", "EventSourceArn": QUEUE}
    with pytest.raises(AWSError, match=words) as refused:
        await sources.call("CreateEventSourceMapping", **(wanted | given))
    assert refused.value.code == code


async def test_a_source_is_mapped_to_a_function_once(sources: World):
    wanted: dict[str, Any] = {"FunctionName": "f", "EventSourceArn": QUEUE}
    uuid = (await sources.call("CreateEventSourceMapping", **wanted))["UUID"]
    with pytest.raises(AWSError, match=uuid) as again:
        await sources.call("CreateEventSourceMapping", **wanted)
    assert again.value.status == 409


async def test_the_role_must_be_allowed_to_poll(sources: World):
    sources.allow_role("sqs:ReceiveMessage")
    with pytest.raises(AWSError, match="permissions to call DeleteMessage on SQS"):
        await sources.call("CreateEventSourceMapping", FunctionName="f", EventSourceArn=QUEUE)
