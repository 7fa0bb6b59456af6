from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

import pytest
from tests.services.s3.conftest import Caller, allow, permit

from cloudlet.aws.body import Body
from cloudlet.aws.cloud import Cloud
from cloudlet.storage.objects.digests import Digests


def checksum(algorithm: str, content: bytes) -> str:
    digests = Digests([algorithm])
    digests.update(content)
    return digests.checksums()[algorithm]


async def test_put_keeps_what_it_is_told(owner: Caller, bucket: str) -> None:
    told = {
        "CacheControl": "no-cache", "ContentDisposition": "inline", "ContentEncoding": "gzip",
        "ContentLanguage": "en", "ContentType": "text/plain", "Expires": "0",
        "Metadata": {"a": "1"}, "WebsiteRedirectLocation": "/x", "StorageClass": "STANDARD_IA",
    }  # fmt: skip
    await owner("PutObject", Bucket=bucket, Key="k", Body=b"x", Tagging="t=1&u=2", **told)
    found = await owner("HeadObject", Bucket=bucket, Key="k")
    assert {name: found[name] for name in told} == told
    assert (found["TagCount"], found["ServerSideEncryption"]) == (2, "AES256")
    assert found["ETag"] == f'"{hashlib.md5(b"x").hexdigest()}"'


async def test_aws_chunked_is_no_encoding(owner: Caller, bucket: str) -> None:
    await owner("PutObject", Bucket=bucket, Key="k", Body=b"", ContentEncoding="aws-chunked,gzip")
    assert (await owner("HeadObject", Bucket=bucket, Key="k"))["ContentEncoding"] == "gzip"


@pytest.mark.parametrize(
    "algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "XXHASH64"]
)
async def test_checksums_are_verified_and_kept(owner: Caller, bucket: str, algorithm: str) -> None:
    member = f"Checksum{algorithm}"
    value = checksum(algorithm, b"hello")
    stored = await owner("PutObject", Bucket=bucket, Key="k", Body=b"hello", **{member: value})
    assert stored[member] == value
    found = await owner("HeadObject", Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (found[member], found["ChecksumType"]) == (value, "FULL_OBJECT")
    assert member not in await owner("HeadObject", Bucket=bucket, Key="k")
    error = await owner.error("PutObject", Bucket=bucket, Key="n", Body=b"other", **{member: value})
    assert error.code == "BadDigest"
    assert (await owner.error("HeadObject", Bucket=bucket, Key="n")).code == "NoSuchKey"


async def test_the_default_checksum(owner: Caller, bucket: str) -> None:
    stored = await owner("PutObject", Bucket=bucket, Key="k", Body=b"hello")
    assert stored["ChecksumCRC64NVME"] == checksum("CRC64NVME", b"hello")


async def test_a_trailing_checksum(owner: Caller, bucket: str) -> None:
    for value, code in ((checksum("CRC32", b"hello"), None), ("AAAAAA==", "BadDigest")):
        body = Body.of(b"hello")
        body.trailers["x-amz-checksum-crc32"] = value
        call = owner("PutObject", Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm="CRC32")
        if code is None:
            assert (await call)["ChecksumCRC32"] == value
            continue
        call.close()
        again = {"Bucket": bucket, "Key": "k", "Body": body, "ChecksumAlgorithm": "CRC32"}
        assert (await owner.error("PutObject", **again)).code == code


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"ContentMD5": "x"}, "InvalidDigest"),
        ({"ContentMD5": base64.b64encode(b"0" * 16).decode()}, "BadDigest"),
        ({"ChecksumCRC32": "x"}, "InvalidRequest"),
        ({"ChecksumCRC32": "AAAAAA==", "ChecksumSHA1": "x"}, "InvalidRequest"),
        ({"ACL": "public-read"}, "AccessControlListNotSupported"),
        ({"GrantRead": "id=x"}, "AccessControlListNotSupported"),
        ({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "mine"}, "NotImplemented"),
        ({"SSECustomerAlgorithm": "AES256"}, "NotImplemented"),
        ({"ObjectLockMode": "GOVERNANCE"}, "InvalidRequest"),
        ({"StorageClass": "OUTPOSTS"}, "InvalidStorageClass"),
        ({"Metadata": {"a": "x" * 2048}}, "MetadataTooLarge"),
        ({"Tagging": "&".join(f"k{i}=v" for i in range(11))}, "BadRequest"),
        ({"Tagging": "a=1&a=2"}, "InvalidTag"),
        ({"WebsiteRedirectLocation": "elsewhere"}, "InvalidRequest"),
        ({"IfNoneMatch": '"x"'}, "NotImplemented"),
        ({"IfMatch": '"x"'}, "NoSuchKey"),
        ({"Key": "k" * 1025}, "KeyTooLongError"),
        ({"Bucket": "nowhere"}, "NoSuchBucket"),
    ],
)
async def test_refusals(owner: Caller, bucket: str, members: dict[str, Any], code: str) -> None:
    error = await owner.error(
        "PutObject", **{"Bucket": bucket, "Key": "k", "Body": b"x", **members}
    )
    assert error.code == code
    assert "Contents" not in await owner("ListObjectsV2", Bucket=bucket)


