"""Access keys of users."""

from __future__ import annotations

from time import time

from msgspec.structs import replace

from cloudlet.aws.models import iam as shapes
from cloudlet.aws.service import operation
from cloudlet.services.iam import ids, rendering
from cloudlet.services.iam.api.requests import Iam, entity_keys, user_arn, user_name
from cloudlet.services.iam.errors import LimitExceeded, NoSuchEntity
from cloudlet.services.iam.model import AccessKey, User
from cloudlet.services.iam.paging import page
from cloudlet.storage.records import GLOBAL

_PER_USER = 2


@operation("CreateAccessKey", resource=user_arn, conditions=entity_keys)
async def create_access_key(
    ctx: Iam, req: shapes.CreateAccessKeyRequest
) -> shapes.CreateAccessKeyResponse:
    """Create a key; its secret is told this once."""
    store = ctx.service.store
    user = store.get(User, ctx.account, user_name(ctx, req.user_name))
    if len(store.keys_of(ctx.account, user.name)) >= _PER_USER:
        raise LimitExceeded(f"Cannot exceed quota for AccessKeysPerUser: {_PER_USER}")
    key = AccessKey(
        id=ids.access_key_id("AKIA", ctx.account),
        secret=ids.secret_key(),
        user=user.name,
        status="Active",
        created_s=float(int(time())),
    )
    await store.put(ctx.account, key)
    return shapes.CreateAccessKeyResponse(
        access_key=shapes.AccessKey(
            user_name=key.user,
            access_key_id=key.id,
            status=key.status,
            secret_access_key=key.secret,
            create_date=key.created_s,
        )
    )


@operation("ListAccessKeys", resource=user_arn, conditions=entity_keys)
async def list_access_keys(
    ctx: Iam, req: shapes.ListAccessKeysRequest
) -> shapes.ListAccessKeysResponse:
    """A user's keys, without their secrets."""
    store = ctx.service.store
    user = store.get(User, ctx.account, user_name(ctx, req.user_name))
    keys = sorted(store.keys_of(ctx.account, user.name), key=lambda key: key.id)
    found = page(keys, req.marker, req.max_items, lambda key: key.id)
    return shapes.ListAccessKeysResponse(
        access_key_metadata=[rendering.access_key(key) for key in found.items],
        is_truncated=found.is_truncated,
        marker=found.marker,
    )


@operation("UpdateAccessKey", resource=user_arn, conditions=entity_keys)
async def update_access_key(ctx: Iam, req: shapes.UpdateAccessKeyRequest) -> None:
    """Make a key active or inactive."""
    key = _key(ctx, user_name(ctx, req.user_name), req.access_key_id)
    await ctx.service.store.put(ctx.account, replace(key, status=req.status))


@operation("DeleteAccessKey", resource=user_arn, conditions=entity_keys)
async def delete_access_key(ctx: Iam, req: shapes.DeleteAccessKeyRequest) -> None:
    """Delete a key; requests signed with it fail from now on."""
    key = _key(ctx, user_name(ctx, req.user_name), req.access_key_id)
    await ctx.service.store.delete(ctx.account, key)


@operation("GetAccessKeyLastUsed")
async def get_access_key_last_used(
    ctx: Iam, req: shapes.GetAccessKeyLastUsedRequest
) -> shapes.GetAccessKeyLastUsedResponse:
    """When a key was last used since the server started."""
    key = ctx.service.store.keys.get(ctx.account, GLOBAL, req.access_key_id)
    if key is None:
        raise NoSuchEntity(f"The Access Key with id {req.access_key_id} cannot be found.")
    when, service, region = ctx.service.uses.get(key.id, (None, "N/A", "N/A"))
    return shapes.GetAccessKeyLastUsedResponse(
        user_name=key.user,
        access_key_last_used=shapes.AccessKeyLastUsed(
            last_used_date=when, service_name=service, region=region
        ),
    )


def _key(ctx: Iam, user: str, id_: str) -> AccessKey:
    ctx.service.store.get(User, ctx.account, user)
    key = ctx.service.store.keys.get(ctx.account, GLOBAL, id_)
    if key is None or key.user != user:
        raise NoSuchEntity(f"The Access Key with id {id_} cannot be found.")
    return key
