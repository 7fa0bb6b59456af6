"""Aliases: names for versions, with a share of the traffic for a second one."""

from __future__ import annotations

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    AliasConfiguration,
    AliasRoutingConfiguration,
    CreateAliasRequest,
    DeleteAliasRequest,
    GetAliasRequest,
    ListAliasesRequest,
    ListAliasesResponse,
    UpdateAliasRequest,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_.errors import InvalidParameterValue, ResourceConflict
from cloudlet.services.lambda_.model import AliasRecord
from cloudlet.services.lambda_.names import LATEST, FunctionName
from cloudlet.services.lambda_.resources import function_arn, function_policy, named
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.store import Store, check_revision, page, revision
from cloudlet.services.lambda_.targets import invocable, not_now

Lambda = Context[LambdaService]


@operation("CreateAlias", resource=function_arn, policy=function_policy)
async def create_alias(ctx: Lambda, req: CreateAliasRequest) -> AliasConfiguration:
    """Name a version."""
    name = named(ctx, req)
    store = ctx.service.store
    async with ctx.service.changing(name):
        _check_active(store, name, req.function_version)
        id_ = f"{name.name}:{req.name}"
        if store.aliases.get(name.account, name.region, id_) is not None:
            raise ResourceConflict(f"Alias already exists: {name.arn}:{req.name}")
        alias = AliasRecord(
            name=req.name,
            version=req.function_version,
            revision_id=revision(),
            description=req.description or "",
            weights=_weights(store, name, req.function_version, req.routing_config),
        )
        await store.aliases.put(name.account, name.region, id_, alias)
        ctx.service.targets.forget(name)
    return _shown(name, alias)


@operation("UpdateAlias", resource=function_arn, policy=function_policy)
async def update_alias(ctx: Lambda, req: UpdateAliasRequest) -> AliasConfiguration:
    """Point the alias elsewhere; what the request leaves out stays."""
    name = named(ctx, req)
    store = ctx.service.store
    async with ctx.service.changing(name):
        store.function(name)
        before = store.alias(name, req.name)
        check_revision(req.revision_id, before.revision_id)
        version = req.function_version or before.version
        _check_active(store, name, version)
        weights = before.weights
        if req.routing_config is not None:
            weights = _weights(store, name, version, req.routing_config)
        alias = msgspec.structs.replace(
            before,
            version=version,
            weights=weights,
            description=before.description if req.description is None else req.description,
            revision_id=revision(),
        )
        await store.aliases.put(name.account, name.region, f"{name.name}:{req.name}", alias)
        ctx.service.targets.forget(name)
        await ctx.service.provision(name)
    return _shown(name, alias)


@operation("GetAlias", resource=function_arn, policy=function_policy)
async def get_alias(ctx: Lambda, req: GetAliasRequest) -> AliasConfiguration:
    """One alias."""
    name = named(ctx, req)
    return _shown(name, ctx.service.store.alias(name, req.name))


@operation("DeleteAlias", resource=function_arn, policy=function_policy)
async def delete_alias(ctx: Lambda, req: DeleteAliasRequest) -> None:
    """Delete an alias and all that belongs to it; deleting one that is not there succeeds."""
    name = named(ctx, req)
    store = ctx.service.store
    async with ctx.service.changing(name):
        store.function(name)
        await store.records.commit(*store.removal(name, req.name))
        ctx.service.targets.forget(name)
        await ctx.service.provision(name)


@operation("ListAliases", resource=function_arn, policy=function_policy)
async def list_aliases(ctx: Lambda, req: ListAliasesRequest) -> ListAliasesResponse:
    """The aliases by name, all or those that point to one version."""
    name = named(ctx, req)
    store = ctx.service.store
    store.function(name)
    rows = [
        (alias.name, _shown(name, alias))
        for alias in store.aliases_of(name)
        if req.function_version is None
        or req.function_version == alias.version
        or req.function_version in alias.weights
    ]
    aliases, marker = page(rows, req.marker, req.max_items)
    return ListAliasesResponse(aliases=aliases, next_marker=marker)


def _weights(
    store: Store, name: FunctionName, version: str, routing: AliasRoutingConfiguration | None
) -> dict[str, float]:
    """The additional version's weight, checked."""
    weights = (routing.additional_version_weights if routing else None) or {}
    if len(weights) > 1:
        raise InvalidParameterValue(
            "Number of items in AdditionalVersionWeights cannot be greater than 1"
        )
    for additional in weights:
        if additional == version:
            raise InvalidParameterValue(
                f"Invalid function version {additional}. Function version {additional} is already"
                " included in routing configuration."
            )
        if LATEST in (version, additional):
            raise InvalidParameterValue(
                "$LATEST is not supported for an alias pointing to more than 1 version"
            )
        _check_active(store, name, additional)
    return weights


def _check_active(store: Store, name: FunctionName, version: str) -> None:
    """A version that is being made, or could not be, gets no alias."""
    state = invocable(store.version(name, version))
    if state != "Active":
        raise not_now(state)


def _shown(name: FunctionName, alias: AliasRecord) -> AliasConfiguration:
    return AliasConfiguration(
        alias_arn=f"{name.arn}:{alias.name}",
        name=alias.name,
        function_version=alias.version,
        description=alias.description,
        revision_id=alias.revision_id,
        routing_config=AliasRoutingConfiguration(additional_version_weights=alias.weights)
        if alias.weights
        else None,
    )
