"""Who may do what: bucket policies, public access blocks, ownership, ACLs."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.errors import AccessDenied
from cloudlet.aws.models.s3 import (
    DeleteBucketOwnershipControlsRequest,
    DeleteBucketPolicyRequest,
    DeletePublicAccessBlockRequest,
    GetBucketAclOutput,
    GetBucketAclRequest,
    GetBucketOwnershipControlsOutput,
    GetBucketOwnershipControlsRequest,
    GetBucketPolicyOutput,
    GetBucketPolicyRequest,
    GetBucketPolicyStatusOutput,
    GetBucketPolicyStatusRequest,
    GetObjectAclOutput,
    GetObjectAclRequest,
    GetPublicAccessBlockOutput,
    GetPublicAccessBlockRequest,
    Grant,
    Grantee,
    Owner,
    OwnershipControls,
    OwnershipControlsRule,
    PolicyStatus,
    PublicAccessBlockConfiguration,
    PutBucketAclRequest,
    PutBucketOwnershipControlsRequest,
    PutBucketPolicyRequest,
    PutObjectAclOutput,
    PutObjectAclRequest,
    PutPublicAccessBlockRequest,
)
from cloudlet.aws.policy import MalformedPolicy as Malformed
from cloudlet.aws.policy import Policy, canonical_user
from cloudlet.aws.service import operation
from cloudlet.services.s3 import access, versions
from cloudlet.services.s3.access import bucket_arn, bucket_policy, object_arn
from cloudlet.services.s3.attributes import check_acl
from cloudlet.services.s3.errors import (
    AccessControlListNotSupported,
    MalformedPolicy,
    MalformedXML,
    NoSuchBucketPolicy,
    NoSuchPublicAccessBlockConfiguration,
    OwnershipControlsNotFoundError,
)
from cloudlet.services.s3.model import BucketRecord, PublicAccess
from cloudlet.services.s3.publicness import is_public
from cloudlet.services.s3.store import S3

MAX_POLICY_BYTES = 20 * 1024


def _unless_owner(ctx: Context[S3], req: Any) -> Policy:
    """The bucket's policy, but not for the owner's root, who must not lock itself out.

    "PutBucketPolicy": the root user can always get, put and delete the policy.
    """
    bucket = ctx.service.bucket(req.bucket)
    if ctx.principal.kind == "root" and ctx.principal.account == bucket.account:
        return Policy.none(bucket.account)
    return access.policy_of(ctx, bucket)


@operation("PutBucketPolicy", resource=bucket_arn, policy=_unless_owner)
async def put_bucket_policy(ctx: Context[S3], req: PutBucketPolicyRequest) -> None:
    """Set the bucket's policy; a public one is refused while BlockPublicPolicy is on."""
    bucket = ctx.service.bucket(req.bucket)
    if len(req.policy.encode()) > MAX_POLICY_BYTES:
        raise MalformedPolicy("Policy exceeds the maximum allowed document size.")
    try:
        parsed = Policy.parse(req.policy, resource_based=True, owner=bucket.account)
    except Malformed as error:
        raise MalformedPolicy(str(error)) from error
    _check_statements(parsed.document, bucket)
    blocked = bucket.public_access is not None and bucket.public_access.block_public_policy
    if blocked and is_public(req.policy):
        raise AccessDenied(
            f"User: {ctx.principal.arn} is not authorized to perform: s3:PutBucketPolicy on"
            f' resource: "{bucket.arn}" because public policies are prevented by the'
            " BlockPublicPolicy setting in S3 Block Public Access."
        )
    await ctx.service.change(req.bucket, policy=req.policy)


def _check_statements(document: Any, bucket: BucketRecord) -> None:
    """Raise `MalformedPolicy` unless each statement is about S3 and this bucket."""
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        for action in _listed(statement.get("Action", statement.get("NotAction"))):
            if action != "*" and not action.lower().startswith(("s3:", "s3*")):
                raise MalformedPolicy("Policy has invalid action")
        for resource in _listed(statement.get("Resource", statement.get("NotResource"))):
            name = resource.removeprefix("arn:aws:s3:::").split("/", 1)[0]
            if not resource.startswith("arn:aws:s3:::") or not fnmatchcase(bucket.name, name):
                raise MalformedPolicy("Policy has invalid resource")


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


