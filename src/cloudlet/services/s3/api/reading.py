"""Getting objects: bytes, headers, attributes."""

from __future__ import annotations

from typing import Any

from cloudlet.aws.body import Body
from cloudlet.aws.context import Context
from cloudlet.aws.models.s3 import (
    Checksum,
    GetObjectAttributesOutput,
    GetObjectAttributesParts,
    GetObjectAttributesRequest,
    GetObjectOutput,
    GetObjectRequest,
    HeadObjectOutput,
    HeadObjectRequest,
    ObjectPart,
)
from cloudlet.aws.service import operation
from cloudlet.services.s3 import access, attributes, checksums, encryption, ranges, versions
from cloudlet.services.s3.access import bucket_policy, object_arn
from cloudlet.services.s3.conditions import ReadConditions, http_date
from cloudlet.services.s3.errors import (
    InvalidArgument,
    InvalidObjectState,
    InvalidPartNumber,
    InvalidRequest,
)
from cloudlet.services.s3.model import BucketRecord
from cloudlet.services.s3.names import check_key
from cloudlet.services.s3.store import S3
from cloudlet.storage.objects import Opened, Summary

#: Storage classes whose objects must be restored before they are read.
ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})

_OVERRIDES = (
    "cache_control", "content_disposition", "content_encoding", "content_language",
    "content_type", "expires",
)  # fmt: skip


@operation(
    "GetObject",
    action=access.get_action,
    resource=object_arn,
    policy=bucket_policy,
    conditions=access.read_conditions,
)
async def get_object(ctx: Context[S3], req: GetObjectRequest) -> GetObjectOutput:
    """Give an object's bytes, or a range of them, as a stream."""
    bucket, opened = _open(ctx, req, "GET")
    try:
        start, stop, members = _select(bucket, opened, req)
        if opened.about.attributes.storage_class in ARCHIVED:
            raise InvalidObjectState(StorageClass=opened.about.attributes.storage_class)
        members |= _overrides(ctx, req)
    except BaseException:
        ctx.service.objects.release(opened)
        raise
    body = Body(ctx.service.objects.read(opened, start, stop), stop - start)
    return GetObjectOutput(body=body, content_length=stop - start, **members)


@operation(
    "HeadObject",
    action=access.get_action,
    resource=object_arn,
    policy=bucket_policy,
    conditions=access.read_conditions,
)
async def head_object(ctx: Context[S3], req: HeadObjectRequest) -> HeadObjectOutput:
    """Give what GetObject would, without the bytes."""
    bucket, opened = _open(ctx, req, "HEAD")
    try:
        start, stop, members = _select(bucket, opened, req)
        members |= _overrides(ctx, req)
    finally:
        ctx.service.objects.release(opened)
    return HeadObjectOutput(content_length=stop - start, **members)


def _open(
    ctx: Context[S3], req: GetObjectRequest | HeadObjectRequest, method: str
) -> tuple[BucketRecord, Opened]:
    """The bucket and the object, held; one missing is a 404 only to those who may list it."""
    check_key(req.key)
    encryption.check(req)
    bucket = ctx.service.bucket(req.bucket)
    version = versions.wanted(bucket, req.version_id)
    opened = versions.opened(ctx, bucket, req.key, version, method)
    try:
        encryption.check_reader(ctx, bucket, opened.about.attributes)
    except BaseException:
        ctx.service.objects.release(opened)
        raise
    return bucket, opened


def _select(
    bucket: BucketRecord, opened: Opened, req: GetObjectRequest | HeadObjectRequest
) -> tuple[int, int, dict[str, Any]]:
    """What the conditions, the range and the part number leave of the object: (start, stop)."""
    about = opened.about
    ReadConditions(
        req.if_match, req.if_none_match, req.if_modified_since, req.if_unmodified_since
    ).check_read(about)
    members = describe(bucket, about)
    if req.part_number is not None:
        if req.range is not None:
            raise InvalidRequest("Cannot specify both Range header and partNumber query parameter")
        start, stop, members["parts_count"] = _part(opened, req.part_number)
        span: tuple[int, int] | None = (start, stop)
    else:
        span = ranges.parse(req.range, about.size)
    if span is not None and about.size:
        members["content_range"] = ranges.content_range(*span, about.size)
    whole = span is None or span == (0, about.size)
    if req.checksum_mode == "ENABLED":
        if whole:
            members |= checksums.members(about.attributes.checksums)
            members["checksum_type"] = about.attributes.checksum_type
        elif req.part_number is not None and about.attributes.algorithm:
            members |= checksums.members(opened.segments[_index(opened, req.part_number)].checksums)
            members["checksum_type"] = about.attributes.checksum_type
    start, stop = span or (0, about.size)
    return start, stop, members


