"""APIs: create, import, put, read, update, delete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models import apigateway as types
from cloudlet.aws.service import operation
from cloudlet.services.apigateway import openapi
from cloudlet.services.apigateway.errors import BadRequest
from cloudlet.services.apigateway.model import Resource, RestApi
from cloudlet.services.apigateway.store import ApiGateway, api_arn, new_id, now

ENDPOINT_TYPES = frozenset({"EDGE", "REGIONAL", "PRIVATE"})

Ctx = Context[ApiGateway]
# API Gateway's IAM actions are the HTTP verbs of its control plane.
PATHS: Callable[[Ctx, Any], str] = lambda ctx, _: api_arn(ctx, "/restapis")  # noqa: E731


def one_api(ctx: Ctx, req: Any) -> str:
    """The ARN of the API that a request names."""
    return api_arn(ctx, f"/restapis/{req.rest_api_id}")


@operation("CreateRestApi", action="apigateway:POST", resource=PATHS)
async def create_rest_api(ctx: Ctx, req: types.CreateRestApiRequest) -> types.RestApi:
    """Create an API with nothing but its root resource."""
    if req.clone_from:
        raise BadRequest("Cloning an API is not supported by cloudlet; import its document instead")
    if not req.name.strip():
        raise BadRequest("API name must not be blank")
    root = Resource(id=new_id(), path="/")
    api = RestApi(
        id=new_id(),
        name=req.name,
        created=now(),
        root_resource_id=root.id,
        description=req.description,
        version=req.version,
        binary_media_types=tuple(req.binary_media_types or ()),
        minimum_compression_size=_compression(req.minimum_compression_size),
        api_key_source=req.api_key_source or "HEADER",
        endpoint_types=_endpoint_types(req.endpoint_configuration),
        policy=_policy(req.policy),
        disable_execute_api_endpoint=bool(req.disable_execute_api_endpoint),
        tags=dict(req.tags or {}),
        resources={root.id: root},
    )
    return describe(await ctx.service.save(ctx, api))


@operation("ImportRestApi", action="apigateway:POST", resource=PATHS)
async def import_rest_api(ctx: Ctx, req: types.ImportRestApiRequest) -> types.RestApi:
    """Create an API from an OpenAPI document."""
    root_id = new_id()
    blank = RestApi(id=new_id(), name="", created=now(), root_resource_id=root_id)
    api = imported(blank, req.body, req.parameters or {})
    return describe(await ctx.service.save(ctx, api))


@operation("PutRestApi", action="apigateway:PUT", resource=one_api)
async def put_rest_api(ctx: Ctx, req: types.PutRestApiRequest) -> types.RestApi:
    """Replace an API's resources by an OpenAPI document's (`mode` overwrite), or add them."""
    api = ctx.service.api(ctx, req.rest_api_id)
    fresh = imported(api, req.body, req.parameters or {})
    if req.mode != "overwrite":
        fresh = msgspec.structs.replace(
            fresh,
            name=api.name,
            resources=_merged(api.resources, fresh.resources),
            gateway_responses={**api.gateway_responses, **fresh.gateway_responses},
        )
    return describe(await ctx.service.save(ctx, fresh))


def imported(api: RestApi, body: bytes, parameters: dict[str, str]) -> RestApi:
    """`api` with what the OpenAPI document in `body` (JSON or YAML) says."""
    document = openapi.check_document(_read(body))
    info = document.get("info") or {}
    base_path = ""
    if parameters.get("basepath", "ignore") == "prepend":
        base_path = str(document.get("basePath") or "")
    policy = document.get("x-amazon-apigateway-policy")
    return msgspec.structs.replace(
        api,
        name=str(info.get("title") or api.name or "API"),
        description=info.get("description") or api.description,
        version=str(info["version"]) if "version" in info else api.version,
        binary_media_types=tuple(
            document.get("x-amazon-apigateway-binary-media-types") or api.binary_media_types
        ),
        api_key_source=document.get("x-amazon-apigateway-api-key-source") or api.api_key_source,
        policy=_policy(msgspec.json.encode(policy).decode()) if policy else api.policy,
        resources=openapi.resources(document, api.root_resource_id, base_path),
        gateway_responses=openapi.gateway_responses(document),
    )


def _read(body: bytes) -> Any:
    if body.lstrip()[:1] == b"{":
        try:
            return msgspec.json.decode(body)
        except msgspec.DecodeError as error:
            raise BadRequest(f"Failed to parse the uploaded OpenAPI document: {error}") from None
    import yaml

    try:
        return yaml.load(body, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    except (yaml.YAMLError, RecursionError) as error:
        raise BadRequest(f"Failed to parse the uploaded OpenAPI document: {error}") from None


def _merged(old: dict[str, Resource], new: dict[str, Resource]) -> dict[str, Resource]:
    """`old` with the methods of `new` added; paths keep the ids that they have."""
    by_path = {resource.path: resource for resource in old.values()}
    for resource in sorted(new.values(), key=lambda found: found.path.count("/")):
        known = by_path.get(resource.path)
        if known is not None:
            methods = {**known.methods, **resource.methods}
            by_path[resource.path] = msgspec.structs.replace(known, methods=methods)
            continue
        parent = by_path[resource.path.rpartition("/")[0] or "/"]
        by_path[resource.path] = msgspec.structs.replace(resource, parent_id=parent.id)
    return {resource.id: resource for resource in by_path.values()}


def _endpoint_types(given: types.EndpointConfiguration | None) -> tuple[str, ...]:
    found = tuple((given.types if given else None) or ("EDGE",))
    if not ENDPOINT_TYPES.issuperset(found):
        raise BadRequest(f"Endpoint Configuration types can be one of {sorted(ENDPOINT_TYPES)}")
    return found


def _policy(document: str | None) -> str | None:
    if not document:
        return None
    raise BadRequest(
        "Invalid policy document: cloudlet does not enforce resource policies of APIs yet,"
        " so it does not accept one"
    )


def _compression(size: int | None) -> int | None:
    if size is not None:
        raise BadRequest("minimumCompressionSize is not supported by cloudlet yet")
    return None


@operation("GetRestApi", action="apigateway:GET", resource=one_api)
async def get_rest_api(ctx: Ctx, req: types.GetRestApiRequest) -> types.RestApi:
    """Describe an API."""
    return describe(ctx.service.api(ctx, req.rest_api_id))


@operation("GetRestApis", action="apigateway:GET", resource=PATHS)
async def get_rest_apis(ctx: Ctx, req: types.GetRestApisRequest) -> types.RestApis:
    """Describe the APIs, a page at a time."""
    found = [describe(api) for _, api in ctx.service.apis.scan(ctx.account, ctx.region)]
    items, position = page(found, req.limit, req.position)
    return types.RestApis(items=items, position=position)


@operation("UpdateRestApi", action="apigateway:PATCH", resource=one_api)
async def update_rest_api(ctx: Ctx, req: types.UpdateRestApiRequest) -> types.RestApi:
    """Change name, description, binary media types or the default endpoint by patch operations."""
    api = ctx.service.api(ctx, req.rest_api_id)
    for patch in req.patch_operations or []:
        api = _patched(api, patch)
    return describe(await ctx.service.save(ctx, api))


def _patched(api: RestApi, patch: types.PatchOperation) -> RestApi:
    path, value = patch.path or "", patch.value or ""
    if patch.op == "replace" and path == "/name" and value:
        return msgspec.structs.replace(api, name=value)
    if patch.op == "replace" and path == "/description":
        return msgspec.structs.replace(api, description=value)
    if patch.op == "replace" and path == "/disableExecuteApiEndpoint":
        return msgspec.structs.replace(api, disable_execute_api_endpoint=value == "true")
    if patch.op == "replace" and path.startswith("/endpointConfiguration/types"):
        wanted = types.EndpointConfiguration(types=[value])
        return msgspec.structs.replace(api, endpoint_types=_endpoint_types(wanted))
    if path.startswith("/binaryMediaTypes/") and patch.op in ("add", "remove", "replace"):
        media = path.removeprefix("/binaryMediaTypes/").replace("~1", "/").replace("~0", "~")
        kept = [kind for kind in api.binary_media_types if kind != media]
        if patch.op != "remove":
            kept.append(value if patch.op == "replace" and value else media)
        return msgspec.structs.replace(api, binary_media_types=tuple(kept))
    raise BadRequest(f"Invalid patch path {path} for operation {patch.op}")


@operation("DeleteRestApi", action="apigateway:DELETE", resource=one_api)
async def delete_rest_api(ctx: Ctx, req: types.DeleteRestApiRequest) -> None:
    """Delete an API with its deployments and stages."""
    await ctx.service.remove(ctx, ctx.service.api(ctx, req.rest_api_id))


def describe(api: RestApi) -> types.RestApi:
    """An API as its operations answer it."""
    return types.RestApi(
        id=api.id,
        name=api.name,
        description=api.description,
        created_date=api.created,
        version=api.version,
        warnings=list(api.warnings) or None,
        binary_media_types=list(api.binary_media_types) or None,
        api_key_source=api.api_key_source,
        endpoint_configuration=types.EndpointConfiguration(types=list(api.endpoint_types)),
        tags=dict(api.tags),
        disable_execute_api_endpoint=api.disable_execute_api_endpoint,
        root_resource_id=api.root_resource_id,
    )


def page(items: Sequence[Any], limit: int | None, position: str | None) -> tuple[list[Any], Any]:
    """The page of `items` after `position`, at most `limit` (25), and the next position."""
    size = 25 if limit is None else limit
    if not 1 <= size <= 500:
        raise BadRequest("limit must be between 1 and 500")
    try:
        start = int(position or 0)
    except ValueError:
        raise BadRequest("Invalid position parameter specified") from None
    end = start + size
    return list(items[start:end]), str(end) if end < len(items) else None
