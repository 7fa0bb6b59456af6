"""Sub-document mutations: all operations of a request, or none."""

from __future__ import annotations

import struct
from typing import Final

from cloudlet.couchbase.kv.connection import Connection
from cloudlet.couchbase.kv.frame import Request, StatusError, response
from cloudlet.couchbase.kv.mutations import datatype_of, mutated
from cloudlet.couchbase.kv.protocol import Opcode, Status
from cloudlet.couchbase.kv.subdoc import attributes, changes, nodes
from cloudlet.couchbase.kv.subdoc.specs import (
    DocumentFlag,
    Operation,
    PathFlag,
    Spec,
    read_mutations,
    read_single,
)
from cloudlet.storage.documents import (
    JSON,
    CasMismatchError,
    Collection,
    Document,
    DocumentExistsError,
    DocumentNotFoundError,
)
from cloudlet.storage.documents.model import expiry_time

_RESULT: Final = struct.Struct(">BHI")
_FAILURE: Final = struct.Struct(">BH")


class _PathError(Exception):
    """The operation of this number failed with this status."""

    def __init__(self, number: int, status: int, *, deleted: bool) -> None:
        super().__init__(number, status)
        self.number = number
        self.status = status
        #: Whether the operations were on a tombstone.
        self.deleted = deleted


class _Draft:
    """The document that the operations are making."""

    def __init__(self, collection: Collection, current: Document | None, spec: Spec) -> None:
        self.collection = collection
        self.current = current
        self.spec = spec
        live = current is not None and not current.deleted
        self.body = current.value if current is not None and live else b""
        self.is_json = bool(current.datatype & JSON) if current is not None and live else True
        self.xattrs = current.xattrs if current is not None else b""
        self.deleted = not live and not _makes_live(spec)
        self.removes = False
        self.macros = attributes.Macros(collection, current)
        self.results: list[tuple[int, bytes]] = []

    def run(self) -> None:
        """Run all operations; `_PathError` for the first that fails."""
        for number, operation in enumerate(self.spec.operations):
            try:
                value = self._run(operation)
            except StatusError as error:
                raise _PathError(number, error.status, deleted=self.deleted) from None
            if value:
                self.results.append((number, value))

    def _run(self, operation: Operation) -> bytes:
        if operation.opcode == Opcode.SET:
            return self._set_body(operation)
        if operation.opcode == Opcode.DELETE:
            return self._delete_body(operation)
        path = operation.components
        if operation.opcode == Opcode.SUBDOC_REPLACE_BODY_WITH_XATTR:
            attributes.attribute_name(path)
            self.body = nodes.find(self.xattrs or b"{}", path)
            self.is_json = True
            return b""
        if operation.is_xattr:
            return self._change_attribute(operation)
        if not self.is_json:
            raise StatusError(Status.DOCUMENT_NOT_JSON)
        if self.deleted:
            raise StatusError(Status.PATH_NOT_FOUND)
        root = self.body or _empty_root(operation)
        self.body, result = changes.apply(
            root,
            operation.opcode,
            path,
            operation.value,
            create_parents=bool(operation.flags & PathFlag.CREATE_PARENTS),
        )
        return result

    def _set_body(self, operation: Operation) -> bytes:
        if operation.path or operation.is_xattr:
            raise StatusError(Status.INVALID)
        self.body = operation.value
        self.is_json = bool(datatype_of(operation.value))
        return b""

    def _delete_body(self, operation: Operation) -> bytes:
        if operation.path or operation.is_xattr:
            raise StatusError(Status.INVALID)
        if self.deleted:
            raise StatusError(Status.NOT_FOUND)
        self.removes = True
        return b""

    def _change_attribute(self, operation: Operation) -> bytes:
        path = operation.components
        name = attributes.attribute_name(path)
        if name.startswith("$"):
            raise StatusError(Status.XATTR_CANNOT_MODIFY_VIRTUAL)
        value = operation.value
        if operation.flags & PathFlag.EXPAND_MACROS:
            value = self.macros.expand(value)
        changed, result = changes.apply(
            self.xattrs or b"{}",
            operation.opcode,
            path,
            value,
            create_parents=bool(operation.flags & PathFlag.CREATE_PARENTS),
        )
        self.xattrs = b"" if changed == b"{}" else changed
        return result

    def store(self, key: bytes, request: Request) -> Document:
        """Make the next version of the document."""
        if self.removes:
            assert self.current is not None
            return self.collection.delete(key, self.current, self.xattrs)
        current = self.current
        live = current is not None and not current.deleted
        if current is not None and live and request.preserve_expiry:
            expiry = current.expiry_s
        else:
            expiry = expiry_time(self.spec.expiry_s or 0)
        datatype = JSON if self.is_json and not self.deleted else 0
        return self.collection.put(
            key,
            self.body if not self.deleted else b"",
            flags=current.flags if current is not None and live else 0,
            datatype=datatype,
            expiry_s=0 if self.deleted else expiry,
            xattrs=self.macros.finish(self.xattrs, self.body),
            deleted=self.deleted,
            cas=self.macros.cas,
        )


