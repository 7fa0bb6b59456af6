"""The verbs that store, remove and touch documents."""

from __future__ import annotations

from collections.abc import Callable

from cloudlet.storage.documents.collection import Collection
from cloudlet.storage.documents.model import (
    JSON,
    Document,
    DocumentExistsError,
    DocumentNotFoundError,
    NotStoredError,
    expiry_time,
)


def upsert(
    collection: Collection,
    key: bytes,
    value: bytes,
    flags: int = 0,
    datatype: int = JSON,
    expiry_s: int = 0,
    cas: int = 0,
    preserve_expiry: bool = False,
) -> Document:
    """Store `value` whether or not the document exists; with a CAS, only over that version.

    Extended attributes stay. `expiry_s` is as the protocol has it (relative up to 30 days).
    """
    current = collection.get(key)
    if cas or collection.locks:
        if current is None and cas:
            raise DocumentNotFoundError
        collection.check(key, current, cas)
    until = expiry_time(expiry_s) if expiry_s else 0
    xattrs = b""
    previous = current
    if current is None:
        previous = collection.find(key)
    else:
        xattrs = current.xattrs
        if preserve_expiry:
            until = current.expiry_s
    return collection.store(key, previous, value, flags, datatype, until, xattrs, False, 0)


def insert(
    collection: Collection,
    key: bytes,
    value: bytes,
    flags: int = 0,
    datatype: int = JSON,
    expiry_s: int = 0,
) -> Document:
    """Store `value`; `DocumentExistsError` if there is a document."""
    if collection.get(key) is not None:
        raise DocumentExistsError
    return upsert(collection, key, value, flags, datatype, expiry_s)


def replace(
    collection: Collection,
    key: bytes,
    value: bytes,
    flags: int = 0,
    datatype: int = JSON,
    expiry_s: int = 0,
    cas: int = 0,
    preserve_expiry: bool = False,
) -> Document:
    """Store `value` over an existing document; `DocumentNotFoundError` if there is none."""
    collection.require(key)
    return upsert(collection, key, value, flags, datatype, expiry_s, cas, preserve_expiry)


def remove(collection: Collection, key: bytes, cas: int = 0) -> Document:
    """Delete the document and return its tombstone."""
    current = collection.require(key)
    collection.check(key, current, cas)
    return collection.delete(key, current)


def extend(
    collection: Collection,
    key: bytes,
    part: bytes,
    *,
    front: bool,
    classify: Callable[[bytes], int],
    cas: int = 0,
) -> Document:
    """Append or prepend `part`; `NotStoredError` if there is no document. Flags and expiry stay.

    `classify` gives the datatype of the whole.
    """
    current = collection.get(key)
    if current is None:
        raise NotStoredError
    collection.check(key, current, cas)
    value = part + current.value if front else current.value + part
    return collection.put(
        key,
        value,
        flags=current.flags,
        datatype=classify(value),
        expiry_s=current.expiry_s,
        xattrs=current.xattrs,
    )


def touch(collection: Collection, key: bytes, expiry_s: int) -> Document:
    """Give the document a new expiry; where it has that already nothing changes."""
    current = collection.require(key)
    collection.check(key, current, 0)
    until = collection.bounded(expiry_time(expiry_s))
    if until == current.expiry_s:
        return current
    return collection.put(
        key,
        current.value,
        flags=current.flags,
        datatype=current.datatype & JSON,
        expiry_s=until,
        xattrs=current.xattrs,
    )
