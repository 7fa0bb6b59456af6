from __future__ import annotations

import pytest
from tests.services.lambda_.world import ACCOUNT, ROLE, World

from cloudlet.aws.errors import AWSError
from cloudlet.aws.functions import EventSource
from cloudlet.aws.policy import Policy

ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"


async def test_a_functions_variables_are_its_own_and_awss(world: World):
    await world.create(Environment={"Variables": {"COLOUR": "red", "TZ": "Europe/Berlin"}})
    await world.call("Invoke", FunctionName="f")
    spec, _ = world.compute.invocations[0]
    expected = {
        "COLOUR": "red",
        "TZ": "Europe/Berlin",
        "AWS_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
        "AWS_ENDPOINT_URL": world.parts.cloud.endpoint,
        "_HANDLER": "app.handler",
    }
    assert {name: spec.variables[name] for name in expected} == expected
    assert await spec.credentials() == {
        "AWS_ACCESS_KEY_ID": "ASIA",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token",
    }


async def test_an_environment_serves_one_revision_of_one_version(world: World):
    await world.create(Publish=True)
    await world.call("Invoke", FunctionName="f")
    await world.call("TagResource", Resource=ARN, Tags={"a": "b"})
    await world.call("Invoke", FunctionName=ARN)
    await world.call("Invoke", FunctionName="f:1")
    await world.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=4)
    await world.call("Invoke", FunctionName="f")
    await world.call("Invoke", FunctionName="f:1")
    keys = [spec.key for spec, _ in world.compute.invocations]
    assert keys[0] == keys[1]
    assert keys[2] == keys[4]
    assert len(set(keys)) == 3


async def test_a_source_with_a_role_needs_the_roles_permission(world: World):
    await world.create()
    source = EventSource("apigateway.amazonaws.com", "arn:api", ACCOUNT, role_arn=ROLE)
    invoke = world.state.invoker.invoke
    with pytest.raises(AWSError, match="no identity-based policy allows"):
        await invoke(ARN, b"{}", source)
    allow = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": ARN}
    policy = Policy.parse({"Version": "2012-10-17", "Statement": [allow]})
    world.identities.given[ROLE] = (policy,)
    await invoke(ARN, b"{}", source)
    world.identities.given[ROLE] = ()
    with pytest.raises(AWSError):
        await invoke(ARN, b"{}", source)


@pytest.mark.parametrize("arn", ["f", "nonsense", f"{ARN}x", f"{ARN}:9", f"{ARN}:none"])
async def test_what_is_not_there_is_not_found(world: World, arn: str):
    await world.create()
    source = EventSource("apigateway.amazonaws.com", "arn:api", ACCOUNT)
    with pytest.raises(AWSError) as refused:
        await world.state.invoker.invoke(arn, b"{}", source)
    assert refused.value.code == "ResourceNotFoundException"
