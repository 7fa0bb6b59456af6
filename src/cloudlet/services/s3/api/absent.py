"""Configurations that no bucket here has: the answers AWS gives about a bucket without them.

Setting one is the NotImplemented error of the dispatch; asking for it is answered truthfully.
"""

from __future__ import annotations

from cloudlet.aws.context import Context
from cloudlet.aws.models.s3 import (
    GetBucketAccelerateConfigurationOutput,
    GetBucketAccelerateConfigurationRequest,
    GetBucketLifecycleConfigurationOutput,
    GetBucketLifecycleConfigurationRequest,
    GetBucketLoggingOutput,
    GetBucketLoggingRequest,
    GetBucketNotificationConfigurationRequest,
    GetBucketReplicationOutput,
    GetBucketReplicationRequest,
    GetBucketRequestPaymentOutput,
    GetBucketRequestPaymentRequest,
    GetObjectLockConfigurationOutput,
    GetObjectLockConfigurationRequest,
    NotificationConfiguration,
)
from cloudlet.aws.service import operation
from cloudlet.services.s3.access import bucket_arn, bucket_policy
from cloudlet.services.s3.errors import (
    NoSuchLifecycleConfiguration,
    ObjectLockConfigurationNotFoundError,
    ReplicationConfigurationNotFoundError,
)
from cloudlet.services.s3.store import S3


@operation(
    "GetBucketLifecycleConfiguration",
    action="s3:GetLifecycleConfiguration",
    resource=bucket_arn,
    policy=bucket_policy,
)
async def get_bucket_lifecycle_configuration(
    ctx: Context[S3],  # noqa: ARG001
    req: GetBucketLifecycleConfigurationRequest,
) -> GetBucketLifecycleConfigurationOutput:
    """There is none."""
    raise NoSuchLifecycleConfiguration(BucketName=req.bucket)


@operation(
    "GetBucketReplication",
    action="s3:GetReplicationConfiguration",
    resource=bucket_arn,
    policy=bucket_policy,
)
async def get_bucket_replication(
    ctx: Context[S3],  # noqa: ARG001
    req: GetBucketReplicationRequest,
) -> GetBucketReplicationOutput:
    """There is none."""
    raise ReplicationConfigurationNotFoundError(BucketName=req.bucket)


@operation(
    "GetObjectLockConfiguration",
    action="s3:GetBucketObjectLockConfiguration",
    resource=bucket_arn,
    policy=bucket_policy,
)
async def get_object_lock_configuration(
    ctx: Context[S3],  # noqa: ARG001
    req: GetObjectLockConfigurationRequest,
) -> GetObjectLockConfigurationOutput:
    """There is none."""
    raise ObjectLockConfigurationNotFoundError(BucketName=req.bucket)


@operation("GetBucketLogging", resource=bucket_arn, policy=bucket_policy)
async def get_bucket_logging(
    ctx: Context[S3],  # noqa: ARG001
    req: GetBucketLoggingRequest,  # noqa: ARG001
) -> GetBucketLoggingOutput:
    """Nothing is logged."""
    return GetBucketLoggingOutput()


@operation(
    "GetBucketNotificationConfiguration",
    action="s3:GetBucketNotification",
    resource=bucket_arn,
    policy=bucket_policy,
)
async def get_bucket_notification_configuration(
    ctx: Context[S3],  # noqa: ARG001
    req: GetBucketNotificationConfigurationRequest,  # noqa: ARG001
) -> NotificationConfiguration:
    """Nobody is notified."""
    return NotificationConfiguration()


@operation(
    "GetBucketAccelerateConfiguration",
    action="s3:GetAccelerateConfiguration",
    resource=bucket_arn,
    policy=bucket_policy,
)
async def get_bucket_accelerate_configuration(
    ctx: Context[S3],  # noqa: ARG001
    req: GetBucketAccelerateConfigurationRequest,  # noqa: ARG001
) -> GetBucketAccelerateConfigurationOutput:
    """Never configured."""
    return GetBucketAccelerateConfigurationOutput()


@operation("GetBucketRequestPayment", resource=bucket_arn, policy=bucket_policy)
async def get_bucket_request_payment(
    ctx: Context[S3],  # noqa: ARG001
    req: GetBucketRequestPaymentRequest,  # noqa: ARG001
) -> GetBucketRequestPaymentOutput:
    """The owner pays."""
    return GetBucketRequestPaymentOutput(payer="BucketOwner")
