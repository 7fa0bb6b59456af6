"""What is too long for the event loop: decompressing and looking at values of megabytes."""

from __future__ import annotations

import asyncio
import codecs
import threading
from typing import Final

import apsw
import cramjam

from cloudlet.couchbase.kv.frame import BODY_LIMIT, Request, StatusError
from cloudlet.couchbase.kv.protocol import SNAPPY, Opcode, Status
from cloudlet.storage.documents import BINARY, JSON

#: Values from here on are looked at on a thread: about 0.5 ms on the loop otherwise.
LARGE_VALUE: Final = 512 * 1024

#: Bytes of UTF-8 checked at once, so that the interpreter is not held for long.
_PIECE: Final = 128 * 1024

_local = threading.local()


#: The verbs whose value is a document or a part of one. No other verb's is large.
TAKING_DOCUMENTS: Final = frozenset(
    {Opcode.SET, Opcode.ADD, Opcode.REPLACE, Opcode.APPEND, Opcode.PREPEND}
    | {Opcode.SUBDOC_DICT_ADD, Opcode.SUBDOC_DICT_UPSERT, Opcode.SUBDOC_REPLACE}
    | {Opcode.SUBDOC_ARRAY_PUSH_LAST, Opcode.SUBDOC_ARRAY_PUSH_FIRST, Opcode.SUBDOC_ARRAY_INSERT}
    | {Opcode.SUBDOC_ARRAY_ADD_UNIQUE, Opcode.SUBDOC_MULTI_MUTATION}
)


def is_large(request: Request) -> bool:
    """Whether the request's value, decompressed, is looked at on a thread."""
    if len(request.value) > LARGE_VALUE:
        return True
    return bool(request.datatype & SNAPPY) and _expanded_size(request.value) > LARGE_VALUE


def _expanded_size(value: bytes) -> int:
    try:
        size = int(cramjam.snappy.decompress_raw_len(value))
    except cramjam.DecompressionError:
        raise StatusError(Status.INVALID) from None
    if size > BODY_LIMIT:
        raise StatusError(Status.TOO_BIG)
    return size


def expand(request: Request) -> None:
    """Replace a snappy value by what it is of; `INVALID` if it is not snappy."""
    _expanded_size(request.value)
    try:
        request.value = bytes(cramjam.snappy.decompress_raw(request.value))
    except cramjam.DecompressionError:
        raise StatusError(Status.INVALID) from None
    request.datatype &= ~SNAPPY


async def prepare(request: Request) -> None:
    """Decompress and classify a large value without holding the loop."""
    await asyncio.to_thread(_prepare, request)


def _prepare(request: Request) -> None:
    if request.datatype & SNAPPY:
        expand(request)
    request.kind = JSON if _is_json(request.value) else BINARY


def _is_json(value: bytes) -> bool:
    """By SQLite, which lets other threads run meanwhile."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with memoryview(value) as view:
            for at in range(0, len(value), _PIECE):
                decoder.decode(view[at : at + _PIECE])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    connection: apsw.Connection | None = getattr(_local, "connection", None)
    if connection is None:
        connection = _local.connection = apsw.Connection(":memory:")
    row = connection.execute("SELECT json_valid(CAST(? AS TEXT))", (value,)).fetchone()
    return bool(row and row[0])
