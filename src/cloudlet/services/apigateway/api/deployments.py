"""Deployments: snapshots of an API."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models import apigateway as types
from cloudlet.aws.service import operation
from cloudlet.services.apigateway.api.rest_apis import page
from cloudlet.services.apigateway.errors import BadRequest
from cloudlet.services.apigateway.model import Deployment, RestApi, Stage
from cloudlet.services.apigateway.store import ApiGateway, api_arn, new_id, now
from cloudlet.storage.records import Change

Ctx = Context[ApiGateway]


def of_deployment(ctx: Ctx, req: Any) -> str:
    """The ARN of the deployment, or of the API's deployments, that a request names."""
    id_ = getattr(req, "deployment_id", None)
    return api_arn(ctx, f"/restapis/{req.rest_api_id}/deployments" + (f"/{id_}" if id_ else ""))


@operation("CreateDeployment", action="apigateway:POST", resource=of_deployment)
async def create_deployment(ctx: Ctx, req: types.CreateDeploymentRequest) -> types.Deployment:
    """Take a snapshot of the API; with `stageName`, make that stage serve it, in one commit."""
    api = ctx.service.api(ctx, req.rest_api_id)
    _check_complete(api)
    if req.cache_cluster_enabled or req.canary_settings:
        raise BadRequest("Cache clusters and canary releases are not supported by cloudlet")
    made = Deployment(new_id(6), api.id, now(), api, req.description)
    store = ctx.service
    changes = [Change(store.deployments, ctx.account, ctx.region, f"{api.id}/{made.id}", made)]
    if req.stage_name:
        key = f"{api.id}/{req.stage_name}"
        known = store.stages.get(ctx.account, ctx.region, key)
        stage = known or Stage(req.stage_name, api.id, made.id, now(), now())
        stage = msgspec.structs.replace(
            stage,
            deployment_id=made.id,
            updated=now(),
            variables={**stage.variables, **(req.variables or {})},
            description=req.stage_description or stage.description,
        )
        changes.append(Change(store.stages, ctx.account, ctx.region, key, stage))
    await store.parts.records.commit(*changes)
    return describe(made)


def _check_complete(api: RestApi) -> None:
    methods = [m for resource in api.resources.values() for m in resource.methods.values()]
    if not methods:
        raise BadRequest("The REST API doesn't contain any methods")
    if any(method.integration is None for method in methods):
        raise BadRequest("No integration defined for method")


@operation("GetDeployment", action="apigateway:GET", resource=of_deployment)
async def get_deployment(ctx: Ctx, req: types.GetDeploymentRequest) -> types.Deployment:
    """Describe a deployment."""
    return describe(ctx.service.deployment(ctx, req.rest_api_id, req.deployment_id))


@operation("GetDeployments", action="apigateway:GET", resource=of_deployment)
async def get_deployments(ctx: Ctx, req: types.GetDeploymentsRequest) -> types.Deployments:
    """Describe an API's deployments, a page at a time."""
    api = ctx.service.api(ctx, req.rest_api_id)
    found = ctx.service.deployments.scan(ctx.account, ctx.region, f"{api.id}/")
    items, position = page([describe(each) for _, each in found], req.limit, req.position)
    return types.Deployments(items=items, position=position)


@operation("UpdateDeployment", action="apigateway:PATCH", resource=of_deployment)
async def update_deployment(ctx: Ctx, req: types.UpdateDeploymentRequest) -> types.Deployment:
    """Change a deployment's description."""
    found = ctx.service.deployment(ctx, req.rest_api_id, req.deployment_id)
    for patch in req.patch_operations or []:
        if patch.op != "replace" or patch.path != "/description":
            raise BadRequest(f"Invalid patch path {patch.path}")
        found = msgspec.structs.replace(found, description=patch.value)
    key = f"{found.api_id}/{found.id}"
    await ctx.service.deployments.put(ctx.account, ctx.region, key, found)
    return describe(found)


@operation("DeleteDeployment", action="apigateway:DELETE", resource=of_deployment)
async def delete_deployment(ctx: Ctx, req: types.DeleteDeploymentRequest) -> None:
    """Delete a deployment that no stage serves."""
    found = ctx.service.deployment(ctx, req.rest_api_id, req.deployment_id)
    stages = ctx.service.stages.scan(ctx.account, ctx.region, f"{found.api_id}/")
    if any(stage.deployment_id == found.id for _, stage in stages):
        raise BadRequest("Active stages pointing to this deployment must be moved or deleted")
    await ctx.service.deployments.delete(ctx.account, ctx.region, f"{found.api_id}/{found.id}")


def describe(deployment: Deployment) -> types.Deployment:
    """A deployment as its operations answer it."""
    return types.Deployment(
        id=deployment.id, description=deployment.description, created_date=deployment.created
    )
