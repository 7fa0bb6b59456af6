"""The verbs that change documents: set, add, replace, delete, append, prepend, counters."""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from cloudlet.couchbase.kv.connection import Connection
from cloudlet.couchbase.kv.frame import Request, StatusError, response
from cloudlet.couchbase.kv.protocol import Magic, Opcode, Status
from cloudlet.storage.documents import BINARY, JSON, Collection, Document, counters, writes

_FLAGS_EXPIRY: Final = struct.Struct(">II")
#: A header that says success and nothing but the opcode, the opaque and the CAS.
_ACKNOWLEDGEMENT: Final = struct.Struct(">BB10xIQ")
_RESPONSE: Final = Magic.RESPONSE
_TOKEN: Final = struct.Struct(">QQ")
_JSON: Final = msgspec.json.Decoder(msgspec.Raw)

#: Datatype bits a client may not send: all but JSON (snappy is undone before this is looked at);
#: attributes have own verbs.
_NOT_CLIENTS: Final = 0xFF & ~JSON
_SUCCESS: Final = Status.SUCCESS


def datatype_of(value: bytes) -> int:
    """JSON or binary, by looking: clients' claims are not trusted, as the server does not."""
    try:
        _JSON.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return BINARY
    return JSON


def mutated(
    connection: Connection,
    request: Request,
    collection: Collection,
    document: Document,
    value: bytes = b"",
    status: int = _SUCCESS,
) -> bytes:
    """The answer to a mutation: its CAS, and its token where the client asked for tokens."""
    bucket = collection.bucket
    if connection.acknowledge_persisted or request.durability or bucket.minimum_durability:
        connection.hold(request, collection, document)
    extras = b""
    if connection.mutation_tokens:
        extras = _TOKEN.pack(bucket.vbucket_uuid, document.seqno)
    elif not (value or status):
        return _ACKNOWLEDGEMENT.pack(_RESPONSE, request.opcode, request.opaque, document.cas)
    return response(request, status, extras, b"", value, 0, document.cas)


def _store_arguments(request: Request) -> tuple[int, int, int]:
    """Flags, expiry, and the value's datatype."""
    if len(request.extras) != 8 or request.datatype & _NOT_CLIENTS:
        raise StatusError(Status.INVALID)
    flags, expiry = _FLAGS_EXPIRY.unpack(request.extras)
    kind = request.kind
    return flags, expiry, datatype_of(request.value) if kind is None else kind


def upsert(connection: Connection, request: Request) -> bytes:
    """Store whether or not there is a document."""
    collection = connection.collection(request, True)
    flags, expiry, kind = _store_arguments(request)
    document = writes.upsert(
        collection, request.key, request.value, flags, kind, expiry, request.cas,
        request.preserve_expiry,
    )  # fmt: skip
    return mutated(connection, request, collection, document)


def insert(connection: Connection, request: Request) -> bytes:
    """Store where there is no document."""
    collection = connection.collection(request, True)
    flags, expiry, kind = _store_arguments(request)
    if request.cas or request.preserve_expiry:
        raise StatusError(Status.INVALID)
    document = writes.insert(collection, request.key, request.value, flags, kind, expiry)
    return mutated(connection, request, collection, document)


def replace(connection: Connection, request: Request) -> bytes:
    """Store where there is a document."""
    collection = connection.collection(request, True)
    flags, expiry, kind = _store_arguments(request)
    document = writes.replace(
        collection, request.key, request.value, flags, kind, expiry, request.cas,
        request.preserve_expiry,
    )  # fmt: skip
    return mutated(connection, request, collection, document)


def delete(connection: Connection, request: Request) -> bytes:
    """Remove a document."""
    collection = connection.collection(request, True)
    if request.extras or request.value:
        raise StatusError(Status.INVALID)
    document = writes.remove(collection, request.key, request.cas)
    return mutated(connection, request, collection, document)


def extend(connection: Connection, request: Request) -> bytes:
    """Append to or prepend to a document's value."""
    collection = connection.collection(request, True)
    if request.extras:
        raise StatusError(Status.INVALID)
    front = request.opcode == Opcode.PREPEND
    document = writes.extend(
        collection, request.key, request.value, front=front, classify=datatype_of, cas=request.cas
    )
    return mutated(connection, request, collection, document)


def count(connection: Connection, request: Request) -> bytes:
    """Add to or subtract from a counter, or create it."""
    collection = connection.collection(request, True)
    if len(request.extras) != 20 or request.value:
        raise StatusError(Status.INVALID)
    delta, initial, expiry = struct.unpack(">QQI", request.extras)
    creates = expiry != counters.NO_INITIAL
    number, document = counters.add(
        collection,
        request.key,
        -delta if request.opcode == Opcode.DECREMENT else delta,
        initial=initial if creates else None,
        expiry_s=expiry if creates else 0,
        cas=request.cas,
        preserve_expiry=request.preserve_expiry or not creates,
    )
    return mutated(connection, request, collection, document, struct.pack(">Q", number))
