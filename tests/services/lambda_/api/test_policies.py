from __future__ import annotations

import json
from typing import Any

import pytest
from tests.services.lambda_.world import ACCOUNT, World

from cloudlet.aws.errors import AWSError
from cloudlet.aws.functions import EventSource
from cloudlet.aws.principal import root

ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
API = "arn:aws:execute-api:us-east-1:000000000000:api"


def source(arn: str = f"{API}/prod/GET/", principal: str = "apigateway.amazonaws.com"):
    return EventSource(principal, arn, ACCOUNT)


async def _permit(world: World, **given: Any) -> dict[str, Any]:
    wanted = {
        "FunctionName": "f",
        "StatementId": "s",
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
    }
    return await world.call("AddPermission", **(wanted | given))


async def test_the_statement_is_as_aws_forms_it(world: World):
    await world.create()
    made = await _permit(world, SourceArn=f"{API}/*", SourceAccount=ACCOUNT)
    assert json.loads(made["Statement"]) == {
        "Sid": "s",
        "Effect": "Allow",
        "Principal": {"Service": "apigateway.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN,
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": ACCOUNT},
            "ArnLike": {"AWS:SourceArn": f"{API}/*"},
        },
    }
    policy = json.loads((await world.call("GetPolicy", FunctionName="f"))["Policy"])
    assert (policy["Version"], policy["Id"]) == ("2012-10-17", "default")
    assert policy["Statement"] == [json.loads(made["Statement"])]


async def test_an_event_source_needs_the_permission(world: World):
    await world.create()
    invoker = world.state.invoker
    with pytest.raises(AWSError, match="no resource-based policy allows") as refused:
        await invoker.invoke(ARN, b"{}", source())
    assert refused.value.code == "AccessDeniedException"
    await _permit(world, SourceArn=f"{API}/*")
    assert (await invoker.invoke(ARN, b'"hi"', source())).payload == b'"hi"'
    for other in (source(f"{API}2/prod/GET/"), source(principal="s3.amazonaws.com")):
        with pytest.raises(AWSError):
            await invoker.invoke(ARN, b"{}", other)
    await world.call("RemovePermission", FunctionName="f", StatementId="s")
    with pytest.raises(AWSError):
        await invoker.invoke(ARN, b"{}", source())


async def test_each_qualifier_has_its_own_policy(world: World):
    await world.create(Publish=True)
    await _permit(world, Qualifier="1")
    await world.state.invoker.invoke(f"{ARN}:1", b"{}", source())
    with pytest.raises(AWSError):
        await world.state.invoker.invoke(ARN, b"{}", source())


async def test_another_account_may_invoke_where_the_policy_says_so(world: World):
    await world.create()
    other = root("111111111111")
    with pytest.raises(AWSError):
        await world.call("Invoke", as_=other, FunctionName=ARN)
    await _permit(world, Principal="111111111111")
    answer = await world.call("Invoke", as_=other, FunctionName=ARN)
    assert answer["StatusCode"] == 200


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"Principal": "nobody"}, "InvalidParameterValueException"),
        ({"StatementId": "first"}, "ResourceConflictException"),
        ({"Qualifier": "$LATEST"}, "InvalidParameterValueException"),
        ({"Qualifier": "7"}, "ResourceNotFoundException"),
        ({"RevisionId": "old"}, "PreconditionFailedException"),
        ({"SourceArn": "arn:aws:s3:::" + "x" * 9980}, "PolicyLengthExceededException"),
    ],
)
async def test_bad_permissions_are_refused(world: World, given: dict[str, Any], code: str):
    await world.create()
    await _permit(world, StatementId="first")
    await _permit(world, StatementId="large", SourceArn="arn:aws:s3:::" + "x" * 9900)
    with pytest.raises(AWSError) as refused:
        await _permit(world, **given)
    assert refused.value.code == code


async def test_a_function_without_a_policy_has_none_to_show(world: World):
    await world.create()
    with pytest.raises(AWSError, match="The resource you requested does not exist") as refused:
        await world.call("GetPolicy", FunctionName="f")
    assert refused.value.status == 404


async def test_a_urls_authorisation_is_only_for_invoking_it(world: World):
    await world.create()
    with pytest.raises(AWSError, match="only supported for lambda:InvokeFunctionUrl"):
        await _permit(world, Principal="*", FunctionUrlAuthType="NONE")
    await _permit(
        world, Principal="*", FunctionUrlAuthType="NONE", Action="lambda:InvokeFunctionUrl"
    )
