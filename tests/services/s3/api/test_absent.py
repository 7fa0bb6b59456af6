from __future__ import annotations

from typing import Any

import pytest
from tests.services.s3.conftest import Caller


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration"),
        ("GetBucketReplication", "ReplicationConfigurationNotFoundError"),
        ("GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"),
    ],
)
async def test_configurations_that_are_not_there(
    owner: Caller, bucket: str, operation: str, code: str
) -> None:
    error = await owner.error(operation, Bucket=bucket)
    assert (error.code, error.status) == (code, 404)


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("GetBucketLogging", {}),
        ("GetBucketNotificationConfiguration", {}),
        ("GetBucketAccelerateConfiguration", {}),
        ("GetBucketRequestPayment", {"Payer": "BucketOwner"}),
    ],
)
async def test_configurations_by_default(
    owner: Caller, bucket: str, operation: str, answer: dict[str, Any]
) -> None:
    assert await owner(operation, Bucket=bucket) == answer


async def test_setting_one_says_that_it_cannot(owner: Caller, bucket: str) -> None:
    error = await owner.error("PutBucketLogging", Bucket=bucket, BucketLoggingStatus={})
    assert (error.code, error.status) == ("NotImplemented", 501)
