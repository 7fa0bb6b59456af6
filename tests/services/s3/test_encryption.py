from __future__ import annotations

from typing import Any

import pytest
from tests.services.s3.conftest import Caller, publish

KEYS = {"Bucket": "bucket", "Key": "k"}


@pytest.fixture
async def managed(owner: Caller, bucket: str) -> str:
    """A bucket whose objects are encrypted with KMS's AWS managed key unless they say else."""
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    rules = {"Rules": [rule]}
    await owner("PutBucketEncryption", Bucket=bucket, ServerSideEncryptionConfiguration=rules)
    found = await owner("GetBucketEncryption", Bucket=bucket)
    kept = found["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert kept == {**rule, "BucketKeyEnabled": False}
    return bucket


def is_managed(answer: dict[str, Any]) -> bool:
    key = answer.get("SSEKMSKeyId", "")
    return bool(
        answer["ServerSideEncryption"] == "aws:kms"
        and key.startswith("arn:aws:kms:us-east-1:111111111111:key/")
    )


async def test_the_default_of_a_bucket(owner: Caller, managed: str) -> None:
    assert managed
    assert is_managed(await owner("PutObject", **KEYS, Body=b"x"))
    assert is_managed(await owner("HeadObject", **KEYS))
    assert await owner.read(**KEYS) == b"x"
    copied = await owner("CopyObject", Bucket=managed, Key="copy", CopySource="bucket/k")
    assert is_managed(copied)
    assert is_managed(await owner("CreateMultipartUpload", **KEYS))
    stored = await owner("PutObject", **KEYS, Body=b"x", ServerSideEncryption="AES256")
    assert stored["ServerSideEncryption"] == "AES256"


async def test_the_word_of_a_request(owner: Caller, bucket: str) -> None:
    for key in ({}, {"SSEKMSKeyId": "alias/aws/s3"}):
        assert is_managed(
            await owner("PutObject", **KEYS, Body=b"x", ServerSideEncryption="aws:kms", **key)
        )
    await owner("PutObject", Bucket=bucket, Key="plain", Body=b"x")
    found = await owner("HeadObject", Bucket=bucket, Key="plain")
    assert (found["ServerSideEncryption"], "SSEKMSKeyId" in found) == ("AES256", False)


async def test_the_managed_key_serves_its_account_only(
    owner: Caller, anonymous: Caller, managed: str
) -> None:
    await owner("PutObject", **KEYS, Body=b"x")
    await publish(owner, managed)
    error = await anonymous.error("GetObject", **KEYS)
    assert (error.code, error.status) == ("InvalidArgument", 400)


async def test_another_account_may_not_decrypt(owner: Caller, other: Caller, managed: str) -> None:
    await owner("PutObject", **KEYS, Body=b"x")
    await publish(owner, managed)
    restricted = {"RestrictPublicBuckets": False}
    await owner("PutPublicAccessBlock", Bucket=managed,
                PublicAccessBlockConfiguration=restricted)  # fmt: skip
    error = await other.error("GetObject", **KEYS)
    assert (error.code, "kms:Decrypt" in error.message) == ("AccessDenied", True)
