from __future__ import annotations

from typing import Any

import pytest
from tests.services.s3.conftest import Caller, allow, permit

from cloudlet.aws.cloud import Cloud

KEYS = ["a", "a/1", "a/2", "a b+c", "b/x/1", "b/y", "z/"]


@pytest.fixture
async def filled(owner: Caller, bucket: str) -> str:
    for key in KEYS:
        await owner("PutObject", Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def names(page: dict[str, Any]) -> list[str]:
    found = [entry["Key"] for entry in page.get("Contents", page.get("Versions", []))]
    return found + [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]


async def test_delimiter_and_prefix(owner: Caller, filled: str) -> None:
    page = await owner("ListObjectsV2", Bucket=filled, Delimiter="/")
    assert names(page) == ["a", "a b+c", "a/", "b/", "z/"]
    assert (page["KeyCount"], page["MaxKeys"], page["IsTruncated"]) == (5, 1000, False)
    page = await owner("ListObjectsV2", Bucket=filled, Delimiter="/", Prefix="b/")
    assert names(page) == ["b/y", "b/x/"]


@pytest.mark.parametrize("size", [1, 2, 5])
async def test_continuation(owner: Caller, filled: str, size: int) -> None:
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = await owner("ListObjectsV2", Bucket=filled, Delimiter="/", MaxKeys=size, **token)
        found += names(page)
        if not page["IsTruncated"]:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    assert sorted(found) == sorted(["a", "a b+c", "a/", "b/", "z/"])


@pytest.mark.parametrize("size", [1, 3])
async def test_markers(owner: Caller, filled: str, size: int) -> None:
    found, marker = [], ""
    while True:
        page = await owner("ListObjects", Bucket=filled, Delimiter="/", MaxKeys=size, Marker=marker)
        found += names(page)
        if not page["IsTruncated"]:
            break
        marker = page["NextMarker"]
    assert sorted(found) == sorted(["a", "a b+c", "a/", "b/", "z/"])


async def test_start_after_and_owner(owner: Caller, filled: str) -> None:
    page = await owner("ListObjectsV2", Bucket=filled, StartAfter="a/1", FetchOwner=True)
    assert names(page) == ["a/2", "b/x/1", "b/y", "z/"]
    assert len(page["Contents"][0]["Owner"]["ID"]) == 64
    assert "Owner" not in (await owner("ListObjectsV2", Bucket=filled))["Contents"][0]


async def test_encoding(owner: Caller, filled: str) -> None:
    page = await owner("ListObjectsV2", Bucket=filled, EncodingType="url", Prefix="a b")
    assert (page["Prefix"], names(page)) == ("a+b", ["a+b%2Bc"])


async def test_versions_of_an_unversioned_bucket(owner: Caller, filled: str) -> None:
    page = await owner("ListObjectVersions", Bucket=filled, MaxKeys=2)
    assert [(one["VersionId"], one["IsLatest"]) for one in page["Versions"]] == [("null", True)] * 2
    rest = await owner(
        "ListObjectVersions", Bucket=filled, KeyMarker=page["NextKeyMarker"],
        VersionIdMarker=page["NextVersionIdMarker"],
    )  # fmt: skip
    assert names(page) + names(rest) == sorted(KEYS)


@pytest.mark.parametrize(
    "members",
    [{"MaxKeys": -1}, {"ContinuationToken": "?"}, {"EncodingType": "x"}],
)
async def test_refusals(owner: Caller, bucket: str, members: dict[str, Any]) -> None:
    assert (await owner.error("ListObjectsV2", Bucket=bucket, **members)).status == 400


async def test_nothing_is_asked_for(owner: Caller, filled: str) -> None:
    page = await owner("ListObjectsV2", Bucket=filled, MaxKeys=0)
    assert (page["KeyCount"], page["IsTruncated"], "Contents" in page) == (0, False, False)


async def test_permission_may_depend_on_the_prefix(cloud: Cloud, user: Caller, filled: str) -> None:
    condition = {"StringLike": {"s3:prefix": "a/*"}}
    await permit(cloud, allow("s3:ListBucket", f"arn:aws:s3:::{filled}", Condition=condition))
    assert names(await user("ListObjectsV2", Bucket=filled, Prefix="a/")) == ["a/1", "a/2"]
    assert (await user.error("ListObjectsV2", Bucket=filled, Prefix="b/")).status == 403
    assert (await user.error("ListObjectsV2", Bucket=filled)).status == 403
