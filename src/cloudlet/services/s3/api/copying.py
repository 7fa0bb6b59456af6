"""Copying objects."""

from __future__ import annotations

from typing import Any

from cloudlet.aws.context import Context
from cloudlet.aws.models.s3 import CopyObjectOutput, CopyObjectRequest, CopyObjectResult
from cloudlet.aws.service import operation
from cloudlet.services.s3 import access, attributes, checksums, encryption, versions
from cloudlet.services.s3.access import bucket_policy, object_arn
from cloudlet.services.s3.conditions import ReadConditions, WriteCondition
from cloudlet.services.s3.errors import (
    InvalidArgument,
    InvalidObjectState,
    InvalidRequest,
    NoSuchBucket,
)
from cloudlet.services.s3.names import check_key, parse_copy_source
from cloudlet.services.s3.store import S3
from cloudlet.storage.objects import (
    ALGORITHMS,
    Attributes,
    BucketMissing,
    Opened,
    Summary,
)

#: The largest object that CopyObject copies; larger ones go by UploadPartCopy.
MAX_SOURCE_BYTES = 5 * 1024**3


@operation(
    "CopyObject",
    action="s3:PutObject",
    resource=object_arn,
    policy=bucket_policy,
    conditions=access.write_conditions,
)
async def copy_object(ctx: Context[S3], req: CopyObjectRequest) -> CopyObjectOutput:
    """Copy an object; its bytes are shared on the disk where they can be."""
    check_key(req.key)
    condition = None
    if req.if_match is not None or req.if_none_match is not None:
        condition = WriteCondition(req.if_match, req.if_none_match, req.key)
    bucket = ctx.service.bucket(req.bucket)
    given = attributes.of(req, bucket)
    _check_directives(req)
    opened = open_source(ctx, req)
    try:
        about = _described(ctx, req, opened, given)
        stored = await _store(ctx, req, opened, about, condition)
    except BucketMissing as error:
        raise NoSuchBucket(BucketName=req.bucket) from error
    finally:
        ctx.service.objects.release(opened)
    members: dict[str, Any] = checksums.members(stored.attributes.checksums)
    return CopyObjectOutput(
        version_id=versions.told(bucket, stored),
        copy_source_version_id=versions.told(ctx.service.bucket(opened.about.bucket), opened.about),
        copy_object_result=CopyObjectResult(
            etag=f'"{stored.etag}"',
            last_modified=float(stored.modified_s),
            checksum_type="FULL_OBJECT",
            **members,
        ),
        **encryption.members(bucket, stored.attributes),
    )


def _check_directives(req: CopyObjectRequest) -> None:
    for name, value in (
        ("x-amz-metadata-directive", req.metadata_directive),
        ("x-amz-tagging-directive", req.tagging_directive),
    ):
        if value not in (None, "COPY", "REPLACE"):
            raise InvalidArgument(
                f"Unknown {'metadata' if 'metadata' in name else 'tagging'} directive.",
                ArgumentName=name,
                ArgumentValue=value,
            )
    if req.checksum_algorithm is not None and req.checksum_algorithm not in ALGORITHMS:
        raise InvalidRequest("Checksum algorithm provided is unsupported.")


def open_source(ctx: Context[S3], req: Any) -> Opened:
    """The source of a copy, held; the caller must be allowed to read it."""
    bucket_name, key, version_id = parse_copy_source(req.copy_source)
    bucket = access.bucket_of(ctx, bucket_name, req.expected_source_bucket_owner)
    version = versions.wanted(bucket, version_id)
    found = ctx.service.objects.find(bucket_name, key, version)
    ctx.authorise(
        "s3:GetObjectVersion" if version else "s3:GetObject",
        f"{bucket.arn}/{key}",
        policy=access.policy_of(ctx, bucket),
        conditions=access.conditions_of(found, version_id),
    )
    opened = ctx.service.objects.open(bucket_name, key, version)
    if opened is None:
        raise versions.absent(ctx, bucket, key, version)
    if opened.about.is_marker:
        raise InvalidRequest(
            "The source of a copy request may not specifically refer to a delete marker by version"
            " id."
        )
    try:
        ReadConditions(
            req.copy_source_if_match,
            req.copy_source_if_none_match,
            req.copy_source_if_modified_since,
            req.copy_source_if_unmodified_since,
        ).check_copy(opened.about)
        encryption.check_reader(ctx, bucket, opened.about.attributes)
        if opened.about.attributes.storage_class in ("GLACIER", "DEEP_ARCHIVE"):
            raise InvalidObjectState(StorageClass=opened.about.attributes.storage_class)
    except BaseException:
        ctx.service.objects.release(opened)
        raise
    return opened


def _described(
    ctx: Context[S3], req: CopyObjectRequest, opened: Opened, given: Attributes
) -> Attributes:
    """What the copy carries: the source's or the request's, as the directives say."""
    source = opened.about
    same = (source.bucket, source.key) == (req.bucket, req.key)
    replaces = req.metadata_directive == "REPLACE"
    changes = replaces or any(
        value is not None
        for value in (
            req.storage_class, req.website_redirect_location, req.server_side_encryption,
            req.checksum_algorithm,
        )
    )  # fmt: skip
    # An older version copied onto its own key becomes the object again.
    named = parse_copy_source(req.copy_source)[2] is not None
    if same and not changes and not named:
        raise InvalidRequest(
            "This copy request is illegal because it is trying to copy an object to itself without"
            " changing the object's metadata, storage class, website redirect location or"
            " encryption attributes."
        )
    if source.size > MAX_SOURCE_BYTES:
        raise InvalidRequest(
            "The specified copy source is larger than the maximum allowable size for a copy"
            f" source: {MAX_SOURCE_BYTES}"
        )
    if not replaces:
        kept = source.attributes
        given = given.replace(headers=kept.headers, metadata=kept.metadata)
    given = given.replace(tags=given.tags if req.tagging_directive == "REPLACE" else {})
    if req.tagging_directive != "REPLACE" and source.attributes.tags:
        bucket = ctx.service.bucket(source.bucket)
        ctx.authorise(
            "s3:GetObjectVersionTagging" if named else "s3:GetObjectTagging",
            f"{bucket.arn}/{source.key}",
            policy=access.policy_of(ctx, bucket),
        )  # fmt: skip
        given = given.replace(tags=source.attributes.tags)
    if given.tags:
        ctx.authorise("s3:PutObjectTagging", object_arn(ctx, req), policy=bucket_policy(ctx, req))
    return given


async def _store(
    ctx: Context[S3],
    req: CopyObjectRequest,
    opened: Opened,
    about: Attributes,
    condition: WriteCondition | None,
) -> Summary:
    """Write the copy. The bytes are read again only where a digest is not known yet."""
    objects = ctx.service.objects
    source = opened.about
    known = source.attributes.checksums
    whole = source.attributes.checksum_type == "FULL_OBJECT"
    algorithm = req.checksum_algorithm or next(iter(known), checksums.DEFAULT)
    if "-" not in source.etag and whole and algorithm in known:
        about = about.replace(checksums={algorithm: known[algorithm]})
        return await objects.copy(
            opened, req.bucket, req.key, about, condition, ctx.service.versioning(req.bucket)
        )
    md5, computed = await objects.digest(opened, [algorithm])
    about = about.replace(checksums=computed)
    versioning = ctx.service.versioning(req.bucket)
    return await objects.copy(opened, req.bucket, req.key, about, condition, versioning, etag=md5)
