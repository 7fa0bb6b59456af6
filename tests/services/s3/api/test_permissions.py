from __future__ import annotations

import json
from typing import Any

import pytest
from tests.services.s3.conftest import OTHER, Caller, allow, permit, publish

from cloudlet.aws.cloud import Cloud

OPEN = {
    "BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": False,
    "RestrictPublicBuckets": False,
}  # fmt: skip


async def test_a_new_bucket_blocks_public_policies(
    owner: Caller, anonymous: Caller, bucket: str
) -> None:
    await owner("PutObject", Bucket=bucket, Key="k", Body=b"x")
    document = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal="*")
    error = await owner.error("PutBucketPolicy", Bucket=bucket, Policy=document)
    assert (error.code, error.status) == ("AccessDenied", 403)
    assert "BlockPublicPolicy" in error.message
    block = {**OPEN, "RestrictPublicBuckets": True}
    await owner("PutPublicAccessBlock", Bucket=bucket, PublicAccessBlockConfiguration=block)
    await owner("PutBucketPolicy", Bucket=bucket, Policy=document)
    assert (await anonymous.error("GetObject", Bucket=bucket, Key="k")).status == 403
    await owner("PutPublicAccessBlock", Bucket=bucket, PublicAccessBlockConfiguration=OPEN)
    assert await anonymous.read(Bucket=bucket, Key="k") == b"x"
    assert (await anonymous.error("PutObject", Bucket=bucket, Key="k", Body=b"")).status == 403
    status = await owner("GetBucketPolicyStatus", Bucket=bucket)
    assert status["PolicyStatus"] == {"IsPublic": True}


async def test_another_account_needs_the_bucket_policy(
    owner: Caller, other: Caller, bucket: str
) -> None:
    await owner("PutObject", Bucket=bucket, Key="k", Body=b"x")
    assert (await other.error("GetObject", Bucket=bucket, Key="k")).status == 403
    principal = {"AWS": f"arn:aws:iam::{OTHER}:root"}
    document = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal=principal)
    await owner("PutBucketPolicy", Bucket=bucket, Policy=document)
    assert await other.read(Bucket=bucket, Key="k") == b"x"
    assert (await other.error("ListObjectsV2", Bucket=bucket)).status == 403
    assert (await other.error("DeleteBucketPolicy", Bucket=bucket)).status == 403


async def test_a_bucket_policy_denies_its_own_users(
    cloud: Cloud, owner: Caller, user: Caller, bucket: str
) -> None:
    await owner("PutObject", Bucket=bucket, Key="secret/k", Body=b"x")
    await permit(cloud, allow("s3:*", "*"))
    assert await user.read(Bucket=bucket, Key="secret/k") == b"x"
    statement = {
        "Effect": "Deny", "Principal": {"AWS": user.principal.arn}, "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{bucket}/secret/*",
    }  # fmt: skip
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await owner("PutBucketPolicy", Bucket=bucket, Policy=document)
    error = await user.error("GetObject", Bucket=bucket, Key="secret/k")
    assert "explicit deny" in error.message


async def test_policies_are_kept_as_they_were_put(owner: Caller, bucket: str) -> None:
    assert (await owner.error("GetBucketPolicy", Bucket=bucket)).code == "NoSuchBucketPolicy"
    document = allow("s3:*", f"arn:aws:s3:::{bucket}", Principal={"AWS": OTHER})
    await owner("PutBucketPolicy", Bucket=bucket, Policy=document)
    assert (await owner("GetBucketPolicy", Bucket=bucket))["Policy"] == document
    await owner("DeleteBucketPolicy", Bucket=bucket)
    assert (await owner.error("GetBucketPolicy", Bucket=bucket)).status == 404


@pytest.mark.parametrize(
    ("action", "resource", "message"),
    [
        ("s3:GetObject", "arn:aws:s3:::other/*", "Policy has invalid resource"),
        ("s3:GetObject", "bucket", "Policy has invalid resource"),
        ("dynamodb:Query", "arn:aws:s3:::bucket", "Policy has invalid action"),
    ],
)
async def test_policies_are_about_the_bucket(
    owner: Caller, bucket: str, action: str, resource: str, message: str
) -> None:
    document = allow(action, resource, Principal={"AWS": OTHER})
    error = await owner.error("PutBucketPolicy", Bucket=bucket, Policy=document)
    assert (error.code, error.message) == ("MalformedPolicy", message)
    assert (await owner.error("PutBucketPolicy", Bucket=bucket, Policy="{")).code == (
        "MalformedPolicy"
    )


