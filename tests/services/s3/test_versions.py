from __future__ import annotations

from typing import Any

import pytest
from tests.services.s3.conftest import Caller, allow, permit

from cloudlet.aws.cloud import Cloud

KEYS = {"Bucket": "bucket", "Key": "k"}


async def versioning(owner: Caller, bucket: str, status: str) -> None:
    await owner("PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": status})


@pytest.fixture
async def kept(owner: Caller, bucket: str) -> list[str]:
    """The versions of `k`: "null" from before, two more, and a delete marker."""
    await owner("PutObject", **KEYS, Body=b"0")
    await versioning(owner, bucket, "Enabled")
    made = [(await owner("PutObject", **KEYS, Body=b"%d" % n))["VersionId"] for n in (1, 2)]
    gone = await owner("DeleteObject", **KEYS)
    assert gone["DeleteMarker"]
    return ["null", *made, gone["VersionId"]]


async def test_an_unversioned_bucket_tells_of_no_version(owner: Caller, bucket: str) -> None:
    assert "VersionId" not in await owner("PutObject", **KEYS, Body=b"0")
    assert "VersionId" not in await owner("GetObject", **KEYS)
    assert await owner.read(**KEYS, VersionId="null") == b"0"
    found = await owner.error("GetObject", **KEYS, VersionId="x" * 32)
    assert (found.code, found.status) == ("InvalidArgument", 400)
    assert await owner("DeleteObject", **KEYS) == {}


async def test_versions_are_read_by_their_ids(owner: Caller, kept: list[str]) -> None:
    for n, version in enumerate(kept[:3]):
        found = await owner("GetObject", **KEYS, VersionId=version)
        assert (await found["Body"].read(), found["VersionId"]) == (b"%d" % n, version)
        head = await owner("HeadObject", **KEYS, VersionId=version)
        assert head["VersionId"] == version


@pytest.mark.parametrize("operation", ["GetObject", "HeadObject", "GetObjectTagging"])
async def test_a_delete_marker_hides_and_refuses(
    owner: Caller, kept: list[str], operation: str
) -> None:
    hidden = await owner.error(operation, **KEYS)
    assert (hidden.code, hidden.status) == ("NoSuchKey", 404)
    assert hidden.headers["x-amz-delete-marker"] == "true"
    assert hidden.headers["x-amz-version-id"] == kept[3]
    refused = await owner.error(operation, **KEYS, VersionId=kept[3])
    assert (refused.code, refused.status) == ("MethodNotAllowed", 405)
    assert (refused.headers["Allow"], refused.headers["x-amz-delete-marker"]) == ("DELETE", "true")


@pytest.mark.parametrize(
    ("version", "code", "status"),
    [
        ("x" * 32, "NoSuchVersion", 404),
        ("short", "InvalidArgument", 400),
        ("", "InvalidArgument", 400),
        ("é" * 32, "InvalidArgument", 400),
    ],
)
async def test_versions_that_are_not_there(
    owner: Caller, kept: list[str], version: str, code: str, status: int
) -> None:
    for operation in ("GetObject", "HeadObject", "GetObjectTagging", "DeleteObjectTagging"):
        error = await owner.error(operation, **KEYS, VersionId=version)
        assert (error.code, error.status) == (code, status)
    error = await owner.error("GetObjectAttributes", **KEYS, VersionId=version,
                              ObjectAttributes=["ETag"])  # fmt: skip
    assert error.code == code
    if status == 404:  # what is not there is as good as deleted
        assert await owner("DeleteObject", **KEYS, VersionId=version) == {"VersionId": version}


async def test_a_deleted_marker_gives_the_object_back(owner: Caller, kept: list[str]) -> None:
    gone = await owner("DeleteObject", **KEYS, VersionId=kept[3])
    assert gone == {"DeleteMarker": True, "VersionId": kept[3]}
    assert await owner.read(**KEYS) == b"2"
    assert await owner("DeleteObject", **KEYS, VersionId=kept[2]) == {"VersionId": kept[2]}
    assert await owner.read(**KEYS) == b"1"


