from __future__ import annotations

import pytest
from tests.services.s3.conftest import Caller

TAGS = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]


async def test_tags_of_an_object(owner: Caller, bucket: str) -> None:
    target = {"Bucket": bucket, "Key": "k"}
    await owner("PutObject", **target, Body=b"content")
    assert (await owner("GetObjectTagging", **target))["TagSet"] == []
    await owner("PutObjectTagging", **target, Tagging={"TagSet": TAGS})
    assert (await owner("GetObjectTagging", **target))["TagSet"] == TAGS
    assert (await owner("HeadObject", **target))["TagCount"] == 2
    await owner("DeleteObjectTagging", **target)
    assert (await owner("GetObjectTagging", **target))["TagSet"] == []
    error = await owner.error("GetObjectTagging", Bucket=bucket, Key="none")
    assert error.code == "NoSuchKey"


async def test_tags_of_a_bucket(owner: Caller, bucket: str) -> None:
    assert (await owner.error("GetBucketTagging", Bucket=bucket)).code == "NoSuchTagSet"
    await owner("PutBucketTagging", Bucket=bucket, Tagging={"TagSet": TAGS})
    assert (await owner("GetBucketTagging", Bucket=bucket))["TagSet"] == TAGS
    await owner("DeleteBucketTagging", Bucket=bucket)
    assert (await owner.error("GetBucketTagging", Bucket=bucket)).status == 404


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ([{"Key": "a", "Value": "1"}] * 2, "InvalidTag"),
        ([{"Key": "k" * 129, "Value": ""}], "InvalidTag"),
        ([{"Key": "k", "Value": "v" * 257}], "InvalidTag"),
        ([{"Key": "aws:x", "Value": "1"}], "InvalidTag"),
        ([{"Key": f"k{i}", "Value": "v"} for i in range(11)], "BadRequest"),
    ],
)
async def test_bad_tags(owner: Caller, bucket: str, tags: list[dict[str, str]], code: str) -> None:
    await owner("PutObject", Bucket=bucket, Key="k", Body=b"")
    error = await owner.error("PutObjectTagging", Bucket=bucket, Key="k", Tagging={"TagSet": tags})
    assert error.code == code
