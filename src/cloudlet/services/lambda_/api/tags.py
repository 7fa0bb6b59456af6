"""Tags of functions."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    ListTagsRequest,
    ListTagsResponse,
    TagResourceRequest,
    UntagResourceRequest,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_.errors import InvalidParameterValue, ResourceNotFound
from cloudlet.services.lambda_.names import FunctionName, from_arn
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.tags import check_tags

Lambda = Context[LambdaService]


def _arn(_ctx: Lambda, req: Any) -> str:
    return str(req.resource)


@operation("TagResource", resource=_arn)
async def tag_resource(ctx: Lambda, req: TagResourceRequest) -> None:
    """Add tags to a function; a tag of the same key is replaced."""
    name = _function(ctx, req.resource)
    await _set(ctx, name, lambda tags: tags | req.tags)


@operation("UntagResource", resource=_arn)
async def untag_resource(ctx: Lambda, req: UntagResourceRequest) -> None:
    """Remove tags from a function."""
    name = _function(ctx, req.resource)
    gone = set(req.tag_keys)
    await _set(ctx, name, lambda tags: {k: v for k, v in tags.items() if k not in gone})


@operation("ListTags", resource=_arn)
async def list_tags(ctx: Lambda, req: ListTagsRequest) -> ListTagsResponse:
    """The function's tags."""
    name = _function(ctx, req.resource)
    return ListTagsResponse(tags=dict(ctx.service.store.function(name).tags))


def _function(ctx: Lambda, arn: str) -> FunctionName:
    name = from_arn(arn)
    if name is None or name.region != ctx.region:
        raise ResourceNotFound(f"The resource you requested does not exist: {arn}")
    if name.qualifier is not None:
        raise InvalidParameterValue(
            "Tags on function aliases and versions are not supported. Please specify either a"
            " function ARN."
        )
    return name


async def _set(ctx: Lambda, name: FunctionName, change: Any) -> None:
    store = ctx.service.store
    async with ctx.service.changing(name):
        function = store.function(name)
        tags = change(function.tags)
        check_tags(tags)
        await store.functions.put(*name.key, msgspec.structs.replace(function, tags=tags))
