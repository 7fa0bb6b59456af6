"""Tags of APIs and stages."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models import apigateway as types
from cloudlet.aws.service import operation
from cloudlet.services.apigateway.errors import BadRequest
from cloudlet.services.apigateway.store import ApiGateway

ARN = re.compile(r"arn:aws[\w-]*:apigateway:[\w-]+::/restapis/(\w+)(?:/stages/([\w-]+))?")

Ctx = Context[ApiGateway]


def of_tags(_ctx: Ctx, req: Any) -> str:
    """The ARN that a request names."""
    arn: str = req.resource_arn
    return arn


@operation("TagResource", action="apigateway:PUT", resource=of_tags)
async def tag_resource(ctx: Ctx, req: types.TagResourceRequest) -> None:
    """Add or change tags."""
    await _change(ctx, req.resource_arn, lambda tags: {**tags, **req.tags})


@operation("UntagResource", action="apigateway:DELETE", resource=of_tags)
async def untag_resource(ctx: Ctx, req: types.UntagResourceRequest) -> None:
    """Remove tags."""
    gone = set(req.tag_keys)
    await _change(
        ctx, req.resource_arn, lambda tags: {k: v for k, v in tags.items() if k not in gone}
    )


@operation("GetTags", action="apigateway:GET", resource=of_tags)
async def get_tags(ctx: Ctx, req: types.GetTagsRequest) -> types.Tags:
    """The tags of an API or a stage."""
    api_id, stage = _parse(req.resource_arn)
    found = ctx.service.stage(ctx, api_id, stage) if stage else ctx.service.api(ctx, api_id)
    return types.Tags(tags=dict(found.tags))


def _parse(arn: str) -> tuple[str, str | None]:
    match = ARN.fullmatch(arn)
    if match is None:
        raise BadRequest("Invalid ARN specified")
    return match.group(1), match.group(2)


async def _change(ctx: Ctx, arn: str, change: Any) -> None:
    api_id, name = _parse(arn)
    if name is None:
        api = ctx.service.api(ctx, api_id)
        await ctx.service.save(ctx, msgspec.structs.replace(api, tags=change(api.tags)))
        return
    stage = ctx.service.stage(ctx, api_id, name)
    stage = msgspec.structs.replace(stage, tags=change(stage.tags))
    await ctx.service.stages.put(ctx.account, ctx.region, f"{api_id}/{name}", stage)
