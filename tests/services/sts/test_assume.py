from __future__ import annotations

import time
from typing import Any

import pytest
from tests.services.iam.harness import ACCOUNT, ROOT, House, policy, trust

from cloudlet.aws.errors import AccessDenied, AWSError
from cloudlet.aws.principal import Principal, service
from cloudlet.services.iam.seal import Seal

ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
MAY_ASSUME = policy(["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"])
REFUSED = "is not authorized to perform: sts:AssumeRole on resource: " + ROLE


async def role(house: House, trusted: Any, *documents: str, **more: Any) -> None:
    await house.iam("CreateRole", RoleName="r", AssumeRolePolicyDocument=trust(trusted, **more))
    for number, document in enumerate(documents):
        await house.iam(
            "PutRolePolicy", RoleName="r", PolicyName=f"p{number}", PolicyDocument=document
        )


async def assume(house: House, as_: Principal, **more: Any) -> Principal:
    answer = await house.sts(
        "AssumeRole", as_=as_, **{"RoleArn": ROLE, "RoleSessionName": "s1", **more}
    )
    return house.principal(answer["Credentials"])


async def test_a_session_may_do_what_its_role_may(house: House) -> None:
    bob = await house.user("bob", MAY_ASSUME)
    await role(house, {"AWS": ACCOUNT}, policy("iam:ListUsers"))
    session = await assume(house, bob)
    assert session.arn == f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s1"
    assert session.user_id.endswith(":s1")
    assert await house.iam("ListUsers", as_=session)
    with pytest.raises(AccessDenied, match=f"^User: {session.arn} is not authorized"):
        await house.iam("ListRoles", as_=session)
    identity = await house.sts("GetCallerIdentity", as_=session)
    assert identity == {"UserId": session.user_id, "Account": ACCOUNT, "Arn": session.arn}


async def test_both_the_trust_policy_and_the_user_must_agree(house: House) -> None:
    ann = await house.user("ann")
    bob = await house.user("bob", MAY_ASSUME)
    await role(house, {"AWS": ACCOUNT})
    assert await assume(house, bob)
    with pytest.raises(AccessDenied, match=f"{REFUSED} because no identity-based policy allows"):
        await assume(house, ann)
    # One whom the trust policy names needs nothing else in the same account.
    document = trust({"AWS": ann.arn})
    await house.iam("UpdateAssumeRolePolicy", RoleName="r", PolicyDocument=document)
    assert await assume(house, ann)
    with pytest.raises(AccessDenied, match=f"{REFUSED} because no role trust policy allows"):
        await assume(house, bob)
    with pytest.raises(AccessDenied, match="no role trust policy allows"):
        await assume(house, bob, RoleArn=f"{ROLE}-that-is-not-there")


async def test_the_root_may_assume_only_roles_that_trust_it(house: House) -> None:
    await role(house, {"AWS": ACCOUNT})
    assert await assume(house, ROOT)
    document = trust({"Service": "lambda.amazonaws.com"})
    await house.iam("UpdateAssumeRolePolicy", RoleName="r", PolicyDocument=document)
    with pytest.raises(AccessDenied, match="no role trust policy allows"):
        await assume(house, ROOT)


async def test_an_external_id_is_asked_for(house: House) -> None:
    bob = await house.user("bob", MAY_ASSUME)
    condition = {"StringEquals": {"sts:ExternalId": "42"}}
    await role(house, {"AWS": ACCOUNT}, Condition=condition)
    assert await assume(house, bob, ExternalId="42")
    for wrong in ({}, {"ExternalId": "43"}):
        with pytest.raises(AccessDenied):
            await assume(house, bob, **wrong)


async def test_session_policies_only_take_away(house: House) -> None:
    bob = await house.user("bob", MAY_ASSUME)
    await role(house, {"AWS": ACCOUNT}, policy(["iam:ListUsers", "iam:ListRoles"]))
    session = await assume(house, bob, Policy=policy(["iam:ListUsers", "iam:ListGroups"]))
    assert await house.iam("ListUsers", as_=session)
    with pytest.raises(AccessDenied, match="because no session policy allows"):
        await house.iam("ListRoles", as_=session)
    with pytest.raises(AccessDenied, match="because no identity-based policy allows"):
        await house.iam("ListGroups", as_=session)
    arns = [{"arn": "arn:aws:iam::aws:policy/AmazonS3FullAccess"}]
    session = await assume(house, bob, PolicyArns=arns)
    with pytest.raises(AccessDenied, match="because no session policy allows"):
        await house.iam("ListUsers", as_=session)
    with pytest.raises(AWSError) as caught:
        await assume(house, bob, Policy="{}")
    assert caught.value.code == "MalformedPolicyDocument"
    with pytest.raises(AWSError) as caught:
        await assume(house, bob, Policy=policy([f"s3:Action{n}" for n in range(300)]))
    assert caught.value.code == "PackedPolicyTooLarge"


