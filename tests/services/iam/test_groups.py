from __future__ import annotations

import pytest
from tests.services.iam.harness import House, policy

from cloudlet.aws.errors import AccessDenied, AWSError


async def test_members_have_the_groups_permissions_while_they_are_in_it(house: House) -> None:
    bob = await house.user("bob")
    await house.iam("CreateGroup", GroupName="admins")
    await house.iam(
        "PutGroupPolicy", GroupName="admins", PolicyName="p", PolicyDocument=policy("iam:*")
    )
    with pytest.raises(AccessDenied):
        await house.iam("ListUsers", as_=bob)
    await house.iam("AddUserToGroup", GroupName="admins", UserName="bob")
    assert await house.iam("ListUsers", as_=bob)
    await house.iam("UpdateGroup", GroupName="admins", NewGroupName="owners")
    assert await house.iam("ListUsers", as_=bob)
    groups = (await house.iam("ListGroupsForUser", UserName="bob"))["Groups"]
    assert [group["GroupName"] for group in groups] == ["owners"]
    members = (await house.iam("GetGroup", GroupName="owners"))["Users"]
    assert [user["UserName"] for user in members] == ["bob"]
    await house.iam("RemoveUserFromGroup", GroupName="owners", UserName="bob")
    with pytest.raises(AccessDenied):
        await house.iam("ListUsers", as_=bob)


async def test_a_group_is_deleted_only_when_it_is_empty(house: House) -> None:
    await house.iam("CreateUser", UserName="bob")
    await house.iam("CreateGroup", GroupName="g")
    await house.iam("AddUserToGroup", GroupName="g", UserName="bob")
    with pytest.raises(AWSError, match="must remove users from group first"):
        await house.iam("DeleteGroup", GroupName="g")
    await house.iam("RemoveUserFromGroup", GroupName="g", UserName="bob")
    await house.iam("DeleteGroup", GroupName="g")
    with pytest.raises(AWSError, match="The group with name g cannot be found"):
        await house.iam("GetGroup", GroupName="g")
