from __future__ import annotations

import pytest
from tests.services.s3.conftest import OWNER, Caller, allow, permit

from cloudlet.aws.cloud import Cloud
from cloudlet.aws.principal import root


async def test_a_bucket_comes_and_goes(owner: Caller) -> None:
    assert await owner("CreateBucket", Bucket="one") == {"Location": "/one"}
    assert (await owner("HeadBucket", Bucket="one"))["BucketRegion"] == "us-east-1"
    await owner("DeleteBucket", Bucket="one")
    assert (await owner.error("HeadBucket", Bucket="one")).code == "NoSuchBucket"


async def test_names_are_global(cloud: Cloud, owner: Caller, other: Caller) -> None:
    await owner("CreateBucket", Bucket="taken")
    error = await other.error("CreateBucket", Bucket="taken")
    assert (error.code, error.status) == ("BucketAlreadyExists", 409)
    await owner("CreateBucket", Bucket="taken")  # the us-east-1 quirk
    elsewhere = Caller(cloud, root(OWNER), "eu-west-1")
    constraint = {"LocationConstraint": "eu-west-1"}
    error = await elsewhere.error(
        "CreateBucket", Bucket="taken", CreateBucketConfiguration=constraint
    )
    assert (error.code, error.status) == ("BucketAlreadyOwnedByYou", 409)


@pytest.mark.parametrize(
    ("region", "constraint", "outcome"),
    [
        ("us-east-1", None, None),
        ("us-east-1", "us-east-1", "InvalidLocationConstraint"),
        ("us-east-1", "eu-west-1", "eu-west-1"),
        ("us-east-1", "EU", "eu-west-1"),
        ("eu-west-1", "eu-west-1", "eu-west-1"),
        ("eu-west-1", None, "IllegalLocationConstraintException"),
        ("eu-west-1", "us-west-2", "IllegalLocationConstraintException"),
    ],
)
async def test_location_constraints(
    cloud: Cloud, region: str, constraint: str | None, outcome: str | None
) -> None:
    caller = Caller(cloud, root(OWNER), region)
    members = {"CreateBucketConfiguration": {"LocationConstraint": constraint}}
    members = members if constraint else {}
    if outcome is not None and outcome[0].isupper():
        assert (await caller.error("CreateBucket", Bucket="here", **members)).code == outcome
        return
    await caller("CreateBucket", Bucket="here", **members)
    found = await caller("GetBucketLocation", Bucket="here")
    assert found.get("LocationConstraint") == outcome


async def test_listing_buckets_by_pages(owner: Caller, other: Caller) -> None:
    for name in ("b-one", "b-two", "c-three"):
        await owner("CreateBucket", Bucket=name)
    await other("CreateBucket", Bucket="b-others")
    page = await owner("ListBuckets", MaxBuckets=1, Prefix="b-")
    assert [bucket["Name"] for bucket in page["Buckets"]] == ["b-one"]
    assert page["Buckets"][0]["BucketRegion"] == "us-east-1"
    rest = await owner("ListBuckets", Prefix="b-", ContinuationToken=page["ContinuationToken"])
    assert [bucket["Name"] for bucket in rest["Buckets"]] == ["b-two"]
    assert "ContinuationToken" not in rest
    assert len((await owner("ListBuckets"))["Buckets"]) == 3


@pytest.mark.parametrize("resource", ["*", "arn:aws:s3:::*"])
async def test_listing_buckets_is_a_permission(
    cloud: Cloud, user: Caller, bucket: str, resource: str
) -> None:
    assert (await user.error("ListBuckets")).status == 403
    await permit(cloud, allow("s3:ListAllMyBuckets", resource))
    assert [one["Name"] for one in (await user("ListBuckets"))["Buckets"]] == [bucket]


async def test_a_bucket_with_objects_stays(owner: Caller, bucket: str) -> None:
    await owner("PutObject", Bucket=bucket, Key="k", Body=b"")
    assert (await owner.error("DeleteBucket", Bucket=bucket)).code == "BucketNotEmpty"


async def test_an_unexpected_owner_is_refused(owner: Caller, bucket: str) -> None:
    await owner("HeadBucket", Bucket=bucket, ExpectedBucketOwner=OWNER)
    error = await owner.error("HeadBucket", Bucket=bucket, ExpectedBucketOwner="9" * 12)
    assert error.status == 403
