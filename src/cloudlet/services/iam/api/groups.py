"""Groups and who is in them."""

from __future__ import annotations

from time import time

from msgspec.structs import replace

from cloudlet.aws.models import iam as shapes
from cloudlet.aws.service import operation
from cloudlet.services.iam import ids, rendering
from cloudlet.services.iam.api.requests import Iam, group_arn, listing, user_arn
from cloudlet.services.iam.errors import DeleteConflict, EntityAlreadyExists, LimitExceeded
from cloudlet.services.iam.model import Group, User
from cloudlet.services.iam.paging import page

_PER_USER = 10


@operation("CreateGroup", resource=group_arn)
async def create_group(ctx: Iam, req: shapes.CreateGroupRequest) -> shapes.CreateGroupResponse:
    """Create an empty group."""
    store = ctx.service.store
    if store.taken(Group, ctx.account, req.group_name):
        raise EntityAlreadyExists(f"Group with name {req.group_name} already exists.")
    group = Group(
        name=req.group_name,
        path=req.path or "/",
        id=ids.unique_id("AGPA"),
        created_s=float(int(time())),
    )
    await store.put(ctx.account, group)
    return shapes.CreateGroupResponse(group=rendering.group(store, ctx.account, group))


@operation("GetGroup", resource=group_arn)
async def get_group(ctx: Iam, req: shapes.GetGroupRequest) -> shapes.GetGroupResponse:
    """A group with its users."""
    store = ctx.service.store
    group = store.get(Group, ctx.account, req.group_name)
    found = page(_members(ctx, group), req.marker, req.max_items, lambda user: user.name)
    return shapes.GetGroupResponse(
        group=rendering.group(store, ctx.account, group),
        users=[rendering.user(store, ctx.account, user, brief=True) for user in found.items],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


@operation("UpdateGroup", resource=group_arn)
async def update_group(ctx: Iam, req: shapes.UpdateGroupRequest) -> None:
    """Rename a group or move it to another path."""
    store = ctx.service.store
    group = store.get(Group, ctx.account, req.group_name)
    name = req.new_group_name or group.name
    if name.lower() != group.name.lower() and store.taken(Group, ctx.account, name):
        raise EntityAlreadyExists(f"Group with name {name} already exists.")
    changed = replace(group, name=name, path=req.new_path or group.path)
    if name == group.name:
        await store.put(ctx.account, changed)
        return
    members = [
        replace(user, groups=tuple(name if g == group.name else g for g in user.groups))
        for user in _members(ctx, group)
    ]
    await store.replace(ctx.account, group, changed, *members)


@operation("DeleteGroup", resource=group_arn)
async def delete_group(ctx: Iam, req: shapes.DeleteGroupRequest) -> None:
    """Delete a group without users and policies."""
    group = ctx.service.store.get(Group, ctx.account, req.group_name)
    if _members(ctx, group):
        raise DeleteConflict("Cannot delete entity, must remove users from group first.")
    if group.attached:
        raise DeleteConflict("Cannot delete entity, must detach all policies first.")
    if group.inline:
        raise DeleteConflict("Cannot delete entity, must delete policies first.")
    await ctx.service.store.delete(ctx.account, group)


@operation("ListGroups", resource=listing("group"))
async def list_groups(ctx: Iam, req: shapes.ListGroupsRequest) -> shapes.ListGroupsResponse:
    """Groups by name."""
    store = ctx.service.store
    found = page(
        store.all(Group, ctx.account, req.path_prefix), req.marker, req.max_items, lambda g: g.name
    )
    return shapes.ListGroupsResponse(
        groups=[rendering.group(store, ctx.account, group) for group in found.items],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


@operation("AddUserToGroup", resource=group_arn)
async def add_user_to_group(ctx: Iam, req: shapes.AddUserToGroupRequest) -> None:
    """Add a user to a group; nothing happens if it is in it."""
    store = ctx.service.store
    group = store.get(Group, ctx.account, req.group_name)
    user = store.get(User, ctx.account, req.user_name)
    if group.name in user.groups:
        return
    if len(user.groups) >= _PER_USER:
        raise LimitExceeded(f"Cannot exceed quota for GroupsPerUser: {_PER_USER}")
    await store.put(ctx.account, replace(user, groups=(*user.groups, group.name)))


@operation("RemoveUserFromGroup", resource=group_arn)
async def remove_user_from_group(ctx: Iam, req: shapes.RemoveUserFromGroupRequest) -> None:
    """Take a user out of a group; nothing happens if it is not in it."""
    store = ctx.service.store
    group = store.get(Group, ctx.account, req.group_name)
    user = store.get(User, ctx.account, req.user_name)
    if group.name in user.groups:
        left = tuple(name for name in user.groups if name != group.name)
        await store.put(ctx.account, replace(user, groups=left))


@operation("ListGroupsForUser", resource=user_arn)
async def list_groups_for_user(
    ctx: Iam, req: shapes.ListGroupsForUserRequest
) -> shapes.ListGroupsForUserResponse:
    """The groups that a user is in."""
    store = ctx.service.store
    user = store.get(User, ctx.account, req.user_name)
    groups = [store.get(Group, ctx.account, name) for name in sorted(user.groups)]
    found = page(groups, req.marker, req.max_items, lambda group: group.name)
    return shapes.ListGroupsForUserResponse(
        groups=[rendering.group(store, ctx.account, group) for group in found.items],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


def _members(ctx: Iam, group: Group) -> list[User]:
    return [user for user in ctx.service.store.all(User, ctx.account) if group.name in user.groups]
