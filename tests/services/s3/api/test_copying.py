from __future__ import annotations

from typing import Any

import pytest
from tests.services.s3.conftest import Caller, allow, permit

from cloudlet.aws.cloud import Cloud

LARGE = b"0123456789abcdef" * 5000


async def source(owner: Caller, bucket: str, content: bytes = b"content") -> str:
    stored = await owner(
        "PutObject", Bucket=bucket, Key="from", Body=content, ContentType="text/plain",
        Metadata={"a": "1"}, Tagging="t=1",
    )  # fmt: skip
    return str(stored["ETag"])


@pytest.mark.parametrize("content", [b"small", LARGE])
async def test_a_copy_has_everything(owner: Caller, bucket: str, content: bytes) -> None:
    etag = await source(owner, bucket, content)
    copied = await owner("CopyObject", Bucket=bucket, Key="to", CopySource=f"{bucket}/from")
    assert copied["CopyObjectResult"]["ETag"] == etag
    await owner("DeleteObject", Bucket=bucket, Key="from")
    found = await owner("HeadObject", Bucket=bucket, Key="to")
    assert (found["ContentType"], found["Metadata"]) == ("text/plain", {"a": "1"})
    tags = await owner("GetObjectTagging", Bucket=bucket, Key="to")
    assert tags["TagSet"] == [{"Key": "t", "Value": "1"}]
    assert await owner.read(Bucket=bucket, Key="to") == content


async def test_directives_replace(owner: Caller, bucket: str) -> None:
    await source(owner, bucket)
    await owner(
        "CopyObject", Bucket=bucket, Key="to", CopySource=f"{bucket}/from",
        MetadataDirective="REPLACE", ContentType="a/b", Metadata={"z": "2"},
        TaggingDirective="REPLACE", Tagging="u=3", ChecksumAlgorithm="SHA256",
    )  # fmt: skip
    found = await owner("HeadObject", Bucket=bucket, Key="to", ChecksumMode="ENABLED")
    assert (found["ContentType"], found["Metadata"]) == ("a/b", {"z": "2"})
    assert "ChecksumSHA256" in found
    tags = await owner("GetObjectTagging", Bucket=bucket, Key="to")
    assert tags["TagSet"] == [{"Key": "u", "Value": "3"}]


async def test_onto_itself_only_with_a_change(owner: Caller, bucket: str) -> None:
    await source(owner, bucket)
    same: dict[str, Any] = {"Bucket": bucket, "Key": "from", "CopySource": f"{bucket}/from"}
    assert (await owner.error("CopyObject", **same)).code == "InvalidRequest"
    await owner("CopyObject", **same, MetadataDirective="REPLACE", Metadata={"b": "2"})
    assert (await owner("HeadObject", Bucket=bucket, Key="from"))["Metadata"] == {"b": "2"}
    assert await owner.read(Bucket=bucket, Key="from") == b"content"


@pytest.mark.parametrize(
    ("condition", "passes"),
    [
        ({"CopySourceIfMatch": "ETAG"}, True),
        ({"CopySourceIfMatch": '"x"'}, False),
        ({"CopySourceIfNoneMatch": "ETAG"}, False),
        ({"CopySourceIfUnmodifiedSince": 1}, False),
        ({"CopySourceIfModifiedSince": 1}, True),
        ({"IfNoneMatch": "*"}, True),
    ],
)
async def test_conditions(
    owner: Caller, bucket: str, condition: dict[str, Any], passes: bool
) -> None:
    etag = await source(owner, bucket)
    members = {name: etag if value == "ETAG" else value for name, value in condition.items()}
    members |= {"Bucket": bucket, "Key": "to", "CopySource": f"{bucket}/from"}
    if passes:
        await owner("CopyObject", **members)
    else:
        assert (await owner.error("CopyObject", **members)).status == 412


async def test_the_source_must_be_readable(
    cloud: Cloud, owner: Caller, user: Caller, bucket: str
) -> None:
    await source(owner, bucket)
    members = {"Bucket": bucket, "Key": "to", "CopySource": f"{bucket}/from"}
    await permit(cloud, allow(["s3:PutObject*", "s3:GetObjectTagging"], "*"))
    error = await user.error("CopyObject", **members)
    assert error.status == 403
    assert "s3:GetObject on" in error.message
    await permit(cloud, allow(["s3:PutObject*", "s3:GetObject*"], "*"))
    await user("CopyObject", **members)


@pytest.mark.parametrize(
    ("where", "code"),
    [("bucket/none", "NoSuchKey"), ("nowhere/k", "NoSuchBucket"), ("bucket", "InvalidArgument")],
)
async def test_missing_sources(owner: Caller, bucket: str, where: str, code: str) -> None:
    error = await owner.error("CopyObject", Bucket=bucket, Key="to", CopySource=where)
    assert error.code == code
