"""Log groups and their retention."""

from __future__ import annotations

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models.logs import (
    CreateLogGroupRequest,
    DeleteLogGroupRequest,
    DeleteRetentionPolicyRequest,
    DescribeLogGroupsRequest,
    DescribeLogGroupsResponse,
    LogGroup,
    PutRetentionPolicyRequest,
)
from cloudlet.aws.service import operation
from cloudlet.services.logs.errors import InvalidParameter, ResourceAlreadyExists, Validation
from cloudlet.services.logs.model import GroupRecord
from cloudlet.services.logs.names import from_arn, group_arn, stream_arn, streams_of
from cloudlet.services.logs.paging import page
from cloudlet.services.logs.state import LogsService
from cloudlet.services.logs.tags import check_tags

Logs = Context[LogsService]

GROUP_EXISTS = "The specified log group already exists"
#: "PutRetentionPolicy".
RETENTION_DAYS = frozenset(
    {
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557,
        2922, 3288, 3653,
    }
)  # fmt: skip


@operation("CreateLogGroup", resource=streams_of)
async def create_log_group(ctx: Logs, req: CreateLogGroupRequest) -> None:
    """Create a log group whose events never expire."""
    store = ctx.service.store
    if req.kms_key_id:
        raise InvalidParameter("cloudlet does not encrypt log groups with KMS keys yet.")
    check_tags(req.tags or {})
    if store.groups.get(ctx.account, ctx.region, req.log_group_name) is not None:
        raise ResourceAlreadyExists(GROUP_EXISTS)
    created = await store.create_group(
        ctx.account,
        ctx.region,
        req.log_group_name,
        tags=req.tags or {},
        log_class=req.log_group_class or "STANDARD",
        protected=bool(req.deletion_protection_enabled),
    )
    if not created:
        raise ResourceAlreadyExists(GROUP_EXISTS)


@operation("DeleteLogGroup", resource=streams_of)
async def delete_log_group(ctx: Logs, req: DeleteLogGroupRequest) -> None:
    """Delete a log group with all its events."""
    store = ctx.service.store
    if store.group(ctx.account, ctx.region, req.log_group_name).protected:
        raise Validation("The log group cannot be deleted because deletion protection is enabled.")
    await store.delete_group(ctx.account, ctx.region, req.log_group_name)


def _prefix_arn(ctx: Logs, req: DescribeLogGroupsRequest) -> str:
    return stream_arn(ctx.region, ctx.account, req.log_group_name_prefix or "")


@operation("DescribeLogGroups", resource=_prefix_arn)
async def describe_log_groups(
    ctx: Logs, req: DescribeLogGroupsRequest
) -> DescribeLogGroupsResponse:
    """The log groups by name: all, by prefix, by a part of the name, or those listed."""
    if req.log_group_name_prefix is not None and req.log_group_name_pattern is not None:
        raise InvalidParameter(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        )
    store = ctx.service.store
    groups = store.groups.scan(ctx.account, ctx.region, req.log_group_name_prefix or "")
    if req.log_group_name_pattern:
        groups = [row for row in groups if req.log_group_name_pattern in row[0]]
    if req.log_group_identifiers:
        listed = {
            from_arn(ctx, text)[2] if text.startswith("arn:") else text
            for text in req.log_group_identifiers
        }
        groups = [row for row in groups if row[0] in listed]
    if req.log_group_class is not None:
        groups = [row for row in groups if row[1].log_class == req.log_group_class]
    chosen, token = page(groups, req.next_token, req.limit)
    stored = await store.stored_bytes(chosen)
    return DescribeLogGroupsResponse(
        log_groups=[_shown(ctx, group, stored[group.number]) for group in chosen],
        next_token=token,
    )


@operation("PutRetentionPolicy", resource=streams_of)
async def put_retention_policy(ctx: Logs, req: PutRetentionPolicyRequest) -> None:
    """Keep the group's events for so many days."""
    if req.retention_in_days not in RETENTION_DAYS:
        raise InvalidParameter(
            "1 validation error detected: Value at 'retentionInDays' failed to satisfy constraint:"
            f" Member must be one of {sorted(RETENTION_DAYS)}"
        )
    await _retain(ctx, req.log_group_name, req.retention_in_days)


@operation("DeleteRetentionPolicy", resource=streams_of)
async def delete_retention_policy(ctx: Logs, req: DeleteRetentionPolicyRequest) -> None:
    """Keep the group's events for ever."""
    await _retain(ctx, req.log_group_name, None)


async def _retain(ctx: Logs, name: str, days: int | None) -> None:
    store = ctx.service.store
    group = store.group(ctx.account, ctx.region, name)
    changed = msgspec.structs.replace(group, retention_days=days)
    await store.groups.put(ctx.account, ctx.region, name, changed)


def _shown(ctx: Logs, group: GroupRecord, stored_bytes: int) -> LogGroup:
    arn = group_arn(ctx.region, ctx.account, group.name)
    return LogGroup(
        log_group_name=group.name,
        creation_time=group.created_ms,
        retention_in_days=group.retention_days,
        metric_filter_count=0,
        arn=f"{arn}:*",
        stored_bytes=stored_bytes,
        log_group_class=group.log_class,
        log_group_arn=arn,
        deletion_protection_enabled=group.protected,
    )
