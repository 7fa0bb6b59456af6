"""Tags of users, roles and managed policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from cloudlet.aws.errors import AccessDenied
from cloudlet.aws.models import iam as shapes
from cloudlet.aws.service import operation
from cloudlet.services.iam import rendering
from cloudlet.services.iam.api.requests import (
    Conditions,
    Iam,
    entity_keys,
    merged_tags,
    policy_arn,
    role_arn,
    tag_keys,
    user_arn,
)
from cloudlet.services.iam.errors import NoSuchEntity
from cloudlet.services.iam.model import ManagedPolicy, Role, User
from cloudlet.services.iam.paging import Page, page


def _left(tags: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    lowered = {key.lower() for key in keys}
    return {key: value for key, value in tags.items() if key.lower() not in lowered}


def _page(tags: Mapping[str, str], marker: str | None, max_items: int | None) -> Page[shapes.Tag]:
    return page(rendering.tags(dict(sorted(tags.items()))), marker, max_items, lambda tag: tag.key)


def _policy_keys(ctx: Iam, req: object) -> Conditions:  # noqa: ARG001 - a ConditionsOf
    keys = tag_keys(getattr(req, "tags", None))
    if getattr(req, "tag_keys", None):
        keys["aws:TagKeys"] = getattr(req, "tag_keys")  # noqa: B009
    return keys


def _policy(ctx: Iam, arn: str) -> ManagedPolicy:
    policy = ctx.service.store.policy(arn)
    if policy is None:
        raise NoSuchEntity(f"Policy {arn} was not found.")
    if arn.startswith("arn:aws:iam::aws:"):
        raise AccessDenied(
            f"User: {ctx.principal.arn} is not authorized to perform: iam:{ctx.operation} on "
            f"resource: policy {arn}"
        )
    return policy


@operation("TagUser", resource=user_arn, conditions=entity_keys)
async def tag_user(ctx: Iam, req: shapes.TagUserRequest) -> None:
    """Add tags to a user, or give those of the same keys new values."""
    store = ctx.service.store
    user = store.get(User, ctx.account, req.user_name)
    tags = merged_tags(user.tags, req.tags, "user")
    await store.put(ctx.account, replace(user, tags=tags))


@operation("UntagUser", resource=user_arn, conditions=entity_keys)
async def untag_user(ctx: Iam, req: shapes.UntagUserRequest) -> None:
    """Remove tags from a user."""
    store = ctx.service.store
    user = store.get(User, ctx.account, req.user_name)
    await store.put(ctx.account, replace(user, tags=_left(user.tags, req.tag_keys)))


@operation("ListUserTags", resource=user_arn, conditions=entity_keys)
async def list_user_tags(ctx: Iam, req: shapes.ListUserTagsRequest) -> shapes.ListUserTagsResponse:
    """A user's tags, by key."""
    user = ctx.service.store.get(User, ctx.account, req.user_name)
    found = _page(user.tags, req.marker, req.max_items)
    return shapes.ListUserTagsResponse(
        tags=found.items, is_truncated=found.is_truncated, marker=found.marker
    )


@operation("TagRole", resource=role_arn, conditions=entity_keys)
async def tag_role(ctx: Iam, req: shapes.TagRoleRequest) -> None:
    """Add tags to a role, or give those of the same keys new values."""
    store = ctx.service.store
    role = store.get(Role, ctx.account, req.role_name)
    tags = merged_tags(role.tags, req.tags, "role")
    await store.put(ctx.account, replace(role, tags=tags))


@operation("UntagRole", resource=role_arn, conditions=entity_keys)
async def untag_role(ctx: Iam, req: shapes.UntagRoleRequest) -> None:
    """Remove tags from a role."""
    store = ctx.service.store
    role = store.get(Role, ctx.account, req.role_name)
    await store.put(ctx.account, replace(role, tags=_left(role.tags, req.tag_keys)))


@operation("ListRoleTags", resource=role_arn, conditions=entity_keys)
async def list_role_tags(ctx: Iam, req: shapes.ListRoleTagsRequest) -> shapes.ListRoleTagsResponse:
    """A role's tags, by key."""
    role = ctx.service.store.get(Role, ctx.account, req.role_name)
    found = _page(role.tags, req.marker, req.max_items)
    return shapes.ListRoleTagsResponse(
        tags=found.items, is_truncated=found.is_truncated, marker=found.marker
    )


@operation("TagPolicy", resource=policy_arn, conditions=_policy_keys)
async def tag_policy(ctx: Iam, req: shapes.TagPolicyRequest) -> None:
    """Add tags to a managed policy, or give those of the same keys new values."""
    policy = _policy(ctx, req.policy_arn)
    tags = merged_tags(policy.tags, req.tags, "policy")
    await ctx.service.store.put(ctx.account, replace(policy, tags=tags))


@operation("UntagPolicy", resource=policy_arn, conditions=_policy_keys)
async def untag_policy(ctx: Iam, req: shapes.UntagPolicyRequest) -> None:
    """Remove tags from a managed policy."""
    policy = _policy(ctx, req.policy_arn)
    left = _left(policy.tags, req.tag_keys)
    await ctx.service.store.put(ctx.account, replace(policy, tags=left))


@operation("ListPolicyTags", resource=policy_arn)
async def list_policy_tags(
    ctx: Iam, req: shapes.ListPolicyTagsRequest
) -> shapes.ListPolicyTagsResponse:
    """A managed policy's tags, by key."""
    found = _page(_policy(ctx, req.policy_arn).tags, req.marker, req.max_items)
    return shapes.ListPolicyTagsResponse(
        tags=found.items, is_truncated=found.is_truncated, marker=found.marker
    )
