"""Sub-document requests taken apart: flags, and the operations of the multi-path commands."""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from cloudlet.couchbase.kv.frame import Request, StatusError
from cloudlet.couchbase.kv.protocol import Opcode, Status
from cloudlet.couchbase.kv.subdoc.path import Component, parse

#: The most paths of one request.
MOST_PATHS: Final = 16


class PathFlag:
    """Flags of one operation."""

    CREATE_PARENTS: Final = 0x01
    XATTR: Final = 0x04
    EXPAND_MACROS: Final = 0x10
    ALL: Final = CREATE_PARENTS | XATTR | EXPAND_MACROS


class DocumentFlag:
    """Flags of the whole request."""

    CREATE: Final = 0x01
    ADD: Final = 0x02
    ACCESS_DELETED: Final = 0x04
    CREATE_AS_DELETED: Final = 0x08
    REVIVE: Final = 0x10
    ALL: Final = CREATE | ADD | ACCESS_DELETED | CREATE_AS_DELETED | REVIVE


LOOKUPS: Final = frozenset(
    {Opcode.GET, Opcode.SUBDOC_GET, Opcode.SUBDOC_EXISTS, Opcode.SUBDOC_GET_COUNT}
)
MUTATIONS: Final = frozenset(
    {
        Opcode.SET,
        Opcode.DELETE,
        Opcode.SUBDOC_DICT_ADD,
        Opcode.SUBDOC_DICT_UPSERT,
        Opcode.SUBDOC_DELETE,
        Opcode.SUBDOC_REPLACE,
        Opcode.SUBDOC_ARRAY_PUSH_LAST,
        Opcode.SUBDOC_ARRAY_PUSH_FIRST,
        Opcode.SUBDOC_ARRAY_INSERT,
        Opcode.SUBDOC_ARRAY_ADD_UNIQUE,
        Opcode.SUBDOC_COUNTER,
        Opcode.SUBDOC_REPLACE_BODY_WITH_XATTR,
    }
)


class Operation(msgspec.Struct):
    """One operation on one path; the path is parsed when it is its turn."""

    opcode: int
    flags: int
    path: bytes
    value: bytes = b""

    @property
    def is_xattr(self) -> bool:
        """Whether the path is in the extended attributes."""
        return bool(self.flags & PathFlag.XATTR)

    @property
    def components(self) -> list[Component]:
        """The path."""
        return parse(self.path)


class Spec(msgspec.Struct):
    """A whole request: its operations, expiry (None: not given) and document flags."""

    operations: list[Operation]
    expiry_s: int | None = None
    flags: int = 0


_LOOKUP: Final = struct.Struct(">BBH")
_MUTATION: Final = struct.Struct(">BBHI")


def read_single(request: Request) -> Spec:
    """The spec of a command with one path."""
    extras = request.extras
    if len(extras) not in (3, 4, 7, 8):
        raise StatusError(Status.INVALID)
    path_size, flags = struct.unpack_from(">HB", extras)
    expiry = struct.unpack_from(">I", extras, 3)[0] if len(extras) >= 7 else None
    document_flags = extras[-1] if len(extras) in (4, 8) else 0
    if path_size > len(request.value):
        raise StatusError(Status.INVALID)
    operation = Operation(
        request.opcode, flags, request.value[:path_size], request.value[path_size:]
    )
    return _checked(Spec([operation], expiry, document_flags))


def read_lookups(request: Request) -> Spec:
    """The spec of a multi-path lookup."""
    if len(request.extras) > 1:
        raise StatusError(Status.INVALID)
    data, at = request.value, 0
    operations: list[Operation] = []
    while at < len(data) and len(operations) <= MOST_PATHS:
        if len(data) - at < _LOOKUP.size:
            raise StatusError(Status.INVALID)
        opcode, flags, size = _LOOKUP.unpack_from(data, at)
        at += _LOOKUP.size
        path = data[at : at + size]
        at += size
        if len(path) != size:
            raise StatusError(Status.INVALID)
        if opcode not in LOOKUPS:
            raise StatusError(Status.INVALID_COMBINATION)
        operations.append(Operation(opcode, flags, path))
    return _checked(Spec(operations, None, request.extras[0] if request.extras else 0))


def read_mutations(request: Request) -> Spec:
    """The spec of a multi-path mutation."""
    extras = request.extras
    if len(extras) not in (0, 1, 4, 5):
        raise StatusError(Status.INVALID)
    expiry = struct.unpack_from(">I", extras)[0] if len(extras) >= 4 else None
    flags = extras[-1] if len(extras) in (1, 5) else 0
    data, at = request.value, 0
    operations: list[Operation] = []
    while at < len(data) and len(operations) <= MOST_PATHS:
        if len(data) - at < _MUTATION.size:
            raise StatusError(Status.INVALID)
        opcode, path_flags, path_size, value_size = _MUTATION.unpack_from(data, at)
        at += _MUTATION.size
        path = data[at : at + path_size]
        value = data[at + path_size : at + path_size + value_size]
        at += path_size + value_size
        if at > len(data):
            raise StatusError(Status.INVALID)
        if opcode not in MUTATIONS:
            raise StatusError(Status.INVALID_COMBINATION)
        operations.append(Operation(opcode, path_flags, path, value))
    return _checked(Spec(operations, expiry, flags))


def _checked(spec: Spec) -> Spec:
    """Refuse what no order of operations makes right."""
    if not spec.operations:
        raise StatusError(Status.INVALID)
    if len(spec.operations) > MOST_PATHS:
        raise StatusError(Status.INVALID_COMBINATION)
    if spec.flags & ~DocumentFlag.ALL:
        raise StatusError(Status.INVALID)
    if spec.flags & DocumentFlag.ADD and spec.flags & DocumentFlag.CREATE:
        raise StatusError(Status.INVALID)
    if spec.flags & DocumentFlag.CREATE_AS_DELETED and not spec.flags & (
        DocumentFlag.ADD | DocumentFlag.CREATE
    ):
        raise StatusError(Status.INVALID)
    names = set()
    seen_body = False
    for operation in spec.operations:
        if operation.flags & ~PathFlag.ALL:
            raise StatusError(Status.INVALID)
        if spec.flags & (DocumentFlag.ADD | DocumentFlag.CREATE):
            # Creating the document implies creating what is on the way, as in the server.
            operation.flags |= PathFlag.CREATE_PARENTS
        if operation.flags & PathFlag.EXPAND_MACROS and not operation.is_xattr:
            raise StatusError(Status.XATTR_INVALID_FLAGS)
        if not operation.is_xattr:
            seen_body = True
            continue
        if seen_body:
            raise StatusError(Status.XATTR_INVALID_ORDER)
        name = operation.path.partition(b".")[0].partition(b"[")[0]
        if not name.startswith(b"$"):
            names.add(name)
    if len(names) > 1:
        raise StatusError(Status.XATTR_INVALID_KEYS)
    return spec
