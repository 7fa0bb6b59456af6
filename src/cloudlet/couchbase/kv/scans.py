"""Range scans and sampling scans: a vbucket's keys in order, or a random sample of them.

A scan's keys are those on disk when it was made; documents are read when their turn comes, so
that one deleted meanwhile is left out. A scan ends with its connection, or when it is idle.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
import random
import struct
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from cloudlet.couchbase.kv.frame import Request, StatusError, response
from cloudlet.couchbase.kv.protocol import VBUCKETS, Status, vbucket_of
from cloudlet.storage.documents import JSON, Bucket, Collection

if TYPE_CHECKING:
    from cloudlet.couchbase.kv.connection import Connection

#: Scans that are open at the same time, and how long one may be idle, in seconds.
MOST_SCANS: Final = 10_000
IDLE_S: Final = 60.0

#: How old the keys may be that a scan of another vbucket has gathered, in seconds.
_FRESH_S: Final = 5.0

#: Bytes of one frame of a scan's answer, and documents looked at between two turns of the loop.
_FRAME_BYTES: Final = 64 * 1024
_SLICE: Final = 128

_PAGE: Final = 2000

_LIMITS: Final = struct.Struct(">16sIII")
_META: Final = struct.Struct(">IIQQB")
_KEYS_ONLY: Final = struct.pack(">I", 0)
_DOCUMENTS: Final = struct.pack(">I", 1)


class _Range(msgspec.Struct):
    """Keys in base64; `excl_` leaves the key itself out."""

    start: str | None = None
    end: str | None = None
    excl_start: str | None = None
    excl_end: str | None = None

    def bounds(self) -> tuple[bytes, bytes]:
        """The first key, and the first key behind the range."""
        low = _key(self.excl_start) + b"\0" if self.excl_start is not None else _key(self.start)
        high = _key(self.excl_end) if self.excl_end is not None else _key(self.end) + b"\0"
        return low, high


def _key(text: str | None) -> bytes:
    if text is None:
        raise StatusError(Status.INVALID)
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise StatusError(Status.INVALID) from None


class _Sampling(msgspec.Struct):
    samples: int
    seed: int = 0


class _Snapshot(msgspec.Struct):
    vb_uuid: str
    seqno: int
    seqno_exists: bool = False
    timeout_ms: int = 0


class _Create(msgspec.Struct):
    """The request's JSON; what it does not name is ignored, as in the server."""

    collection: str = "0"
    key_only: bool = False
    range: _Range | None = None
    sampling: _Sampling | None = None
    snapshot_requirements: _Snapshot | None = None


class _Gathered:
    """A collection's keys of a range by vbucket; each vbucket's are given away once."""

    def __init__(self, seqno: int, keys: dict[int, list[bytes]]) -> None:
        self.seqno = seqno
        self.made = time.monotonic()
        self.keys = keys
        self.taken: set[int] = set()

    def serves(self, vbucket: int, high_seqno: int) -> bool:
        fresh = self.seqno == high_seqno or time.monotonic() - self.made < _FRESH_S
        return vbucket not in self.taken and fresh

    def take(self, vbucket: int) -> list[bytes]:
        self.taken.add(vbucket)
        return self.keys.pop(vbucket, [])


class _Scan:
    """An open scan and what is left of it."""

    def __init__(
        self, owner: Connection, collection: Collection, keys: list[bytes], *, key_only: bool
    ) -> None:
        self.owner = owner
        self.collection = collection
        self.keys = keys
        self.at = 0
        self.key_only = key_only
        self.used = time.monotonic()


class Scans:
    """The open scans of all connections."""

    def __init__(self) -> None:
        self._open: dict[bytes, _Scan] = {}
        self._gathered: dict[tuple[int, bytes, bytes], _Gathered] = {}
        self._gathering: dict[tuple[int, bytes, bytes], asyncio.Lock] = {}

    def forget(self, owner: Connection) -> None:
        """End the scans of a connection that is gone."""
        for ident in [ident for ident, scan in self._open.items() if scan.owner is owner]:
            del self._open[ident]

    def open(self, scan: _Scan) -> bytes:
        """Keep a scan; its name."""
        now = time.monotonic()
        for ident in [one for one, scan in self._open.items() if now - scan.used > IDLE_S]:
            del self._open[ident]
        if len(self._open) >= MOST_SCANS:
            raise StatusError(Status.BUSY)
        ident = os.urandom(16)
        self._open[ident] = scan
        return ident

    def find(self, ident: bytes, owner: Connection) -> _Scan:
        """An open scan of this connection's user."""
        scan = self._open.get(ident)
        if scan is None or scan.owner.principal != owner.principal:
            raise StatusError(Status.NOT_FOUND)
        scan.used = time.monotonic()
        return scan

    def end(self, ident: bytes) -> None:
        """Forget a scan."""
        self._open.pop(ident, None)

    async def keys(
        self, collection: Collection, low: bytes, high: bytes, vbucket: int, least_seqno: int
    ) -> list[bytes]:
        """The vbucket's keys of a range; one reading serves the scans of all vbuckets."""
        name = (collection.storage_id, low, high)
        async with self._gathering.setdefault(name, asyncio.Lock()):
            found = self._gathered.get(name)
            usable = found is not None and found.seqno >= least_seqno
            if found is None or not usable or not found.serves(vbucket, collection.high_seqno):
                seqno = collection.high_seqno
                await collection.durable()
                found = _Gathered(seqno, await _gather(collection, low, high))
                self._gathered[name] = found
            keys = found.take(vbucket)
        self._drop_stale()
        return keys

    def _drop_stale(self) -> None:
        now = time.monotonic()
        for name in [
            name
            for name, one in self._gathered.items()
            if now - one.made > _FRESH_S or len(one.taken) == VBUCKETS
        ]:
            del self._gathered[name]
            lock = self._gathering.get(name)
            if lock is not None and not lock.locked():
                del self._gathering[name]


