"""What a document is, and the ways an operation on one can fail."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec

#: Datatype bits of the binary protocol.
BINARY: Final = 0x00
JSON: Final = 0x01
XATTR: Final = 0x04

#: Couchbase's limits: a value (with its extended attributes) and a key, in bytes.
VALUE_LIMIT: Final = 20 * 1024 * 1024
KEY_LIMIT: Final = 250

#: An expiry up to this many seconds is relative to now; a larger one is a Unix time.
RELATIVE_EXPIRY_LIMIT_S: Final = 30 * 24 * 3600


class Document(msgspec.Struct, gc=False, eq=False):
    """One version of a document. Never changed after it was made, but for the cache's marks.

    `xattrs` is the JSON object of extended attributes, or empty. `expiry_s` is a Unix time or 0.
    A deleted document (tombstone) keeps its revision and its system attributes (names in `_`).
    """

    value: bytes
    flags: int
    datatype: int
    cas: int
    expiry_s: int
    revision: int
    seqno: int
    xattrs: bytes = b""
    deleted: bool = False
    #: Read since the cache's hand passed it last.
    used: bool = False
    #: The decoded value, kept by who decoded it first.
    tree: Any = None

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return self.expiry_s != 0 and self.expiry_s <= time.time()


def expiry_time(expiry_s: int) -> int:
    """The Unix time an expiry of the protocol means (0: never): relative up to 30 days."""
    if expiry_s == 0 or expiry_s > RELATIVE_EXPIRY_LIMIT_S:
        return expiry_s
    return int(time.time()) + expiry_s


class DocumentError(Exception):
    """An operation on a document was refused."""


class DocumentNotFoundError(DocumentError):
    """There is no such document."""


class DocumentExistsError(DocumentError):
    """The document exists already."""


class CasMismatchError(DocumentError):
    """The document has changed since the given CAS."""


class DocumentLockedError(DocumentError):
    """The document is locked and the CAS is not the lock's."""


class DocumentNotLockedError(DocumentError):
    """An unlock of a document that is not locked."""


class NotStoredError(DocumentError):
    """An append or prepend to a document that is not there."""


class DeltaInvalidError(DocumentError):
    """A counter operation on a document that is not a decimal number of 64 bits."""


class ValueTooLargeError(DocumentError):
    """The value is over 20 MiB."""


class KeyTooLongError(DocumentError):
    """The key is empty or over 250 bytes."""


class StoreBusyError(DocumentError):
    """The disk does not keep up or refuses writes; try again later."""


class StoreFullError(DocumentError):
    """The memory that an ephemeral bucket may take is used up, and nothing may be evicted."""


class SyncWriteInProgressError(DocumentError):
    """A durable write of the key is not committed yet; try again later."""


class CorruptDocumentError(DocumentError):
    """What the disk holds is not what was written."""
