"""Provisioned concurrency: environments of a version that are started before they are asked for."""

from __future__ import annotations

from typing import Any

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    DeleteProvisionedConcurrencyConfigRequest,
    GetProvisionedConcurrencyConfigRequest,
    GetProvisionedConcurrencyConfigResponse,
    ListProvisionedConcurrencyConfigsRequest,
    ListProvisionedConcurrencyConfigsResponse,
    ProvisionedConcurrencyConfigListItem,
    PutProvisionedConcurrencyConfigRequest,
    PutProvisionedConcurrencyConfigResponse,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_.concurrency import UNRESERVED_MINIMUM
from cloudlet.services.lambda_.errors import (
    InvalidParameterValue,
    ProvisionedConcurrencyNotFound,
    ResourceConflict,
)
from cloudlet.services.lambda_.model import ProvisionedRecord
from cloudlet.services.lambda_.names import LATEST, FunctionName
from cloudlet.services.lambda_.resources import function_arn, function_policy, named
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.store import page, timestamp

Lambda = Context[LambdaService]


@operation("PutProvisionedConcurrencyConfig", resource=function_arn, policy=function_policy)
async def put_provisioned_concurrency_config(
    ctx: Lambda, req: PutProvisionedConcurrencyConfigRequest
) -> PutProvisionedConcurrencyConfigResponse:
    """Keep so many environments of a version, or of what an alias points to, ready."""
    name = named(ctx, req)
    store = ctx.service.store
    async with ctx.service.changing(name):
        _check(ctx, name, req.provisioned_concurrent_executions)
        record = ProvisionedRecord(
            qualifier=req.qualifier,
            requested=req.provisioned_concurrent_executions,
            modified=timestamp(),
        )
        id_ = f"{name.name}:{name.qualifier}"
        await store.provisioned.put(name.account, name.region, id_, record)
        await ctx.service.provision(name)
    return PutProvisionedConcurrencyConfigResponse(
        requested_provisioned_concurrent_executions=record.requested,
        available_provisioned_concurrent_executions=0,
        allocated_provisioned_concurrent_executions=0,
        status="IN_PROGRESS",
        last_modified=record.modified,
    )


@operation("GetProvisionedConcurrencyConfig", resource=function_arn, policy=function_policy)
async def get_provisioned_concurrency_config(
    ctx: Lambda, req: GetProvisionedConcurrencyConfigRequest
) -> GetProvisionedConcurrencyConfigResponse:
    """How many environments are ready of those that were asked for."""
    name = named(ctx, req)
    _published(ctx, name)
    return GetProvisionedConcurrencyConfigResponse(**_shown(ctx, name, _get(ctx, name)))


@operation("DeleteProvisionedConcurrencyConfig", resource=function_arn, policy=function_policy)
async def delete_provisioned_concurrency_config(
    ctx: Lambda, req: DeleteProvisionedConcurrencyConfigRequest
) -> None:
    """Keep none ready any more; deleting what is not there succeeds."""
    name = named(ctx, req)
    store = ctx.service.store
    async with ctx.service.changing(name):
        _published(ctx, name)
        id_ = f"{name.name}:{name.qualifier}"
        await store.provisioned.delete(name.account, name.region, id_)
        await ctx.service.provision(name)


@operation("ListProvisionedConcurrencyConfigs", resource=function_arn, policy=function_policy)
async def list_provisioned_concurrency_configs(
    ctx: Lambda, req: ListProvisionedConcurrencyConfigsRequest
) -> ListProvisionedConcurrencyConfigsResponse:
    """What is provisioned of the function's versions and aliases."""
    name = named(ctx, req)
    store = ctx.service.store
    store.function(name)
    rows = []
    for id_, record in store.provisioned.scan(name.account, name.region, f"{name.name}:"):
        whose = FunctionName(*name.key, record.qualifier)
        item = ProvisionedConcurrencyConfigListItem(
            function_arn=whose.qualified_arn, **_shown(ctx, whose, record)
        )
        rows.append((id_, item))
    configs, marker = page(rows, req.marker, req.max_items)
    return ListProvisionedConcurrencyConfigsResponse(
        provisioned_concurrency_configs=configs, next_marker=marker
    )


def _alias(ctx: Lambda, name: FunctionName) -> None:
    """Raise AWS's error where the qualifier is of an alias that is not there."""
    qualifier = name.qualifier or LATEST
    if qualifier != LATEST and not qualifier.isdigit():
        ctx.service.store.alias(name, qualifier)


def _published(ctx: Lambda, name: FunctionName) -> None:
    """Raise AWS's error unless the qualifier is of a version or alias that is there."""
    if name.qualifier == LATEST:
        raise InvalidParameterValue(
            "The function resource provided must be an alias or a published version."
        )
    _alias(ctx, name)
    ctx.service.store.configuration(name)


def _get(ctx: Lambda, name: FunctionName) -> ProvisionedRecord:
    store = ctx.service.store
    found = store.provisioned.get(name.account, name.region, f"{name.name}:{name.qualifier}")
    if found is None:
        raise ProvisionedConcurrencyNotFound(
            "No Provisioned Concurrency Config found for this function"
        )
    return found


def _check(ctx: Lambda, name: FunctionName, wanted: int) -> None:
    """Versions and aliases of versions only, within the function's or the account's limit."""
    store = ctx.service.store
    _alias(ctx, name)
    version = store.configuration(name).version
    if version == LATEST:
        raise InvalidParameterValue(
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
        )
    if store.configuration(name).snap_start:
        raise InvalidParameterValue(
            "Provisioned Concurrency is not supported for SnapStart enabled functions."
        )
    others = 0
    for _, record in store.provisioned.scan(name.account, name.region, f"{name.name}:"):
        if record.qualifier == name.qualifier:
            continue
        others += record.requested
        other = store.configuration(FunctionName(*name.key, record.qualifier)).version
        if other == version:
            raise ResourceConflict(
                "Alias can't be used for Provisioned Concurrency configuration on an already"
                " Provisioned version"
                if record.qualifier.isdigit()
                else "Version is pointed by a Provisioned Concurrency alias"
            )
    reserved = store.function(name).reserved_concurrency
    if reserved is not None:
        if others + wanted > reserved:
            raise InvalidParameterValue(
                "Requested Provisioned Concurrency should not be greater than the"
                " reservedConcurrentExecution for function"
            )
        return
    unreserved = ctx.service.targets.account(name.account, name.region).unreserved
    if others + wanted > unreserved:
        raise InvalidParameterValue(
            "Specified ConcurrentExecutions for function is greater than account's unreserved"
            f" concurrency [{unreserved}]."
        )
    if others + wanted > unreserved - UNRESERVED_MINIMUM:
        raise InvalidParameterValue(
            "Specified ConcurrentExecutions for function decreases account's"
            f" UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_MINIMUM}]."
        )


def _shown(ctx: Lambda, name: FunctionName, record: ProvisionedRecord) -> dict[str, Any]:
    ready, reason = ctx.service.provisioned(name)
    status = "READY" if ready >= record.requested else "FAILED" if reason else "IN_PROGRESS"
    return {
        "requested_provisioned_concurrent_executions": record.requested,
        "available_provisioned_concurrent_executions": min(ready, record.requested),
        "allocated_provisioned_concurrent_executions": min(ready, record.requested),
        "status": status,
        "status_reason": reason if status == "FAILED" else None,
        "last_modified": record.modified,
    }
