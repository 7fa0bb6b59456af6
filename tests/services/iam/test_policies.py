from __future__ import annotations

import json
from urllib.parse import unquote

import pytest
from tests.services.iam.harness import ACCOUNT, House, policy, trust

from cloudlet.aws.errors import AccessDenied, AWSError
from cloudlet.aws.policy import Policy
from cloudlet.services.iam import aws_managed

BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


async def test_versions_of_a_managed_policy(house: House) -> None:
    bob = await house.user("bob")
    made = (await house.iam("CreatePolicy", PolicyName="p", PolicyDocument=policy("iam:Get*")))[
        "Policy"
    ]
    arn = made["Arn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:policy/p"
    assert made["PolicyId"].startswith("ANPA")
    assert made["DefaultVersionId"] == "v1"
    await house.iam("AttachUserPolicy", UserName="bob", PolicyArn=arn)
    with pytest.raises(AccessDenied):
        await house.iam("ListUsers", as_=bob)
    second = await house.iam(
        "CreatePolicyVersion", PolicyArn=arn, PolicyDocument=policy("iam:List*"), SetAsDefault=True
    )
    assert second["PolicyVersion"]["VersionId"] == "v2"
    assert await house.iam("ListUsers", as_=bob)
    await house.iam("SetDefaultPolicyVersion", PolicyArn=arn, VersionId="v1")
    with pytest.raises(AccessDenied):
        await house.iam("ListUsers", as_=bob)
    shown = await house.iam("GetPolicyVersion", PolicyArn=arn, VersionId="v2")
    document = json.loads(unquote(shown["PolicyVersion"]["Document"]))
    assert document["Statement"][0]["Action"] == "iam:List*"
    assert (await house.iam("GetPolicy", PolicyArn=arn))["Policy"]["AttachmentCount"] == 1
    with pytest.raises(AWSError, match="Cannot delete the default version of a policy"):
        await house.iam("DeletePolicyVersion", PolicyArn=arn, VersionId="v1")
    with pytest.raises(AWSError, match="Cannot delete a policy attached to entities"):
        await house.iam("DeletePolicy", PolicyArn=arn)
    await house.iam("DetachUserPolicy", UserName="bob", PolicyArn=arn)
    with pytest.raises(AWSError, match="This policy has more than one version"):
        await house.iam("DeletePolicy", PolicyArn=arn)
    await house.iam("DeletePolicyVersion", PolicyArn=arn, VersionId="v2")
    await house.iam("DeletePolicy", PolicyArn=arn)
    with pytest.raises(AWSError, match=f"Policy {arn} was not found") as caught:
        await house.iam("GetPolicy", PolicyArn=arn)
    assert caught.value.code == "NoSuchEntity"


async def test_quotas(house: House) -> None:
    large = policy([f"s3:Action{number:04}" for number in range(600)])
    with pytest.raises(AWSError, match="Cannot exceed quota for PolicySize: 6144"):
        await house.iam("CreatePolicy", PolicyName="p", PolicyDocument=large)
    await house.iam("CreateUser", UserName="bob")
    with pytest.raises(AWSError, match="Maximum policy size of 2048 bytes exceeded for user bob"):
        await house.iam("PutUserPolicy", UserName="bob", PolicyName="p", PolicyDocument=large)
    arn = (await house.iam("CreatePolicy", PolicyName="p", PolicyDocument=policy("s3:*")))[
        "Policy"
    ]["Arn"]
    for _ in range(4):
        await house.iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=policy("s3:*"))
    with pytest.raises(AWSError, match="A managed policy can have up to 5 versions"):
        await house.iam("CreatePolicyVersion", PolicyArn=arn, PolicyDocument=policy("s3:*"))


async def test_awss_own_policies_can_be_read_and_attached_but_not_changed(house: House) -> None:
    shown = (await house.iam("GetPolicy", PolicyArn=BASIC))["Policy"]
    assert (shown["Path"], shown["Arn"]) == ("/service-role/", BASIC)
    version = await house.iam("GetPolicyVersion", PolicyArn=BASIC, VersionId="v1")
    document = json.loads(unquote(version["PolicyVersion"]["Document"]))
    assert document["Statement"][0]["Action"] == [
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    ]
    with pytest.raises(AccessDenied):
        await house.iam("DeletePolicy", PolicyArn=BASIC)
    await house.iam(
        "CreateRole",
        RoleName="r",
        AssumeRolePolicyDocument=trust({"Service": "lambda.amazonaws.com"}),
    )
    await house.iam("AttachRolePolicy", RoleName="r", PolicyArn=BASIC)
    having = await house.iam("ListEntitiesForPolicy", PolicyArn=BASIC)
    assert [role["RoleName"] for role in having["PolicyRoles"]] == ["r"]
    attached = (await house.iam("ListAttachedRolePolicies", RoleName="r"))["AttachedPolicies"]
    assert attached == [{"PolicyName": "AWSLambdaBasicExecutionRole", "PolicyArn": BASIC}]
    missing = "arn:aws:iam::aws:policy/NoSuchPolicy"
    with pytest.raises(AWSError, match=f"Policy {missing} does not exist or is not attachable"):
        await house.iam("AttachRolePolicy", RoleName="r", PolicyArn=missing)
    used = (await house.iam("ListPolicies", Scope="AWS", OnlyAttached=True))["Policies"]
    assert [one["Arn"] for one in used] == [BASIC]


@pytest.mark.parametrize("arn", sorted(aws_managed.policies()))
def test_every_policy_of_awss_is_well_formed(arn: str) -> None:
    assert Policy.parse(aws_managed.policies()[arn].document).statements


async def test_a_policy_of_another_account_is_out_of_reach(house: House) -> None:
    arn = "arn:aws:iam::444455556666:policy/p"
    with pytest.raises(AccessDenied):
        await house.iam("GetPolicy", PolicyArn=arn)


async def test_inline_policies(house: House) -> None:
    await house.iam("CreateUser", UserName="bob")
    text = policy("s3:*")
    await house.iam("PutUserPolicy", UserName="bob", PolicyName="p", PolicyDocument=text)
    assert (await house.iam("ListUserPolicies", UserName="bob"))["PolicyNames"] == ["p"]
    shown = await house.iam("GetUserPolicy", UserName="bob", PolicyName="p")
    assert unquote(shown["PolicyDocument"]) == text
    with pytest.raises(AWSError, match="The user policy with name q cannot be found"):
        await house.iam("GetUserPolicy", UserName="bob", PolicyName="q")
    with pytest.raises(AWSError) as caught:
        await house.iam("PutUserPolicy", UserName="bob", PolicyName="p", PolicyDocument="{}")
    assert caught.value.code == "MalformedPolicyDocument"
