"""Writing and reading log events."""

from __future__ import annotations

from itertools import pairwise

from cloudlet.aws.context import Context
from cloudlet.aws.models.logs import (
    GetLogEventsRequest,
    GetLogEventsResponse,
    InputLogEvent,
    OutputLogEvent,
    PutLogEventsRequest,
    PutLogEventsResponse,
    RejectedLogEventsInfo,
)
from cloudlet.aws.service import operation
from cloudlet.services.logs.chunks import event_bytes
from cloudlet.services.logs.errors import InvalidParameter
from cloudlet.services.logs.model import Event, GroupRecord
from cloudlet.services.logs.names import named, stream_of
from cloudlet.services.logs.state import DAY_MS, LogsService, oldest_kept_ms
from cloudlet.services.logs.store import now_ms

Logs = Context[LogsService]

#: "PutLogEvents": bytes of a batch and of an event in it, and how old or new an event may be.
BATCH_BYTES = 1_048_576
OLDEST_MS, NEWEST_MS = 14 * DAY_MS, 2 * 3_600_000
#: "GetLogEvents": the most events and bytes of an answer.
PAGE_EVENTS, PAGE_BYTES = 10_000, 1 << 20


@operation("PutLogEvents", resource=stream_of)
async def put_log_events(ctx: Logs, req: PutLogEventsRequest) -> PutLogEventsResponse:
    """Write a batch; events that are too old, too new or expired are left out and reported."""
    store = ctx.service.store
    group = store.group(ctx.account, ctx.region, req.log_group_name)
    stream = store.stream(group, req.log_stream_name)
    events = req.log_events
    _check_batch(events)
    first, last, rejected = _accepted(group, events)
    accepted = [(event.timestamp, event.message) for event in events[first:last]]
    await store.append(group, stream.name, accepted)
    return PutLogEventsResponse(
        next_sequence_token=f"{stream.number:056d}", rejected_log_events_info=rejected
    )


def _check_batch(events: list[InputLogEvent]) -> None:
    size = sum(event_bytes(event.message) for event in events)
    if size > BATCH_BYTES:
        raise InvalidParameter(f"Upload too large: {size} bytes exceeds limit of {BATCH_BYTES}")
    times = [event.timestamp for event in events]
    if any(later < earlier for earlier, later in pairwise(times)):
        raise InvalidParameter(
            "Log events in a single PutLogEvents request must be in chronological order."
        )
    if times[-1] - times[0] > DAY_MS:
        raise InvalidParameter(
            "The batch of log events in a single PutLogEvents request cannot span more than 24"
            " hours."
        )


def _accepted(
    group: GroupRecord, events: list[InputLogEvent]
) -> tuple[int, int, RejectedLogEventsInfo | None]:
    """The bounds of what is accepted, and how AWS reports the rest."""
    now = now_ms()
    old = sum(1 for event in events if event.timestamp < now - OLDEST_MS)
    expired = sum(1 for event in events if event.timestamp < oldest_kept_ms(group))
    new = sum(1 for event in events if event.timestamp > now + NEWEST_MS)
    if not (old or expired or new):
        return 0, len(events), None
    return (
        max(old, expired),
        len(events) - new,
        RejectedLogEventsInfo(
            too_new_log_event_start_index=len(events) - new if new else None,
            too_old_log_event_end_index=old or None,
            expired_log_event_end_index=expired or None,
        ),
    )


@operation("GetLogEvents", resource=stream_of)
async def get_log_events(ctx: Logs, req: GetLogEventsRequest) -> GetLogEventsResponse:
    """A page of a stream's events; at either end the token is the one that was given."""
    store = ctx.service.store
    group = store.group(*named(ctx, req))
    stream = store.stream(group, req.log_stream_name)
    backward, position = _position(req)
    limit = min(req.limit or PAGE_EVENTS, PAGE_EVENTS)
    found = await store.events(
        ("stream", stream.number),
        after=None if backward else position,
        before=(position or (1 << 62, 0)) if backward else None,
        start_ms=max(req.start_time or 0, oldest_kept_ms(group)),
        end_ms=1 << 62 if req.end_time is None else req.end_time,
        limit=limit,
    )
    events = _within(found, from_end=backward)
    # Tokens are positions between events: one points behind the last, the other before the first.
    if events:
        first, last = events[0], events[-1]
        start, end = (first.timestamp_ms, first.number), (last.timestamp_ms, last.number)
    else:
        start = end = position or (0, 0)
        if not backward:
            start = (end[0], end[1] + 1)
        elif position is not None:
            end = (start[0], start[1] - 1)
    return GetLogEventsResponse(
        events=[
            OutputLogEvent(
                timestamp=event.timestamp_ms,
                message=event.message,
                ingestion_time=event.ingested_ms,
            )
            for event in events
        ],
        next_forward_token=_token("f", end),
        next_backward_token=_token("b", start),
    )


def _position(req: GetLogEventsRequest) -> tuple[bool, tuple[int, int] | None]:
    """Whether to read backward, and from where."""
    if req.next_token is None:
        return not req.start_from_head, None
    way, _, digits = req.next_token.partition("/")
    if way not in {"f", "b"} or len(digits) != 56 or not digits.isdigit():
        raise InvalidParameter("The specified nextToken is invalid.")
    return way == "b", (int(digits[:24]), int(digits[24:]))


def _token(way: str, position: tuple[int, int]) -> str:
    return f"{way}/{max(position[0], 0):024d}{max(position[1], 0):032d}"


def _within(events: list[Event], *, from_end: bool) -> list[Event]:
    """As many of the events as fit an answer, at least one."""
    size, count = 0, 0
    for event in reversed(events) if from_end else events:
        size += event_bytes(event.message)
        if size > PAGE_BYTES and count:
            break
        count += 1
    return events[len(events) - count :] if from_end else events[:count]
