"""Tags of log groups, by ARN and in the older form by name."""

from __future__ import annotations

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models.logs import (
    ListTagsForResourceRequest,
    ListTagsForResourceResponse,
    ListTagsLogGroupRequest,
    ListTagsLogGroupResponse,
    TagLogGroupRequest,
    TagResourceRequest,
    UntagLogGroupRequest,
    UntagResourceRequest,
)
from cloudlet.aws.service import operation
from cloudlet.services.logs.names import from_arn, named, resource_of, streams_of
from cloudlet.services.logs.state import LogsService
from cloudlet.services.logs.tags import check_tags

Logs = Context[LogsService]
Key = tuple[str, str, str]


@operation("TagResource", resource=resource_of)
async def tag_resource(ctx: Logs, req: TagResourceRequest) -> None:
    """Add tags; one of the same key is replaced."""
    await _change(ctx, from_arn(ctx, req.resource_arn), add=req.tags)


@operation("UntagResource", resource=resource_of)
async def untag_resource(ctx: Logs, req: UntagResourceRequest) -> None:
    """Remove tags."""
    await _change(ctx, from_arn(ctx, req.resource_arn), remove=req.tag_keys)


@operation("ListTagsForResource", resource=resource_of)
async def list_tags_for_resource(
    ctx: Logs, req: ListTagsForResourceRequest
) -> ListTagsForResourceResponse:
    """The tags of a log group."""
    group = ctx.service.store.group(*from_arn(ctx, req.resource_arn))
    return ListTagsForResourceResponse(tags=dict(group.tags))


@operation("TagLogGroup", resource=streams_of)
async def tag_log_group(ctx: Logs, req: TagLogGroupRequest) -> None:
    """Add tags, the older way."""
    await _change(ctx, named(ctx, req), add=req.tags)


@operation("UntagLogGroup", resource=streams_of)
async def untag_log_group(ctx: Logs, req: UntagLogGroupRequest) -> None:
    """Remove tags, the older way."""
    await _change(ctx, named(ctx, req), remove=req.tags)


@operation("ListTagsLogGroup", resource=streams_of)
async def list_tags_log_group(ctx: Logs, req: ListTagsLogGroupRequest) -> ListTagsLogGroupResponse:
    """The tags of a log group, the older way."""
    return ListTagsLogGroupResponse(tags=dict(ctx.service.store.group(*named(ctx, req)).tags))


async def _change(
    ctx: Logs, key: Key, *, add: dict[str, str] | None = None, remove: list[str] | None = None
) -> None:
    store = ctx.service.store
    group = store.group(*key)
    gone = set(remove or ())
    tags = {k: v for k, v in (group.tags | (add or {})).items() if k not in gone}
    check_tags(tags)
    await store.groups.put(*key, msgspec.structs.replace(group, tags=tags))
