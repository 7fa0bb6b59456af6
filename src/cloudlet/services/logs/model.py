"""What the Logs service keeps: groups as records, streams and events in their own database."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec


class GroupRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A log group; `number` is its key in the database of events."""

    name: str
    number: int
    created_ms: int
    retention_days: int | None = None
    tags: dict[str, str] = {}
    kms_key: str = ""
    log_class: str = "STANDARD"
    protected: bool = False


@dataclass(slots=True)
class Stream:
    """A log stream; times are milliseconds, 0 where it has no event yet."""

    number: int
    name: str
    created_ms: int
    first_ms: int = 0
    last_ms: int = 0
    ingested_ms: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """A log event; `number` orders events of the same millisecond as they came."""

    number: int
    stream: int
    timestamp_ms: int
    ingested_ms: int
    message: str
