"""Stages: names under which deployments are served."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models import apigateway as types
from cloudlet.aws.service import operation
from cloudlet.services.apigateway.errors import BadRequest, Conflict
from cloudlet.services.apigateway.model import MethodSetting, Stage
from cloudlet.services.apigateway.store import ApiGateway, api_arn, now

NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
VARIABLE = re.compile(r"/variables/([A-Za-z0-9_]+)")
SETTING = re.compile(r"/(.+)/(logging/loglevel|logging/dataTrace|metrics/enabled)")

Ctx = Context[ApiGateway]


def of_stage(ctx: Ctx, req: Any) -> str:
    """The ARN of the stage, or of the API's stages, that a request names."""
    name = getattr(req, "stage_name", None)
    return api_arn(ctx, f"/restapis/{req.rest_api_id}/stages" + (f"/{name}" if name else ""))


@operation("CreateStage", action="apigateway:POST", resource=of_stage)
async def create_stage(ctx: Ctx, req: types.CreateStageRequest) -> types.Stage:
    """Serve a deployment under a name."""
    deployment = ctx.service.deployment(ctx, req.rest_api_id, req.deployment_id)
    if not NAME.fullmatch(req.stage_name):
        raise BadRequest("Stage name only allows a-zA-Z0-9_-")
    key = f"{req.rest_api_id}/{req.stage_name}"
    if ctx.service.stages.get(ctx.account, ctx.region, key) is not None:
        raise Conflict("Stage already exists")
    if req.cache_cluster_enabled or req.canary_settings:
        raise BadRequest("Cache clusters and canary releases are not supported by cloudlet")
    made = Stage(
        name=req.stage_name,
        api_id=req.rest_api_id,
        deployment_id=deployment.id,
        created=now(),
        updated=now(),
        description=req.description,
        variables=dict(req.variables or {}),
        tags=dict(req.tags or {}),
        tracing_enabled=bool(req.tracing_enabled),
    )
    await ctx.service.stages.put(ctx.account, ctx.region, key, made)
    return describe(made)


@operation("GetStage", action="apigateway:GET", resource=of_stage)
async def get_stage(ctx: Ctx, req: types.GetStageRequest) -> types.Stage:
    """Describe a stage."""
    return describe(ctx.service.stage(ctx, req.rest_api_id, req.stage_name))


@operation("GetStages", action="apigateway:GET", resource=of_stage)
async def get_stages(ctx: Ctx, req: types.GetStagesRequest) -> types.Stages:
    """Describe an API's stages, or those of one deployment."""
    api = ctx.service.api(ctx, req.rest_api_id)
    found = [stage for _, stage in ctx.service.stages.scan(ctx.account, ctx.region, f"{api.id}/")]
    if req.deployment_id:
        found = [stage for stage in found if stage.deployment_id == req.deployment_id]
    return types.Stages(item=[describe(stage) for stage in found])


@operation("UpdateStage", action="apigateway:PATCH", resource=of_stage)
async def update_stage(ctx: Ctx, req: types.UpdateStageRequest) -> types.Stage:
    """Change a stage by patch operations: deployment, description, variables, logging."""
    stage = ctx.service.stage(ctx, req.rest_api_id, req.stage_name)
    for patch in req.patch_operations or []:
        stage = _patched(ctx, stage, patch)
    stage = msgspec.structs.replace(stage, updated=now())
    key = f"{stage.api_id}/{stage.name}"
    await ctx.service.stages.put(ctx.account, ctx.region, key, stage)
    return describe(stage)


def _patched(ctx: Ctx, stage: Stage, patch: types.PatchOperation) -> Stage:
    path, value = patch.path or "", patch.value or ""
    if path == "/deploymentId" and patch.op in ("replace", "copy"):
        ctx.service.deployment(ctx, stage.api_id, value)
        return msgspec.structs.replace(stage, deployment_id=value)
    if path == "/description" and patch.op == "replace":
        return msgspec.structs.replace(stage, description=value)
    if path == "/tracingEnabled" and patch.op == "replace":
        return msgspec.structs.replace(stage, tracing_enabled=value == "true")
    variable = VARIABLE.fullmatch(path)
    if variable is not None:
        variables = {k: v for k, v in stage.variables.items() if k != variable.group(1)}
        if patch.op != "remove":
            variables[variable.group(1)] = value
        return msgspec.structs.replace(stage, variables=variables)
    setting = SETTING.fullmatch(path)
    if setting is not None and patch.op == "replace":
        return _with_setting(stage, setting.group(1), setting.group(2), value)
    raise BadRequest(f"Invalid patch path {path} for operation {patch.op}")


def _with_setting(stage: Stage, method: str, setting: str, value: str) -> Stage:
    method = method.replace("~1", "/").replace("~0", "~")
    known = stage.method_settings.get(method, MethodSetting())
    if setting == "logging/loglevel":
        if value not in ("OFF", "ERROR", "INFO"):
            raise BadRequest("Invalid logging level specified. Valid: OFF, ERROR, INFO")
        known = msgspec.structs.replace(known, logging_level=value)
    elif setting == "logging/dataTrace":
        known = msgspec.structs.replace(known, data_trace_enabled=value == "true")
    else:
        known = msgspec.structs.replace(known, metrics_enabled=value == "true")
    settings = {**stage.method_settings, method: known}
    return msgspec.structs.replace(stage, method_settings=settings)


@operation("DeleteStage", action="apigateway:DELETE", resource=of_stage)
async def delete_stage(ctx: Ctx, req: types.DeleteStageRequest) -> None:
    """Serve a deployment no longer under this name."""
    stage = ctx.service.stage(ctx, req.rest_api_id, req.stage_name)
    await ctx.service.stages.delete(ctx.account, ctx.region, f"{stage.api_id}/{stage.name}")


def describe(stage: Stage) -> types.Stage:
    """A stage as its operations answer it."""
    settings = {
        path: types.MethodSetting(
            metrics_enabled=setting.metrics_enabled,
            logging_level=setting.logging_level,
            data_trace_enabled=setting.data_trace_enabled,
        )
        for path, setting in stage.method_settings.items()
    }
    return types.Stage(
        deployment_id=stage.deployment_id,
        stage_name=stage.name,
        description=stage.description,
        cache_cluster_enabled=False,
        cache_cluster_status="NOT_AVAILABLE",
        method_settings=settings,
        variables=stage.variables or None,
        tracing_enabled=stage.tracing_enabled,
        tags=stage.tags or None,
        created_date=stage.created,
        last_updated_date=stage.updated,
    )
