"""Managed policies attached to users, groups and roles."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from cloudlet.aws.models import iam as shapes
from cloudlet.aws.service import operation
from cloudlet.services.iam import rendering
from cloudlet.services.iam.api.requests import (
    Iam,
    attaching_keys,
    entity_keys,
    existing_policy,
    group_arn,
    role_arn,
    user_arn,
)
from cloudlet.services.iam.errors import LimitExceeded, NoSuchEntity
from cloudlet.services.iam.model import Entity, Group, Role, User
from cloudlet.services.iam.paging import Page, page
from cloudlet.services.iam.store import KINDS

E = TypeVar("E", bound=Entity)

#: After the IAM User Guide, "IAM and AWS STS quotas": managed policies of one entity.
_LIMIT = 10


async def _attach(ctx: Iam, kind: type[E], name: str, arn: str) -> None:
    store = ctx.service.store
    entity = store.get(kind, ctx.account, name)
    existing_policy(store, arn)
    if arn in entity.attached:
        return
    if len(entity.attached) >= _LIMIT:
        raise LimitExceeded(
            f"Cannot exceed quota for PoliciesPer{KINDS[kind].capitalize()}: {_LIMIT}"
        )
    await store.put(ctx.account, replace(entity, attached=(*entity.attached, arn)))


async def _detach(ctx: Iam, kind: type[E], name: str, arn: str) -> None:
    store = ctx.service.store
    entity = store.get(kind, ctx.account, name)
    if arn not in entity.attached:
        raise NoSuchEntity(f"Policy {arn} was not found.")
    left = tuple(other for other in entity.attached if other != arn)
    await store.put(ctx.account, replace(entity, attached=left))


def _list(
    ctx: Iam,
    kind: type[E],
    name: str,
    path_prefix: str | None,
    marker: str | None,
    max_items: int | None,
) -> Page[str]:
    entity = ctx.service.store.get(kind, ctx.account, name)
    prefix = path_prefix or "/"
    arns = [arn for arn in entity.attached if arn.split(":policy", 1)[1].startswith(prefix)]
    return page(sorted(arns), marker, max_items, str)


@operation("AttachUserPolicy", resource=user_arn, conditions=entity_keys)
async def attach_user_policy(ctx: Iam, req: shapes.AttachUserPolicyRequest) -> None:
    """Attach a managed policy to a user; nothing happens if it has it."""
    await _attach(ctx, User, req.user_name, req.policy_arn)


@operation("DetachUserPolicy", resource=user_arn, conditions=entity_keys)
async def detach_user_policy(ctx: Iam, req: shapes.DetachUserPolicyRequest) -> None:
    """Detach a managed policy from a user."""
    await _detach(ctx, User, req.user_name, req.policy_arn)


@operation("ListAttachedUserPolicies", resource=user_arn, conditions=entity_keys)
async def list_attached_user_policies(
    ctx: Iam, req: shapes.ListAttachedUserPoliciesRequest
) -> shapes.ListAttachedUserPoliciesResponse:
    """The managed policies attached to a user."""
    found = _list(ctx, User, req.user_name, req.path_prefix, req.marker, req.max_items)
    return shapes.ListAttachedUserPoliciesResponse(
        attached_policies=rendering.attached(found.items),
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


@operation("AttachGroupPolicy", resource=group_arn, conditions=attaching_keys)
async def attach_group_policy(ctx: Iam, req: shapes.AttachGroupPolicyRequest) -> None:
    """Attach a managed policy to a group; nothing happens if it has it."""
    await _attach(ctx, Group, req.group_name, req.policy_arn)


@operation("DetachGroupPolicy", resource=group_arn, conditions=attaching_keys)
async def detach_group_policy(ctx: Iam, req: shapes.DetachGroupPolicyRequest) -> None:
    """Detach a managed policy from a group."""
    await _detach(ctx, Group, req.group_name, req.policy_arn)


@operation("ListAttachedGroupPolicies", resource=group_arn)
async def list_attached_group_policies(
    ctx: Iam, req: shapes.ListAttachedGroupPoliciesRequest
) -> shapes.ListAttachedGroupPoliciesResponse:
    """The managed policies attached to a group."""
    found = _list(ctx, Group, req.group_name, req.path_prefix, req.marker, req.max_items)
    return shapes.ListAttachedGroupPoliciesResponse(
        attached_policies=rendering.attached(found.items),
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


@operation("AttachRolePolicy", resource=role_arn, conditions=entity_keys)
async def attach_role_policy(ctx: Iam, req: shapes.AttachRolePolicyRequest) -> None:
    """Attach a managed policy to a role; nothing happens if it has it."""
    await _attach(ctx, Role, req.role_name, req.policy_arn)


@operation("DetachRolePolicy", resource=role_arn, conditions=entity_keys)
async def detach_role_policy(ctx: Iam, req: shapes.DetachRolePolicyRequest) -> None:
    """Detach a managed policy from a role."""
    await _detach(ctx, Role, req.role_name, req.policy_arn)


@operation("ListAttachedRolePolicies", resource=role_arn, conditions=entity_keys)
async def list_attached_role_policies(
    ctx: Iam, req: shapes.ListAttachedRolePoliciesRequest
) -> shapes.ListAttachedRolePoliciesResponse:
    """The managed policies attached to a role."""
    found = _list(ctx, Role, req.role_name, req.path_prefix, req.marker, req.max_items)
    return shapes.ListAttachedRolePoliciesResponse(
        attached_policies=rendering.attached(found.items),
        is_truncated=found.is_truncated,
        marker=found.marker,
    )
