from __future__ import annotations

import asyncio
import json

import pytest
from tests.services.lambda_.world import World, outcome

from cloudlet.aws.errors import AWSError
from cloudlet.compute.environment import Invocation, Outcome


async def test_a_configuration_is_set_changed_and_removed(world: World):
    arn = (await world.create(Publish=True))["FunctionArn"].removesuffix(":1")
    put = await world.call("PutFunctionEventInvokeConfig", FunctionName="f", MaximumRetryAttempts=1)
    assert put["FunctionArn"] == f"{arn}:$LATEST"
    assert "MaximumEventAgeInSeconds" not in put
    await world.call(
        "UpdateFunctionEventInvokeConfig", FunctionName="f", MaximumEventAgeInSeconds=60
    )
    shown = await world.call("GetFunctionEventInvokeConfig", FunctionName="f")
    assert (shown["MaximumRetryAttempts"], shown["MaximumEventAgeInSeconds"]) == (1, 60)
    settings = world.state.invoker.event_settings(arn)
    assert (settings.retries, settings.maximum_age_s) == (1, 60)
    await world.call("PutFunctionEventInvokeConfig", FunctionName="f:1", MaximumRetryAttempts=0)
    listed = await world.call("ListFunctionEventInvokeConfigs", FunctionName="f")
    assert len(listed["FunctionEventInvokeConfigs"]) == 2
    await world.call("DeleteFunctionEventInvokeConfig", FunctionName="f")
    assert world.state.invoker.event_settings(arn).retries is None
    with pytest.raises(AWSError, match="doesn't have an EventInvokeConfig") as missing:
        await world.call("GetFunctionEventInvokeConfig", FunctionName="f")
    assert missing.value.status == 404


@pytest.mark.parametrize(
    ("end", "arn", "words"),
    [
        ("OnFailure", "arn:aws:sqs:us-east-1:000000000000:q", "no SQS service yet"),
        ("OnFailure", "arn:aws:sns:us-east-1:000000000000:t.fifo", "is invalid"),
        ("OnSuccess", "arn:aws:s3:::bucket", "is invalid"),
        ("OnSuccess", "arn:aws:lambda:us-east-1:000000000000:function:f", "for itself"),
        (
            "OnSuccess",
            "arn:aws:lambda:us-east-1:000000000000:function:other",
            "does not have permissions to call InvokeFunction on Lambda",
        ),
    ],
)
async def test_destinations_that_cannot_be_are_refused(
    world: World, end: str, arn: str, words: str
):
    await world.create()
    with pytest.raises(AWSError, match=words) as refused:
        await world.call(
            "PutFunctionEventInvokeConfig",
            FunctionName="f",
            DestinationConfig={end: {"Destination": arn}},
        )
    assert refused.value.code == "InvalidParameterValueException"


async def test_a_destination_hears_what_became_of_an_event(world: World):
    world.allow_role("lambda:InvokeFunction")
    await world.create()
    other = (await world.create("other"))["FunctionArn"]
    await world.call(
        "PutFunctionEventInvokeConfig",
        FunctionName="f",
        DestinationConfig={"OnSuccess": {"Destination": other}},
    )
    heard = asyncio.Event()

    async def answer(invocation: Invocation) -> Outcome:
        if invocation.function_arn == other:
            heard.set()
        return outcome(b'{"answer":1}')

    world.compute.answer = answer
    await world.call("Invoke", FunctionName="f", InvocationType="Event", Payload=b'{"a": 1}')
    async with asyncio.timeout(5):
        await heard.wait()
    record = json.loads(world.compute.invocations[-1][1].payload)
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["requestContext"]["functionArn"].endswith(":function:f:$LATEST")
    assert record["requestPayload"] == {"a": 1}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST"}
    assert record["responsePayload"] == {"answer": 1}
