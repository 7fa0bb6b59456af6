"""Log streams."""

from __future__ import annotations

from cloudlet.aws.context import Context
from cloudlet.aws.models.logs import (
    CreateLogStreamRequest,
    DeleteLogStreamRequest,
    DescribeLogStreamsRequest,
    DescribeLogStreamsResponse,
    LogStream,
)
from cloudlet.aws.service import operation
from cloudlet.services.logs.errors import InvalidParameter, ResourceAlreadyExists
from cloudlet.services.logs.model import Stream
from cloudlet.services.logs.names import named, stream_arn, stream_of, streams_of
from cloudlet.services.logs.paging import page
from cloudlet.services.logs.state import LogsService

Logs = Context[LogsService]


@operation("CreateLogStream", resource=stream_of)
async def create_log_stream(ctx: Logs, req: CreateLogStreamRequest) -> None:
    """Create a log stream in a group."""
    store = ctx.service.store
    group = store.group(ctx.account, ctx.region, req.log_group_name)
    if not await store.create_stream(group, req.log_stream_name):
        raise ResourceAlreadyExists("The specified log stream already exists")


@operation("DeleteLogStream", resource=stream_of)
async def delete_log_stream(ctx: Logs, req: DeleteLogStreamRequest) -> None:
    """Delete a log stream with its events."""
    store = ctx.service.store
    group = store.group(ctx.account, ctx.region, req.log_group_name)
    await store.delete_stream(group, req.log_stream_name)


@operation("DescribeLogStreams", resource=streams_of)
async def describe_log_streams(
    ctx: Logs, req: DescribeLogStreamsRequest
) -> DescribeLogStreamsResponse:
    """The group's streams, by name or by their last event."""
    account, region, name = named(ctx, req)
    store = ctx.service.store
    group = store.group(account, region, name)
    by_time = req.order_by == "LastEventTime"
    if by_time and req.log_stream_name_prefix is not None:
        raise InvalidParameter("Cannot order by LastEventTime with a logStreamNamePrefix.")
    streams = await store.streams(group, req.log_stream_name_prefix or "")
    if by_time:
        streams.sort(key=lambda stream: (stream.last_ms, stream.name))
    if req.descending:
        streams.reverse()
    rows = [(stream.name, stream) for stream in streams]
    chosen, token = page(rows, req.next_token, req.limit)
    return DescribeLogStreamsResponse(
        log_streams=[_shown(stream_arn(region, account, name, s.name), s) for s in chosen],
        next_token=token,
    )


def _shown(arn: str, stream: Stream) -> LogStream:
    return LogStream(
        log_stream_name=stream.name,
        creation_time=stream.created_ms,
        first_event_timestamp=stream.first_ms or None,
        last_event_timestamp=stream.last_ms or None,
        last_ingestion_time=stream.ingested_ms or None,
        upload_sequence_token=f"{stream.number:056d}",
        arn=arn,
        stored_bytes=0,  # AWS has reported 0 for streams since 2019
    )