@operation("GetBucketPolicy", resource=bucket_arn, policy=_unless_owner)
async def get_bucket_policy(ctx: Context[S3], req: GetBucketPolicyRequest) -> GetBucketPolicyOutput:
    """Give the policy as it was put."""
    bucket = ctx.service.bucket(req.bucket)
    if not bucket.policy:
        raise NoSuchBucketPolicy(BucketName=req.bucket)
    return GetBucketPolicyOutput(policy=bucket.policy)


@operation("GetBucketPolicyStatus", resource=bucket_arn, policy=bucket_policy)
async def get_bucket_policy_status(
    ctx: Context[S3], req: GetBucketPolicyStatusRequest
) -> GetBucketPolicyStatusOutput:
    """Say whether the policy is public."""
    bucket = ctx.service.bucket(req.bucket)
    if not bucket.policy:
        raise NoSuchBucketPolicy(BucketName=req.bucket)
    return GetBucketPolicyStatusOutput(
        policy_status=PolicyStatus(is_public=is_public(bucket.policy))
    )


@operation("DeleteBucketPolicy", resource=bucket_arn, policy=_unless_owner)
async def delete_bucket_policy(ctx: Context[S3], req: DeleteBucketPolicyRequest) -> None:
    """Remove the policy, if there is one."""
    await ctx.service.change(req.bucket, policy="")


@operation(
    "GetPublicAccessBlock",
    action="s3:GetBucketPublicAccessBlock",
    resource=bucket_arn,
    policy=bucket_policy,
)
async def get_public_access_block(
    ctx: Context[S3], req: GetPublicAccessBlockRequest
) -> GetPublicAccessBlockOutput:
    """Give the bucket's public access block."""
    block = ctx.service.bucket(req.bucket).public_access
    if block is None:
        raise NoSuchPublicAccessBlockConfiguration(BucketName=req.bucket)
    return GetPublicAccessBlockOutput(
        public_access_block_configuration=PublicAccessBlockConfiguration(
            **msgspec.structs.asdict(block)
        )
    )


@operation(
    "PutPublicAccessBlock",
    action="s3:PutBucketPublicAccessBlock",
    resource=bucket_arn,
    policy=bucket_policy,
)
async def put_public_access_block(ctx: Context[S3], req: PutPublicAccessBlockRequest) -> None:
    """Set the bucket's public access block; what is not named is off."""
    given = req.public_access_block_configuration
    await ctx.service.change(
        req.bucket,
        public_access=PublicAccess(
            block_public_acls=bool(given.block_public_acls),
            ignore_public_acls=bool(given.ignore_public_acls),
            block_public_policy=bool(given.block_public_policy),
            restrict_public_buckets=bool(given.restrict_public_buckets),
        ),
    )


@operation(
    "DeletePublicAccessBlock",
    action="s3:PutBucketPublicAccessBlock",
    resource=bucket_arn,
    policy=bucket_policy,
)
async def delete_public_access_block(ctx: Context[S3], req: DeletePublicAccessBlockRequest) -> None:
    """Remove the bucket's public access block: nothing is blocked then."""
    await ctx.service.change(req.bucket, public_access=None)


@operation("GetBucketOwnershipControls", resource=bucket_arn, policy=bucket_policy)
async def get_bucket_ownership_controls(
    ctx: Context[S3], req: GetBucketOwnershipControlsRequest
) -> GetBucketOwnershipControlsOutput:
    """Say who owns what is uploaded."""
    ownership = ctx.service.bucket(req.bucket).ownership
    if ownership is None:
        raise OwnershipControlsNotFoundError(BucketName=req.bucket)
    return GetBucketOwnershipControlsOutput(
        ownership_controls=OwnershipControls(
            rules=[OwnershipControlsRule(object_ownership=ownership)]
        )
    )


