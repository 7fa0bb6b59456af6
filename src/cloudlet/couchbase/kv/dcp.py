"""DCP: streams of a bucket's mutations to consumers, vbucket by vbucket.

A stream gives every key's newest version after the sequence number it starts from, then what
changes, when it is on disk. The consumer's acknowledgements bound what is under way.
"""

from __future__ import annotations

import asyncio
import struct
import time
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from cloudlet.couchbase.kv.frame import HEADER, Request, StatusError, response
from cloudlet.couchbase.kv.protocol import VBUCKETS, Magic, Opcode, Status, vbucket_of
from cloudlet.storage.documents import JSON, XATTR, Bucket, CorruptDocumentError, Document
from cloudlet.storage.documents.feed import Mutation, mutations
from cloudlet.storage.documents.xattrs import decode

if TYPE_CHECKING:
    from cloudlet.couchbase.kv.connection import Connection

N = TypeVar("N", int, float)

_PRODUCER: Final = 0x01
_INCLUDE_XATTRS: Final = 0x04
_NO_VALUE: Final = 0x08

#: Mutations taken from the bucket in one go: about 2 ms.
_BATCH: Final = 200

_STREAM: Final = struct.Struct(">IIQQQQQ")
_MARKER: Final = struct.Struct(">QQI")
_MUTATION: Final = struct.Struct(">QQIIIHB")
_DELETION: Final = struct.Struct(">QQH")
_DELETION_WITH_TIME: Final = struct.Struct(">QQIB")
_LOG_ENTRY: Final = struct.Struct(">QQ")

_MEMORY_SNAPSHOT: Final = 1
_END_OK: Final = 0
_END_CLOSED: Final = 1

#: How often a consumer may have itself asked whether it is there, in seconds: at least every
#: three hours (kv_engine's documentation, "Control"), and more often than its 20 seconds.
_NOOP_S: Final = (0.01, 10_800.0)

#: The most that a consumer may say about a stream: thousands of collections.
_FILTER_BYTES: Final = 64 * 1024

#: What DCP_CONTROL may set; another name is `INVALID`, as of the server.
_CONTROLS: Final = frozenset(
    {
        "connection_buffer_size", "enable_noop", "set_noop_interval", "set_priority",
        "supports_cursor_dropping", "supports_cursor_dropping_vulcan", "backfill_order",
        "send_stream_end_on_client_close_stream", "force_value_compression",
        "enable_expiry_opcode", "v7_dcp_status_codes",
    }
)  # fmt: skip


class _Filter(msgspec.Struct):
    """What a stream is to be of; nothing named: everything."""

    collections: list[str] | None = None
    scope: str | None = None
    uid: str | None = None


class _Stream:
    """One vbucket's stream: how far it has come, and where it ends."""

    def __init__(self, opaque: int, start: int, end: int, wanted: _Filter) -> None:
        self.opaque = opaque
        self.sent = start
        self.end = end
        self.scope = int(wanted.scope, 16) if wanted.scope is not None else None
        self.collections = (
            {int(uid, 16) for uid in wanted.collections} if wanted.collections else None
        )

    def takes(self, mutation: Mutation) -> bool:
        """Whether the stream is of this mutation."""
        if not self.sent < mutation.document.seqno <= self.end:
            return False
        if self.collections is not None and mutation.collection.uid not in self.collections:
            return False
        return self.scope is None or mutation.collection.scope_uid == self.scope


