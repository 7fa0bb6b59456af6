"""Code signing configurations.

cloudlet has no AWS Signer, so no archive is signed by a publisher: under the policy Enforce code is
refused, under Warn it is deployed, exactly as AWS does with unsigned code.
"""

from __future__ import annotations

import secrets
import string
from typing import Any

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    AllowedPublishers,
    CodeSigningConfig,
    CodeSigningPolicies,
    CreateCodeSigningConfigRequest,
    CreateCodeSigningConfigResponse,
    DeleteCodeSigningConfigRequest,
    DeleteCodeSigningConfigResponse,
    DeleteFunctionCodeSigningConfigRequest,
    GetCodeSigningConfigRequest,
    GetCodeSigningConfigResponse,
    GetFunctionCodeSigningConfigRequest,
    GetFunctionCodeSigningConfigResponse,
    ListCodeSigningConfigsRequest,
    ListCodeSigningConfigsResponse,
    ListFunctionsByCodeSigningConfigRequest,
    ListFunctionsByCodeSigningConfigResponse,
    PutFunctionCodeSigningConfigRequest,
    PutFunctionCodeSigningConfigResponse,
    UpdateCodeSigningConfigRequest,
    UpdateCodeSigningConfigResponse,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_.errors import (
    CodeSigningConfigNotFound,
    ResourceConflict,
    ResourceNotFound,
)
from cloudlet.services.lambda_.model import CodeSigningRecord
from cloudlet.services.lambda_.names import FunctionName
from cloudlet.services.lambda_.resources import function_arn, function_policy, named
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.store import page, timestamp
from cloudlet.services.lambda_.tags import check_tags

Lambda = Context[LambdaService]

_ID = string.ascii_lowercase + string.digits


def _arn(_ctx: Lambda, req: Any) -> str:
    return str(req.code_signing_config_arn)


def _existing(ctx: Lambda, arn: str) -> CodeSigningRecord:
    """The configuration itself; functions that name one that is not there have another error."""
    try:
        return ctx.service.store.signing_config(arn)
    except CodeSigningConfigNotFound as error:
        raise ResourceNotFound(
            f"The Lambda code signing configuration {arn} can not be found."
        ) from error


@operation("CreateCodeSigningConfig")
async def create_code_signing_config(
    ctx: Lambda, req: CreateCodeSigningConfigRequest
) -> CreateCodeSigningConfigResponse:
    """Name the publishers whose signatures count, and what happens to code without one."""
    check_tags(req.tags or {})
    policies = req.code_signing_policies
    record = CodeSigningRecord(
        id="csc-" + "".join(secrets.choice(_ID) for _ in range(17)),
        publishers=tuple(req.allowed_publishers.signing_profile_version_arns),
        policy=(policies and policies.untrusted_artifact_on_deployment) or "Warn",
        modified=timestamp(),
        description=req.description or "",
        tags=req.tags or {},
    )
    await ctx.service.store.code_signing.put(ctx.account, ctx.region, record.id, record)
    return CreateCodeSigningConfigResponse(code_signing_config=_shown(ctx, record))


@operation("GetCodeSigningConfig", resource=_arn)
async def get_code_signing_config(
    ctx: Lambda, req: GetCodeSigningConfigRequest
) -> GetCodeSigningConfigResponse:
    """One configuration."""
    return GetCodeSigningConfigResponse(
        code_signing_config=_shown(ctx, _existing(ctx, _arn(ctx, req)))
    )


@operation("UpdateCodeSigningConfig", resource=_arn)
async def update_code_signing_config(
    ctx: Lambda, req: UpdateCodeSigningConfigRequest
) -> UpdateCodeSigningConfigResponse:
    """Change a configuration; what the request leaves out stays."""
    store = ctx.service.store
    before = _existing(ctx, _arn(ctx, req))
    policies, publishers = req.code_signing_policies, req.allowed_publishers
    record = msgspec.structs.replace(
        before,
        publishers=tuple(publishers.signing_profile_version_arns)
        if publishers
        else before.publishers,
        policy=(policies and policies.untrusted_artifact_on_deployment) or before.policy,
        description=before.description if req.description is None else req.description,
        modified=timestamp(),
    )
    await store.code_signing.put(ctx.account, ctx.region, record.id, record)
    return UpdateCodeSigningConfigResponse(code_signing_config=_shown(ctx, record))