async def test_delete_objects_by_version(owner: Caller, bucket: str, kept: list[str]) -> None:
    wanted = [{"Key": "k", "VersionId": one} for one in (kept[0], kept[3], "x")]
    answer = await owner("DeleteObjects", Bucket=bucket, Delete={"Objects": wanted})
    assert answer["Deleted"] == [
        {"Key": "k", "VersionId": "null"},
        {"Key": "k", "VersionId": kept[3], "DeleteMarker": True, "DeleteMarkerVersionId": kept[3]},
    ]
    assert [one["Code"] for one in answer["Errors"]] == ["InvalidArgument"]
    answer = await owner("DeleteObjects", Bucket=bucket, Delete={"Objects": [{"Key": "new"}]})
    assert answer["Deleted"][0]["DeleteMarker"]


async def test_suspended_buckets_replace_the_null_version(
    owner: Caller, bucket: str, kept: list[str]
) -> None:
    await versioning(owner, bucket, "Suspended")
    assert (await owner("PutObject", **KEYS, Body=b"3"))["VersionId"] == "null"
    assert await owner.read(**KEYS) == b"3"
    assert (await owner("GetObject", **KEYS))["VersionId"] == "null"
    gone = await owner("DeleteObject", **KEYS)
    assert gone == {"DeleteMarker": True, "VersionId": "null"}
    found = await owner("ListObjectVersions", Bucket=bucket)
    assert [one["VersionId"] for one in found["Versions"]] == [kept[2], kept[1]]
    markers = [(one["VersionId"], one["IsLatest"]) for one in found["DeleteMarkers"]]
    assert markers == [("null", True), (kept[3], False)]


async def test_listing_versions(owner: Caller, bucket: str, kept: list[str]) -> None:
    await owner("PutObject", Bucket=bucket, Key="d/ü", Body=b"")
    page = await owner("ListObjectVersions", Bucket=bucket, Delimiter="/", MaxKeys=3)
    assert page["CommonPrefixes"] == [{"Prefix": "d/"}]
    assert page["DeleteMarkers"][0]["IsLatest"]
    assert [one["IsLatest"] for one in page["Versions"]] == [False]
    assert (page["NextKeyMarker"], page["NextVersionIdMarker"]) == ("k", kept[2])
    marks = {"KeyMarker": "k", "VersionIdMarker": kept[2]}
    page = await owner("ListObjectVersions", Bucket=bucket, **marks)
    assert [one["VersionId"] for one in page["Versions"]] == [kept[1], "null"]
    assert not page["IsTruncated"]
    page = await owner("ListObjectVersions", Bucket=bucket, EncodingType="url", Prefix="d/")
    assert page["Versions"][0]["Key"] == "d/%C3%BC"
    for bad in ({"VersionIdMarker": kept[1]}, {"KeyMarker": "k", "VersionIdMarker": "x"}):
        error = await owner.error("ListObjectVersions", Bucket=bucket, **bad)
        assert error.code == "InvalidArgument"
    assert "k" not in str((await owner("ListObjectsV2", Bucket=bucket))["Contents"][0]["Key"])


async def test_tags_of_versions(owner: Caller, kept: list[str]) -> None:
    tags = {"TagSet": [{"Key": "t", "Value": "1"}]}
    changed = await owner("PutObjectTagging", **KEYS, VersionId=kept[1], Tagging=tags)
    assert changed == {"VersionId": kept[1]}
    found = await owner("GetObjectTagging", **KEYS, VersionId=kept[1])
    assert found == {"VersionId": kept[1], **tags}
    assert (await owner("GetObjectTagging", **KEYS, VersionId=kept[2]))["TagSet"] == []
    gone = await owner("DeleteObjectTagging", **KEYS, VersionId=kept[1])
    assert gone == {"VersionId": kept[1]}


async def test_attributes_and_acls_of_versions(owner: Caller, kept: list[str]) -> None:
    found = await owner("GetObjectAttributes", **KEYS, VersionId=kept[1],
                        ObjectAttributes=["ObjectSize"])  # fmt: skip
    assert (found["ObjectSize"], found["VersionId"]) == (1, kept[1])
    assert (await owner("GetObjectAcl", **KEYS, VersionId=kept[1]))["Grants"]
    assert (await owner.error("GetObjectAcl", **KEYS, VersionId=kept[3])).status == 405


