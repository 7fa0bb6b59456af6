"""The verbs that read documents: get, get-and-touch, get-and-lock, unlock, get-meta, observe."""

from __future__ import annotations

import struct
from typing import Final

from cloudlet.couchbase.kv.connection import Connection
from cloudlet.couchbase.kv.frame import Request, StatusError, response
from cloudlet.couchbase.kv.protocol import Status
from cloudlet.storage.documents import (
    JSON,
    Collection,
    Document,
    DocumentNotFoundError,
    locks,
    writes,
)

#: What a reader sees as the CAS of a document that somebody has locked.
LOCKED_CAS: Final = 0xFFFFFFFFFFFFFFFF

_FLAGS: Final = struct.Struct(">I")
_NO_FLAGS: Final = bytes(4)


def visible_cas(collection: Collection, key: bytes, document: Document) -> int:
    """A document's CAS, hidden while it is locked."""
    if collection.locks and collection.locked(key):
        return LOCKED_CAS
    return document.cas


def _found(
    connection: Connection, request: Request, document: Document, cas: int, key: bytes = b""
) -> bytes:
    return response(
        request,
        Status.SUCCESS,
        _FLAGS.pack(document.flags) if document.flags else _NO_FLAGS,
        key,
        document.value,
        document.datatype & JSON if connection.json else 0,
        cas,
    )


def get(connection: Connection, request: Request) -> bytes:
    """The document's value, flags and CAS."""
    collection = connection.collection(request)
    key = request.key
    document = collection.get(key)
    if document is None:
        return response(request, Status.NOT_FOUND)
    cas = visible_cas(collection, key, document) if collection.locks else document.cas
    return _found(connection, request, document, cas)


def get_quiet(connection: Connection, request: Request) -> bytes | None:
    """As `get`, silent where there is no document."""
    collection = connection.collection(request)
    document = collection.get(request.key)
    if document is None:
        return None
    return _found(connection, request, document, visible_cas(collection, request.key, document))


def get_with_key(connection: Connection, request: Request) -> bytes:
    """As `get`, with the key in the answer."""
    wire_key = request.key
    collection = connection.collection(request)
    document = collection.require(request.key)
    cas = visible_cas(collection, request.key, document)
    return _found(connection, request, document, cas, wire_key)


def get_and_touch(connection: Connection, request: Request) -> bytes:
    """The document, with a new expiry."""
    collection = connection.collection(request, True)
    if len(request.extras) != 4:
        raise StatusError(Status.INVALID)
    (expiry,) = _FLAGS.unpack(request.extras)
    document = writes.touch(collection, request.key, expiry)
    connection.hold(request, collection, document)
    return _found(connection, request, document, document.cas)


def touch(connection: Connection, request: Request) -> bytes:
    """A new expiry."""
    collection = connection.collection(request, True)
    if len(request.extras) != 4:
        raise StatusError(Status.INVALID)
    (expiry,) = _FLAGS.unpack(request.extras)
    document = writes.touch(collection, request.key, expiry)
    connection.hold(request, collection, document)
    return response(request, cas=document.cas)


def get_locked(connection: Connection, request: Request) -> bytes:
    """The document, locked for 15 seconds or the 1 to 30 that the request says."""
    collection = connection.collection(request, True)
    if len(request.extras) not in (0, 4):
        raise StatusError(Status.INVALID)
    seconds = _FLAGS.unpack(request.extras)[0] if request.extras else 0
    document = locks.lock(collection, request.key, seconds)
    return _found(connection, request, document, document.cas)


def unlock(connection: Connection, request: Request) -> bytes:
    """End a lock by its CAS."""
    collection = connection.collection(request, True)
    if request.cas == 0:
        raise StatusError(Status.INVALID)
    locks.unlock(collection, request.key, request.cas)
    return response(request)


_META: Final = struct.Struct(">IIIQ")
_META_DATATYPE: Final = struct.Struct(">IIIQB")


def get_meta(connection: Connection, request: Request) -> bytes:
    """Deleted, flags, expiry, revision (and, for version 2, datatype); tombstones included."""
    collection = connection.collection(request)
    collection.get(request.key)
    document = collection.find(request.key)
    if document is None:
        return response(request, Status.NOT_FOUND)
    fields = (int(document.deleted), document.flags, document.expiry_s, document.revision)
    if request.extras[:1] == b"\x02":
        extras = _META_DATATYPE.pack(*fields, document.datatype)
    else:
        extras = _META.pack(*fields)
    return response(request, extras=extras, cas=visible_cas(collection, request.key, document))


def get_replica(connection: Connection, request: Request) -> bytes:
    """There are no replicas: no vbucket is one."""
    connection.collection(request)
    raise StatusError(Status.NOT_MY_VBUCKET, connection.service.config(connection.bucket))


def observe_seqno(connection: Connection, request: Request) -> bytes:
    """How far the vbucket is persisted.

    To who names an earlier history, the answer says too where that ended (the protocol's format
    1); a history that never was is `NOT_FOUND`.
    """
    bucket = connection.entered(request.vbucket)
    if len(request.value) != 8:
        raise StatusError(Status.INVALID)
    uuid = int.from_bytes(request.value, "big")
    old = b""
    if uuid != bucket.vbucket_uuid:
        earlier = zip(bucket.failovers[1:], bucket.failovers, strict=False)
        ends = [ended for (known, _), (_, ended) in earlier if known == uuid]
        if not ends:
            raise StatusError(Status.NOT_FOUND)
        old = struct.pack(">QQ", uuid, ends[0])
    reached = bucket.persisted_seqno, bucket.high_seqno
    value = struct.pack(">BHQQQ", bool(old), request.vbucket, bucket.vbucket_uuid, *reached)
    return response(request, value=value + old)


#: The most keys that one request observes: a few milliseconds' worth.
OBSERVED_KEYS: Final = 2_000

_NOT_PERSISTED, _PERSISTED, _NOT_FOUND, _DELETED_NOT_PERSISTED = 0x00, 0x01, 0x80, 0x81


def observe(connection: Connection, request: Request) -> bytes:
    """For each key of the request: whether it is there and on disk, and its CAS.

    `TOO_BIG` for more than `OBSERVED_KEYS`.
    """
    out: list[bytes] = []
    data = request.value
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise StatusError(Status.INVALID)
        if len(out) == OBSERVED_KEYS:
            raise StatusError(Status.TOO_BIG)
        vbucket, size = struct.unpack_from(">HH", data, at)
        key = data[at + 4 : at + 4 + size]
        if len(key) != size:
            raise StatusError(Status.INVALID)
        at += 4 + size
        one = Request(request.opcode, b"", key, b"", 0, vbucket, request.opaque, 0)
        collection = connection.collection(one)
        try:
            document = collection.require(one.key)
        except DocumentNotFoundError:
            state = _NOT_FOUND if collection.is_saved(one.key) else _DELETED_NOT_PERSISTED
            cas = 0
        else:
            state = _PERSISTED if collection.is_saved(one.key) else _NOT_PERSISTED
            cas = document.cas
        out.append(struct.pack(">HH", vbucket, size) + key + struct.pack(">BQ", state, cas))
    return response(request, value=b"".join(out))
