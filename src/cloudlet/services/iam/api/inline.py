"""Inline policies of users, groups and roles."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from cloudlet.aws.models import iam as shapes
from cloudlet.aws.service import operation
from cloudlet.services.iam.api.requests import Iam, entity_keys, group_arn, role_arn, user_arn
from cloudlet.services.iam.documents import check_inline, encoded
from cloudlet.services.iam.errors import NoSuchEntity
from cloudlet.services.iam.model import Entity, Group, Role, User
from cloudlet.services.iam.paging import Page, page
from cloudlet.services.iam.store import KINDS

E = TypeVar("E", bound=Entity)


async def _put(ctx: Iam, kind: type[E], name: str, policy: str, document: str) -> None:
    entity = ctx.service.store.get(kind, ctx.account, name)
    check_inline(entity, policy, document)
    changed = replace(entity, inline={**entity.inline, policy: document})
    await ctx.service.store.put(ctx.account, changed)


def _get(ctx: Iam, kind: type[E], name: str, policy: str) -> str:
    entity = ctx.service.store.get(kind, ctx.account, name)
    if policy not in entity.inline:
        raise NoSuchEntity(f"The {KINDS[kind]} policy with name {policy} cannot be found.")
    return encoded(entity.inline[policy])


async def _delete(ctx: Iam, kind: type[E], name: str, policy: str) -> None:
    entity = ctx.service.store.get(kind, ctx.account, name)
    if policy not in entity.inline:
        raise NoSuchEntity(f"The {KINDS[kind]} policy with name {policy} cannot be found.")
    left = {key: value for key, value in entity.inline.items() if key != policy}
    await ctx.service.store.put(ctx.account, replace(entity, inline=left))


def _list(
    ctx: Iam, kind: type[E], name: str, marker: str | None, max_items: int | None
) -> Page[str]:
    entity = ctx.service.store.get(kind, ctx.account, name)
    return page(sorted(entity.inline), marker, max_items, str)


@operation("PutUserPolicy", resource=user_arn, conditions=entity_keys)
async def put_user_policy(ctx: Iam, req: shapes.PutUserPolicyRequest) -> None:
    """Add an inline policy to a user, or replace the one of that name."""
    await _put(ctx, User, req.user_name, req.policy_name, req.policy_document)


@operation("GetUserPolicy", resource=user_arn, conditions=entity_keys)
async def get_user_policy(
    ctx: Iam, req: shapes.GetUserPolicyRequest
) -> shapes.GetUserPolicyResponse:
    """An inline policy of a user."""
    return shapes.GetUserPolicyResponse(
        user_name=req.user_name,
        policy_name=req.policy_name,
        policy_document=_get(ctx, User, req.user_name, req.policy_name),
    )


@operation("DeleteUserPolicy", resource=user_arn, conditions=entity_keys)
async def delete_user_policy(ctx: Iam, req: shapes.DeleteUserPolicyRequest) -> None:
    """Delete an inline policy of a user."""
    await _delete(ctx, User, req.user_name, req.policy_name)


@operation("ListUserPolicies", resource=user_arn, conditions=entity_keys)
async def list_user_policies(
    ctx: Iam, req: shapes.ListUserPoliciesRequest
) -> shapes.ListUserPoliciesResponse:
    """The names of a user's inline policies."""
    found = _list(ctx, User, req.user_name, req.marker, req.max_items)
    return shapes.ListUserPoliciesResponse(
        policy_names=found.items, is_truncated=found.is_truncated, marker=found.marker
    )


@operation("PutGroupPolicy", resource=group_arn)
async def put_group_policy(ctx: Iam, req: shapes.PutGroupPolicyRequest) -> None:
    """Add an inline policy to a group, or replace the one of that name."""
    await _put(ctx, Group, req.group_name, req.policy_name, req.policy_document)


@operation("GetGroupPolicy", resource=group_arn)
async def get_group_policy(
    ctx: Iam, req: shapes.GetGroupPolicyRequest
) -> shapes.GetGroupPolicyResponse:
    """An inline policy of a group."""
    return shapes.GetGroupPolicyResponse(
        group_name=req.group_name,
        policy_name=req.policy_name,
        policy_document=_get(ctx, Group, req.group_name, req.policy_name),
    )


@operation("DeleteGroupPolicy", resource=group_arn)
async def delete_group_policy(ctx: Iam, req: shapes.DeleteGroupPolicyRequest) -> None:
    """Delete an inline policy of a group."""
    await _delete(ctx, Group, req.group_name, req.policy_name)


@operation("ListGroupPolicies", resource=group_arn)
async def list_group_policies(
    ctx: Iam, req: shapes.ListGroupPoliciesRequest
) -> shapes.ListGroupPoliciesResponse:
    """The names of a group's inline policies."""
    found = _list(ctx, Group, req.group_name, req.marker, req.max_items)
    return shapes.ListGroupPoliciesResponse(
        policy_names=found.items, is_truncated=found.is_truncated, marker=found.marker
    )


@operation("PutRolePolicy", resource=role_arn, conditions=entity_keys)
async def put_role_policy(ctx: Iam, req: shapes.PutRolePolicyRequest) -> None:
    """Add an inline policy to a role, or replace the one of that name."""
    await _put(ctx, Role, req.role_name, req.policy_name, req.policy_document)


@operation("GetRolePolicy", resource=role_arn, conditions=entity_keys)
async def get_role_policy(
    ctx: Iam, req: shapes.GetRolePolicyRequest
) -> shapes.GetRolePolicyResponse:
    """An inline policy of a role."""
    return shapes.GetRolePolicyResponse(
        role_name=req.role_name,
        policy_name=req.policy_name,
        policy_document=_get(ctx, Role, req.role_name, req.policy_name),
    )


@operation("DeleteRolePolicy", resource=role_arn, conditions=entity_keys)
async def delete_role_policy(ctx: Iam, req: shapes.DeleteRolePolicyRequest) -> None:
    """Delete an inline policy of a role."""
    await _delete(ctx, Role, req.role_name, req.policy_name)


@operation("ListRolePolicies", resource=role_arn, conditions=entity_keys)
async def list_role_policies(
    ctx: Iam, req: shapes.ListRolePoliciesRequest
) -> shapes.ListRolePoliciesResponse:
    """The names of a role's inline policies."""
    found = _list(ctx, Role, req.role_name, req.marker, req.max_items)
    return shapes.ListRolePoliciesResponse(
        policy_names=found.items, is_truncated=found.is_truncated, marker=found.marker
    )
