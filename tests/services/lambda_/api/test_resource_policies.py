from __future__ import annotations

import json
from typing import Any

import pytest
from tests.services.lambda_.world import ACCOUNT, World

from cloudlet.aws.errors import AWSError
from cloudlet.aws.principal import root

ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
FRIEND = root("111111111111")


def policy(**given: Any) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "lambda:GetFunction",
        "Resource": ARN,
    }
    document = {"Version": "2012-10-17", "Statement": statement | given}
    return json.dumps(document, ensure_ascii=False)


async def test_a_whole_policy_is_put_enforced_and_deleted(world: World) -> None:
    await world.create()
    with pytest.raises(AWSError):
        await world.call("GetFunction", as_=FRIEND, FunctionName=ARN)
    put = await world.call("PutResourcePolicy", ResourceArn=ARN, Policy=policy())
    found = await world.call("GetResourcePolicy", ResourceArn=ARN)
    assert found["Policy"] == policy() == put["Policy"]
    assert found["RevisionId"] == put["RevisionId"]
    await world.call("GetFunction", as_=FRIEND, FunctionName=ARN)
    await world.call("DeleteResourcePolicy", ResourceArn=ARN, RevisionId=put["RevisionId"])
    with pytest.raises(AWSError):
        await world.call("GetFunction", as_=FRIEND, FunctionName=ARN)
    for name in ("GetResourcePolicy", "DeleteResourcePolicy"):
        with pytest.raises(AWSError) as refused:
            await world.call(name, ResourceArn=ARN)
        assert refused.value.code == "ResourceNotFoundException"


async def test_it_is_one_policy_with_add_permissions(world: World) -> None:
    await world.create(Publish=True)
    permission: dict[str, Any] = {
        "FunctionName": "f",
        "Qualifier": "1",
        "StatementId": "s",
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
    }
    await world.call("AddPermission", **permission)
    first = await world.call("GetResourcePolicy", ResourceArn=f"{ARN}:1")
    assert json.loads(first["Policy"])["Statement"][0]["Sid"] == "s"
    await world.call("PutResourcePolicy", ResourceArn=f"{ARN}:1", Policy=policy(Resource="*"))
    await world.call("AddPermission", **permission)
    found = await world.call("GetPolicy", FunctionName="f", Qualifier="1")
    sids = [statement.get("Sid") for statement in json.loads(found["Policy"])["Statement"]]
    assert sids == [None, "s"]
    await world.call("RemovePermission", FunctionName="f", Qualifier="1", StatementId="s")


async def test_the_revision_must_agree(world: World) -> None:
    await world.create()
    other = "00000000-0000-0000-0000-000000000000"
    for _ in range(2):
        with pytest.raises(AWSError) as refused:
            await world.call(
                "PutResourcePolicy", ResourceArn=ARN, Policy=policy(), RevisionId=other
            )
        assert refused.value.code == "PreconditionFailedException"
        await world.call("PutResourcePolicy", ResourceArn=ARN, Policy=policy())


@pytest.mark.parametrize(
    ("arn", "text", "code"),
    [
        (ARN, policy(Principal="*"), "PublicPolicyException"),
        (ARN, policy(Principal={"AWS": ["*"]}), "PublicPolicyException"),
        (ARN, policy(Principal="*", Condition={"Bool": {"aws:SecureTransport": "true"}}),
         "PublicPolicyException"),
        (ARN, "{", "InvalidParameterValueException"),
        (ARN, policy(Action=7), "InvalidParameterValueException"),
        (ARN, policy(Condition={"StringEquals": {"aws:PrincipalArn": "é" * 10_200}}),
         "PolicyLengthExceededException"),
        (f"{ARN}:$LATEST", policy(), "InvalidParameterValueException"),
        (f"{ARN}:7", policy(), "ResourceNotFoundException"),
        (ARN.replace("us-east-1", "eu-west-1"), policy(), "ResourceNotFoundException"),
    ],
)  # fmt: skip
async def test_what_is_refused(world: World, arn: str, text: str, code: str) -> None:
    await world.create()
    with pytest.raises(AWSError) as refused:
        await world.call("PutResourcePolicy", ResourceArn=arn, Policy=text)
    assert refused.value.code == code


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
        {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
    ],
)
async def test_a_condition_on_the_caller_makes_a_wildcard_good(
    world: World, condition: dict[str, Any]
) -> None:
    await world.create()
    text = policy(Principal="*", Condition=condition)
    await world.call("PutResourcePolicy", ResourceArn=ARN, Policy=text)
