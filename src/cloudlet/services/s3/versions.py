"""Versions as requests name them and as answers tell of them.

"Retaining multiple versions of objects with S3 Versioning" and "Working with delete markers" in
the S3 User Guide.
"""

from __future__ import annotations

from cloudlet.aws.context import Context
from cloudlet.services.s3 import access
from cloudlet.services.s3.conditions import http_date
from cloudlet.services.s3.errors import (
    InvalidArgument,
    MethodNotAllowed,
    NoSuchKey,
    NoSuchVersion,
    S3Error,
)
from cloudlet.services.s3.model import BucketRecord
from cloudlet.services.s3.store import S3
from cloudlet.storage.objects import NULL, Opened, Summary, is_well_formed


def wanted(bucket: BucketRecord, version: str | None) -> str:
    """The version that a request names, "" for none; `InvalidArgument` if there cannot be one."""
    if version is None:
        return ""
    if not version:
        raise InvalidArgument(
            "Version id cannot be the empty string", ArgumentName="versionId", ArgumentValue=""
        )
    if not is_well_formed(version) or (version != NULL and not bucket.versioning):
        raise InvalidArgument(
            "Invalid version id specified", ArgumentName="versionId", ArgumentValue=version
        )
    return version


def told(bucket: BucketRecord, about: Summary) -> str | None:
    """The version that an answer tells of: none in a bucket that never kept versions."""
    return about.version if bucket.versioning else None


def opened(ctx: Context[S3], bucket: BucketRecord, key: str, version: str, method: str) -> Opened:
    """The object, or its version, held; the error of S3 if it is absent or a delete marker."""
    found = ctx.service.objects.open(bucket.name, key, version)
    if found is None:
        raise absent(ctx, bucket, key, version)
    if found.about.is_marker:
        raise refused(found.about, method)
    return found


def absent(ctx: Context[S3], bucket: BucketRecord, key: str, version: str) -> S3Error:
    """The error for what is not there; AccessDenied is raised to those who may not know that."""
    access.require_list(ctx, bucket)
    if version:
        return NoSuchVersion(Key=key, VersionId=version)
    marker = ctx.service.objects.latest_marker(bucket.name, key) if bucket.versioning else None
    return NoSuchKey(Key=key, headers=_headers(marker) if marker is not None else None)


def refused(marker: Summary, method: str) -> S3Error:
    """The error for anything but a deletion of a delete marker, named by its version."""
    headers = {**_headers(marker), "Allow": "DELETE"}
    return MethodNotAllowed(Method=method, ResourceType="DeleteMarker", headers=headers)


def _headers(marker: Summary) -> dict[str, str]:
    return {
        "x-amz-delete-marker": "true",
        "x-amz-version-id": marker.version,
        "Last-Modified": http_date(marker.modified_s),
    }
