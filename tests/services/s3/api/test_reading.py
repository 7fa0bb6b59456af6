from __future__ import annotations

from typing import Any

import pytest
from tests.services.s3.conftest import Caller, allow, permit

from cloudlet.aws.cloud import Cloud


async def test_a_range(owner: Caller, bucket: str) -> None:
    await owner("PutObject", Bucket=bucket, Key="k", Body=b"0123456789")
    found = await owner("GetObject", Bucket=bucket, Key="k", Range="bytes=2-4")
    assert (found["ContentRange"], found["ContentLength"]) == ("bytes 2-4/10", 3)
    assert await found["Body"].read() == b"234"
    assert (await owner.error("GetObject", Bucket=bucket, Key="k", Range="bytes=10-")).status == 416
    found = await owner("HeadObject", Bucket=bucket, Key="k", Range="bytes=-1")
    assert found["ContentRange"] == "bytes 9-9/10"


async def test_response_headers_can_be_chosen_by_signed_requests(
    owner: Caller, anonymous: Caller, bucket: str
) -> None:
    await owner("PutObject", Bucket=bucket, Key="k", Body=b"")
    chosen = {"ResponseContentType": "a/b", "ResponseExpires": 0, "ResponseCacheControl": "no"}
    found = await owner("GetObject", Bucket=bucket, Key="k", **chosen)
    assert (found["ContentType"], found["CacheControl"]) == ("a/b", "no")
    assert found["Expires"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    await owner("DeletePublicAccessBlock", Bucket=bucket)
    document = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal="*")
    await owner("PutBucketPolicy", Bucket=bucket, Policy=document)
    await anonymous("GetObject", Bucket=bucket, Key="k")
    assert (await anonymous.error("GetObject", Bucket=bucket, Key="k", **chosen)).status == 400


@pytest.mark.parametrize(
    ("actions", "code"),
    [(["s3:GetObject"], "AccessDenied"), (["s3:GetObject", "s3:ListBucket"], "NoSuchKey")],
)
async def test_a_missing_key_is_told_to_those_who_may_list(
    cloud: Cloud, user: Caller, bucket: str, actions: list[str], code: str
) -> None:
    await permit(cloud, allow(actions, [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]))
    assert (await user.error("GetObject", Bucket=bucket, Key="none")).code == code
    assert (await user.error("HeadObject", Bucket=bucket, Key="none")).code == code


async def test_archived_objects_are_not_read(owner: Caller, bucket: str) -> None:
    await owner("PutObject", Bucket=bucket, Key="k", Body=b"", StorageClass="GLACIER")
    assert (await owner.error("GetObject", Bucket=bucket, Key="k")).code == "InvalidObjectState"
    assert (await owner("HeadObject", Bucket=bucket, Key="k"))["StorageClass"] == "GLACIER"


@pytest.mark.parametrize(("number", "status"), [(1, 200), (2, 416), (0, 400), (10_001, 400)])
async def test_part_numbers_of_a_plain_object(
    owner: Caller, bucket: str, number: int, status: int
) -> None:
    await owner("PutObject", Bucket=bucket, Key="k", Body=b"123")
    members: dict[str, Any] = {"Bucket": bucket, "Key": "k", "PartNumber": number}
    if status == 200:
        found = await owner("GetObject", **members)
        assert found["ContentRange"] == "bytes 0-2/3"
        assert "PartsCount" not in found
    else:
        assert (await owner.error("GetObject", **members)).status == status


async def test_attributes(owner: Caller, bucket: str) -> None:
    await owner("PutObject", Bucket=bucket, Key="k", Body=b"123", ChecksumAlgorithm="SHA1")
    wanted = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    found = await owner("GetObjectAttributes", Bucket=bucket, Key="k", ObjectAttributes=wanted)
    assert found["ETag"] == "202cb962ac59075b964b07152d234b70"
    assert found["Checksum"]["ChecksumSHA1"]
    assert (found["ObjectSize"], found["StorageClass"]) == (3, "STANDARD")
    assert "ObjectParts" not in found