async def test_existing_tags_are_a_condition(owner: Caller, anonymous: Caller, bucket: str) -> None:
    await owner("PutObject", Bucket=bucket, Key="yes", Body=b"x", Tagging="public=yes")
    await owner("PutObject", Bucket=bucket, Key="no", Body=b"x")
    await owner("DeletePublicAccessBlock", Bucket=bucket)
    document = allow(
        "s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal="*",
        Condition={"StringEquals": {"s3:ExistingObjectTag/public": "yes"}},
    )  # fmt: skip
    await owner("PutBucketPolicy", Bucket=bucket, Policy=document)
    assert await anonymous.read(Bucket=bucket, Key="yes") == b"x"
    assert (await anonymous.error("GetObject", Bucket=bucket, Key="no")).status == 403


async def test_the_public_access_block(owner: Caller, bucket: str) -> None:
    block = await owner("GetPublicAccessBlock", Bucket=bucket)
    assert set(block["PublicAccessBlockConfiguration"].values()) == {True}
    await owner("DeletePublicAccessBlock", Bucket=bucket)
    error = await owner.error("GetPublicAccessBlock", Bucket=bucket)
    assert error.code == "NoSuchPublicAccessBlockConfiguration"


async def test_ownership_controls(owner: Caller, bucket: str) -> None:
    rules = {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    await owner("PutBucketOwnershipControls", Bucket=bucket, OwnershipControls=rules)
    found = await owner("GetBucketOwnershipControls", Bucket=bucket)
    assert found["OwnershipControls"] == rules
    await owner("DeleteBucketOwnershipControls", Bucket=bucket)
    error = await owner.error("GetBucketOwnershipControls", Bucket=bucket)
    assert error.code == "OwnershipControlsNotFoundError"


async def test_the_owner_cannot_lock_itself_out(owner: Caller, bucket: str) -> None:
    statement = {
        "Effect": "Deny", "Principal": "*", "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }  # fmt: skip
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    await owner("PutBucketPolicy", Bucket=bucket, Policy=document)
    assert (await owner.error("ListObjectsV2", Bucket=bucket)).status == 403
    await owner("GetBucketPolicy", Bucket=bucket)
    await owner("DeleteBucketPolicy", Bucket=bucket)
    await owner("ListObjectsV2", Bucket=bucket)


@pytest.mark.parametrize("members", [{"ACL": "public-read"}, {"GrantRead": "id=x"}])
async def test_acls_are_off(owner: Caller, bucket: str, members: dict[str, Any]) -> None:
    await owner("PutObject", Bucket=bucket, Key="k", Body=b"")
    for operation, target in (("PutBucketAcl", {}), ("PutObjectAcl", {"Key": "k"})):
        error = await owner.error(operation, Bucket=bucket, **target, **members)
        assert error.code == "AccessControlListNotSupported"
        await owner(operation, Bucket=bucket, **target, ACL="private")
    found = await owner("GetObjectAcl", Bucket=bucket, Key="k")
    assert [grant["Permission"] for grant in found["Grants"]] == ["FULL_CONTROL"]
    policy = {"Grants": found["Grants"], "Owner": found["Owner"]}
    await owner("PutObjectAcl", Bucket=bucket, Key="k", AccessControlPolicy=policy)


async def test_anonymous_callers_learn_nothing(
    owner: Caller, anonymous: Caller, bucket: str
) -> None:
    assert (await anonymous.error("ListObjectsV2", Bucket=bucket)).message == "Access Denied"
    assert (await anonymous.error("ListBuckets")).status == 403
    assert (await anonymous.error("CreateBucket", Bucket="mine")).status == 403
    await publish(owner, bucket)
    assert (await anonymous.error("GetObject", Bucket=bucket, Key="none")).status == 403