def _makes_live(spec: Spec) -> bool:
    """Whether a document that is missing or deleted is a live one afterwards."""
    if spec.flags & DocumentFlag.REVIVE:
        return True
    creates = spec.flags & (DocumentFlag.CREATE | DocumentFlag.ADD)
    return bool(creates) and not spec.flags & DocumentFlag.CREATE_AS_DELETED


def _empty_root(operation: Operation) -> bytes:
    """What a document that is being created begins as: an array for operations on the root one."""
    if operation.opcode in changes.ARRAY_OPERATIONS and not operation.path:
        return b"[]"
    if operation.path.startswith(b"["):
        return b"[]"
    return b"{}"


def _current(collection: Collection, request: Request, spec: Spec) -> Document | None:
    """The version the request starts from, as its flags allow."""
    key, flags = request.key, spec.flags
    live = collection.get(key)
    if flags & DocumentFlag.REVIVE:
        if live is not None:
            raise StatusError(Status.ONLY_DELETED_CAN_BE_REVIVED)
        tombstone = collection.find(key)
        if tombstone is None:
            raise DocumentNotFoundError
        return tombstone
    if live is not None:
        if flags & DocumentFlag.ADD:
            raise DocumentExistsError
        return live
    if flags & DocumentFlag.ACCESS_DELETED:
        tombstone = collection.find(key)
        if tombstone is not None:
            if flags & DocumentFlag.ADD and not flags & DocumentFlag.CREATE_AS_DELETED:
                return None
            return tombstone
    if flags & (DocumentFlag.ADD | DocumentFlag.CREATE):
        return None
    raise DocumentNotFoundError


def _mutate(connection: Connection, request: Request, spec: Spec) -> tuple[_Draft, Document]:
    collection = connection.collection(request, True)
    current = _current(collection, request, spec)
    if request.cas and current is None:
        raise DocumentNotFoundError
    if request.cas and current is not None and current.deleted and current.cas != request.cas:
        raise CasMismatchError
    collection.check(request.key, current, request.cas)
    draft = _Draft(collection, current, spec)
    draft.run()
    return draft, draft.store(request.key, request)


def mutate_one(connection: Connection, request: Request) -> bytes:
    """One path; its status is the answer's, a counter's number its value."""
    spec = read_single(request)
    try:
        draft, document = _mutate(connection, request, spec)
    except _PathError as error:
        raise StatusError(error.status) from None
    value = draft.results[0][1] if draft.results else b""
    return _answer(connection, request, draft, document, value)


def mutate_several(connection: Connection, request: Request) -> bytes:
    """Up to sixteen paths; the first that fails undoes all and is named in the answer."""
    spec = read_mutations(request)
    try:
        draft, document = _mutate(connection, request, spec)
    except _PathError as error:
        deleted = error.deleted
        status = Status.MULTI_PATH_FAILURE_DELETED if deleted else Status.MULTI_PATH_FAILURE
        return response(request, status, value=_FAILURE.pack(error.number, error.status))
    value = b"".join(
        _RESULT.pack(number, Status.SUCCESS, len(result)) + result
        for number, result in draft.results
    )
    return _answer(connection, request, draft, document, value)


def _answer(
    connection: Connection, request: Request, draft: _Draft, document: Document, value: bytes
) -> bytes:
    status = Status.SUCCESS_DELETED if draft.deleted else Status.SUCCESS
    return mutated(connection, request, draft.collection, document, value, status)
