"""The store's refusals as the protocol's statuses, and the error map SDKs read at connection."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec

from cloudlet.couchbase.kv.protocol import Opcode, Status
from cloudlet.storage.documents import (
    CasMismatchError,
    CorruptDocumentError,
    DeltaInvalidError,
    DocumentError,
    DocumentExistsError,
    DocumentLockedError,
    DocumentNotFoundError,
    DocumentNotLockedError,
    KeyTooLongError,
    NotStoredError,
    StoreBusyError,
    StoreFullError,
    SyncWriteInProgressError,
    ValueTooLargeError,
)

_STATUSES: Final[dict[type[DocumentError], int]] = {
    DocumentNotFoundError: Status.NOT_FOUND,
    DocumentExistsError: Status.EXISTS,
    CasMismatchError: Status.EXISTS,
    DocumentLockedError: Status.LOCKED,
    DocumentNotLockedError: Status.NOT_LOCKED,
    NotStoredError: Status.NOT_STORED,
    DeltaInvalidError: Status.DELTA_INVALID,
    ValueTooLargeError: Status.TOO_BIG,
    KeyTooLongError: Status.INVALID,
    StoreBusyError: Status.TEMPORARY_FAILURE,
    StoreFullError: Status.NO_MEMORY,
    SyncWriteInProgressError: Status.SYNC_WRITE_IN_PROGRESS,
    CorruptDocumentError: Status.INTERNAL,
}


def status_of(error: DocumentError, opcode: int, xerror: bool) -> int:
    """The status of a refusal; clients without extended errors get the older words for locks."""
    status = _STATUSES[type(error)]
    if not xerror:
        if status == Status.LOCKED:
            older = opcode in (Opcode.GET_LOCKED, Opcode.UNLOCK)
            return Status.TEMPORARY_FAILURE if older else Status.EXISTS
        if status == Status.NOT_LOCKED:
            return Status.TEMPORARY_FAILURE
    return status


#: Status, name, description and attributes, in the error map's own vocabulary.
_ERRORS: Final[list[tuple[int, str, str, list[str]]]] = [
    (Status.SUCCESS, "SUCCESS", "Success", ["success"]),
    (Status.NOT_FOUND, "KEY_ENOENT", "Not Found", ["item-only"]),
    (Status.EXISTS, "KEY_EEXISTS", "key already exists, or CAS mismatch", ["item-only"]),
    (Status.TOO_BIG, "E2BIG", "Value is too big", ["item-only", "invalid-input"]),
    (Status.INVALID, "EINVAL", "Invalid packet", ["internal", "invalid-input"]),
    (Status.NOT_STORED, "NOT_STORED", "Not Stored", ["item-only"]),
    (Status.DELTA_INVALID, "DELTA_BADVAL", "Existing document is not a number",
     ["item-only", "invalid-input"]),
    (Status.NOT_MY_VBUCKET, "NOT_MY_VBUCKET", "Server does not know about this vBucket",
     ["fetch-config", "invalid-input"]),
    (Status.NO_BUCKET, "NO_BUCKET", "Not connected to a bucket", ["conn-state-invalidated"]),
    (Status.LOCKED, "LOCKED", "Requested resource is locked",
     ["item-locked", "item-only", "retry-now"]),
    (Status.NOT_LOCKED, "NOT_LOCKED", "Requested resource is not locked", ["item-only"]),
    (Status.AUTH_ERROR, "AUTH_ERROR", "Authentication failed",
     ["conn-state-invalidated", "auth"]),
    (Status.AUTH_CONTINUE, "AUTH_CONTINUE", "Continue authentication process",
     ["special-handling"]),
    (Status.RANGE, "ERANGE", "Outside of range", ["invalid-input"]),
    (Status.NO_ACCESS, "EACCESS", "Not authorized for command", ["support"]),
    (Status.UNKNOWN_FRAME_INFO, "UNKNOWN_FRAME_INFO", "Unknown frame info",
     ["invalid-input"]),
    (Status.UNKNOWN_COMMAND, "UNKNOWN_COMMAND", "Unknown command", ["support"]),
    (Status.NOT_SUPPORTED, "NOT_SUPPORTED", "Not supported", ["support"]),
    (Status.INTERNAL, "EINTERNAL", "Internal error", ["internal"]),
    (Status.BUSY, "EBUSY", "Server busy", ["temp", "retry-later"]),
    (Status.TEMPORARY_FAILURE, "ETMPFAIL", "Temporary failure", ["temp", "retry-later"]),
    (Status.XATTR_INVALID, "XATTR_EINVAL", "Invalid XATTR section", ["invalid-input"]),
    (Status.UNKNOWN_COLLECTION, "UNKNOWN_COLLECTION", "Operation specified an unknown collection",
     ["fetch-config", "invalid-input"]),
    (Status.UNKNOWN_SCOPE, "UNKNOWN_SCOPE", "Operation specified an unknown scope",
     ["invalid-input"]),
    (Status.DURABILITY_INVALID_LEVEL, "DURABILITY_INVALID_LEVEL", "Invalid durability level",
     ["invalid-input"]),
    (Status.DURABILITY_IMPOSSIBLE, "DURABILITY_IMPOSSIBLE", "Durability impossible",
     ["item-only"]),
    (Status.SYNC_WRITE_IN_PROGRESS, "SYNC_WRITE_IN_PROGRESS",
     "A durable write of the document is in progress", ["item-only", "retry-later"]),
    (Status.NO_MEMORY, "ENOMEM", "No memory available", ["temp", "retry-later"]),
    (Status.ROLLBACK, "ROLLBACK", "The client must roll back", ["rollback", "dcp"]),
    (Status.RANGE_SCAN_CANCELLED, "RANGE_SCAN_CANCELLED", "The scan was cancelled",
     ["fetch-config"]),
    (Status.RANGE_SCAN_MORE, "RANGE_SCAN_MORE", "The scan has more", ["success"]),
    (Status.RANGE_SCAN_COMPLETE, "RANGE_SCAN_COMPLETE", "The scan is complete", ["success"]),
    (Status.VBUCKET_UUID_DIFFERS, "VB_UUID_NOT_EQUAL", "The vbucket's history is another",
     ["item-only"]),
    (Status.PATH_NOT_FOUND, "SUBDOC_PATH_ENOENT", "Path does not exist", ["item-only", "subdoc"]),
    (Status.PATH_MISMATCH, "SUBDOC_PATH_MISMATCH", "Path mismatch", ["item-only", "subdoc"]),
    (Status.PATH_INVALID, "SUBDOC_PATH_EINVAL", "Invalid path", ["invalid-input", "subdoc"]),
    (Status.PATH_TOO_BIG, "SUBDOC_PATH_E2BIG", "Path too big", ["invalid-input", "subdoc"]),
    (Status.DOCUMENT_TOO_DEEP, "SUBDOC_DOC_E2DEEP", "Document too deep", ["item-only", "subdoc"]),
    (Status.VALUE_CANNOT_INSERT, "SUBDOC_VALUE_CANTINSERT", "Cannot insert value",
     ["invalid-input", "subdoc"]),
    (Status.DOCUMENT_NOT_JSON, "SUBDOC_DOC_NOT_JSON", "Document not JSON",
     ["item-only", "subdoc"]),
    (Status.NUMBER_RANGE, "SUBDOC_NUM_ERANGE", "Number out of range", ["item-only", "subdoc"]),
    (Status.SUBDOC_DELTA_INVALID, "SUBDOC_DELTA_EINVAL", "Invalid delta",
     ["invalid-input", "subdoc"]),
    (Status.PATH_EXISTS, "SUBDOC_PATH_EEXISTS", "Path already exists", ["item-only", "subdoc"]),
    (Status.VALUE_TOO_DEEP, "SUBDOC_VALUE_ETOODEEP", "Value too deep",
     ["invalid-input", "subdoc"]),
    (Status.INVALID_COMBINATION, "SUBDOC_INVALID_COMBO", "Invalid combination of operations",
     ["invalid-input", "subdoc"]),
    (Status.MULTI_PATH_FAILURE, "SUBDOC_MULTI_PATH_FAILURE", "Some paths failed",
     ["special-handling", "subdoc"]),
    (Status.SUCCESS_DELETED, "SUBDOC_SUCCESS_DELETED", "Success on a deleted document",
     ["success", "item-deleted", "subdoc"]),
    (Status.XATTR_INVALID_FLAGS, "SUBDOC_XATTR_INVALID_FLAG_COMBO", "Invalid flags",
     ["invalid-input", "subdoc"]),
    (Status.XATTR_INVALID_KEYS, "SUBDOC_XATTR_INVALID_KEY_COMBO", "Invalid key combination",
     ["invalid-input", "subdoc"]),
    (Status.XATTR_UNKNOWN_MACRO, "SUBDOC_XATTR_UNKNOWN_MACRO", "Unknown macro",
     ["invalid-input", "subdoc"]),
    (Status.XATTR_UNKNOWN_VIRTUAL, "SUBDOC_XATTR_UNKNOWN_VATTR", "Unknown virtual attribute",
     ["invalid-input", "subdoc"]),
    (Status.XATTR_CANNOT_MODIFY_VIRTUAL, "SUBDOC_XATTR_CANT_MODIFY_VATTR",
     "Cannot modify a virtual attribute", ["invalid-input", "subdoc"]),
    (Status.MULTI_PATH_FAILURE_DELETED, "SUBDOC_MULTI_PATH_FAILURE_DELETED",
     "Some paths failed on a deleted document", ["special-handling", "item-deleted", "subdoc"]),
    (Status.XATTR_INVALID_ORDER, "SUBDOC_INVALID_XATTR_ORDER", "Attributes must come first",
     ["invalid-input", "subdoc"]),
    (Status.XATTR_UNKNOWN_VIRTUAL_MACRO, "SUBDOC_XATTR_UNKNOWN_VATTR_MACRO",
     "Unknown virtual attribute macro", ["invalid-input", "subdoc"]),
    (Status.ONLY_DELETED_CAN_BE_REVIVED, "SUBDOC_CAN_ONLY_REVIVE_DELETED_DOCUMENTS",
     "Only deleted documents can be revived", ["invalid-input", "subdoc"]),
]  # fmt: skip


@cache
def error_map(version: int) -> bytes:
    """The error map in JSON, at most version 2; retries are the SDKs' own business."""
    errors: dict[str, Any] = {
        f"{status:x}": {"name": name, "desc": text, "attrs": attributes}
        for status, name, text, attributes in _ERRORS
    }
    return msgspec.json.encode({"version": min(version, 2), "revision": 1, "errors": errors})