@operation("PutBucketOwnershipControls", resource=bucket_arn, policy=bucket_policy)
async def put_bucket_ownership_controls(
    ctx: Context[S3], req: PutBucketOwnershipControlsRequest
) -> None:
    """Say who owns what is uploaded. Whatever it says, cloudlet keeps no ACLs."""
    rules = req.ownership_controls.rules
    if len(rules) != 1:
        raise MalformedXML
    await ctx.service.change(req.bucket, ownership=rules[0].object_ownership)


@operation(
    "DeleteBucketOwnershipControls",
    action="s3:PutBucketOwnershipControls",
    resource=bucket_arn,
    policy=bucket_policy,
)
async def delete_bucket_ownership_controls(
    ctx: Context[S3], req: DeleteBucketOwnershipControlsRequest
) -> None:
    """Remove the bucket's ownership controls."""
    await ctx.service.change(req.bucket, ownership=None)


def _owner_only(account: str) -> tuple[Owner, list[Grant]]:
    """The only ACL there is: the owner has full control."""
    owner = canonical_user(account)
    grantee = Grantee(id=owner, type="CanonicalUser")
    return Owner(id=owner), [Grant(grantee=grantee, permission="FULL_CONTROL")]


@operation("GetBucketAcl", resource=bucket_arn, policy=bucket_policy)
async def get_bucket_acl(ctx: Context[S3], req: GetBucketAclRequest) -> GetBucketAclOutput:
    """Give the ACL."""
    owner, grants = _owner_only(ctx.service.bucket(req.bucket).account)
    return GetBucketAclOutput(owner=owner, grants=grants)


@operation("PutBucketAcl", resource=bucket_arn, policy=bucket_policy)
async def put_bucket_acl(ctx: Context[S3], req: PutBucketAclRequest) -> None:
    """Accept what says no more than that the owner owns."""
    _check_acl(req, ctx.service.bucket(req.bucket).account)


@operation(
    "GetObjectAcl",
    action=access.version_action("Get", "Acl"),
    resource=object_arn,
    policy=bucket_policy,
    conditions=access.read_conditions,
)
async def get_object_acl(ctx: Context[S3], req: GetObjectAclRequest) -> GetObjectAclOutput:
    """Give the ACL."""
    bucket = _with_object(ctx, req, "GET")
    owner, grants = _owner_only(bucket.account)
    return GetObjectAclOutput(owner=owner, grants=grants)


@operation(
    "PutObjectAcl",
    action=access.version_action("Put", "Acl"),
    resource=object_arn,
    policy=bucket_policy,
    conditions=access.read_conditions,
)
async def put_object_acl(ctx: Context[S3], req: PutObjectAclRequest) -> PutObjectAclOutput:
    """Accept what says no more than that the owner owns."""
    bucket = _with_object(ctx, req, "PUT")
    _check_acl(req, bucket.account)
    return PutObjectAclOutput()


def _with_object(
    ctx: Context[S3], req: GetObjectAclRequest | PutObjectAclRequest, method: str
) -> BucketRecord:
    bucket = ctx.service.bucket(req.bucket)
    version = versions.wanted(bucket, req.version_id)
    found = ctx.service.objects.find(req.bucket, req.key, version)
    if found is None:
        raise versions.absent(ctx, bucket, req.key, version)
    if found.is_marker:
        raise versions.refused(found, method)
    return bucket


def _check_acl(req: PutBucketAclRequest | PutObjectAclRequest, account: str) -> None:
    check_acl(req)
    given = req.access_control_policy
    if given is None or not given.grants:
        return
    owner = canonical_user(account)
    for grant in given.grants:
        same = grant.grantee is not None and grant.grantee.id == owner
        if not same or grant.permission != "FULL_CONTROL":
            raise AccessControlListNotSupported