class Producer:
    """A connection that was opened for DCP, and its streams."""

    def __init__(self, connection: Connection, bucket: Bucket, flags: int) -> None:
        self._connection = connection
        self._bucket = bucket
        self._flags = flags
        self.streams: dict[int, _Stream] = {}
        self._wake = asyncio.Event()
        self._buffer_bytes = 0
        self._under_way = 0
        self._noop_s = 0.0
        self._journal = connection.service.store.journal
        self._journal.listeners.append(self._wake.set)

    def control(self, name: str, value: str) -> None:
        """Set one of the connection's properties."""
        if name not in _CONTROLS:
            raise StatusError(Status.INVALID)
        try:
            if name == "connection_buffer_size":
                self._buffer_bytes = _within(int(value), 0, 0xFFFFFFFF)
            elif name == "set_noop_interval":
                self._noop_s = _within(float(value), *_NOOP_S)
                self._wake.set()
        except ValueError:
            raise StatusError(Status.INVALID) from None

    def acknowledge(self, size: int) -> None:
        """The consumer has taken so many bytes."""
        self._under_way = max(0, self._under_way - size)
        self._wake.set()

    def open(self, vbucket: int, stream: _Stream) -> None:
        """Begin a stream."""
        self.streams[vbucket] = stream
        self._wake.set()

    async def run(self) -> None:
        """Send what streams wait for, until the connection ends."""
        idle_since = time.monotonic()
        try:
            while True:
                if await self._round():
                    idle_since = time.monotonic()
                    continue
                self._wake.clear()
                try:
                    async with asyncio.timeout(self._noop_s or None):
                        await self._wake.wait()
                except TimeoutError:
                    if time.monotonic() - idle_since >= self._noop_s:
                        await self._connection.writable()
                        self._send(Opcode.DCP_NOOP, 0, 0, b"")
                        idle_since = time.monotonic()
        except CorruptDocumentError:
            # Nothing may be left out of a history: what follows is not told either.
            self._connection.close()
        finally:
            self._journal.listeners.remove(self._wake.set)

    async def _round(self) -> bool:
        """Send one batch; False where there is nothing to send or no room for it."""
        if not self.streams or (self._buffer_bytes and self._under_way >= self._buffer_bytes):
            return False
        low = min(stream.sent for stream in self.streams.values())
        batch, reached = mutations(self._bucket, low, _BATCH)
        by_vbucket: dict[int, list[Mutation]] = {}
        for mutation in batch:
            vbucket = vbucket_of(mutation.key)
            stream = self.streams.get(vbucket)
            if stream is not None and stream.takes(mutation):
                by_vbucket.setdefault(vbucket, []).append(mutation)
        for vbucket, found in by_vbucket.items():
            self._send_snapshot(vbucket, self.streams[vbucket], found)
        progress = bool(by_vbucket) or reached > low
        for vbucket, stream in list(self.streams.items()):
            stream.sent = max(stream.sent, min(reached, stream.end))
            if stream.sent >= stream.end:
                self.end(vbucket, _END_OK)
                progress = True
        await self._connection.writable()
        await asyncio.sleep(0)
        return progress

    def end(self, vbucket: int, reason: int) -> None:
        """Say that a stream is at its end."""
        stream = self.streams.pop(vbucket)
        self._send(Opcode.DCP_STREAM_END, vbucket, stream.opaque, struct.pack(">I", reason))

    def _send_snapshot(self, vbucket: int, stream: _Stream, found: list[Mutation]) -> None:
        first, last = found[0].document.seqno, found[-1].document.seqno
        marker = _MARKER.pack(first, last, _MEMORY_SNAPSHOT)
        self._send(Opcode.DCP_SNAPSHOT_MARKER, vbucket, stream.opaque, marker)
        for mutation in found:
            document = mutation.document
            key = mutation.key
            if self._connection.collections:
                key = _uleb128(mutation.collection.uid) + key
            if document.deleted:
                self._send_deletion(vbucket, stream, key, document)
                continue
            extras = _MUTATION.pack(
                document.seqno, document.revision, document.flags, document.expiry_s, 0, 0, 0
            )
            value, datatype = self._value(document)
            self._send(
                Opcode.DCP_MUTATION, vbucket, stream.opaque, extras, key, value, datatype,
                document.cas,
            )  # fmt: skip

    def _send_deletion(self, vbucket: int, stream: _Stream, key: bytes, document: Document) -> None:
        if self._connection.collections:
            deleted_s = document.cas // 1_000_000_000
            extras = _DELETION_WITH_TIME.pack(document.seqno, document.revision, deleted_s, 0)
        else:
            extras = _DELETION.pack(document.seqno, document.revision, 0)
        self._send(
            Opcode.DCP_DELETION, vbucket, stream.opaque, extras, key, b"", 0, document.cas
        )  # fmt: skip

    def _value(self, document: Document) -> tuple[bytes, int]:
        if self._flags & _NO_VALUE:
            return b"", 0
        datatype = document.datatype & JSON
        if not (self._flags & _INCLUDE_XATTRS and document.xattrs):
            return document.value, datatype
        return _with_xattrs(document), datatype | XATTR

    def _send(
        self,
        opcode: int,
        vbucket: int,
        opaque: int,
        extras: bytes,
        key: bytes = b"",
        value: bytes = b"",
        datatype: int = 0,
        cas: int = 0,
    ) -> None:
        body = len(extras) + len(key) + len(value)
        head = HEADER.pack(
            Magic.REQUEST, opcode, len(key), len(extras), datatype, vbucket, body, opaque, cas
        )
        if opcode != Opcode.DCP_NOOP:
            self._under_way += HEADER.size + body
        self._connection.push(b"".join((head, extras, key, value)))


