"""Buckets: create, delete, head, list, location."""

from __future__ import annotations

import base64
import binascii
import time
from typing import Any

from cloudlet.aws.context import Context
from cloudlet.aws.errors import AccessDenied
from cloudlet.aws.models.s3 import (
    Bucket,
    CreateBucketOutput,
    CreateBucketRequest,
    DeleteBucketRequest,
    GetBucketLocationOutput,
    GetBucketLocationRequest,
    HeadBucketOutput,
    HeadBucketRequest,
    ListBucketsOutput,
    ListBucketsRequest,
    Owner,
)
from cloudlet.aws.policy import canonical_user
from cloudlet.aws.service import operation
from cloudlet.services.s3 import tags
from cloudlet.services.s3.access import bucket_arn, bucket_policy
from cloudlet.services.s3.attributes import check_acl
from cloudlet.services.s3.errors import (
    BucketAlreadyExists,
    BucketAlreadyOwnedByYou,
    BucketNotEmpty,
    IllegalLocationConstraintException,
    InvalidArgument,
    InvalidLocationConstraint,
    NotImplementedFeature,
    TooManyBuckets,
)
from cloudlet.services.s3.model import BucketRecord
from cloudlet.services.s3.names import check_bucket
from cloudlet.services.s3.store import MAX_BUCKETS, S3
from cloudlet.storage.objects import BucketTaken

#: The region whose endpoint makes buckets anywhere and that LocationConstraint never names.
GLOBAL_REGION = "us-east-1"

_OWNERSHIPS = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")


def _new_bucket_arn(ctx: Context[S3], req: CreateBucketRequest) -> str:  # noqa: ARG001
    return f"arn:aws:s3:::{req.bucket}"


@operation("CreateBucket", resource=_new_bucket_arn)
async def create_bucket(ctx: Context[S3], req: CreateBucketRequest) -> CreateBucketOutput:
    """Make a bucket; its name is unique over all accounts."""
    if ctx.principal.kind == "anonymous":
        raise AccessDenied("Anonymous users cannot create buckets")
    configuration = req.create_bucket_configuration
    region = _region(ctx.region, configuration.location_constraint if configuration else None)
    check_bucket(req.bucket)
    if configuration is not None and (configuration.location or configuration.bucket):
        raise NotImplementedFeature(
            "Directory buckets are not implemented in cloudlet.", Header="Location"
        )
    if req.object_lock_enabled_for_bucket:
        raise NotImplementedFeature(Header="x-amz-bucket-object-lock-enabled")
    if req.object_ownership is not None and req.object_ownership not in _OWNERSHIPS:
        raise InvalidArgument(ArgumentName="x-amz-object-ownership")
    check_acl(req)
    if req.object_ownership is not None:
        ctx.authorise("s3:PutBucketOwnershipControls", _new_bucket_arn(ctx, req))
    there = ctx.service.find(req.bucket)
    if there is not None:
        if there.account != ctx.account:
            raise BucketAlreadyExists(BucketName=req.bucket)
        if ctx.region != GLOBAL_REGION or there.region != GLOBAL_REGION:
            raise BucketAlreadyOwnedByYou(BucketName=req.bucket)
        # The North Virginia quirk: making one's own bucket again succeeds.
        return CreateBucketOutput(location=f"/{req.bucket}")
    if sum(bucket.account == ctx.account for bucket in ctx.service.buckets()) >= MAX_BUCKETS:
        raise TooManyBuckets
    given = configuration.tags if configuration is not None else None
    await ctx.service.add(
        BucketRecord(
            name=req.bucket,
            account=ctx.account,
            region=region,
            created_s=float(int(time.time())),
            ownership=req.object_ownership or "BucketOwnerEnforced",
            tags=tags.from_set(given, tags.MAX_BUCKET_TAGS) if given else None,
        )
    )
    location = f"/{req.bucket}" if region == GLOBAL_REGION else f"{ctx.endpoint}/{req.bucket}/"
    return CreateBucketOutput(location=location)


