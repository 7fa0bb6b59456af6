"""Settings that tools read of every function, answered as AWS does where none was made."""

from __future__ import annotations

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    GetFunctionCodeSigningConfigRequest,
    GetFunctionCodeSigningConfigResponse,
    GetFunctionRecursionConfigRequest,
    GetFunctionRecursionConfigResponse,
    GetRuntimeManagementConfigRequest,
    GetRuntimeManagementConfigResponse,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_.resources import function_arn, function_policy, named
from cloudlet.services.lambda_.state import LambdaService

Lambda = Context[LambdaService]


@operation("GetFunctionCodeSigningConfig", resource=function_arn, policy=function_policy)
async def get_function_code_signing_config(
    ctx: Lambda, req: GetFunctionCodeSigningConfigRequest
) -> GetFunctionCodeSigningConfigResponse:
    """No function has a code signing configuration."""
    name = named(ctx, req)
    ctx.service.store.function(name)
    return GetFunctionCodeSigningConfigResponse(code_signing_config_arn="", function_name=name.name)


@operation("GetRuntimeManagementConfig", resource=function_arn, policy=function_policy)
async def get_runtime_management_config(
    ctx: Lambda, req: GetRuntimeManagementConfigRequest
) -> GetRuntimeManagementConfigResponse:
    """Runtimes are the machine's own, and so updated with it."""
    name = named(ctx, req)
    ctx.service.store.configuration(name)
    return GetRuntimeManagementConfigResponse(
        update_runtime_on="Auto",
        function_arn=name.qualified_arn if name.qualifier else f"{name.arn}:$LATEST",
    )


@operation("GetFunctionRecursionConfig", resource=function_arn, policy=function_policy)
async def get_function_recursion_config(
    ctx: Lambda, req: GetFunctionRecursionConfigRequest
) -> GetFunctionRecursionConfigResponse:
    """AWS's default for every function."""
    ctx.service.store.function(named(ctx, req))
    return GetFunctionRecursionConfigResponse(recursive_loop="Terminate")
