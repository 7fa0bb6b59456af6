"""Function URLs: an HTTP address of a function's $LATEST or of an alias."""

from __future__ import annotations

import secrets
import string
from typing import Any

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    Cors,
    CreateFunctionUrlConfigRequest,
    CreateFunctionUrlConfigResponse,
    DeleteFunctionUrlConfigRequest,
    FunctionUrlConfig,
    GetFunctionUrlConfigRequest,
    GetFunctionUrlConfigResponse,
    ListFunctionUrlConfigsRequest,
    ListFunctionUrlConfigsResponse,
    UpdateFunctionUrlConfigRequest,
    UpdateFunctionUrlConfigResponse,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_.errors import ResourceConflict, ResourceNotFound, Validation
from cloudlet.services.lambda_.function_url.cors import METHODS
from cloudlet.services.lambda_.model import CorsRecord, UrlAddress, UrlRecord
from cloudlet.services.lambda_.names import LATEST, FunctionName
from cloudlet.services.lambda_.resources import function_arn, function_policy, named
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.store import page, timestamp
from cloudlet.storage.records import GLOBAL, Change

Lambda = Context[LambdaService]

_ID = string.ascii_lowercase + string.digits


def _conditions(_ctx: Lambda, req: Any) -> dict[str, str]:
    """ "Control access to function URLs": policies may look at the AuthType of a request."""
    auth_type = getattr(req, "auth_type", None)
    return {"lambda:FunctionUrlAuthType": auth_type} if auth_type else {}


@operation(
    "CreateFunctionUrlConfig",
    resource=function_arn,
    policy=function_policy,
    conditions=_conditions,
)
async def create_function_url_config(
    ctx: Lambda, req: CreateFunctionUrlConfigRequest
) -> CreateFunctionUrlConfigResponse:
    """Give the function or alias an address; who may use it is the resource policy's to say."""
    name = named(ctx, req)
    store = ctx.service.store
    async with ctx.service.changing(name):
        _exists(ctx, name)
        if store.url(name) is not None:
            raise ResourceConflict(
                f"Failed to create function url config for [functionArn = {name.qualified_arn}]."
                " Error message:  FunctionUrlConfig exists for this Lambda function"
            )
        now = timestamp()
        qualifier = name.qualifier or LATEST
        url = UrlRecord(
            id="".join(secrets.choice(_ID) for _ in range(32)),
            qualifier=qualifier,
            auth_type=req.auth_type,
            created=now,
            modified=now,
            invoke_mode=req.invoke_mode or "BUFFERED",
            cors=_cors(req.cors),
        )
        await store.records.commit(
            Change(store.urls, name.account, name.region, f"{name.name}:{qualifier}", url),
            Change(
                store.url_addresses,
                GLOBAL,
                GLOBAL,
                url.id,
                UrlAddress(
                    account=name.account,
                    region=name.region,
                    function=name.name,
                    qualifier=qualifier,
                ),
            ),
        )
    return CreateFunctionUrlConfigResponse(**_shown(name, url, CreateFunctionUrlConfigResponse))


@operation("GetFunctionUrlConfig", resource=function_arn, policy=function_policy)
async def get_function_url_config(
    ctx: Lambda, req: GetFunctionUrlConfigRequest
) -> GetFunctionUrlConfigResponse:
    """The address and its settings."""
    name = named(ctx, req)
    url = _get(ctx, name)
    return GetFunctionUrlConfigResponse(**_shown(name, url, GetFunctionUrlConfigResponse))


