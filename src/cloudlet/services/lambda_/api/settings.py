"""Runtime management and recursive loops, function by function."""

from __future__ import annotations

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    GetFunctionRecursionConfigRequest,
    GetFunctionRecursionConfigResponse,
    GetRuntimeManagementConfigRequest,
    GetRuntimeManagementConfigResponse,
    PutFunctionRecursionConfigRequest,
    PutFunctionRecursionConfigResponse,
    PutRuntimeManagementConfigRequest,
    PutRuntimeManagementConfigResponse,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_.errors import InvalidParameterValue
from cloudlet.services.lambda_.model import RuntimeManagementRecord
from cloudlet.services.lambda_.names import LATEST, FunctionName
from cloudlet.services.lambda_.resources import function_arn, function_policy, named
from cloudlet.services.lambda_.state import LambdaService

Lambda = Context[LambdaService]


@operation("PutRuntimeManagementConfig", resource=function_arn, policy=function_policy)
async def put_runtime_management_config(
    ctx: Lambda, req: PutRuntimeManagementConfigRequest
) -> PutRuntimeManagementConfigResponse:
    """Note when the runtime may be updated; the machine's interpreters are what they are."""
    name = named(ctx, req)
    store = ctx.service.store
    is_manual = req.update_runtime_on == "Manual"
    if is_manual and not req.runtime_version_arn:
        raise InvalidParameterValue(
            "RuntimeVersionArn is required for the Manual UpdateRuntimeOn mode."
        )
    if req.runtime_version_arn and not is_manual:
        raise InvalidParameterValue(
            "RuntimeVersionArn is only allowed for the Manual UpdateRuntimeOn mode."
        )
    async with ctx.service.changing(name):
        store.configuration(name)
        record = RuntimeManagementRecord(
            update_on=req.update_runtime_on, runtime_version=req.runtime_version_arn or ""
        )
        id_ = f"{name.name}:{name.qualifier or LATEST}"
        await store.runtime_management.put(name.account, name.region, id_, record)
    return PutRuntimeManagementConfigResponse(
        update_runtime_on=record.update_on,
        function_arn=_version_arn(name),
        runtime_version_arn=record.runtime_version or None,
    )


@operation("GetRuntimeManagementConfig", resource=function_arn, policy=function_policy)
async def get_runtime_management_config(
    ctx: Lambda, req: GetRuntimeManagementConfigRequest
) -> GetRuntimeManagementConfigResponse:
    """When the runtime may be updated: always, where nothing was said."""
    name = named(ctx, req)
    store = ctx.service.store
    store.configuration(name)
    id_ = f"{name.name}:{name.qualifier or LATEST}"
    found = store.runtime_management.get(name.account, name.region, id_)
    return GetRuntimeManagementConfigResponse(
        update_runtime_on=found.update_on if found else "Auto",
        function_arn=_version_arn(name),
        runtime_version_arn=(found.runtime_version or None) if found else None,
    )


def _version_arn(name: FunctionName) -> str:
    return f"{name.arn}:{name.qualifier or LATEST}"


@operation("PutFunctionRecursionConfig", resource=function_arn, policy=function_policy)
async def put_function_recursion_config(
    ctx: Lambda, req: PutFunctionRecursionConfigRequest
) -> PutFunctionRecursionConfigResponse:
    """Allow recursive loops of the function, or have them stopped after 16 rounds."""
    name = named(ctx, req)
    store = ctx.service.store
    async with ctx.service.changing(name):
        function = store.function(name)
        changed = msgspec.structs.replace(function, recursion=req.recursive_loop)
        await store.functions.put(*name.key, changed)
        ctx.service.targets.forget(name)
    return PutFunctionRecursionConfigResponse(recursive_loop=req.recursive_loop)


@operation("GetFunctionRecursionConfig", resource=function_arn, policy=function_policy)
async def get_function_recursion_config(
    ctx: Lambda, req: GetFunctionRecursionConfigRequest
) -> GetFunctionRecursionConfigResponse:
    """Whether recursive loops of the function are stopped."""
    function = ctx.service.store.function(named(ctx, req))
    return GetFunctionRecursionConfigResponse(recursive_loop=function.recursion)
