"""Event streams as AWS sends them: application/vnd.amazon.eventstream.

After "Amazon event stream encoding" and Smithy's "Event streams": each event is a message of
headers and a payload, framed by lengths and CRC32 checksums.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from cloudlet.aws.codec.fields import Field, fields_of
from cloudlet.aws.codec.jsonvalues import encode, json_writers
from cloudlet.aws.model import ServiceModel, Shape

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_STRING = 7
_CRC = struct.Struct(">I")


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message, its header values all strings."""
    parts = []
    for name, value in headers.items():
        text = value.encode()
        parts.append(struct.pack(">B", len(name)) + name.encode())
        parts.append(struct.pack(">BH", _STRING, len(text)) + text)
    packed = b"".join(parts)
    prelude = struct.pack(">II", len(packed) + len(payload) + 16, len(packed))
    checked = prelude + _CRC.pack(zlib.crc32(prelude)) + packed + payload
    return checked + _CRC.pack(zlib.crc32(checked))


class EventWriter:
    """Encodes the events of one event stream shape: structs with exactly one member set."""

    def __init__(self, model: ServiceModel, shape: Shape) -> None:
        self._kinds = [
            (field.attribute, _compile(model, field)) for field in fields_of(model, shape)
        ]

    async def encode(self, events: AsyncIterator[Any]) -> AsyncIterator[bytes]:
        """Each event's message, as the events come."""
        async for event in events:
            for attribute, write in self._kinds:
                value = getattr(event, attribute)
                if value is not None:
                    yield write(value)


def _compile(model: ServiceModel, event: Field) -> Callable[[Any], bytes]:
    """The message of one kind of event: its blob payload as it is, anything else as JSON."""
    headers = {":message-type": "event", ":event-type": event.member}
    fields = fields_of(model, event.shape)
    payload = next((field for field in fields if field.trait("eventpayload")), None)
    if payload is not None:
        attribute = payload.attribute
        headers[":content-type"] = "application/octet-stream"
        return lambda value: message(headers, getattr(value, attribute) or b"")
    write = json_writers(model).structure(event.shape, fields)
    headers[":content-type"] = "application/json"
    return lambda value: message(headers, encode(write(value)))