def _region(endpoint_region: str, constraint: str | None) -> str:
    """The region that a bucket is made in."""
    if constraint == "EU":
        constraint = "eu-west-1"
    if endpoint_region == GLOBAL_REGION:
        if constraint in (GLOBAL_REGION, ""):
            raise InvalidLocationConstraint(LocationConstraint=constraint)
        return constraint or GLOBAL_REGION
    if constraint != endpoint_region:
        raise IllegalLocationConstraintException(
            f"The {constraint or 'unspecified'} location constraint is incompatible for the region"
            " specific endpoint this request was sent to."
        )
    return endpoint_region


@operation("DeleteBucket", resource=bucket_arn, policy=bucket_policy)
async def delete_bucket(ctx: Context[S3], req: DeleteBucketRequest) -> None:
    """Delete an empty bucket."""
    try:
        await ctx.service.remove(req.bucket)
    except BucketTaken as error:
        raise BucketNotEmpty(BucketName=req.bucket) from error


@operation("HeadBucket", action="s3:ListBucket", resource=bucket_arn, policy=bucket_policy)
async def head_bucket(ctx: Context[S3], req: HeadBucketRequest) -> HeadBucketOutput:
    """Say that a bucket is there and where."""
    bucket = ctx.service.bucket(req.bucket)
    return HeadBucketOutput(
        bucket_arn=bucket.arn, bucket_region=bucket.region, access_point_alias=False
    )


@operation("GetBucketLocation", resource=bucket_arn, policy=bucket_policy)
async def get_bucket_location(
    ctx: Context[S3], req: GetBucketLocationRequest
) -> GetBucketLocationOutput:
    """Tell a bucket's region; nothing stands for us-east-1."""
    region = ctx.service.bucket(req.bucket).region
    return GetBucketLocationOutput(location_constraint=None if region == GLOBAL_REGION else region)


def _all_buckets(ctx: Context[S3], req: ListBucketsRequest) -> str:  # noqa: ARG001
    return "arn:aws:s3:::*"


@operation("ListBuckets", action="s3:ListAllMyBuckets", resource=_all_buckets)
async def list_buckets(ctx: Context[S3], req: ListBucketsRequest) -> ListBucketsOutput:
    """List the account's buckets by name."""
    if ctx.principal.kind == "anonymous":
        raise AccessDenied("Access Denied")
    if req.max_buckets is not None and not 1 <= req.max_buckets <= 10_000:
        raise InvalidArgument(
            "Argument max-buckets must be an integer between 1 and 10000",
            ArgumentName="max-buckets",
        )
    after = _after(req.continuation_token)
    found = [
        bucket
        for bucket in ctx.service.buckets()
        if bucket.account == ctx.account
        and bucket.name > after
        and bucket.name.startswith(req.prefix or "")
        and req.bucket_region in (None, bucket.region)
    ]
    page = found[: req.max_buckets] if req.max_buckets is not None else found
    more = len(page) < len(found)
    return ListBucketsOutput(
        owner=Owner(id=canonical_user(ctx.account)),
        buckets=[_described(bucket, req) for bucket in page],
        prefix=req.prefix,
        continuation_token=base64.urlsafe_b64encode(page[-1].name.encode()).decode()
        if more
        else None,
    )


def _described(bucket: BucketRecord, req: ListBucketsRequest) -> Bucket:
    """A bucket in a list; its region and ARN only where the request is of the paginated kind."""
    paginated: dict[str, Any] = {}
    if req.max_buckets is not None or req.bucket_region or req.prefix or req.continuation_token:
        paginated = {"bucket_region": bucket.region, "bucket_arn": bucket.arn}
    return Bucket(name=bucket.name, creation_date=bucket.created_s, **paginated)


def _after(token: str | None) -> str:
    if not token:
        return ""
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument(
            "The continuation token provided is incorrect", ArgumentName="continuation-token"
        ) from error
