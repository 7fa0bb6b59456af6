"""Extended attributes on paths: the virtual ones (`$document`), and macros in what is stored."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec
from awscrt.checksums import crc32c

from cloudlet.couchbase.kv.frame import StatusError
from cloudlet.couchbase.kv.protocol import Status
from cloudlet.couchbase.kv.subdoc.path import Component
from cloudlet.storage.documents import JSON, Collection, Document, xattrs

#: The longest name of an attribute, in bytes.
NAME_BYTES: Final = 16


def attribute_name(path: list[Component]) -> str:
    """The attribute a path is in; `PATH_INVALID` or `XATTR_INVALID`."""
    if not path or not isinstance(path[0], str):
        raise StatusError(Status.XATTR_INVALID)
    if len(path[0].encode()) > NAME_BYTES:
        raise StatusError(Status.XATTR_INVALID)
    return path[0]


def root(collection: Collection, document: Document | None, name: str) -> bytes:
    """A JSON object in which the attribute's path can be looked up."""
    if not name.startswith("$"):
        stored = document.xattrs if document is not None else b""
        return stored or b"{}"
    if document is None:
        raise StatusError(Status.PATH_NOT_FOUND)
    if name == "$document":
        value: Any = describe(collection, document)
    elif name == "$XTOC":
        value = list(xattrs.decode(document.xattrs))
    elif name == "$vbucket":
        value = {"HLC": {"now": str(time.time_ns() // 1_000_000_000), "mode": "logical"}}
    else:
        raise StatusError(Status.XATTR_UNKNOWN_VIRTUAL)
    return msgspec.json.encode({name: value})


def describe(collection: Collection, document: Document) -> dict[str, Any]:
    """`$document`, in the forms that the server gives its fields."""
    kinds = ["json" if document.datatype & JSON else "raw"]
    if document.xattrs:
        kinds.append("xattr")
    return {
        "CAS": f"0x{document.cas:016x}",
        "vbucket_uuid": f"0x{collection.bucket.vbucket_uuid:016x}",
        "seqno": f"0x{document.seqno:016x}",
        "revid": str(document.revision),
        "exptime": document.expiry_s,
        "flags": document.flags,
        "value_bytes": len(document.value),
        "value_crc32c": _crc32c(document.value),
        "datatype": kinds,
        "deleted": document.deleted,
        "last_modified": str(document.cas // 1_000_000_000),
    }


def _crc32c(value: bytes) -> str:
    return f"0x{crc32c(value):08x}"


class Macros:
    """What macros stand for in one mutation; known before it is made."""

    def __init__(self, collection: Collection, document: Document | None) -> None:
        self._collection = collection
        self._document = document
        self.cas = collection.bucket.clock.next()
        #: The values that need the new body's checksum, which is known last.
        self.wants_checksum = False

    def expand(self, value: bytes) -> bytes:
        """A macro's value as JSON; `XATTR_UNKNOWN_MACRO` for what is none."""
        if value == b'"${Mutation.CAS}"':
            return b'"0x%s"' % self.cas.to_bytes(8, "little").hex().encode()
        if value == b'"${Mutation.seqno}"':
            return b'"0x%016x"' % (self._collection.bucket.high_seqno + 1)
        if value == b'"${Mutation.value_crc32c}"':
            self.wants_checksum = True
            return _CHECKSUM
        if value.startswith(b'"${$document') and value.endswith(b'}"'):
            return self._document_field(value[12:-2])
        raise StatusError(Status.XATTR_UNKNOWN_MACRO)

    def _document_field(self, field: bytes) -> bytes:
        if self._document is None:
            raise StatusError(Status.PATH_NOT_FOUND)
        fields = describe(self._collection, self._document)
        if not field:
            return msgspec.json.encode(fields)
        name = field[1:].decode(errors="replace")
        if field[:1] != b"." or name not in fields:
            raise StatusError(Status.XATTR_UNKNOWN_VIRTUAL_MACRO)
        return msgspec.json.encode(fields[name])

    def finish(self, attributes: bytes, value: bytes) -> bytes:
        """The attributes with the checksum of the new body in its places."""
        if not self.wants_checksum:
            return attributes
        return attributes.replace(_CHECKSUM, f'"{_crc32c(value)}"'.encode())


#: Stands for the checksum until the body is known; no client can have written it.
_CHECKSUM: Final = b'"\\u0000cloudlet checksum\\u0000"'