async def test_copying_a_version_brings_it_back(
    owner: Caller, bucket: str, kept: list[str]
) -> None:
    source = {"CopySource": f"{bucket}/k?versionId={kept[1]}"}
    made = await owner("CopyObject", **KEYS, **source)
    assert made["CopySourceVersionId"] == kept[1]
    assert made["VersionId"] not in kept
    assert await owner.read(**KEYS) == b"1"
    error = await owner.error("CopyObject", **KEYS, CopySource=f"{bucket}/k?versionId={kept[3]}")
    assert (error.code, error.status) == ("InvalidRequest", 400)
    upload = (await owner("CreateMultipartUpload", **KEYS))["UploadId"]
    part = await owner("UploadPartCopy", **KEYS, UploadId=upload, PartNumber=1, **source)
    assert part["CopySourceVersionId"] == kept[1]
    etag = part["CopyPartResult"]["ETag"]
    done = await owner("CompleteMultipartUpload", **KEYS, UploadId=upload,
                       MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})  # fmt: skip
    assert done["VersionId"] not in (*kept, made["VersionId"])
    assert await owner.read(**KEYS, VersionId=made["VersionId"]) == b"1"


async def test_conditions_take_a_marker_for_nothing(owner: Caller, kept: list[str]) -> None:
    assert kept
    etag = (await owner("PutObject", **KEYS, Body=b"4", IfNoneMatch="*"))["ETag"]
    assert (await owner.error("PutObject", **KEYS, Body=b"", IfNoneMatch="*")).status == 412
    assert (await owner.error("DeleteObject", **KEYS, IfMatch='"x"')).status == 412
    assert (await owner("DeleteObject", **KEYS, IfMatch=etag))["DeleteMarker"]


async def test_a_bucket_with_versions_stays(owner: Caller, bucket: str, kept: list[str]) -> None:
    for version in kept:
        assert (await owner.error("DeleteBucket", Bucket=bucket)).code == "BucketNotEmpty"
        await owner("DeleteObject", **KEYS, VersionId=version)
    await owner("DeleteBucket", Bucket=bucket)


ACTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("GetObject", "s3:GetObjectVersion", {}),
    ("HeadObject", "s3:GetObjectVersion", {}),
    ("DeleteObject", "s3:DeleteObjectVersion", {}),
    ("GetObjectTagging", "s3:GetObjectVersionTagging", {}),
    ("PutObjectTagging", "s3:PutObjectVersionTagging", {"Tagging": {"TagSet": []}}),
    ("DeleteObjectTagging", "s3:DeleteObjectVersionTagging", {}),
    ("GetObjectAcl", "s3:GetObjectVersionAcl", {}),
]


@pytest.mark.parametrize(("operation", "action", "members"), ACTIONS)
async def test_versions_have_actions_of_their_own(
    cloud: Cloud,
    user: Caller,
    kept: list[str],
    operation: str,
    action: str,
    members: dict[str, Any],
) -> None:
    everything = "arn:aws:s3:::bucket/*"
    await permit(cloud, allow([action.replace("Version", "")], everything))
    error = await user.error(operation, **KEYS, VersionId=kept[1], **members)
    assert error.code == "AccessDenied"
    named = {"Condition": {"StringEquals": {"s3:VersionId": kept[1]}}}
    await permit(cloud, allow([action], everything, **named))
    assert (await user.error(operation, **KEYS, VersionId=kept[2], **members)).status == 403
    await user(operation, **KEYS, VersionId=kept[1], **members)


async def test_actions_of_buckets(cloud: Cloud, user: Caller, bucket: str, kept: list[str]) -> None:
    assert kept
    wanted = {"VersioningConfiguration": {"Status": "Suspended"}}
    for operation, action, members in (
        ("ListObjectVersions", "s3:ListBucketVersions", {}),
        ("PutBucketVersioning", "s3:PutBucketVersioning", wanted),
        ("GetBucketVersioning", "s3:GetBucketVersioning", {}),
    ):
        await permit(cloud, allow(["s3:ListBucket"], "arn:aws:s3:::bucket"))
        assert (await user.error(operation, Bucket=bucket, **members)).code == "AccessDenied"
        await permit(cloud, allow([action], "arn:aws:s3:::bucket"))
        await user(operation, Bucket=bucket, **members)
