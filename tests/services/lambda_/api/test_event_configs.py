from __future__ import annotations

import pytest
from tests.services.lambda_.world import World

from cloudlet.aws.errors import AWSError


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
    assert world.state.invoker.event_limits(arn) == (1, 60)
    await world.call("PutFunctionEventInvokeConfig", FunctionName="f:1", MaximumRetryAttempts=0)
    listed = await world.call("ListFunctionEventInvokeConfigs", FunctionName="f")
    assert len(listed["FunctionEventInvokeConfigs"]) == 2
    await world.call("DeleteFunctionEventInvokeConfig", FunctionName="f")
    assert world.state.invoker.event_limits(arn) == (None, None)
    with pytest.raises(AWSError, match="doesn't have an EventInvokeConfig") as missing:
        await world.call("GetFunctionEventInvokeConfig", FunctionName="f")
    assert missing.value.status == 404


async def test_destinations_are_refused(world: World):
    await world.create()
    with pytest.raises(AWSError, match="does not deliver to destinations"):
        await world.call(
            "PutFunctionEventInvokeConfig",
            FunctionName="f",
            DestinationConfig={
                "OnFailure": {"Destination": "arn:aws:sqs:us-east-1:000000000000:q"}
            },
        )
