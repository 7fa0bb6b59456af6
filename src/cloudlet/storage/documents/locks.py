"""Pessimistic locks: a document that only the holder of its CAS may change, for a while."""

from __future__ import annotations

import time
from typing import Final

from cloudlet.storage.documents.collection import Collection
from cloudlet.storage.documents.model import Document, DocumentLockedError, DocumentNotLockedError

#: Couchbase's default and longest lock, in seconds.
DEFAULT_LOCK_S: Final = 15
LONGEST_LOCK_S: Final = 30


def lock(collection: Collection, key: bytes, seconds: int) -> Document:
    """Lock the document and return it with the lock's CAS; 0 or too long means 15 seconds."""
    current = collection.require(key)
    if collection.locked(key):
        raise DocumentLockedError
    if not 0 < seconds <= LONGEST_LOCK_S:
        seconds = DEFAULT_LOCK_S
    document = collection.recas(key, current)
    collection.locks[key] = (document.cas, time.monotonic() + seconds)
    return document


def unlock(collection: Collection, key: bytes, cas: int) -> None:
    """End the lock of this CAS; `DocumentLockedError` for another's, `DocumentNotLockedError`."""
    collection.require(key)
    if not collection.locked(key):
        raise DocumentNotLockedError
    if collection.locks[key][0] != cas:
        raise DocumentLockedError
    del collection.locks[key]
