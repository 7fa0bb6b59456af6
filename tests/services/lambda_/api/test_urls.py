from __future__ import annotations

import re

import pytest
from tests.services.lambda_.world import World

from cloudlet.aws.errors import AWSError


async def test_a_url_is_made_changed_listed_and_removed(world: World):
    arn = (await world.create())["FunctionArn"]
    made = await world.call(
        "CreateFunctionUrlConfig", FunctionName="f", AuthType="AWS_IAM", Cors={"MaxAge": 1}
    )
    assert re.fullmatch(
        r"https://[a-z0-9]{32}\.lambda-url\.us-east-1\.on\.aws/", made["FunctionUrl"]
    )
    assert (made["FunctionArn"], made["InvokeMode"]) == (arn, "BUFFERED")
    with pytest.raises(AWSError, match="FunctionUrlConfig exists") as again:
        await world.call("CreateFunctionUrlConfig", FunctionName="f", AuthType="NONE")
    assert again.value.status == 409
    changed = await world.call("UpdateFunctionUrlConfig", FunctionName="f", AuthType="NONE")
    assert (changed["AuthType"], changed["Cors"]) == ("NONE", {"MaxAge": 1})
    changed = await world.call(
        "UpdateFunctionUrlConfig", FunctionName="f", Cors={}, InvokeMode="RESPONSE_STREAM"
    )
    assert "Cors" not in changed
    got = await world.call("GetFunctionUrlConfig", FunctionName="f")
    assert (got["FunctionUrl"], got["InvokeMode"]) == (made["FunctionUrl"], "RESPONSE_STREAM")
    listed = await world.call("ListFunctionUrlConfigs", FunctionName="f")
    assert [url["FunctionArn"] for url in listed["FunctionUrlConfigs"]] == [arn]
    await world.call("DeleteFunctionUrlConfig", FunctionName="f")
    with pytest.raises(AWSError) as gone:
        await world.call("GetFunctionUrlConfig", FunctionName="f")
    assert gone.value.status == 404


async def test_an_alias_has_a_url_of_its_own_that_goes_with_it(world: World):
    await world.create(Publish=True)
    await world.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    made = await world.call(
        "CreateFunctionUrlConfig", FunctionName="f", Qualifier="live", AuthType="NONE"
    )
    assert made["FunctionArn"].endswith(":f:live")
    await world.call("DeleteAlias", FunctionName="f", Name="live")
    listed = await world.call("ListFunctionUrlConfigs", FunctionName="f")
    assert listed["FunctionUrlConfigs"] == []
    assert world.state.store.url_addresses.scan("global", "global") == []


async def test_a_method_must_be_one(world: World):
    await world.create()
    with pytest.raises(AWSError) as refused:
        await world.call(
            "CreateFunctionUrlConfig",
            FunctionName="f",
            AuthType="NONE",
            Cors={"AllowMethods": ["TRACE"]},
        )
    assert refused.value.code == "ValidationException"