def _with_xattrs(document: Document) -> bytes:
    """The attributes' section (length, then name and value with zero bytes), and the value."""
    pairs = []
    for name, value in decode(document.xattrs).items():
        pair = name.encode() + b"\0" + bytes(value) + b"\0"
        pairs.append(struct.pack(">I", len(pair)) + pair)
    section = b"".join(pairs)
    return struct.pack(">I", len(section)) + section + document.value


def _within(number: N, low: N, high: N) -> N:
    """The number, where it is within these; else `ValueError`."""
    if not low <= number <= high:
        raise ValueError(number)
    return number


def _uleb128(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _producer(connection: Connection) -> Producer:
    if connection.producer is None:
        raise StatusError(Status.INVALID)
    return connection.producer


def open_connection(connection: Connection, request: Request) -> bytes:
    """Make the connection a producer of the bucket it has selected."""
    if len(request.extras) != 8 or not request.key or connection.producer is not None:
        raise StatusError(Status.INVALID)
    flags = struct.unpack(">II", request.extras)[1]
    if not flags & _PRODUCER:
        raise StatusError(Status.NOT_SUPPORTED)
    bucket = connection.entered()
    assert connection.principal is not None
    if not connection.principal.streams(bucket.name):
        raise StatusError(Status.NO_ACCESS)
    connection.producer = Producer(connection, bucket, flags)
    connection.background = asyncio.get_running_loop().create_task(connection.producer.run())
    return response(request)


def control(connection: Connection, request: Request) -> bytes:
    """Set a property of the connection."""
    name, value = request.key.decode(errors="replace"), request.value.decode(errors="replace")
    _producer(connection).control(name, value)
    return response(request)


def request_stream(connection: Connection, request: Request) -> bytes:
    """Begin a vbucket's stream; `ROLLBACK` where the consumer's history is not this one."""
    producer = _producer(connection)
    bucket = connection.entered(request.vbucket)
    if len(request.extras) != _STREAM.size or len(request.value) > _FILTER_BYTES:
        raise StatusError(Status.INVALID)
    _, _, start, end, uuid, _, _ = _STREAM.unpack(request.extras)
    if request.vbucket in producer.streams:
        raise StatusError(Status.EXISTS)
    if start > end:
        raise StatusError(Status.RANGE)
    try:
        wanted = msgspec.json.decode(request.value or b"{}", type=_Filter)
        stream = _Stream(request.opaque, start, end, wanted)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise StatusError(Status.INVALID) from None
    for uid in stream.collections or ():
        connection.collection_of(request, uid)
    back_to = _rollback(bucket, start, uuid)
    if back_to is not None:
        raise StatusError(Status.ROLLBACK, struct.pack(">Q", back_to))
    producer.open(request.vbucket, stream)
    return response(request, value=_failover_log(bucket))


def _rollback(bucket: Bucket, start: int, uuid: int) -> int | None:
    """Where a consumer of another history must go back to; None where it need not."""
    if start == 0:
        return None
    latest = bucket.persisted_seqno
    for known, began in bucket.failovers:
        if known == uuid:
            return latest if start > latest else None
        latest = began
    return 0


def _failover_log(bucket: Bucket) -> bytes:
    return b"".join(_LOG_ENTRY.pack(uuid, began) for uuid, began in bucket.failovers)


def get_failover_log(connection: Connection, request: Request) -> bytes:
    """The vbucket's histories, newest first."""
    return response(request, value=_failover_log(connection.entered(request.vbucket)))


def close_stream(connection: Connection, request: Request) -> bytes:
    """End a stream before its time."""
    producer = _producer(connection)
    if request.vbucket not in producer.streams:
        raise StatusError(Status.NOT_FOUND)
    producer.end(request.vbucket, _END_CLOSED)
    return response(request)


def acknowledge(connection: Connection, request: Request) -> None:
    """Note what the consumer has taken; nothing is answered."""
    if len(request.extras) != 4:
        raise StatusError(Status.INVALID)
    _producer(connection).acknowledge(int.from_bytes(request.extras, "big"))


def noop(connection: Connection, request: Request) -> bytes:
    """An answer."""
    _producer(connection)
    return response(request)


def get_all_vbucket_seqnos(connection: Connection, request: Request) -> bytes:
    """Every vbucket's newest sequence number: the bucket's, which they share."""
    seqno = connection.entered().persisted_seqno
    return response(
        request, value=b"".join(struct.pack(">HQ", at, seqno) for at in range(VBUCKETS))
    )
