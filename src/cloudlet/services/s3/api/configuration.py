"""Configurations of a bucket: versioning, encryption, CORS, website, and those it cannot have."""

from __future__ import annotations

import re

from cloudlet.aws.context import Context
from cloudlet.aws.models.s3 import (
    CORSRule,
    DeleteBucketCorsRequest,
    DeleteBucketEncryptionRequest,
    DeleteBucketWebsiteRequest,
    GetBucketCorsOutput,
    GetBucketCorsRequest,
    GetBucketEncryptionOutput,
    GetBucketEncryptionRequest,
    GetBucketVersioningOutput,
    GetBucketVersioningRequest,
    GetBucketWebsiteOutput,
    GetBucketWebsiteRequest,
    PutBucketCorsRequest,
    PutBucketEncryptionRequest,
    PutBucketVersioningRequest,
    PutBucketWebsiteRequest,
    ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
    WebsiteConfiguration,
)
from cloudlet.aws.service import operation
from cloudlet.services.s3 import encryption
from cloudlet.services.s3.access import bucket_arn, bucket_policy
from cloudlet.services.s3.errors import (
    InvalidArgument,
    InvalidRequest,
    MalformedXML,
    NoSuchCORSConfiguration,
    NoSuchWebsiteConfiguration,
    NotImplementedFeature,
)
from cloudlet.services.s3.store import S3

MAX_CORS_RULES = 100
MAX_ROUTING_RULES = 50
CORS_METHODS = frozenset({"GET", "PUT", "HEAD", "POST", "DELETE"})


@operation("GetBucketVersioning", resource=bucket_arn, policy=bucket_policy)
async def get_bucket_versioning(
    ctx: Context[S3], req: GetBucketVersioningRequest
) -> GetBucketVersioningOutput:
    """Say whether versioning was ever configured: an empty answer if not."""
    return GetBucketVersioningOutput(status=ctx.service.bucket(req.bucket).versioning or None)


@operation("PutBucketVersioning", resource=bucket_arn, policy=bucket_policy)
async def put_bucket_versioning(ctx: Context[S3], req: PutBucketVersioningRequest) -> None:
    """Keep versions from now on, or no longer; those that there are stay."""
    wanted = req.versioning_configuration
    if wanted.mfa_delete == "Enabled":
        raise NotImplementedFeature("MFA delete is not implemented in cloudlet.")
    if wanted.status not in ("Enabled", "Suspended"):
        raise MalformedXML
    await ctx.service.change(req.bucket, versioning=wanted.status)


@operation(
    "GetBucketEncryption",
    action="s3:GetEncryptionConfiguration",
    resource=bucket_arn,
    policy=bucket_policy,
)
async def get_bucket_encryption(
    ctx: Context[S3], req: GetBucketEncryptionRequest
) -> GetBucketEncryptionOutput:
    """Give the default encryption, which every bucket has."""
    bucket = ctx.service.bucket(req.bucket)
    rule = ServerSideEncryptionRule(
        apply_server_side_encryption_by_default=ServerSideEncryptionByDefault(
            sse_algorithm=bucket.encryption or encryption.S3_KEYS
        ),
        bucket_key_enabled=bucket.bucket_key_enabled,
    )
    return GetBucketEncryptionOutput(
        server_side_encryption_configuration=ServerSideEncryptionConfiguration(rules=[rule])
    )


@operation(
    "PutBucketEncryption",
    action="s3:PutEncryptionConfiguration",
    resource=bucket_arn,
    policy=bucket_policy,
)
async def put_bucket_encryption(ctx: Context[S3], req: PutBucketEncryptionRequest) -> None:
    """Set the default encryption: with S3's keys, or with KMS's AWS managed key."""
    rules = req.server_side_encryption_configuration.rules
    if len(rules) != 1:
        raise MalformedXML
    wanted = rules[0].apply_server_side_encryption_by_default
    algorithm = encryption.S3_KEYS if wanted is None else wanted.sse_algorithm
    key = None if wanted is None else wanted.kms_master_key_id
    if key is not None and algorithm == encryption.S3_KEYS:
        raise InvalidArgument(
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms",
            ArgumentName="ApplyServerSideEncryptionByDefault",
        )
    encryption.check_algorithm(algorithm, key)
    await ctx.service.change(
        req.bucket,
        encryption="" if algorithm == encryption.S3_KEYS else algorithm,
        bucket_key_enabled=bool(rules[0].bucket_key_enabled),
    )


@operation(
    "DeleteBucketEncryption",
    action="s3:PutEncryptionConfiguration",
    resource=bucket_arn,
    policy=bucket_policy,
)
async def delete_bucket_encryption(ctx: Context[S3], req: DeleteBucketEncryptionRequest) -> None:
    """Go back to S3's own keys."""
    await ctx.service.change(req.bucket, encryption="", bucket_key_enabled=False)