@operation("DeleteCodeSigningConfig", resource=_arn)
async def delete_code_signing_config(
    ctx: Lambda, req: DeleteCodeSigningConfigRequest
) -> DeleteCodeSigningConfigResponse:
    """Delete a configuration that no function uses."""
    store = ctx.service.store
    arn = _arn(ctx, req)
    record = _existing(ctx, arn)
    if _users(ctx, arn):
        raise ResourceConflict(
            "Cannot delete code signing configuration because it is used by one or more functions."
        )
    await store.code_signing.delete(ctx.account, ctx.region, record.id)
    return DeleteCodeSigningConfigResponse()


@operation("ListCodeSigningConfigs")
async def list_code_signing_configs(
    ctx: Lambda, req: ListCodeSigningConfigsRequest
) -> ListCodeSigningConfigsResponse:
    """The account's configurations."""
    found = ctx.service.store.code_signing.scan(ctx.account, ctx.region)
    rows = [(id_, _shown(ctx, record)) for id_, record in found]
    configs, marker = page(rows, req.marker, req.max_items)
    return ListCodeSigningConfigsResponse(code_signing_configs=configs, next_marker=marker)


@operation("ListFunctionsByCodeSigningConfig", resource=_arn)
async def list_functions_by_code_signing_config(
    ctx: Lambda, req: ListFunctionsByCodeSigningConfigRequest
) -> ListFunctionsByCodeSigningConfigResponse:
    """The functions whose code must be signed as the configuration says."""
    arn = _arn(ctx, req)
    _existing(ctx, arn)
    arns, marker = page([(a, a) for a in _users(ctx, arn)], req.marker, req.max_items)
    return ListFunctionsByCodeSigningConfigResponse(function_arns=arns, next_marker=marker)


@operation("PutFunctionCodeSigningConfig", resource=function_arn, policy=function_policy)
async def put_function_code_signing_config(
    ctx: Lambda, req: PutFunctionCodeSigningConfigRequest
) -> PutFunctionCodeSigningConfigResponse:
    """Have the function's code checked from its next deployment on."""
    name = named(ctx, req)
    ctx.service.store.signing_config(req.code_signing_config_arn)
    await _set(ctx, name, req.code_signing_config_arn)
    return PutFunctionCodeSigningConfigResponse(
        code_signing_config_arn=req.code_signing_config_arn, function_name=name.name
    )


@operation("GetFunctionCodeSigningConfig", resource=function_arn, policy=function_policy)
async def get_function_code_signing_config(
    ctx: Lambda, req: GetFunctionCodeSigningConfigRequest
) -> GetFunctionCodeSigningConfigResponse:
    """The function's configuration; "" where it has none."""
    name = named(ctx, req)
    return GetFunctionCodeSigningConfigResponse(
        code_signing_config_arn=ctx.service.store.function(name).code_signing,
        function_name=name.name,
    )


@operation("DeleteFunctionCodeSigningConfig", resource=function_arn, policy=function_policy)
async def delete_function_code_signing_config(
    ctx: Lambda, req: DeleteFunctionCodeSigningConfigRequest
) -> None:
    """Have the function's code checked no more."""
    name = named(ctx, req)
    if not ctx.service.store.function(name).code_signing:
        raise ResourceNotFound("The resource you requested does not exist.")
    await _set(ctx, name, "")


async def _set(ctx: Lambda, name: FunctionName, arn: str) -> None:
    store = ctx.service.store
    async with ctx.service.changing(name):
        function = store.function(name)
        changed = msgspec.structs.replace(function, code_signing=arn)
        await store.functions.put(*name.key, changed)


def _users(ctx: Lambda, arn: str) -> list[str]:
    functions = ctx.service.store.functions.scan(ctx.account, ctx.region)
    return [
        FunctionName(ctx.account, ctx.region, text).arn
        for text, function in functions
        if function.code_signing == arn
    ]


def _shown(ctx: Lambda, record: CodeSigningRecord) -> CodeSigningConfig:
    return CodeSigningConfig(
        code_signing_config_id=record.id,
        code_signing_config_arn=ctx.arn(f"code-signing-config:{record.id}"),
        description=record.description or None,
        allowed_publishers=AllowedPublishers(signing_profile_version_arns=list(record.publishers)),
        code_signing_policies=CodeSigningPolicies(untrusted_artifact_on_deployment=record.policy),
        last_modified=record.modified,
    )
