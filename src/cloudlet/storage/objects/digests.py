"""The digests of S3: MD5 for the ETag and the additional checksums, computed in one pass."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable, Iterable
from typing import Protocol

from awscrt import checksums as crt


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc:
    """A CRC as a hash; `compute` is zlib's or awscrt's."""

    def __init__(self, compute: Callable[[bytes, int], int], size: int) -> None:
        self._compute = compute
        self._size = size
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._compute(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


class _XXHash:
    def __init__(self, state: crt.XXHash) -> None:
        self._state = state

    def update(self, data: bytes, /) -> None:
        self._state.update(data)

    def digest(self) -> bytes:
        return bytes(self._state.finalize())


def _secure(name: str) -> Callable[[], _Hash]:
    return lambda: hashlib.new(name, usedforsecurity=False)


#: Maker of each checksum algorithm of S3, by the name that S3 gives it.
ALGORITHMS: dict[str, Callable[[], _Hash]] = {
    "CRC32": lambda: _Crc(zlib.crc32, 4),
    "CRC32C": lambda: _Crc(crt.crc32c, 4),
    "CRC64NVME": lambda: _Crc(crt.crc64nvme, 8),
    "SHA1": _secure("sha1"),
    "SHA256": _secure("sha256"),
    "SHA512": _secure("sha512"),
    "MD5": _secure("md5"),
    "XXHASH64": lambda: _XXHash(crt.XXHash.new_xxhash64()),
    "XXHASH3": lambda: _XXHash(crt.XXHash.new_xxhash3_64()),
    "XXHASH128": lambda: _XXHash(crt.XXHash.new_xxhash3_128()),
}

_COMBINE: dict[str, tuple[Callable[[int, int, int], int], int]] = {
    "CRC32": (crt.combine_crc32, 4),
    "CRC32C": (crt.combine_crc32c, 4),
    "CRC64NVME": (crt.combine_crc64nvme, 8),
}


class Digests:
    """Runs MD5 and the named algorithms over the same bytes."""

    def __init__(self, algorithms: Iterable[str] = ()) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._others = {name: ALGORITHMS[name]() for name in algorithms}

    def update(self, data: bytes) -> None:
        """Take the next bytes. Most of its time is spent without the interpreter's lock."""
        self._md5.update(data)
        for digest in self._others.values():
            digest.update(data)

    def md5(self) -> str:
        """MD5 in hexadecimal."""
        return self._md5.hexdigest()

    def checksums(self) -> dict[str, str]:
        """The named algorithms' results in base64. To be asked for once, at the end."""
        return {
            name: base64.b64encode(digest.digest()).decode()
            for name, digest in self._others.items()
        }


def combine_full(algorithm: str, parts: Iterable[tuple[str, int]]) -> str:
    """The checksum of a whole object from its parts' (base64, size); CRCs only."""
    combine, width = _COMBINE[algorithm]
    value = 0
    for checksum, size in parts:
        value = combine(value, int.from_bytes(base64.b64decode(checksum), "big"), size)
    return base64.b64encode(value.to_bytes(width, "big")).decode()


def combine_composite(algorithm: str, parts: Iterable[str]) -> str:
    """The checksum of the parts' checksums (base64), without the `-<number>` that S3 appends."""
    digest = ALGORITHMS[algorithm]()
    for checksum in parts:
        digest.update(base64.b64decode(checksum))
    return base64.b64encode(digest.digest()).decode()


def multipart_etag(etags: Iterable[str]) -> str:
    """The ETag of an object made of parts with these (hexadecimal) ETags."""
    digest = hashlib.md5(usedforsecurity=False)
    count = 0
    for count, etag in enumerate(etags, start=1):  # noqa: B007 - the last one is the number of parts
        digest.update(bytes.fromhex(etag))
    return f"{digest.hexdigest()}-{count}"
