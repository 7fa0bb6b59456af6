"""Resources of an API, their methods and what the methods call."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models import apigateway as types
from cloudlet.aws.service import operation
from cloudlet.services.apigateway import openapi, templates
from cloudlet.services.apigateway.api.rest_apis import page
from cloudlet.services.apigateway.errors import BadRequest, Conflict, NotFound
from cloudlet.services.apigateway.model import (
    Integration,
    IntegrationResponse,
    Method,
    MethodResponse,
    Resource,
    RestApi,
)
from cloudlet.services.apigateway.store import ApiGateway, api_arn, new_id

VERBS = frozenset({"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "ANY"})

Ctx = Context[ApiGateway]


def of_resource(ctx: Ctx, req: Any) -> str:
    """The ARN of the resource, or of the API's resources, that a request names."""
    path = f"/restapis/{req.rest_api_id}/resources"
    id_ = getattr(req, "resource_id", None) or getattr(req, "parent_id", None)
    verb = getattr(req, "http_method", None)
    return api_arn(ctx, path + (f"/{id_}" if id_ else "") + (f"/methods/{verb}" if verb else ""))


@operation("GetResources", action="apigateway:GET", resource=of_resource)
async def get_resources(ctx: Ctx, req: types.GetResourcesRequest) -> types.Resources:
    """Describe an API's resources, a page at a time; `embed=methods` adds their methods."""
    api = ctx.service.api(ctx, req.rest_api_id)
    whole = "methods" in (req.embed or [])
    ordered = sorted(api.resources.values(), key=lambda resource: resource.path)
    items, position = page([describe(r, whole) for r in ordered], req.limit, req.position)
    return types.Resources(items=items, position=position)


@operation("GetResource", action="apigateway:GET", resource=of_resource)
async def get_resource(ctx: Ctx, req: types.GetResourceRequest) -> types.Resource:
    """Describe a resource."""
    api = ctx.service.api(ctx, req.rest_api_id)
    return describe(_resource(api, req.resource_id), "methods" in (req.embed or []))


@operation("CreateResource", action="apigateway:POST", resource=of_resource)
async def create_resource(ctx: Ctx, req: types.CreateResourceRequest) -> types.Resource:
    """Add a path below another."""
    api = ctx.service.api(ctx, req.rest_api_id)
    parent = _resource(api, req.parent_id)
    openapi.check_part(req.path_part, parent.path)
    siblings = [r for r in api.resources.values() if r.parent_id == parent.id]
    for sibling in siblings:
        if sibling.path_part == req.path_part:
            raise Conflict(
                f"Another resource with the same parent already has this name: {req.path_part}"
            )
        if sibling.path_part and sibling.path_part[0] == "{" == req.path_part[0]:
            raise BadRequest(
                f"A sibling ({sibling.path_part}) of this resource already has a variable path part"
                " -- only one is allowed"
            )
    made = Resource(
        new_id(6), f"{parent.path.rstrip('/')}/{req.path_part}", req.path_part, parent.id
    )
    await _save(ctx, api, made)
    return describe(made, whole=False)


@operation("DeleteResource", action="apigateway:DELETE", resource=of_resource)
async def delete_resource(ctx: Ctx, req: types.DeleteResourceRequest) -> None:
    """Delete a path and everything below it; the root stays."""
    api = ctx.service.api(ctx, req.rest_api_id)
    resource = _resource(api, req.resource_id)
    if resource.parent_id is None:
        raise BadRequest("Cannot delete root resource")
    below = f"{resource.path}/"
    kept = {
        id_: other
        for id_, other in api.resources.items()
        if id_ != resource.id and not other.path.startswith(below)
    }
    await ctx.service.save(ctx, msgspec.structs.replace(api, resources=kept))


