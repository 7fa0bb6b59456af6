"""FilterLogEvents: a group's events by pattern, stream and time."""

from __future__ import annotations

import asyncio
import time

from cloudlet.aws.context import Context
from cloudlet.aws.models.logs import (
    FilteredLogEvent,
    FilterLogEventsRequest,
    FilterLogEventsResponse,
)
from cloudlet.aws.service import operation
from cloudlet.services.logs.chunks import event_bytes
from cloudlet.services.logs.errors import NO_STREAM, InvalidParameter, ResourceNotFound
from cloudlet.services.logs.model import Event, GroupRecord
from cloudlet.services.logs.names import named, streams_of
from cloudlet.services.logs.patterns import Predicate, compile_pattern
from cloudlet.services.logs.state import LogsService, oldest_kept_ms

Logs = Context[LogsService]

#: "FilterLogEvents": the most events and bytes of an answer.
PAGE_EVENTS, PAGE_BYTES = 10_000, 1 << 20
#: Events that are looked at together, off the event loop.
BATCH = 500
#: Seconds of searching before an answer is given with a token to go on, as AWS does.
SEARCH_S = 2.0


@operation("FilterLogEvents", resource=streams_of)
async def filter_log_events(ctx: Logs, req: FilterLogEventsRequest) -> FilterLogEventsResponse:
    """The events of all streams, or some, that match, in the order of their time.

    An answer may have few events and a token: the search goes on from there.
    """
    store = ctx.service.store
    group = store.group(*named(ctx, req))
    matches = compile_pattern(req.filter_pattern or "")
    streams = await _streams(ctx, group, req)
    position = _position(req.next_token)
    limit = min(req.limit or PAGE_EVENTS, PAGE_EVENTS)
    started, size = time.monotonic(), 0
    found: list[Event] = []
    while True:
        batch = await store.events(
            ("grp", group.number),
            after=position,
            start_ms=max(req.start_time or 0, oldest_kept_ms(group)),
            end_ms=1 << 62 if req.end_time is None else req.end_time + 1,
            limit=BATCH,
        )
        deadline = started + SEARCH_S
        matching, looked = await asyncio.to_thread(_matching, batch, streams, matches, deadline)
        for event in matching:
            size += event_bytes(event.message)
            if found and (len(found) == limit or size > PAGE_BYTES):
                last = found[-1]
                return await _answer(ctx, found, (last.timestamp_ms, last.number))
            found.append(event)
        if looked == len(batch) < BATCH:
            return await _answer(ctx, found, None)
        position = batch[looked - 1].timestamp_ms, batch[looked - 1].number
        if time.monotonic() - started > SEARCH_S:
            return await _answer(ctx, found, position)


async def _streams(
    ctx: Logs, group: GroupRecord, req: FilterLogEventsRequest
) -> frozenset[int] | None:
    """The numbers of the streams to search; None for all."""
    if req.log_stream_names is not None and req.log_stream_name_prefix is not None:
        raise InvalidParameter(
            "logStreamNamePrefix and logStreamNames are mutually exclusive parameters."
        )
    if req.log_stream_names is None and req.log_stream_name_prefix is None:
        return None
    streams = await ctx.service.store.streams(group, req.log_stream_name_prefix or "")
    if req.log_stream_names is not None:
        wanted = set(req.log_stream_names)
        streams = [stream for stream in streams if stream.name in wanted]
        if len(streams) < len(wanted):
            raise ResourceNotFound(NO_STREAM)
    return frozenset(stream.number for stream in streams)


def _matching(
    events: list[Event], streams: frozenset[int] | None, matches: Predicate, deadline: float
) -> tuple[list[Event], int]:
    """The events that match, and how many were looked at before the deadline: at least one."""
    found: list[Event] = []
    for count, event in enumerate(events, start=1):
        if (streams is None or event.stream in streams) and matches(event.message):
            found.append(event)
        if time.monotonic() > deadline:
            return found, count
    return found, len(events)


def _position(token: str | None) -> tuple[int, int] | None:
    if token is None:
        return None
    if len(token) != 56 or not token.isdigit():
        raise InvalidParameter("The specified nextToken is invalid.")
    return int(token[:24]), int(token[24:])


async def _answer(
    ctx: Logs, events: list[Event], position: tuple[int, int] | None
) -> FilterLogEventsResponse:
    names = await ctx.service.store.stream_names({event.stream for event in events})
    return FilterLogEventsResponse(
        events=[
            FilteredLogEvent(
                log_stream_name=names[event.stream],
                timestamp=event.timestamp_ms,
                message=event.message,
                ingestion_time=event.ingested_ms,
                event_id=f"{event.timestamp_ms:024d}{event.number:032d}",
            )
            for event in events
            if event.stream in names
        ],
        searched_log_streams=[],
        next_token=None if position is None else f"{position[0]:024d}{position[1]:032d}",
    )