@operation(
    "UpdateFunctionUrlConfig",
    resource=function_arn,
    policy=function_policy,
    conditions=_conditions,
)
async def update_function_url_config(
    ctx: Lambda, req: UpdateFunctionUrlConfigRequest
) -> UpdateFunctionUrlConfigResponse:
    """Change the settings; what the request leaves out stays, an empty Cors removes it."""
    name = named(ctx, req)
    store = ctx.service.store
    async with ctx.service.changing(name):
        _exists(ctx, name)
        before = _get(ctx, name)
        url = msgspec.structs.replace(
            before,
            auth_type=req.auth_type or before.auth_type,
            invoke_mode=req.invoke_mode or before.invoke_mode,
            cors=before.cors if req.cors is None else _cors(req.cors),
            modified=timestamp(),
        )
        await store.urls.put(name.account, name.region, f"{name.name}:{url.qualifier}", url)
    return UpdateFunctionUrlConfigResponse(**_shown(name, url, UpdateFunctionUrlConfigResponse))


@operation("DeleteFunctionUrlConfig", resource=function_arn, policy=function_policy)
async def delete_function_url_config(ctx: Lambda, req: DeleteFunctionUrlConfigRequest) -> None:
    """Remove the address for good: a new one will be another."""
    name = named(ctx, req)
    store = ctx.service.store
    async with ctx.service.changing(name):
        url = _get(ctx, name)
        id_ = f"{name.name}:{url.qualifier}"
        await store.records.commit(
            Change(store.urls, name.account, name.region, id_, None),
            Change(store.url_addresses, GLOBAL, GLOBAL, url.id, None),
        )


@operation("ListFunctionUrlConfigs", resource=function_arn, policy=function_policy)
async def list_function_url_configs(
    ctx: Lambda, req: ListFunctionUrlConfigsRequest
) -> ListFunctionUrlConfigsResponse:
    """The addresses of a function and its aliases."""
    name = named(ctx, req)
    store = ctx.service.store
    _exists(ctx, FunctionName(*name.key))
    rows = []
    for id_, url in store.urls.scan(name.account, name.region, f"{name.name}:"):
        qualifier = url.qualifier if url.qualifier != LATEST else None
        whose = FunctionName(name.account, name.region, name.name, qualifier)
        rows.append((id_, FunctionUrlConfig(**_shown(whose, url, FunctionUrlConfig))))
    configs, marker = page(rows, req.marker, req.max_items)
    return ListFunctionUrlConfigsResponse(function_url_configs=configs, next_marker=marker)


def _exists(ctx: Lambda, name: FunctionName) -> None:
    try:
        ctx.service.store.configuration(name)
    except ResourceNotFound as error:
        raise ResourceNotFound("Function does not exist") from error


def _get(ctx: Lambda, name: FunctionName) -> UrlRecord:
    found = ctx.service.store.url(name)
    if found is None:
        raise ResourceNotFound("The resource you requested does not exist.")
    return found


def _cors(cors: Cors | None) -> CorsRecord | None:
    """The settings checked; None where nothing is set."""
    if cors is None:
        return None
    for method in cors.allow_methods or ():
        if method not in METHODS:
            raise Validation(
                "cors.allowMethods",
                f"[{', '.join(cors.allow_methods or ())}]",
                "Member must satisfy constraint: [Member must satisfy enum value set:"
                f" [{', '.join(METHODS)}]]",
            )
    given: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name in CorsRecord.__struct_fields__
        if (value := getattr(cors, name)) is not None
    }
    return CorsRecord(**given) if given else None


def _shown(name: FunctionName, url: UrlRecord, kind: type) -> dict[str, Any]:
    cors = None
    if url.cors is not None:
        given = {name: getattr(url.cors, name) for name in CorsRecord.__struct_fields__}
        found: dict[str, Any] = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in given.items()
        }
        cors = Cors(**found)
    members = {
        "function_url": f"https://{url.id}.lambda-url.{name.region}.on.aws/",
        "function_arn": name.qualified_arn,
        "auth_type": url.auth_type,
        "cors": cors,
        "creation_time": url.created,
        "last_modified_time": url.modified,
        "invoke_mode": url.invoke_mode,
    }
    return {k: v for k, v in members.items() if k in kind.__struct_fields__}  # type: ignore[attr-defined]
