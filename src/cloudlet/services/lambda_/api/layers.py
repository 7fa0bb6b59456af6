"""Layers: versioned archives that functions see at /opt."""

from __future__ import annotations

from typing import Any

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    DeleteLayerVersionRequest,
    GetLayerVersionByArnRequest,
    GetLayerVersionRequest,
    GetLayerVersionResponse,
    LayersListItem,
    LayerVersionContentOutput,
    LayerVersionsListItem,
    ListLayersRequest,
    ListLayersResponse,
    ListLayerVersionsRequest,
    ListLayerVersionsResponse,
    PublishLayerVersionRequest,
    PublishLayerVersionResponse,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_.errors import InvalidParameterValue, ResourceNotFound
from cloudlet.services.lambda_.model import LayerCounter, LayerVersionRecord
from cloudlet.services.lambda_.names import FunctionName, LayerName, layer_name
from cloudlet.services.lambda_.resources import layer_arn, layer_policy
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.store import page, timestamp
from cloudlet.storage.records import Change

Lambda = Context[LambdaService]


def _given_arn(_ctx: Lambda, req: GetLayerVersionByArnRequest) -> str:
    return req.arn


@operation("PublishLayerVersion", resource=layer_arn)
async def publish_layer_version(
    ctx: Lambda, req: PublishLayerVersionRequest
) -> PublishLayerVersionResponse:
    """Publish an archive as the next version of a layer."""
    name = layer_name(ctx, req.layer_name)
    if name.version is not None or name.account != ctx.account:
        raise InvalidParameterValue(f"Invalid layer name: {req.layer_name}")
    store, content = ctx.service.store, req.content
    lock = FunctionName(name.account, name.region, f"layer:{name.name}")
    async with (
        ctx.service.received(
            ctx,
            zip_file=content.zip_file,
            bucket=content.s3_bucket,
            key=content.s3_key,
            version=content.s3_object_version,
        ) as archive,
        ctx.service.changing(lock),
    ):
        counter = store.layer_counters.get(name.account, name.region, name.name)
        version = counter.next_version if counter else 1
        layer = LayerVersionRecord(
            layer=name.name,
            version=version,
            code=archive,
            created=timestamp(),
            description=req.description or "",
            runtimes=tuple(req.compatible_runtimes or ()),
            architectures=tuple(req.compatible_architectures or ()),
            license=req.license_info or "",
        )
        key = name.account, name.region
        await store.records.commit(
            Change(store.layer_counters, *key, name.name, LayerCounter(next_version=version + 1)),
            Change(store.layers, *key, f"{name.name}:{version}", layer),
        )
    return PublishLayerVersionResponse(**_shown(name, layer), content=_content(ctx, layer))


@operation("GetLayerVersion", resource=layer_arn, policy=layer_policy)
async def get_layer_version(ctx: Lambda, req: GetLayerVersionRequest) -> GetLayerVersionResponse:
    """One version of a layer, with a signed address of its archive."""
    return _get(ctx, layer_name(ctx, req.layer_name, req.version_number))


@operation(
    "GetLayerVersionByArn",
    action="lambda:GetLayerVersion",
    resource=_given_arn,
    policy=layer_policy,
)
async def get_layer_version_by_arn(
    ctx: Lambda, req: GetLayerVersionByArnRequest
) -> GetLayerVersionResponse:
    """One version of a layer by its ARN."""
    return _get(ctx, layer_name(ctx, req.arn))


@operation("DeleteLayerVersion", resource=layer_arn)
async def delete_layer_version(ctx: Lambda, req: DeleteLayerVersionRequest) -> None:
    """Delete a version; functions that use it keep it. One that is not there is no error."""
    if req.version_number < 1:
        raise InvalidParameterValue("Layer Version Cannot be less than 1")
    name = layer_name(ctx, req.layer_name, req.version_number)
    store = ctx.service.store
    await store.records.commit(
        Change(store.layers, name.account, name.region, name.id, None),
        Change(store.layer_policies, name.account, name.region, name.id, None),
    )
    ctx.service.sweep_later()


@operation("ListLayerVersions", resource=layer_arn)
async def list_layer_versions(
    ctx: Lambda, req: ListLayerVersionsRequest
) -> ListLayerVersionsResponse:
    """The versions of a layer, newest first."""
    name = layer_name(ctx, req.layer_name)
    found = [v for v in _versions(ctx, name) if _matches(v, req)]
    rows = [(f"{10**10 - v.version:011d}", _item(name, v)) for v in found]
    versions, marker = page(rows, req.marker, req.max_items)
    return ListLayerVersionsResponse(layer_versions=versions, next_marker=marker)


@operation("ListLayers")
async def list_layers(ctx: Lambda, req: ListLayersRequest) -> ListLayersResponse:
    """The layers by name, each with its newest version that matches."""
    store = ctx.service.store
    newest: dict[str, LayerVersionRecord] = {}
    for _, version in store.layers.scan(ctx.account, ctx.region):
        known = newest.get(version.layer)
        if _matches(version, req) and (known is None or known.version < version.version):
            newest[version.layer] = version
    rows = []
    for text, version in sorted(newest.items()):
        name = LayerName(ctx.account, ctx.region, text)
        item = LayersListItem(
            layer_name=text, layer_arn=name.arn, latest_matching_version=_item(name, version)
        )
        rows.append((text, item))
    layers, marker = page(rows, req.marker, req.max_items)
    return ListLayersResponse(layers=layers, next_marker=marker)


def _get(ctx: Lambda, name: LayerName) -> GetLayerVersionResponse:
    found = ctx.service.store.layers.get(name.account, name.region, name.id)
    if found is None:
        raise ResourceNotFound("The resource you requested does not exist.")
    return GetLayerVersionResponse(**_shown(name, found), content=_content(ctx, found))


def _versions(ctx: Lambda, name: LayerName) -> list[LayerVersionRecord]:
    found = ctx.service.store.layers.scan(name.account, name.region, f"{name.name}:")
    return sorted((v for _, v in found), key=lambda v: -v.version)


def _matches(
    version: LayerVersionRecord, req: ListLayersRequest | ListLayerVersionsRequest
) -> bool:
    runtime, architecture = req.compatible_runtime, req.compatible_architecture
    return (runtime is None or runtime in version.runtimes) and (
        architecture is None or architecture in version.architectures
    )


def _content(ctx: Lambda, version: LayerVersionRecord) -> LayerVersionContentOutput:
    return LayerVersionContentOutput(
        location=ctx.service.location(ctx, version.code),
        code_sha256=version.code.sha256,
        code_size=version.code.size,
    )


def _shown(name: LayerName, version: LayerVersionRecord) -> dict[str, Any]:
    return {
        "layer_arn": name.arn,
        "layer_version_arn": f"{name.arn}:{version.version}",
        "description": version.description,
        "created_date": version.created,
        "version": version.version,
        "compatible_runtimes": list(version.runtimes) or None,
        "compatible_architectures": list(version.architectures) or None,
        "license_info": version.license or None,
    }


def _item(name: LayerName, version: LayerVersionRecord) -> LayerVersionsListItem:
    shown = _shown(name, version)
    del shown["layer_arn"]
    return LayerVersionsListItem(**shown)
