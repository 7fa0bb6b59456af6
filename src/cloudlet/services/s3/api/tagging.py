"""Tags of objects and buckets."""

from __future__ import annotations

from cloudlet.aws.context import Context
from cloudlet.aws.models.s3 import (
    DeleteBucketTaggingRequest,
    DeleteObjectTaggingOutput,
    DeleteObjectTaggingRequest,
    GetBucketTaggingOutput,
    GetBucketTaggingRequest,
    GetObjectTaggingOutput,
    GetObjectTaggingRequest,
    PutBucketTaggingRequest,
    PutObjectTaggingOutput,
    PutObjectTaggingRequest,
)
from cloudlet.aws.service import operation
from cloudlet.services.s3 import access, tags, versions
from cloudlet.services.s3.access import bucket_arn, bucket_policy, object_arn
from cloudlet.services.s3.errors import NoSuchTagSet
from cloudlet.services.s3.store import S3


@operation(
    "GetObjectTagging",
    action=access.version_action("Get", "Tagging"),
    resource=object_arn,
    policy=bucket_policy,
    conditions=access.read_conditions,
)
async def get_object_tagging(
    ctx: Context[S3], req: GetObjectTaggingRequest
) -> GetObjectTaggingOutput:
    """Give an object's tags."""
    bucket = ctx.service.bucket(req.bucket)
    version = versions.wanted(bucket, req.version_id)
    found = ctx.service.objects.find(req.bucket, req.key, version)
    if found is None:
        raise versions.absent(ctx, bucket, req.key, version)
    if found.is_marker:
        raise versions.refused(found, "GET")
    return GetObjectTaggingOutput(
        version_id=versions.told(bucket, found), tag_set=tags.to_set(found.attributes.tags)
    )


@operation(
    "PutObjectTagging",
    action=access.version_action("Put", "Tagging"),
    resource=object_arn,
    policy=bucket_policy,
    conditions=access.read_conditions,
)
async def put_object_tagging(
    ctx: Context[S3], req: PutObjectTaggingRequest
) -> PutObjectTaggingOutput:
    """Replace an object's tags."""
    given = tags.from_set(req.tagging.tag_set, tags.MAX_OBJECT_TAGS)
    return PutObjectTaggingOutput(version_id=await _change(ctx, req, given, "PUT"))


@operation(
    "DeleteObjectTagging",
    action=access.version_action("Delete", "Tagging"),
    resource=object_arn,
    policy=bucket_policy,
    conditions=access.read_conditions,
)
async def delete_object_tagging(
    ctx: Context[S3], req: DeleteObjectTaggingRequest
) -> DeleteObjectTaggingOutput:
    """Remove an object's tags."""
    return DeleteObjectTaggingOutput(version_id=await _change(ctx, req, {}, "DELETE"))


async def _change(
    ctx: Context[S3],
    req: PutObjectTaggingRequest | DeleteObjectTaggingRequest,
    given: dict[str, str],
    method: str,
) -> str | None:
    """Give the object, or its version, these tags; the version that an answer tells of."""
    bucket = ctx.service.bucket(req.bucket)
    version = versions.wanted(bucket, req.version_id)
    found = await ctx.service.objects.change(
        req.bucket, req.key, lambda about: about.replace(tags=given), version
    )
    if found is None:
        raise versions.absent(ctx, bucket, req.key, version)
    if found.is_marker:
        raise versions.refused(found, method)
    return versions.told(bucket, found)


@operation("GetBucketTagging", resource=bucket_arn, policy=bucket_policy)
async def get_bucket_tagging(
    ctx: Context[S3], req: GetBucketTaggingRequest
) -> GetBucketTaggingOutput:
    """Give a bucket's tags."""
    found = ctx.service.bucket(req.bucket).tags
    if not found:
        raise NoSuchTagSet(BucketName=req.bucket)
    return GetBucketTaggingOutput(tag_set=tags.to_set(found))


@operation("PutBucketTagging", resource=bucket_arn, policy=bucket_policy)
async def put_bucket_tagging(ctx: Context[S3], req: PutBucketTaggingRequest) -> None:
    """Replace a bucket's tags."""
    given = tags.from_set(req.tagging.tag_set, tags.MAX_BUCKET_TAGS)
    await ctx.service.change(req.bucket, tags=given)


@operation(
    "DeleteBucketTagging",
    action="s3:PutBucketTagging",
    resource=bucket_arn,
    policy=bucket_policy,
)
async def delete_bucket_tagging(ctx: Context[S3], req: DeleteBucketTaggingRequest) -> None:
    """Remove a bucket's tags."""
    await ctx.service.change(req.bucket, tags=None)