@operation("PutMethod", action="apigateway:PUT", resource=of_resource)
async def put_method(ctx: Ctx, req: types.PutMethodRequest) -> types.Method:
    """Add a verb to a resource."""
    api = ctx.service.api(ctx, req.rest_api_id)
    resource = _resource(api, req.resource_id)
    if req.http_method not in VERBS:
        raise BadRequest(
            f"Invalid HttpMethod specified. Valid options are {','.join(sorted(VERBS))}"
        )
    if req.http_method in resource.methods:
        raise Conflict("Method already exists for this resource")
    if req.authorization_type != "NONE" or req.api_key_required:
        raise BadRequest(
            f"Invalid authorization type specified: {req.authorization_type}; cloudlet serves"
            " methods with authorization NONE and without API keys"
        )
    if req.request_validator_id:
        raise BadRequest("Invalid Request Validator identifier specified")
    method = Method(
        http_method=req.http_method,
        operation_name=req.operation_name,
        request_parameters=dict(req.request_parameters or {}),
        request_models=dict(req.request_models or {}),
    )
    await _put_method(ctx, api, resource, method)
    return describe_method(method)


@operation("GetMethod", action="apigateway:GET", resource=of_resource)
async def get_method(ctx: Ctx, req: types.GetMethodRequest) -> types.Method:
    """Describe a method."""
    api = ctx.service.api(ctx, req.rest_api_id)
    return describe_method(_method(_resource(api, req.resource_id), req.http_method))


@operation("DeleteMethod", action="apigateway:DELETE", resource=of_resource)
async def delete_method(ctx: Ctx, req: types.DeleteMethodRequest) -> None:
    """Delete a verb of a resource."""
    api = ctx.service.api(ctx, req.rest_api_id)
    resource = _resource(api, req.resource_id)
    _method(resource, req.http_method)
    methods = {verb: m for verb, m in resource.methods.items() if verb != req.http_method}
    await _save(ctx, api, msgspec.structs.replace(resource, methods=methods))


@operation("PutMethodResponse", action="apigateway:PUT", resource=of_resource)
async def put_method_response(
    ctx: Ctx, req: types.PutMethodResponseRequest
) -> types.MethodResponse:
    """Declare a status code of a method."""
    api = ctx.service.api(ctx, req.rest_api_id)
    resource = _resource(api, req.resource_id)
    method = _method(resource, req.http_method)
    if req.status_code in method.responses:
        raise Conflict("Response already exists for this resource")
    made = MethodResponse(
        req.status_code, dict(req.response_parameters or {}), dict(req.response_models or {})
    )
    responses = {**method.responses, made.status_code: made}
    await _put_method(ctx, api, resource, msgspec.structs.replace(method, responses=responses))
    return _describe_method_response(made)


@operation("PutIntegration", action="apigateway:PUT", resource=of_resource)
async def put_integration(ctx: Ctx, req: types.PutIntegrationRequest) -> types.Integration:
    """Say what a method calls."""
    api = ctx.service.api(ctx, req.rest_api_id)
    resource = _resource(api, req.resource_id)
    method = _method(resource, req.http_method)
    if req.type not in openapi.TYPES.values():
        raise BadRequest(f"Invalid integration type {req.type}: cloudlet serves AWS_PROXY and MOCK")
    integration = openapi.check_integration(
        Integration(
            type=req.type,
            http_method=req.integration_http_method,
            uri=req.uri,
            credentials=req.credentials,
            timeout_ms=req.timeout_in_millis or 29_000,
            passthrough_behavior=req.passthrough_behavior or "WHEN_NO_MATCH",
            content_handling=req.content_handling,
            request_parameters=dict(req.request_parameters or {}),
            request_templates=dict(req.request_templates or {}),
            cache_namespace=resource.id,
        ),
        f"{req.http_method} {resource.path}",
    )
    await _put_method(ctx, api, resource, msgspec.structs.replace(method, integration=integration))
    return describe_integration(integration)


@operation("GetIntegration", action="apigateway:GET", resource=of_resource)
async def get_integration(ctx: Ctx, req: types.GetIntegrationRequest) -> types.Integration:
    """Describe what a method calls."""
    api = ctx.service.api(ctx, req.rest_api_id)
    return describe_integration(
        _integration(_method(_resource(api, req.resource_id), req.http_method))
    )


@operation("DeleteIntegration", action="apigateway:DELETE", resource=of_resource)
async def delete_integration(ctx: Ctx, req: types.DeleteIntegrationRequest) -> None:
    """Let a method call nothing."""
    api = ctx.service.api(ctx, req.rest_api_id)
    resource = _resource(api, req.resource_id)
    method = _method(resource, req.http_method)
    _integration(method)
    await _put_method(ctx, api, resource, msgspec.structs.replace(method, integration=None))


