"""Frames of the binary protocol: a request taken apart, a response put together."""

from __future__ import annotations

import struct
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

import msgspec

from cloudlet.couchbase.kv.protocol import Magic, Status

if TYPE_CHECKING:
    from cloudlet.couchbase.kv.connection import Connection

HEADER: Final = struct.Struct(">BBHBBHIIQ")
HEADER_BYTES: Final = 24
_RESPONSE: Final = Magic.RESPONSE

#: A frame's body above this closes the connection, as Couchbase does (its limit is 30 MiB).
BODY_LIMIT: Final = 30 * 1024 * 1024
#: The same before authentication: SASL payloads and feature lists are small.
UNAUTHENTICATED_BODY_LIMIT: Final = 64 * 1024


class Request(msgspec.Struct, gc=False, eq=False):
    """One request; `key` has no collection id any more once the verb resolved it."""

    opcode: int
    extras: bytes
    key: bytes
    value: bytes
    datatype: int
    vbucket: int
    opaque: int
    cas: int
    #: Durability level 0 to 3 of the framing extras.
    durability: int = 0
    preserve_expiry: bool = False
    #: The value's datatype, where it was looked at before the verb runs.
    kind: int | None = None


#: A verb: answers with a frame, with nothing (quiet commands), or later.
Answer = bytes | Coroutine[Any, Any, bytes] | None
Handler = Callable[["Connection", Request], Answer]


class StatusError(Exception):
    """A request is answered with this status and (as context) body."""

    def __init__(self, status: int, body: bytes = b"", datatype: int = 0) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.datatype = datatype


def response(
    request: Request,
    status: int = Status.SUCCESS,
    extras: bytes = b"",
    key: bytes = b"",
    value: bytes = b"",
    datatype: int = 0,
    cas: int = 0,
) -> bytes:
    """The answer to `request`."""
    extras_size, key_size = len(extras), len(key)
    body = extras_size + key_size + len(value)
    head = HEADER.pack(
        _RESPONSE,
        request.opcode,
        key_size,
        extras_size,
        datatype,
        status,
        body,
        request.opaque,
        cas,
    )
    return b"".join((head, extras, key, value)) if body else head


def notification(opcode: int, extras: bytes, key: bytes, value: bytes, datatype: int) -> bytes:
    """A frame of the server's own, which nobody asked for and nobody answers."""
    body = len(extras) + len(key) + len(value)
    head = HEADER.pack(Magic.SERVER_REQUEST, opcode, len(key), len(extras), datatype, 0, body, 0, 0)
    return b"".join((head, extras, key, value))


def read_uleb128(data: bytes) -> tuple[int, int]:
    """The number at the start of `data` and how many bytes it took; `INVALID` if there is none."""
    number = shift = 0
    for at, byte in enumerate(data[:5]):
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            if number > 0xFFFFFFFF:
                break
            return number, at + 1
        shift += 7
    raise StatusError(Status.INVALID)


#: Framing extras of requests.
_BARRIER, _DURABILITY, _STREAM, _TRACING, _IMPERSONATE, _PRESERVE_TTL = 0, 1, 2, 3, 4, 5


def read_framing(request: Request, framing: bytes) -> None:
    """Note what the framing extras ask for; an unknown one is refused, as by the server."""
    at = 0
    while at < len(framing):
        ident, size = framing[at] >> 4, framing[at] & 0x0F
        at += 1
        if ident == 0x0F and at < len(framing):
            ident += framing[at]
            at += 1
        if size == 0x0F and at < len(framing):
            size += framing[at]
            at += 1
        data = framing[at : at + size]
        at += size
        if len(data) != size:
            raise StatusError(Status.INVALID)
        if ident == _DURABILITY:
            if size not in (1, 3):
                raise StatusError(Status.INVALID)
            if not 1 <= data[0] <= 3:
                raise StatusError(Status.DURABILITY_INVALID_LEVEL)
            request.durability = data[0]
        elif ident == _PRESERVE_TTL:
            request.preserve_expiry = True
        elif ident not in (_BARRIER, _TRACING):
            raise StatusError(Status.UNKNOWN_FRAME_INFO)