def _is_multipart(about: Summary) -> bool:
    return "-" in about.etag


def _index(opened: Opened, number: int) -> int:
    """The place of the part of that number; numbers need not be consecutive when uploaded."""
    if number < 1 or number > len(opened.segments):
        raise InvalidPartNumber(ActualPartCount=len(opened.segments), PartNumberRequested=number)
    return number - 1


def _part(opened: Opened, number: int) -> tuple[int, int, int | None]:
    """The (start, stop) of a part and how many there are."""
    if not 1 <= number <= 10_000:
        raise InvalidArgument(
            "Part number must be an integer between 1 and 10000, inclusive",
            ArgumentName="partNumber",
            ArgumentValue=number,
        )
    if not _is_multipart(opened.about):
        if number != 1:
            raise InvalidPartNumber(ActualPartCount=1, PartNumberRequested=number)
        return 0, opened.about.size, None
    index = _index(opened, number)
    start = sum(segment.size for segment in opened.segments[:index])
    return start, start + opened.segments[index].size, len(opened.segments)


def describe(bucket: BucketRecord, about: Summary) -> dict[str, Any]:
    """The members that GetObject and HeadObject share, by their structs' attributes."""
    kept = about.attributes
    return {
        **attributes.headers_of(kept),
        "accept_ranges": "bytes",
        "etag": f'"{about.etag}"',
        "last_modified": float(about.modified_s),
        "metadata": kept.metadata or None,
        **encryption.members(bucket, kept),
        "storage_class": None if kept.storage_class == "STANDARD" else kept.storage_class,
        "website_redirect_location": kept.redirect or None,
        "tag_count": len(kept.tags) or None,
        "version_id": versions.told(bucket, about),
    }


def _overrides(ctx: Context[S3], req: GetObjectRequest | HeadObjectRequest) -> dict[str, Any]:
    """The headers that response-* parameters set; only signed requests may."""
    given: dict[str, Any] = {
        name: value
        for name in _OVERRIDES
        if (value := getattr(req, f"response_{name}")) is not None
    }
    if given and ctx.principal.kind == "anonymous":
        raise InvalidRequest(
            "Request specific response headers cannot be used for anonymous GET requests."
        )
    if "expires" in given:
        given["expires"] = http_date(given["expires"])
    return given


def _attribute_actions(
    ctx: Context[S3],  # noqa: ARG001
    req: GetObjectAttributesRequest,
) -> tuple[str, str]:
    suffix = "" if req.version_id is None else "Version"
    return f"s3:GetObject{suffix}", f"s3:GetObject{suffix}Attributes"


@operation(
    "GetObjectAttributes",
    action=_attribute_actions,
    resource=object_arn,
    policy=bucket_policy,
    conditions=access.read_conditions,
)
async def get_object_attributes(
    ctx: Context[S3], req: GetObjectAttributesRequest
) -> GetObjectAttributesOutput:
    """Give the attributes that the request names."""
    bucket = ctx.service.bucket(req.bucket)
    version = versions.wanted(bucket, req.version_id)
    opened = versions.opened(ctx, bucket, req.key, version, "GET")
    ctx.service.objects.release(opened)
    about, wanted = opened.about, set(req.object_attributes)
    kept = about.attributes
    given: dict[str, Any] = {}
    if "ETag" in wanted:
        given["etag"] = about.etag
    if "ObjectSize" in wanted:
        given["object_size"] = about.size
    if "StorageClass" in wanted:
        given["storage_class"] = kept.storage_class
    if "Checksum" in wanted:
        members: dict[str, Any] = checksums.members(kept.checksums)
        given["checksum"] = Checksum(checksum_type=kept.checksum_type, **members)
    if "ObjectParts" in wanted and _is_multipart(about):
        given["object_parts"] = _parts(opened, req)
    return GetObjectAttributesOutput(
        last_modified=float(about.modified_s), version_id=versions.told(bucket, about), **given
    )


def _parts(opened: Opened, req: GetObjectAttributesRequest) -> GetObjectAttributesParts:
    """A page of the parts; they are told one by one only where each has a checksum."""
    total = len(opened.segments)
    after = req.part_number_marker or 0
    limit = min(1000 if req.max_parts is None else req.max_parts, 1000)
    numbered = list(enumerate(opened.segments, start=1))
    page = [(n, segment) for n, segment in numbered if n > after][:limit]
    last = page[-1][0] if page else after
    parts = [
        ObjectPart(part_number=n, size=segment.size, **checksums.members(segment.checksums))
        for n, segment in page
    ]
    return GetObjectAttributesParts(
        total_parts_count=total,
        part_number_marker=after,
        next_part_number_marker=last,
        max_parts=limit,
        is_truncated=last < total and bool(page),
        parts=parts if opened.about.attributes.algorithm else None,
    )