@pytest.mark.parametrize("acl", ["private", "bucket-owner-full-control"])
async def test_acls_that_say_nothing_are_accepted(owner: Caller, bucket: str, acl: str) -> None:
    await owner("PutObject", Bucket=bucket, Key="k", Body=b"", ACL=acl)


async def test_one_of_many_creators_wins(owner: Caller, bucket: str) -> None:
    outcomes = await asyncio.gather(
        *(
            owner("PutObject", Bucket=bucket, Key="k", Body=b"%d" % i, IfNoneMatch="*")
            for i in range(20)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, dict) for outcome in outcomes) == 1


async def test_if_match_guards_an_update(owner: Caller, bucket: str) -> None:
    etag = (await owner("PutObject", Bucket=bucket, Key="k", Body=b"1"))["ETag"]
    await owner("PutObject", Bucket=bucket, Key="k", Body=b"2", IfMatch=etag)
    error = await owner.error("PutObject", Bucket=bucket, Key="k", Body=b"3", IfMatch=etag)
    assert (error.code, error.status) == ("PreconditionFailed", 412)
    assert await owner.read(Bucket=bucket, Key="k") == b"2"


async def test_delete(owner: Caller, bucket: str) -> None:
    await owner("PutObject", Bucket=bucket, Key="k", Body=b"1")
    error = await owner.error("DeleteObject", Bucket=bucket, Key="k", IfMatch='"x"')
    assert error.code == "PreconditionFailed"
    for _ in range(2):
        await owner("DeleteObject", Bucket=bucket, Key="k")
    assert (await owner.error("DeleteObject", Bucket=bucket, Key="k", VersionId="x")).status == 400


async def test_delete_objects_authorises_each(
    cloud: Cloud, owner: Caller, user: Caller, bucket: str
) -> None:
    for key in ("a/1", "a/2", "b/1"):
        await owner("PutObject", Bucket=bucket, Key=key, Body=b"")
    await permit(cloud, allow("s3:DeleteObject", f"arn:aws:s3:::{bucket}/a/*"))
    wanted = [{"Key": "a/1"}, {"Key": "b/1"}, {"Key": "a/none"}]
    done = await user("DeleteObjects", Bucket=bucket, Delete={"Objects": wanted})
    assert [one["Key"] for one in done["Deleted"]] == ["a/1", "a/none"]
    assert [(one["Key"], one["Code"]) for one in done["Errors"]] == [("b/1", "AccessDenied")]
    quiet = {"Objects": [{"Key": "a/2"}], "Quiet": True}
    assert await user("DeleteObjects", Bucket=bucket, Delete=quiet) == {}
    assert (
        await owner.error("DeleteObjects", Bucket=bucket, Delete={"Objects": [{"Key": "k"}] * 1001})
    ).code == "MalformedXML"
