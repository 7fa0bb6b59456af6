"""Roles, their trust policies and permissions boundaries."""

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
    role_arn,
)
from cloudlet.services.iam.documents import check_trust
from cloudlet.services.iam.errors import DeleteConflict, EntityAlreadyExists, NoSuchEntity
from cloudlet.services.iam.model import Role
from cloudlet.services.iam.paging import page


@operation("CreateRole", resource=role_arn, conditions=entity_keys)
async def create_role(ctx: Iam, req: shapes.CreateRoleRequest) -> shapes.CreateRoleResponse:
    """Create a role that whom its trust policy names may assume."""
    store = ctx.service.store
    if store.taken(Role, ctx.account, req.role_name):
        raise EntityAlreadyExists(f"Role with name {req.role_name} already exists.")
    check_trust(store, ctx.account, req.assume_role_policy_document)
    if req.permissions_boundary:
        existing_policy(store, req.permissions_boundary)
    role = Role(
        name=req.role_name,
        path=req.path or "/",
        id=ids.unique_id("AROA"),
        created_s=float(int(time())),
        trust=req.assume_role_policy_document,
        description=req.description or "",
        max_session_s=req.max_session_duration or 3600,
        boundary=req.permissions_boundary or "",
        tags=merged_tags({}, req.tags, "role"),
    )
    await store.put(ctx.account, role)
    return shapes.CreateRoleResponse(role=rendering.role(store, ctx.account, role))


@operation("GetRole", resource=role_arn, conditions=entity_keys)
async def get_role(ctx: Iam, req: shapes.GetRoleRequest) -> shapes.GetRoleResponse:
    """The role."""
    store = ctx.service.store
    role = store.get(Role, ctx.account, req.role_name)
    shown = rendering.role(store, ctx.account, role)
    return shapes.GetRoleResponse(role=shown.replace(role_last_used=shapes.RoleLastUsed()))


@operation("UpdateRole", resource=role_arn, conditions=entity_keys)
async def update_role(ctx: Iam, req: shapes.UpdateRoleRequest) -> shapes.UpdateRoleResponse:
    """Change a role's description or longest session."""
    store = ctx.service.store
    role = store.get(Role, ctx.account, req.role_name)
    if req.description is not None:
        role = replace(role, description=req.description)
    if req.max_session_duration is not None:
        role = replace(role, max_session_s=req.max_session_duration)
    await store.put(ctx.account, role)
    return shapes.UpdateRoleResponse()


@operation("UpdateRoleDescription", resource=role_arn, conditions=entity_keys)
async def update_role_description(
    ctx: Iam, req: shapes.UpdateRoleDescriptionRequest
) -> shapes.UpdateRoleDescriptionResponse:
    """Change a role's description."""
    store = ctx.service.store
    role = replace(store.get(Role, ctx.account, req.role_name), description=req.description)
    await store.put(ctx.account, role)
    return shapes.UpdateRoleDescriptionResponse(role=rendering.role(store, ctx.account, role))


@operation("UpdateAssumeRolePolicy", resource=role_arn, conditions=entity_keys)
async def update_assume_role_policy(ctx: Iam, req: shapes.UpdateAssumeRolePolicyRequest) -> None:
    """Replace a role's trust policy."""
    store = ctx.service.store
    role = store.get(Role, ctx.account, req.role_name)
    check_trust(store, ctx.account, req.policy_document)
    await store.put(ctx.account, replace(role, trust=req.policy_document))


@operation("DeleteRole", resource=role_arn, conditions=entity_keys)
async def delete_role(ctx: Iam, req: shapes.DeleteRoleRequest) -> None:
    """Delete a role without policies; its sessions may do nothing from now on."""
    role = ctx.service.store.get(Role, ctx.account, req.role_name)
    if role.attached:
        raise DeleteConflict("Cannot delete entity, must detach all policies first.")
    if role.inline:
        raise DeleteConflict("Cannot delete entity, must delete policies first.")
    await ctx.service.store.delete(ctx.account, role)


@operation("ListRoles", resource=listing("role"))
async def list_roles(ctx: Iam, req: shapes.ListRolesRequest) -> shapes.ListRolesResponse:
    """Roles by name."""
    store = ctx.service.store
    found = page(
        store.all(Role, ctx.account, req.path_prefix), req.marker, req.max_items, lambda r: r.name
    )
    return shapes.ListRolesResponse(
        roles=[rendering.role(store, ctx.account, role, brief=True) for role in found.items],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


@operation("PutRolePermissionsBoundary", resource=role_arn, conditions=entity_keys)
async def put_role_permissions_boundary(
    ctx: Iam, req: shapes.PutRolePermissionsBoundaryRequest
) -> None:
    """Set a managed policy as the most that a role may do."""
    store = ctx.service.store
    role = store.get(Role, ctx.account, req.role_name)
    existing_policy(store, req.permissions_boundary)
    await store.put(ctx.account, replace(role, boundary=req.permissions_boundary))


@operation("DeleteRolePermissionsBoundary", resource=role_arn, conditions=entity_keys)
async def delete_role_permissions_boundary(
    ctx: Iam, req: shapes.DeleteRolePermissionsBoundaryRequest
) -> None:
    """Take a role's boundary away."""
    store = ctx.service.store
    role = store.get(Role, ctx.account, req.role_name)
    if not role.boundary:
        raise NoSuchEntity(f"The role {role.name} does not have a permissions boundary attached")
    await store.put(ctx.account, replace(role, boundary=""))


@operation("ListInstanceProfilesForRole", resource=role_arn)
async def list_instance_profiles_for_role(
    ctx: Iam, req: shapes.ListInstanceProfilesForRoleRequest
) -> shapes.ListInstanceProfilesForRoleResponse:
    """None: there are no machines here, and so no instance profiles."""
    ctx.service.store.get(Role, ctx.account, req.role_name)
    return shapes.ListInstanceProfilesForRoleResponse(instance_profiles=[], is_truncated=False)
