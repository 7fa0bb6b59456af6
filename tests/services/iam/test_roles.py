from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest
from tests.services.iam.harness import ACCOUNT, House, policy, trust

from cloudlet.aws.errors import AWSError

LAMBDA = trust({"Service": "lambda.amazonaws.com"})


async def test_a_role_shows_its_trust_policy_encoded(house: House) -> None:
    made = await house.iam(
        "CreateRole",
        RoleName="r",
        Path="/service-role/",
        AssumeRolePolicyDocument=LAMBDA,
        Description="d",
        MaxSessionDuration=7200,
        Tags=[{"Key": "a", "Value": "b"}],
    )
    role = (await house.iam("GetRole", RoleName="r"))["Role"]
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/service-role/r"
    assert role["RoleId"].startswith("AROA")
    assert json.loads(unquote(role["AssumeRolePolicyDocument"])) == json.loads(LAMBDA)
    assert role["RoleLastUsed"] == {}
    assert {**made["Role"], "RoleLastUsed": {}} == role
    listed = (await house.iam("ListRoles", PathPrefix="/service-role/"))["Roles"]
    assert [one["RoleName"] for one in listed] == ["r"]
    assert "Tags" not in listed[0]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("{", "This policy contains invalid Json"),
        (policy("sts:AssumeRole"), "AssumeRole policy must contain principals."),
        (
            trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/nobody"}),
            f'Invalid principal in policy: "AWS":"arn:aws:iam::{ACCOUNT}:user/nobody"',
        ),
        (
            trust({"AWS": f"arn:aws:iam::{ACCOUNT}:role/nobody"}),
            f'Invalid principal in policy: "AWS":"arn:aws:iam::{ACCOUNT}:role/nobody"',
        ),
    ],
)
async def test_a_bad_trust_policy_is_refused(house: House, document: str, message: str) -> None:
    await house.iam("CreateRole", RoleName="there", AssumeRolePolicyDocument=LAMBDA)
    attempts: tuple[tuple[str, dict[str, Any]], ...] = (
        ("CreateRole", {"RoleName": "r", "AssumeRolePolicyDocument": document}),
        ("UpdateAssumeRolePolicy", {"RoleName": "there", "PolicyDocument": document}),
    )
    for operation, arguments in attempts:
        with pytest.raises(AWSError) as caught:
            await house.iam(operation, **arguments)
        assert (caught.value.code, caught.value.message) == ("MalformedPolicyDocument", message)


async def test_a_trust_policy_may_name_someone_of_an_account_elsewhere(house: House) -> None:
    document = trust({"AWS": "arn:aws:iam::999988887777:role/ci"})
    await house.iam("CreateRole", RoleName="r", AssumeRolePolicyDocument=document)


async def test_a_trust_policy_has_its_quota(house: House) -> None:
    document = trust({"Service": [f"s{number}.amazonaws.com" for number in range(100)]})
    with pytest.raises(AWSError, match="Cannot exceed quota for ACLSizePerRole: 2048"):
        await house.iam("CreateRole", RoleName="r", AssumeRolePolicyDocument=document)


async def test_a_role_is_changed_and_deleted(house: House) -> None:
    await house.iam("CreateRole", RoleName="r", AssumeRolePolicyDocument=LAMBDA)
    await house.iam("UpdateRole", RoleName="r", Description="new", MaxSessionDuration=3600)
    arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    await house.iam("AttachRolePolicy", RoleName="r", PolicyArn=arn)
    await house.iam("PutRolePolicy", RoleName="r", PolicyName="p", PolicyDocument=policy("s3:*"))
    with pytest.raises(AWSError, match="must detach all policies first"):
        await house.iam("DeleteRole", RoleName="r")
    await house.iam("DetachRolePolicy", RoleName="r", PolicyArn=arn)
    with pytest.raises(AWSError, match="must delete policies first"):
        await house.iam("DeleteRole", RoleName="r")
    await house.iam("DeleteRolePolicy", RoleName="r", PolicyName="p")
    assert (await house.iam("GetRole", RoleName="r"))["Role"]["Description"] == "new"
    await house.iam("DeleteRole", RoleName="r")
    with pytest.raises(AWSError, match="The role with name r cannot be found"):
        await house.iam("GetRole", RoleName="r")
