"""Tags of functions, event source mappings and code signing configurations."""

from __future__ import annotations

from collections.abc import Callable
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
from cloudlet.services.lambda_.model import CodeSigningRecord, FunctionRecord, MappingRecord
from cloudlet.services.lambda_.names import FunctionName, from_arn
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.tags import check_tags
from cloudlet.storage.records import Table

Lambda = Context[LambdaService]


def _arn(_ctx: Lambda, req: Any) -> str:
    return str(req.resource)


@operation("TagResource", resource=_arn)
async def tag_resource(ctx: Lambda, req: TagResourceRequest) -> None:
    """Add tags to a resource; a tag of the same key is replaced."""
    await _change(ctx, req.resource, lambda tags: tags | req.tags)


@operation("UntagResource", resource=_arn)
async def untag_resource(ctx: Lambda, req: UntagResourceRequest) -> None:
    """Remove tags from a resource."""
    gone = set(req.tag_keys)
    await _change(ctx, req.resource, lambda tags: {k: v for k, v in tags.items() if k not in gone})


@operation("ListTags", resource=_arn)
async def list_tags(ctx: Lambda, req: ListTagsRequest) -> ListTagsResponse:
    """The resource's tags."""
    table, key = _place(ctx, req.resource)
    return ListTagsResponse(tags=dict(_existing(table, key, req.resource).tags))


Tagged = FunctionRecord | MappingRecord | CodeSigningRecord
Key = tuple[str, str, str]


def _place(ctx: Lambda, arn: str) -> tuple[Table[Any], Key]:
    """Where the resource of an ARN is kept; raises AWS's error where it cannot have tags."""
    parts, store = arn.split(":"), ctx.service.store
    if len(parts) == 7 and parts[2] == "lambda" and parts[3] == ctx.region:
        if parts[5] == "event-source-mapping":
            return store.mappings, (parts[4], parts[3], parts[6])
        if parts[5] == "code-signing-config":
            return store.code_signing, (parts[4], parts[3], parts[6])
    name = from_arn(arn)
    if name is None or name.region != ctx.region:
        raise _absent(arn)
    if name.qualifier is not None:
        raise InvalidParameterValue(
            "Tags on function aliases and versions are not supported. Please specify either a"
            " function ARN."
        )
    return store.functions, name.key


def _existing(table: Table[Any], key: Key, arn: str) -> Tagged:
    found: Tagged | None = table.get(*key)
    if found is None:
        if from_arn(arn) is not None:
            raise ResourceNotFound(f"Function not found: {arn}")
        raise _absent(arn)
    return found


def _absent(arn: str) -> ResourceNotFound:
    return ResourceNotFound(f"The resource you requested does not exist: {arn}")


async def _change(
    ctx: Lambda, arn: str, change: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    table, key = _place(ctx, arn)
    async with ctx.service.changing(FunctionName(*key)):
        record = _existing(table, key, arn)
        tags = change(record.tags)
        check_tags(tags)
        await table.put(*key, msgspec.structs.replace(record, tags=tags))