@operation("GetBucketCors", action="s3:GetBucketCORS", resource=bucket_arn, policy=bucket_policy)
async def get_bucket_cors(ctx: Context[S3], req: GetBucketCorsRequest) -> GetBucketCorsOutput:
    """Give the CORS rules."""
    rules = ctx.service.bucket(req.bucket).cors
    if rules is None:
        raise NoSuchCORSConfiguration(BucketName=req.bucket)
    return GetBucketCorsOutput(cors_rules=rules)


@operation("PutBucketCors", action="s3:PutBucketCORS", resource=bucket_arn, policy=bucket_policy)
async def put_bucket_cors(ctx: Context[S3], req: PutBucketCorsRequest) -> None:
    """Set the CORS rules."""
    rules = req.cors_configuration.cors_rules
    if not 1 <= len(rules) <= MAX_CORS_RULES:
        raise MalformedXML
    for rule in rules:
        _check_cors(rule)
    await ctx.service.change(req.bucket, cors=rules)


def _check_cors(rule: CORSRule) -> None:
    if not rule.allowed_methods or not rule.allowed_origins:
        raise MalformedXML
    for method in rule.allowed_methods:
        if method not in CORS_METHODS:
            raise InvalidRequest(
                f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
            )
    for name, values in (
        ("AllowedOrigin", rule.allowed_origins),
        ("AllowedHeader", rule.allowed_headers or []),
    ):
        for value in values:
            if value.count("*") > 1:
                raise InvalidRequest(f'{name} "{value}" can not have more than one wildcard.')
    for value in rule.expose_headers or []:
        if "*" in value:
            raise InvalidRequest(
                f'ExposeHeader "{value}" contains wildcard. We currently do not support wildcard'
                " for ExposeHeader."
            )


@operation("DeleteBucketCors", action="s3:PutBucketCORS", resource=bucket_arn, policy=bucket_policy)
async def delete_bucket_cors(ctx: Context[S3], req: DeleteBucketCorsRequest) -> None:
    """Remove the CORS rules."""
    await ctx.service.change(req.bucket, cors=None)


@operation("GetBucketWebsite", resource=bucket_arn, policy=bucket_policy)
async def get_bucket_website(
    ctx: Context[S3], req: GetBucketWebsiteRequest
) -> GetBucketWebsiteOutput:
    """Give the website configuration."""
    found = ctx.service.bucket(req.bucket).website
    if found is None:
        raise NoSuchWebsiteConfiguration(BucketName=req.bucket)
    return GetBucketWebsiteOutput(
        redirect_all_requests_to=found.redirect_all_requests_to,
        index_document=found.index_document,
        error_document=found.error_document,
        routing_rules=found.routing_rules,
    )


@operation("PutBucketWebsite", resource=bucket_arn, policy=bucket_policy)
async def put_bucket_website(ctx: Context[S3], req: PutBucketWebsiteRequest) -> None:
    """Make the bucket a website."""
    _check_website(req.website_configuration)
    await ctx.service.change(req.bucket, website=req.website_configuration)


def _check_website(given: WebsiteConfiguration) -> None:
    if given.redirect_all_requests_to is not None:
        if given.index_document or given.error_document or given.routing_rules:
            raise InvalidRequest(
                "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules."
            )
        return
    if given.index_document is None:
        raise InvalidArgument(
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
            ArgumentName="IndexDocument",
        )
    suffix = given.index_document.suffix
    if not suffix or "/" in suffix:
        raise InvalidArgument(
            "The IndexDocument Suffix is not well formed", ArgumentName="IndexDocument"
        )
    rules = given.routing_rules or []
    if len(rules) > MAX_ROUTING_RULES:
        raise InvalidRequest(
            f"{len(rules)} routing rules provided, the number of routing rules in a website"
            f" configuration is limited to {MAX_ROUTING_RULES}."
        )
    for rule in rules:
        redirect = rule.redirect
        if redirect.replace_key_prefix_with is not None and redirect.replace_key_with is not None:
            raise InvalidRequest("You can only define ReplaceKeyPrefix or ReplaceKey but not both.")
        error = rule.condition.http_error_code_returned_equals if rule.condition else None
        if error is not None and not re.fullmatch(r"[45]\d\d", error):
            raise InvalidRequest(
                f"The provided HTTP error code ({error}) is not valid. Valid codes are 4XX or 5XX."
            )
        code = redirect.http_redirect_code
        if code is not None and code not in ("301", "302", "303", "304", "305", "307", "308"):
            raise InvalidRequest(
                f"The provided HTTP redirect code ({code}) is not valid. Valid codes are 3XX"
                " except 300."
            )


@operation("DeleteBucketWebsite", resource=bucket_arn, policy=bucket_policy)
async def delete_bucket_website(ctx: Context[S3], req: DeleteBucketWebsiteRequest) -> None:
    """Let the bucket be no website any more."""
    await ctx.service.change(req.bucket, website=None)
