"""Putting and deleting objects."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cloudlet.aws.body import Body
from cloudlet.aws.context import Context
from cloudlet.aws.errors import AccessDenied, AWSError
from cloudlet.aws.models.s3 import (
    DeletedObject,
    DeleteObjectOutput,
    DeleteObjectRequest,
    DeleteObjectsOutput,
    DeleteObjectsRequest,
    Error,
    ObjectIdentifier,
    PutObjectOutput,
    PutObjectRequest,
)
from cloudlet.aws.service import operation
from cloudlet.services.s3 import access, attributes, checksums, encryption, versions
from cloudlet.services.s3.access import bucket_policy, object_arn
from cloudlet.services.s3.conditions import WriteCondition
from cloudlet.services.s3.errors import (
    MalformedXML,
    NoSuchBucket,
    NotImplementedFeature,
)
from cloudlet.services.s3.model import BucketRecord
from cloudlet.services.s3.names import check_key
from cloudlet.services.s3.receiving import receive
from cloudlet.services.s3.store import S3
from cloudlet.storage.objects import BucketMissing

MAX_DELETIONS = 1000

#: Deletions that share a turn of the event loop and a commit.
BATCH = 100


@operation(
    "PutObject",
    resource=object_arn,
    policy=bucket_policy,
    conditions=access.write_conditions,
)
async def put_object(ctx: Context[S3], req: PutObjectRequest) -> PutObjectOutput:
    """Store an object; on the disk and visible, whole, when this answers."""
    check_key(req.key)
    if req.write_offset_bytes is not None:
        raise NotImplementedFeature(Header="x-amz-write-offset-bytes")
    bucket = ctx.service.bucket(req.bucket)
    about = attributes.of(req, bucket)
    expected = checksums.expectation(req)
    condition = _write_condition(ctx, req)
    if about.tags:
        ctx.authorise("s3:PutObjectTagging", object_arn(ctx, req), policy=bucket_policy(ctx, req))
    body = req.body or Body.of(b"")
    if condition is not None:
        condition(ctx.service.objects.find(req.bucket, req.key))  # before the body arrives
    received, algorithm, checksum = await receive(ctx.service.objects, body, expected)
    about = about.replace(checksums={algorithm: checksum})
    try:
        versioning = ctx.service.versioning(req.bucket)
        stored = await ctx.service.objects.put(
            req.bucket, req.key, received, about, condition, versioning
        )
    except BucketMissing as error:
        raise NoSuchBucket(BucketName=req.bucket) from error
    return PutObjectOutput(
        etag=f'"{stored.etag}"',
        version_id=stored.version if versioning else None,
        checksum_type="FULL_OBJECT",
        **encryption.members(bucket, about),
        **checksums.members(about.checksums),  # type: ignore[arg-type]
    )


def _write_condition(ctx: Context[S3], req: PutObjectRequest) -> WriteCondition | None:
    if req.if_match is None and req.if_none_match is None:
        return None
    if req.if_match is not None:
        ctx.authorise("s3:GetObject", object_arn(ctx, req), policy=bucket_policy(ctx, req))
    return WriteCondition(req.if_match, req.if_none_match, req.key)


@operation(
    "DeleteObject",
    action=access.delete_action,
    resource=object_arn,
    policy=bucket_policy,
    conditions=access.read_conditions,
)
async def delete_object(ctx: Context[S3], req: DeleteObjectRequest) -> DeleteObjectOutput:
    """Delete an object, or hide it where versions are kept; or delete a version for good.

    What is not there is as good as deleted.
    """
    if req.if_match_last_modified_time is not None or req.if_match_size is not None:
        raise NotImplementedFeature(Header="x-amz-if-match-last-modified-time")
    condition = None if req.if_match is None else WriteCondition(req.if_match, None, req.key)
    gone = await _delete(ctx, ctx.service.bucket(req.bucket), req.key, req.version_id, condition)
    return DeleteObjectOutput(version_id=gone.version, delete_marker=gone.is_marker or None)


@dataclass(frozen=True, slots=True)
class _Gone:
    """What a deletion did: to which version, and whether that is, or was, a delete marker."""

    version: str | None
    is_marker: bool


async def _delete(
    ctx: Context[S3],
    bucket: BucketRecord,
    key: str,
    version_id: str | None,
    condition: WriteCondition | None,
) -> _Gone:
    check_key(key)
    version, objects = versions.wanted(bucket, version_id), ctx.service.objects
    try:
        if version:
            found = await objects.delete_version(bucket.name, key, version, condition)
            return _Gone(version, found is not None and found.is_marker)
        found = await objects.delete(bucket.name, key, condition, bucket.versioning)
    except BucketMissing as error:
        raise NoSuchBucket(BucketName=bucket.name) from error
    if found is None or not found.is_marker:
        return _Gone(None, is_marker=False)
    return _Gone(found.version, is_marker=True)


@operation("DeleteObjects", action="", resource=access.bucket_arn, policy=bucket_policy)
async def delete_objects(ctx: Context[S3], req: DeleteObjectsRequest) -> DeleteObjectsOutput:
    """Delete up to 1000 objects, each authorised by itself."""
    access.bucket_of(ctx, req.bucket, req.expected_bucket_owner)
    wanted = req.delete.objects
    if not 1 <= len(wanted) <= MAX_DELETIONS or not all(one.key for one in wanted):
        raise MalformedXML
    outcomes: list[DeletedObject | Error] = []
    for start in range(0, len(wanted), BATCH):
        batch = wanted[start : start + BATCH]
        outcomes += await asyncio.gather(*(_delete_one(ctx, req.bucket, one) for one in batch))
    deleted = [one for one in outcomes if isinstance(one, DeletedObject)]
    errors = [one for one in outcomes if isinstance(one, Error)]
    return DeleteObjectsOutput(
        deleted=None if req.delete.quiet else deleted or None, errors=errors or None
    )


async def _delete_one(
    ctx: Context[S3], bucket: str, one: ObjectIdentifier
) -> DeletedObject | Error:
    """Delete one object of a batch; its error is a member of the answer."""
    record = ctx.service.bucket(bucket)
    try:
        ctx.authorise(
            access.delete_action(ctx, one),
            f"{record.arn}/{one.key}",
            policy=access.policy_of(ctx, record),
            conditions=access.conditions_of(
                ctx.service.objects.find(bucket, one.key, one.version_id or ""), one.version_id
            ),
        )
        if one.last_modified_time is not None or one.size is not None:
            raise NotImplementedFeature(Header="LastModifiedTime")
        condition = None if one.etag is None else WriteCondition(one.etag, None, one.key)
        gone = await _delete(ctx, record, one.key, one.version_id, condition)
    except AWSError as error:
        denied = isinstance(error, AccessDenied)
        return Error(
            key=one.key,
            version_id=one.version_id,
            code=error.code,
            message="Access Denied" if denied else error.message,
        )
    return DeletedObject(
        key=one.key,
        version_id=one.version_id,
        delete_marker=gone.is_marker or None,
        delete_marker_version_id=gone.version if gone.is_marker else None,
    )
