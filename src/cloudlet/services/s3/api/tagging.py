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
from cloudlet.services.s3 import access, tags
from cloudlet.services.s3.access import bucket_arn, bucket_policy, object_arn
from cloudlet.services.s3.errors import NoSuchKey, NoSuchTagSet
from cloudlet.services.s3.names import check_version
from cloudlet.services.s3.store import S3


@operation(
    "GetObjectTagging",
    resource=object_arn,
    policy=bucket_policy,
    conditions=access.read_conditions,
)
async def get_object_tagging(
    ctx: Context[S3], req: GetObjectTaggingRequest
) -> GetObjectTaggingOutput:
    """Give an object's tags."""
    check_version(req.version_id)
    found = ctx.service.objects.find(req.bucket, req.key)
    if found is None:
        access.require_list(ctx, ctx.service.bucket(req.bucket))
        raise NoSuchKey(Key=req.key)
    return GetObjectTaggingOutput(tag_set=tags.to_set(found.attributes.tags))


@operation(
    "PutObjectTagging",
    resource=object_arn,
    policy=bucket_policy,
    conditions=access.read_conditions,
)
async def put_object_tagging(
    ctx: Context[S3], req: PutObjectTaggingRequest
) -> PutObjectTaggingOutput:
    """Replace an object's tags."""
    check_version(req.version_id)
    given = tags.from_set(req.tagging.tag_set, tags.MAX_OBJECT_TAGS)
    await _change(ctx, req.bucket, req.key, given)
    return PutObjectTaggingOutput()


@operation(
    "DeleteObjectTagging",
    resource=object_arn,
    policy=bucket_policy,
    conditions=access.read_conditions,
)
async def delete_object_tagging(
    ctx: Context[S3], req: DeleteObjectTaggingRequest
) -> DeleteObjectTaggingOutput:
    """Remove an object's tags."""
    check_version(req.version_id)
    await _change(ctx, req.bucket, req.key, {})
    return DeleteObjectTaggingOutput()


async def _change(ctx: Context[S3], bucket: str, key: str, given: dict[str, str]) -> None:
    found = await ctx.service.objects.change(bucket, key, lambda about: about.replace(tags=given))
    if found is None:
        access.require_list(ctx, ctx.service.bucket(bucket))
        raise NoSuchKey(Key=key)


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
