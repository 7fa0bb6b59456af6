from __future__ import annotations

import re
from typing import Any

import pytest
from tests.services.iam.harness import ACCOUNT, ROOT, House, policy

from cloudlet.aws.errors import AccessDenied, AWSError
from cloudlet.services.iam import ids

NO_BOB = "The user with name bob cannot be found."


async def test_a_user_has_ids_and_arn_of_awss_form(house: House) -> None:
    user = (await house.iam("CreateUser", UserName="bob", Path="/staff/"))["User"]
    assert user["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/staff/bob"
    assert re.fullmatch(r"AIDA[A-Z2-7]{17}", user["UserId"])
    assert (await house.iam("GetUser", UserName="bob"))["User"] == user
    key = (await house.iam("CreateAccessKey", UserName="bob"))["AccessKey"]
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", key["AccessKeyId"])
    assert len(key["SecretAccessKey"]) == 40
    assert ids.account_of(key["AccessKeyId"]) == ACCOUNT


@pytest.mark.parametrize(
    ("operation", "more", "code", "message"),
    [
        ("GetUser", {}, "NoSuchEntity", NO_BOB),
        ("DeleteUser", {}, "NoSuchEntity", NO_BOB),
        ("CreateAccessKey", {}, "NoSuchEntity", NO_BOB),
        ("TagUser", {"Tags": [{"Key": "a", "Value": "b"}]}, "NoSuchEntity", NO_BOB),
        ("ListGroupsForUser", {}, "NoSuchEntity", NO_BOB),
        (
            "CreateUser",
            {"PermissionsBoundary": "arn:aws:iam::aws:policy/None"},
            "NoSuchEntity",
            "Policy arn:aws:iam::aws:policy/None does not exist or is not attachable.",
        ),
        (
            "CreateUser",
            {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]},
            "InvalidInput",
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
    ],
)
async def test_what_is_wrong_is_said_as_aws_says_it(
    house: House, operation: str, more: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(AWSError) as caught:
        await house.iam(operation, UserName="bob", **more)
    assert (caught.value.code, caught.value.message) == (code, message)


async def test_names_differ_by_more_than_case(house: House) -> None:
    await house.iam("CreateUser", UserName="bob")
    with pytest.raises(AWSError, match=r"User with name BOB already exists\.") as caught:
        await house.iam("CreateUser", UserName="BOB")
    assert caught.value.code == "EntityAlreadyExists"
    assert caught.value.status == 409


async def test_a_user_is_deleted_only_when_nothing_is_left_of_it(house: House) -> None:
    await house.user("bob", policy("s3:*"))
    await house.iam("CreateGroup", GroupName="g")
    await house.iam("AddUserToGroup", GroupName="g", UserName="bob")
    arn = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
    await house.iam("AttachUserPolicy", UserName="bob", PolicyArn=arn)
    key = (await house.iam("ListAccessKeys", UserName="bob"))["AccessKeyMetadata"][0]
    assert "SecretAccessKey" not in key
    steps = [
        ("access keys", "DeleteAccessKey", {"AccessKeyId": key["AccessKeyId"]}),
        ("detach all policies", "DetachUserPolicy", {"PolicyArn": arn}),
        ("delete policies", "DeleteUserPolicy", {"PolicyName": "p0"}),
        ("remove users from group", "RemoveUserFromGroup", {"GroupName": "g"}),
    ]
    for what, operation, arguments in steps:
        with pytest.raises(AWSError, match=f"Cannot delete entity, must .*{what}") as caught:
            await house.iam("DeleteUser", UserName="bob")
        assert caught.value.code == "DeleteConflict"
        await house.iam(operation, UserName="bob", **arguments)
    await house.iam("DeleteUser", UserName="bob")
    assert (await house.iam("ListUsers"))["Users"] == []


async def test_pages_neither_repeat_nor_lose(house: House) -> None:
    names = [f"u{number:02}" for number in range(7)]
    for name in names:
        await house.iam("CreateUser", UserName=name)
    seen, marker = [], None
    while True:
        page = await house.iam("ListUsers", MaxItems=3, Marker=marker)
        seen += [user["UserName"] for user in page["Users"]]
        await house.iam("DeleteUser", UserName=page["Users"][-1]["UserName"])
        marker = page.get("Marker")
        assert page["IsTruncated"] is (marker is not None)
        if marker is None:
            break
    assert seen == names
    for bad in ("!", "ü", "/w=="):
        with pytest.raises(AWSError, match="Invalid Marker"):
            await house.iam("ListUsers", Marker=bad)


async def test_a_renamed_user_keeps_its_key_and_policies(house: House) -> None:
    bob = await house.user("bob", policy("iam:GetUser"))
    await house.iam("UpdateUser", UserName="bob", NewUserName="rob", NewPath="/x/")
    key = (await house.iam("ListAccessKeys", UserName="rob"))["AccessKeyMetadata"][0]
    credential = house.identities.credential(key["AccessKeyId"])
    assert credential is not None
    assert credential.principal.arn == f"arn:aws:iam::{ACCOUNT}:user/x/rob"
    shown = (await house.iam("GetUser", as_=credential.principal))["User"]
    assert shown["UserId"] == bob.user_id


async def test_a_user_may_have_two_keys_and_turn_them_off(house: House) -> None:
    await house.iam("CreateUser", UserName="bob")
    keys = [
        (await house.iam("CreateAccessKey", UserName="bob"))["AccessKey"]["AccessKeyId"]
        for _ in range(2)
    ]
    with pytest.raises(AWSError, match="Cannot exceed quota for AccessKeysPerUser: 2") as caught:
        await house.iam("CreateAccessKey", UserName="bob")
    assert caught.value.code == "LimitExceeded"
    await house.iam("UpdateAccessKey", UserName="bob", AccessKeyId=keys[0], Status="Inactive")
    credential = house.identities.credential(keys[0])
    assert credential is not None
    assert not credential.active
    await house.iam("DeleteAccessKey", UserName="bob", AccessKeyId=keys[1])
    assert house.identities.credential(keys[1]) is None


async def test_a_key_tells_its_last_use(house: House) -> None:
    await house.iam("CreateUser", UserName="bob")
    id_ = (await house.iam("CreateAccessKey", UserName="bob"))["AccessKey"]["AccessKeyId"]
    never = await house.iam("GetAccessKeyLastUsed", AccessKeyId=id_)
    assert never["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    house.identities.used(id_, "s3", "eu-west-1")  # before it has been looked up: nobody's
    assert house.identities.credential(id_) is not None
    house.identities.used(id_, "s3", "eu-west-1")
    used = (await house.iam("GetAccessKeyLastUsed", AccessKeyId=id_))["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("s3", "eu-west-1")


async def test_tags_are_told_apart_without_case_and_removed(house: House) -> None:
    await house.iam("CreateUser", UserName="bob", Tags=[{"Key": "Team", "Value": "a"}])
    await house.iam("TagUser", UserName="bob", Tags=[{"Key": "team", "Value": "b"}])
    assert (await house.iam("ListUserTags", UserName="bob"))["Tags"] == [
        {"Key": "team", "Value": "b"}
    ]
    await house.iam("UntagUser", UserName="bob", TagKeys=["TEAM"])
    assert (await house.iam("ListUserTags", UserName="bob"))["Tags"] == []


async def test_a_user_without_policies_may_do_nothing(house: House) -> None:
    bob = await house.user("bob")
    with pytest.raises(AccessDenied) as caught:
        await house.iam("CreateUser", as_=bob, UserName="ann", Path="/staff/")
    assert caught.value.message == (
        f"User: {bob.arn} is not authorized to perform: iam:CreateUser on resource: "
        f"arn:aws:iam::{ACCOUNT}:user/staff/ann because no identity-based policy allows the "
        "iam:CreateUser action"
    )


async def test_a_user_may_be_allowed_itself_only(house: House) -> None:
    bob = await house.user(
        "bob", policy("iam:*AccessKey*", f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}")
    )
    await house.iam("CreateUser", UserName="ann")
    assert len((await house.iam("ListAccessKeys", as_=bob))["AccessKeyMetadata"]) == 1
    with pytest.raises(AccessDenied):
        await house.iam("ListAccessKeys", as_=bob, UserName="ann")


async def test_a_boundary_limits_and_must_be_demanded(house: House) -> None:
    arn = "arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    boundary = {"StringEquals": {"iam:PermissionsBoundary": arn}}
    bob = await house.user("bob", policy("iam:*", Condition=boundary))
    with pytest.raises(AccessDenied, match="no identity-based policy allows"):
        await house.iam("CreateUser", as_=bob, UserName="ann")
    await house.iam("CreateUser", as_=bob, UserName="ann", PermissionsBoundary=arn)
    shown = (await house.iam("GetUser", UserName="ann"))["User"]["PermissionsBoundary"]
    assert shown == {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn}
    ann = await _key_of(house, "ann")
    await house.iam("PutUserPolicy", UserName="ann", PolicyName="all", PolicyDocument=policy("*"))
    assert await house.iam("ListUsers", as_=ann)
    with pytest.raises(AccessDenied, match="because no permissions boundary allows"):
        await house.iam("DeleteUser", as_=ann, UserName="bob")
    await house.iam("DeleteUserPermissionsBoundary", UserName="ann")
    await house.iam("CreateUser", as_=ann, UserName="eve")


async def _key_of(house: House, name: str):
    key = (await house.iam("CreateAccessKey", UserName=name))["AccessKey"]
    credential = house.identities.credential(key["AccessKeyId"])
    assert credential is not None
    return credential.principal


async def test_the_root_is_no_user(house: House) -> None:
    assert (await house.iam("GetUser"))["User"]["Arn"] == ROOT.arn
    with pytest.raises(AWSError, match="Must specify userName"):
        await house.iam("CreateAccessKey")