@operation("PutIntegrationResponse", action="apigateway:PUT", resource=of_resource)
async def put_integration_response(
    ctx: Ctx, req: types.PutIntegrationResponseRequest
) -> types.IntegrationResponse:
    """Say what a MOCK integration answers."""
    api = ctx.service.api(ctx, req.rest_api_id)
    resource = _resource(api, req.resource_id)
    method = _method(resource, req.http_method)
    where = f"{req.http_method} {resource.path}"
    for parameter, expression in (req.response_parameters or {}).items():
        templates.response_header(parameter)
        templates.static_value(expression, where)
    made = IntegrationResponse(
        status_code=req.status_code,
        selection_pattern=req.selection_pattern or None,
        response_parameters=dict(req.response_parameters or {}),
        response_templates=dict(req.response_templates or {}),
        content_handling=req.content_handling,
    )
    integration = _integration(method)
    changed = openapi.check_integration(
        msgspec.structs.replace(
            integration, responses={**integration.responses, made.status_code: made}
        ),
        where,
    )
    await _put_method(ctx, api, resource, msgspec.structs.replace(method, integration=changed))
    return _describe_integration_response(made)


def _resource(api: RestApi, id_: str) -> Resource:
    found = api.resources.get(id_)
    if found is None:
        raise NotFound("Invalid Resource identifier specified")
    return found


def _method(resource: Resource, verb: str) -> Method:
    found = resource.methods.get(verb)
    if found is None:
        raise NotFound("Invalid Method identifier specified")
    return found


def _integration(method: Method) -> Integration:
    if method.integration is None:
        raise NotFound("Invalid Integration identifier specified")
    return method.integration


async def _save(ctx: Ctx, api: RestApi, resource: Resource) -> None:
    resources = {**api.resources, resource.id: resource}
    await ctx.service.save(ctx, msgspec.structs.replace(api, resources=resources))


async def _put_method(ctx: Ctx, api: RestApi, resource: Resource, method: Method) -> None:
    methods = {**resource.methods, method.http_method: method}
    await _save(ctx, api, msgspec.structs.replace(resource, methods=methods))


def describe(resource: Resource, whole: bool) -> types.Resource:
    """A resource as its operations answer it; with its methods' content if `whole`."""
    methods = {
        verb: describe_method(method) if whole else types.Method()
        for verb, method in resource.methods.items()
    }
    return types.Resource(
        id=resource.id,
        parent_id=resource.parent_id,
        path_part=resource.path_part,
        path=resource.path,
        resource_methods=methods or None,
    )


def describe_method(method: Method) -> types.Method:
    """A method as its operations answer it."""
    responses = {code: _describe_method_response(r) for code, r in method.responses.items()}
    return types.Method(
        http_method=method.http_method,
        authorization_type=method.authorization_type,
        api_key_required=method.api_key_required,
        operation_name=method.operation_name,
        request_parameters=method.request_parameters or None,
        request_models=method.request_models or None,
        method_responses=responses or None,
        method_integration=(
            None if method.integration is None else describe_integration(method.integration)
        ),
    )


def _describe_method_response(response: MethodResponse) -> types.MethodResponse:
    return types.MethodResponse(
        status_code=response.status_code,
        response_parameters=response.response_parameters or None,
        response_models=response.response_models or None,
    )


def describe_integration(integration: Integration) -> types.Integration:
    """An integration as its operations answer it."""
    responses = {
        code: _describe_integration_response(response)
        for code, response in integration.responses.items()
    }
    return types.Integration(
        type=integration.type,
        http_method=integration.http_method,
        uri=integration.uri,
        credentials=integration.credentials,
        request_parameters=integration.request_parameters or None,
        request_templates=integration.request_templates or None,
        passthrough_behavior=integration.passthrough_behavior,
        content_handling=integration.content_handling,
        timeout_in_millis=integration.timeout_ms,
        cache_namespace=integration.cache_namespace,
        cache_key_parameters=list(integration.cache_key_parameters),
        integration_responses=responses or None,
    )


def _describe_integration_response(response: IntegrationResponse) -> types.IntegrationResponse:
    return types.IntegrationResponse(
        status_code=response.status_code,
        selection_pattern=response.selection_pattern,
        response_parameters=response.response_parameters or None,
        response_templates=response.response_templates or None,
        content_handling=response.content_handling,
    )
