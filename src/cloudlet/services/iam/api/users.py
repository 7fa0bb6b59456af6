"""Users and their permissions boundaries."""

from __future__ import annotations

from time import time

from msgspec.structs import replace

from cloudlet.aws.models import iam as shapes
from cloudlet.aws.service import operation
from cloudlet.services.iam import ids, rendering
from cloudlet.services.iam.api.requests import (
    Iam,
    entity_keys,
    existing_policy,
    listing,
    merged_tags,
    user_arn,
    user_name,
)
from cloudlet.services.iam.errors import DeleteConflict, EntityAlreadyExists, NoSuchEntity
from cloudlet.services.iam.model import User
from cloudlet.services.iam.paging import page


@operation("CreateUser", resource=user_arn, conditions=entity_keys)
async def create_user(ctx: Iam, req: shapes.CreateUserRequest) -> shapes.CreateUserResponse:
    """Create a user without any permission."""
    store = ctx.service.store
    if store.taken(User, ctx.account, req.user_name):
        raise EntityAlreadyExists(f"User with name {req.user_name} already exists.")
    if req.permissions_boundary:
        existing_policy(store, req.permissions_boundary)
    user = User(
        name=req.user_name,
        path=req.path or "/",
        id=ids.unique_id("AIDA"),
        created_s=float(int(time())),
        boundary=req.permissions_boundary or "",
        tags=merged_tags({}, req.tags, "user"),
    )
    await store.put(ctx.account, user)
    return shapes.CreateUserResponse(user=rendering.user(store, ctx.account, user))


@operation("GetUser", resource=user_arn, conditions=entity_keys)
async def get_user(ctx: Iam, req: shapes.GetUserRequest) -> shapes.GetUserResponse:
    """The user, or the caller where no name is given."""
    store = ctx.service.store
    if not req.user_name and ctx.principal.kind == "root":
        return shapes.GetUserResponse(
            user=shapes.User(
                path="/",
                user_name="root",
                user_id=ctx.account,
                arn=ctx.principal.arn,
                create_date=0.0,
            )
        )
    user = store.get(User, ctx.account, user_name(ctx, req.user_name))
    return shapes.GetUserResponse(user=rendering.user(store, ctx.account, user))


@operation("UpdateUser", resource=user_arn, conditions=entity_keys)
async def update_user(ctx: Iam, req: shapes.UpdateUserRequest) -> None:
    """Rename a user or move it to another path; its keys stay its own."""
    store = ctx.service.store
    user = store.get(User, ctx.account, req.user_name)
    name = req.new_user_name or user.name
    if name.lower() != user.name.lower() and store.taken(User, ctx.account, name):
        raise EntityAlreadyExists(f"User with name {name} already exists.")
    changed = replace(user, name=name, path=req.new_path or user.path)
    if name == user.name:
        await store.put(ctx.account, changed)
        return
    keys = [replace(key, user=name) for key in store.keys_of(ctx.account, user.name)]
    await store.replace(ctx.account, user, changed, *keys)


@operation("DeleteUser", resource=user_arn, conditions=entity_keys)
async def delete_user(ctx: Iam, req: shapes.DeleteUserRequest) -> None:
    """Delete a user from whom everything else has been taken."""
    store = ctx.service.store
    user = store.get(User, ctx.account, req.user_name)
    if store.keys_of(ctx.account, user.name):
        raise DeleteConflict("Cannot delete entity, must delete access keys first.")
    if user.attached:
        raise DeleteConflict("Cannot delete entity, must detach all policies first.")
    if user.inline:
        raise DeleteConflict("Cannot delete entity, must delete policies first.")
    if user.groups:
        raise DeleteConflict("Cannot delete entity, must remove users from group first.")
    await store.delete(ctx.account, user)


@operation("ListUsers", resource=listing("user"))
async def list_users(ctx: Iam, req: shapes.ListUsersRequest) -> shapes.ListUsersResponse:
    """Users by name."""
    store = ctx.service.store
    found = page(
        store.all(User, ctx.account, req.path_prefix), req.marker, req.max_items, lambda u: u.name
    )
    return shapes.ListUsersResponse(
        users=[rendering.user(store, ctx.account, user, brief=True) for user in found.items],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


@operation("PutUserPermissionsBoundary", resource=user_arn, conditions=entity_keys)
async def put_user_permissions_boundary(
    ctx: Iam, req: shapes.PutUserPermissionsBoundaryRequest
) -> None:
    """Set a managed policy as the most that a user may do."""
    store = ctx.service.store
    user = store.get(User, ctx.account, req.user_name)
    existing_policy(store, req.permissions_boundary)
    await store.put(ctx.account, replace(user, boundary=req.permissions_boundary))


@operation("DeleteUserPermissionsBoundary", resource=user_arn, conditions=entity_keys)
async def delete_user_permissions_boundary(
    ctx: Iam, req: shapes.DeleteUserPermissionsBoundaryRequest
) -> None:
    """Take a user's boundary away."""
    store = ctx.service.store
    user = store.get(User, ctx.account, req.user_name)
    if not user.boundary:
        raise NoSuchEntity(f"The user {user.name} does not have a permissions boundary attached")
    await store.put(ctx.account, replace(user, boundary=""))
