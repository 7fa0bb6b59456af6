"""What authorisation needs to know of S3's requests: resources, policies, actions, conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cloudlet.aws.context import Context
from cloudlet.aws.errors import AccessDenied
from cloudlet.aws.policy import Policy
from cloudlet.services.s3.model import BucketRecord
from cloudlet.services.s3.store import S3
from cloudlet.storage.objects import Summary

Conditions = Mapping[str, str]


def bucket_of(ctx: Context[S3], name: str, expected_owner: str | None = None) -> BucketRecord:
    """The bucket; `NoSuchBucket`, or AccessDenied if it is not of the account that was expected."""
    bucket = ctx.service.bucket(name)
    if expected_owner is not None and expected_owner != bucket.account:
        raise AccessDenied("Access Denied")
    return bucket


def bucket_arn(ctx: Context[S3], req: Any) -> str:
    """The ARN of the request's bucket, which must exist."""
    return bucket_of(ctx, req.bucket, req.expected_bucket_owner).arn


def object_arn(ctx: Context[S3], req: Any) -> str:
    """The ARN of the request's object, whose bucket must exist."""
    return f"{bucket_arn(ctx, req)}/{req.key}"


def bucket_policy(ctx: Context[S3], req: Any) -> Policy:
    """The policy of the request's bucket."""
    return policy_of(ctx, ctx.service.bucket(req.bucket))


def policy_of(ctx: Context[S3], bucket: BucketRecord) -> Policy:
    """The bucket's policy as it speaks to this request's caller."""
    return ctx.service.policy(bucket, ctx.principal.account)


def list_conditions(ctx: Context[S3], req: Any) -> Conditions:  # noqa: ARG001
    """Condition keys of a listing."""
    return {
        "s3:prefix": req.prefix or "",
        "s3:delimiter": req.delimiter or "",
        "s3:max-keys": str(1000 if req.max_keys is None else req.max_keys),
    }


def read_conditions(ctx: Context[S3], req: Any) -> Conditions:
    """Condition keys of a request about an object that may exist: its tags, and its version."""
    if ctx.principal.kind == "root":
        return {}
    version: str | None = req.version_id
    found = ctx.service.objects.find(req.bucket, req.key, version or "")
    return conditions_of(found, version)


def conditions_of(found: Summary | None, version: str | None = None) -> dict[str, str]:
    """Condition keys that tell an object's tags, and the version that a request names."""
    tags = {} if found is None else found.attributes.tags
    known = {f"s3:ExistingObjectTag/{key}": value for key, value in tags.items()}
    return known if version is None else {**known, "s3:VersionId": version}


def write_conditions(ctx: Context[S3], req: Any) -> Conditions:  # noqa: ARG001
    """Condition keys of a request that writes an object."""
    given = {
        "s3:x-amz-acl": req.acl,
        "s3:x-amz-storage-class": req.storage_class,
        "s3:x-amz-server-side-encryption": req.server_side_encryption,
        "s3:if-none-match": getattr(req, "if_none_match", None),
        "s3:if-match": getattr(req, "if_match", None),
    }
    return {key: value for key, value in given.items() if value is not None}


def version_action(verb: str, what: str = "") -> Callable[[Context[S3], Any], str]:
    """Reading, changing or deleting a version by its id is an action of its own.

    `what` is the part of an object that the action is about, such as its Tagging.
    """

    def action(ctx: Context[S3], req: Any) -> str:  # noqa: ARG001
        return f"s3:{verb}Object{'' if req.version_id is None else 'Version'}{what}"

    return action


get_action = version_action("Get")
delete_action = version_action("Delete")


def require_list(ctx: Context[S3], bucket: BucketRecord) -> None:
    """Raise AccessDenied unless the caller may know which keys there are.

    Without s3:ListBucket a missing key is a 403 and not a 404 ("GetObject", Permissions).
    """
    ctx.authorise("s3:ListBucket", bucket.arn, policy=policy_of(ctx, bucket))