async def test_session_tags_are_principal_tags_and_may_go_along(house: House) -> None:
    bob = await house.user("bob", MAY_ASSUME)
    condition = {"StringEquals": {"aws:PrincipalTag/team": "yellow"}}
    tagged = policy("iam:ListUsers", Condition=condition)
    await role(house, {"AWS": ACCOUNT}, tagged, MAY_ASSUME)
    tags = [{"Key": "team", "Value": "yellow"}]
    session = await assume(house, bob, Tags=tags, TransitiveTagKeys=["team"])
    assert await house.iam("ListUsers", as_=session)
    with pytest.raises(AccessDenied):
        await house.iam("ListUsers", as_=await assume(house, bob))
    chained = await assume(house, session)
    assert await house.iam("ListUsers", as_=chained)
    with pytest.raises(AWSError, match="conflicts with a transitive tag key"):
        await assume(house, session, Tags=tags)


async def test_tags_have_their_limit(house: House) -> None:
    bob = await house.user("bob", MAY_ASSUME)
    await role(house, {"AWS": ACCOUNT})
    tags = [{"Key": f"key{number}", "Value": "v" * 200} for number in range(30)]
    with pytest.raises(AWSError) as caught:
        await assume(house, bob, Tags=tags)
    assert caught.value.code == "PackedPolicyTooLarge"
    answer = await house.sts(
        "AssumeRole", as_=bob, RoleArn=ROLE, RoleSessionName="s1", Tags=tags[:10]
    )
    assert 0 < answer["PackedPolicySize"] <= 100


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (7200, None),
        (7201, "exceeds the MaxSessionDuration set for this role"),
    ],
)
async def test_a_session_lasts_as_long_as_the_role_allows(
    house: House, seconds: int, message: str | None
) -> None:
    bob = await house.user("bob", MAY_ASSUME)
    await role(house, {"AWS": ACCOUNT}, MAY_ASSUME)
    await house.iam("UpdateRole", RoleName="r", MaxSessionDuration=7200)
    if message:
        with pytest.raises(AWSError, match=message):
            await assume(house, bob, DurationSeconds=seconds)
        return
    session = await assume(house, bob, DurationSeconds=seconds)
    with pytest.raises(AWSError, match="1 hour session limit for roles assumed by role chaining"):
        await assume(house, session, DurationSeconds=seconds)
    assert await assume(house, session, DurationSeconds=3600)


async def test_a_service_assumes_the_roles_that_trust_it(house: House) -> None:
    await role(house, {"Service": "lambda.amazonaws.com"}, policy("iam:ListUsers"))
    function = service("lambda.amazonaws.com", ACCOUNT)
    session = await assume(house, function, RoleSessionName="my-function", DurationSeconds=43200)
    assert session.arn.endswith("assumed-role/r/my-function")
    assert await house.iam("ListUsers", as_=session)
    with pytest.raises(AccessDenied):
        await assume(house, service("apigateway.amazonaws.com", ACCOUNT))
    with pytest.raises(AccessDenied):
        await assume(house, service("lambda.amazonaws.com", "444455556666"))


async def test_another_account_needs_both_sides(house: House) -> None:
    there = "444455556666"
    stranger = Principal("user", there, f"arn:aws:iam::{there}:user/eve", "AIDA", "eve")
    await role(house, {"AWS": there})
    with pytest.raises(AccessDenied, match="because no identity-based policy allows"):
        await assume(house, stranger)


async def test_credentials_outlive_a_restart_and_the_role_does_not_come_back(house: House) -> None:
    bob = await house.user("bob", MAY_ASSUME)
    await role(house, {"AWS": ACCOUNT}, policy("iam:ListUsers"))
    answer = await house.sts("AssumeRole", as_=bob, RoleArn=ROLE, RoleSessionName="s1")
    credentials = answer["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    assert abs(credentials["Expiration"] - time.time() - 3600) < 5
    house.restart()
    session = house.principal(credentials)
    assert await house.iam("ListUsers", as_=session)
    await house.iam("DeleteRolePolicy", RoleName="r", PolicyName="p0")
    await house.iam("DeleteRole", RoleName="r")
    await role(house, {"AWS": ACCOUNT}, policy("iam:ListUsers"))
    with pytest.raises(AccessDenied):
        await house.iam("ListUsers", as_=house.principal(credentials))


async def test_a_token_is_good_for_its_key_only(house: House) -> None:
    bob = await house.user("bob", MAY_ASSUME)
    await role(house, {"AWS": ACCOUNT})
    given = [
        (await house.sts("AssumeRole", as_=bob, RoleArn=ROLE, RoleSessionName="s1"))["Credentials"]
        for _ in range(2)
    ]
    first, second = given
    look = house.identities.credential
    assert look(first["AccessKeyId"], first["SessionToken"]) is not None
    assert look(first["AccessKeyId"]) is None
    assert look(first["AccessKeyId"], second["SessionToken"]) is None
    token = first["SessionToken"]
    other = "B" if token[0] == "A" else "A"  # or one token in 64 would be itself
    for forged in (token[:-4], other + token[1:], token + "AAAA", "ü", Seal(b"other").close):
        assert look(first["AccessKeyId"], str(forged)) is None


async def test_a_source_identity_stays(house: House) -> None:
    bob = await house.user("bob", MAY_ASSUME)
    await role(house, {"AWS": ACCOUNT}, MAY_ASSUME)
    session = await assume(house, bob, SourceIdentity="bob@example.com")
    answer = await house.sts("AssumeRole", as_=session, RoleArn=ROLE, RoleSessionName="s2")
    assert answer["SourceIdentity"] == "bob@example.com"
    with pytest.raises(AccessDenied):
        await assume(house, session, SourceIdentity="eve@example.com")