async def _gather(collection: Collection, low: bytes, high: bytes) -> dict[int, list[bytes]]:
    """Keys by vbucket, page by page, letting others have the loop in between."""
    found: dict[int, list[bytes]] = {}
    while True:
        page = collection.page(low, _PAGE)
        for key in page:
            if key < high:
                found.setdefault(vbucket_of(key), []).append(key)
        if not page or page[-1] >= high:
            return found
        low = page[-1] + b"\0"
        await asyncio.sleep(0)


async def create(connection: Connection, request: Request) -> bytes:
    """Open a scan of one vbucket; `NOT_FOUND` where the range is empty."""
    if request.extras or request.key or not connection.json:
        raise StatusError(Status.INVALID)
    try:
        wanted = msgspec.json.decode(request.value, type=_Create)
        uid = int(wanted.collection, 16)
    except (msgspec.DecodeError, ValueError):
        raise StatusError(Status.INVALID) from None
    if (wanted.range is None) == (wanted.sampling is None):
        raise StatusError(Status.INVALID)
    collection = connection.collection_of(request, uid)
    least = 0
    if wanted.snapshot_requirements is not None:
        least = wanted.snapshot_requirements.seqno
        await _meet(collection.bucket, wanted.snapshot_requirements)
    low, high = (b"", b"\xff" * 251)
    if wanted.range is not None:
        low, high = wanted.range.bounds()
    keys = await connection.service.scans.keys(collection, low, high, request.vbucket, least)
    if wanted.sampling is not None:
        keys = _sample(keys, wanted.sampling)
    if not keys:
        raise StatusError(Status.NOT_FOUND)
    scan = _Scan(connection, collection, keys, key_only=wanted.key_only)
    return response(request, value=connection.service.scans.open(scan))


def _sample(keys: list[bytes], sampling: _Sampling) -> list[bytes]:
    if sampling.samples <= 0:
        raise StatusError(Status.INVALID)
    if len(keys) <= sampling.samples:
        return keys
    return random.Random(sampling.seed).sample(keys, sampling.samples)  # noqa: S311  a choice


async def _meet(bucket: Bucket, wanted: _Snapshot) -> None:
    """Wait as long as the request allows for the sequence number it asks for to be on disk."""
    if wanted.vb_uuid != str(bucket.vbucket_uuid):
        raise StatusError(Status.VBUCKET_UUID_DIFFERS)
    deadline = time.monotonic() + wanted.timeout_ms / 1000
    while bucket.persisted_seqno < wanted.seqno:
        if time.monotonic() >= deadline:
            raise StatusError(Status.TEMPORARY_FAILURE)
        await asyncio.sleep(0.002)


async def go_on(connection: Connection, request: Request) -> bytes:
    """The scan's next keys or documents, up to the limits of the request."""
    if request.key or request.value or len(request.extras) != _LIMITS.size:
        raise StatusError(Status.INVALID)
    ident, most_items, most_ms, most_bytes = _LIMITS.unpack(request.extras)
    scan = connection.service.scans.find(ident, connection)
    if not scan.collection.live:
        connection.service.scans.end(ident)
        raise StatusError(Status.UNKNOWN_COLLECTION)
    kind = _KEYS_ONLY if scan.key_only else _DOCUMENTS
    deadline = time.monotonic() + most_ms / 1000 if most_ms else None
    frame: list[bytes] = []
    frame_bytes = sent = items = 0
    for looked, item in enumerate(_items(scan)):
        if item:
            items += 1
            frame.append(item)
            frame_bytes += len(item)
        if (
            items == (most_items or -1)
            or (most_bytes and sent + frame_bytes >= most_bytes)
            or (deadline is not None and items and time.monotonic() >= deadline)
        ):
            break
        if frame_bytes >= _FRAME_BYTES:
            connection.push(response(request, extras=kind, value=b"".join(frame)))
            sent += frame_bytes
            frame, frame_bytes = [], 0
            await connection.writable()
        elif looked % _SLICE == _SLICE - 1:
            await asyncio.sleep(0)
    status = Status.RANGE_SCAN_MORE
    if scan.at >= len(scan.keys):
        connection.service.scans.end(ident)
        status = Status.RANGE_SCAN_COMPLETE
    return response(request, status, extras=kind, value=b"".join(frame))


def _items(scan: _Scan) -> Iterator[bytes]:
    """What is left of the scan, encoded; nothing for a document that is gone."""
    collection = scan.collection
    while scan.at < len(scan.keys):
        key = scan.keys[scan.at]
        scan.at += 1
        document = collection.get(key)
        if document is None:
            yield b""
        elif scan.key_only:
            yield _varint(len(key)) + key
        else:
            meta = _META.pack(
                document.flags, document.expiry_s, document.seqno, document.cas,
                document.datatype & JSON,
            )  # fmt: skip
            value = document.value
            yield b"".join((meta, _varint(len(key)), key, _varint(len(value)), value))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


async def cancel(connection: Connection, request: Request) -> bytes:
    """End a scan."""
    if request.key or request.value or len(request.extras) != 16:
        raise StatusError(Status.INVALID)
    connection.service.scans.find(request.extras, connection)
    connection.service.scans.end(request.extras)
    return response(request)
