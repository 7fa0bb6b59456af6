"""Counters: documents whose value is a decimal number of 64 bits."""

from __future__ import annotations

from typing import Final

from cloudlet.storage.documents.collection import Collection
from cloudlet.storage.documents.model import (
    JSON,
    DeltaInvalidError,
    Document,
    DocumentNotFoundError,
    expiry_time,
)

_MODULUS: Final = 1 << 64
#: An expiry of all ones says: do not create the counter.
NO_INITIAL: Final = 0xFFFFFFFF


def add(
    collection: Collection,
    key: bytes,
    delta: int,
    *,
    initial: int | None,
    expiry_s: int = 0,
    cas: int = 0,
    preserve_expiry: bool = True,
) -> tuple[int, Document]:
    """Add `delta` (negative: subtract, never below 0), or create the counter with `initial`.

    An increment wraps at 2**64. `DocumentNotFoundError` without an initial value,
    `DeltaInvalidError` where the document is not a number.
    """
    current = collection.get(key)
    if current is None:
        if initial is None:
            raise DocumentNotFoundError
        number = initial
        document = collection.put(
            key, b"%d" % number, datatype=JSON, expiry_s=expiry_time(expiry_s)
        )
        return number, document
    collection.check(key, current, cas)
    digits = current.value.strip()
    if not digits.isdigit() or len(digits) > 20 or int(digits) >= _MODULUS:
        raise DeltaInvalidError
    number = int(digits) + delta
    number = max(number, 0) if delta < 0 else number % _MODULUS
    document = collection.put(
        key,
        b"%d" % number,
        flags=current.flags,
        datatype=JSON,
        expiry_s=current.expiry_s if preserve_expiry else expiry_time(expiry_s),
        xattrs=current.xattrs,
    )
    return number, document
