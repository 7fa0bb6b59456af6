from __future__ import annotations

import pytest
from tests.services.iam.harness import ACCOUNT, ROOT, House, policy

from cloudlet.aws.errors import AccessDenied, AWSError, NotImplementedOperation


async def test_anyone_may_ask_who_they_are(house: House) -> None:
    bob = await house.user("bob", policy("*", effect="Deny"))
    for who in (ROOT, bob):
        answer = await house.sts("GetCallerIdentity", as_=who)
        assert answer == {"UserId": who.user_id, "Account": ACCOUNT, "Arn": who.arn}


async def test_a_session_token_is_the_users(house: House) -> None:
    bob = await house.user("bob", policy("iam:ListUsers"))
    answer = await house.sts("GetSessionToken", as_=bob, DurationSeconds=900)
    session = house.principal(answer["Credentials"])
    assert (session.kind, session.arn, session.user_id) == ("user", bob.arn, bob.user_id)
    assert await house.iam("ListUsers", as_=session)
    with pytest.raises(AccessDenied, match="Cannot call GetSessionToken with session credentials"):
        await house.sts("GetSessionToken", as_=session)
    root = house.principal((await house.sts("GetSessionToken"))["Credentials"])
    assert root.kind == "root"
    assert await house.iam("ListUsers", as_=root)


async def test_a_key_tells_its_account(house: House) -> None:
    await house.iam("CreateUser", UserName="bob")
    id_ = (await house.iam("CreateAccessKey", UserName="bob"))["AccessKey"]["AccessKeyId"]
    assert (await house.sts("GetAccessKeyInfo", AccessKeyId=id_))["Account"] == ACCOUNT


async def test_what_is_not_there_says_so(house: House) -> None:
    with pytest.raises(AWSError) as caught:
        await house.sts("DecodeAuthorizationMessage", EncodedMessage="x")
    assert caught.value.code == "InvalidAuthorizationMessageException"
    with pytest.raises(NotImplementedOperation):
        await house.sts("GetFederationToken", Name="bob")
