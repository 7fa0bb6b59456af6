from __future__ import annotations

import pytest
from tests.services.iam.harness import House, policy

from cloudlet.aws.errors import AWSError, NotImplementedOperation
from cloudlet.aws.principal import root


async def test_the_alias(house: House) -> None:
    await house.iam("CreateAccountAlias", AccountAlias="ours")
    assert (await house.iam("ListAccountAliases"))["AccountAliases"] == ["ours"]
    with pytest.raises(AWSError, match="The account alias ours already exists"):
        await house.iam("CreateAccountAlias", as_=root("444455556666"), AccountAlias="ours")
    await house.iam("DeleteAccountAlias", AccountAlias="ours")
    assert (await house.iam("ListAccountAliases"))["AccountAliases"] == []


async def test_the_summary_counts(house: House) -> None:
    await house.user("bob")
    summary = (await house.iam("GetAccountSummary"))["SummaryMap"]
    assert (summary["Users"], summary["Roles"], summary["UsersQuota"]) == (1, 0, 5000)


async def test_accounts_do_not_see_each_other(house: House) -> None:
    await house.user("bob")
    there = root("444455556666")
    assert (await house.iam("ListUsers", as_=there))["Users"] == []
    with pytest.raises(AWSError, match="cannot be found"):
        await house.iam("GetUser", as_=there, UserName="bob")


async def test_details_hold_documents_and_attachments(house: House) -> None:
    await house.user("bob", policy("s3:*"))
    details = await house.iam("GetAccountAuthorizationDetails", Filter=["User"])
    assert [user["UserName"] for user in details["UserDetailList"]] == ["bob"]
    assert details["UserDetailList"][0]["UserPolicyList"][0]["PolicyName"] == "p0"
    assert details["RoleDetailList"] == []


async def test_what_is_not_there_says_so(house: House) -> None:
    with pytest.raises(NotImplementedOperation):
        await house.iam("CreateLoginProfile", UserName="bob", Password="secret")
