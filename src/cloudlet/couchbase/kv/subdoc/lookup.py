"""Sub-document lookups: get, exists and count, on one path or on several."""

from __future__ import annotations

import struct
from typing import Final

from cloudlet.couchbase.kv.connection import Connection
from cloudlet.couchbase.kv.frame import Request, StatusError, response
from cloudlet.couchbase.kv.protocol import Opcode, Status
from cloudlet.couchbase.kv.reads import visible_cas
from cloudlet.couchbase.kv.subdoc import attributes, nodes
from cloudlet.couchbase.kv.subdoc.specs import (
    DocumentFlag,
    Operation,
    Spec,
    read_lookups,
    read_single,
)
from cloudlet.storage.documents import JSON, Collection, Document

_RESULT: Final = struct.Struct(">HI")


def lookup_one(connection: Connection, request: Request) -> bytes:
    """One path; its status is the answer's."""
    collection = connection.collection(request)
    spec = read_single(request)
    document = _document(collection, request.key, spec)
    value = _look(collection, document, spec.operations[0])
    status = Status.SUCCESS_DELETED if document.deleted else Status.SUCCESS
    return response(
        request, status, value=value, cas=visible_cas(collection, request.key, document)
    )


def lookup_several(connection: Connection, request: Request) -> bytes:
    """Up to sixteen paths, each with a status of its own."""
    collection = connection.collection(request)
    spec = read_lookups(request)
    document = _document(collection, request.key, spec)
    failed = False
    out: list[bytes] = []
    for operation in spec.operations:
        status, value = int(Status.SUCCESS), b""
        try:
            value = _look(collection, document, operation)
        except StatusError as error:
            status, failed = error.status, True
        out += (_RESULT.pack(status, len(value)), value)
    return response(
        request,
        _overall(document, failed),
        value=b"".join(out),
        cas=visible_cas(collection, request.key, document),
    )


def _overall(document: Document, failed: bool) -> int:
    if document.deleted:
        return Status.MULTI_PATH_FAILURE_DELETED if failed else Status.SUCCESS_DELETED
    return Status.MULTI_PATH_FAILURE if failed else Status.SUCCESS


def _document(collection: Collection, key: bytes, spec: Spec) -> Document:
    """The live document, or the tombstone where that was asked for."""
    document = collection.get(key)
    if document is None and spec.flags & DocumentFlag.ACCESS_DELETED:
        document = collection.find(key)
    if document is None:
        raise StatusError(Status.NOT_FOUND)
    return document


def _look(collection: Collection, document: Document, operation: Operation) -> bytes:
    if operation.opcode == Opcode.GET:
        if operation.path or operation.is_xattr:
            raise StatusError(Status.INVALID)
        if document.deleted:
            raise StatusError(Status.PATH_NOT_FOUND)
        return document.value
    path = operation.components
    if operation.is_xattr:
        name = attributes.attribute_name(path)
        root = attributes.root(collection, document, name)
    else:
        if document.deleted:
            raise StatusError(Status.PATH_NOT_FOUND)
        if not document.datatype & JSON:
            raise StatusError(Status.DOCUMENT_NOT_JSON)
        root = document.value
    if not path and operation.opcode != Opcode.SUBDOC_GET_COUNT:
        raise StatusError(Status.PATH_INVALID)
    value = nodes.find(root, path)
    if operation.opcode == Opcode.SUBDOC_GET:
        return value
    if operation.opcode == Opcode.SUBDOC_EXISTS:
        return b""
    container = nodes.open_container(value)
    if container is None:
        raise StatusError(Status.PATH_MISMATCH)
    return b"%d" % len(container)
