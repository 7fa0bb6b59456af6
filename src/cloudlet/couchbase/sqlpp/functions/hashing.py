"""HASHBYTES, COMPRESS and UNCOMPRESS."""

from __future__ import annotations

import base64
import hashlib
import zlib
from typing import Any, Final

import msgspec

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.encoding import base64_text, chunks, encoded_value
from cloudlet.couchbase.sqlpp.functions.registry import TEXT, function, typed
from cloudlet.couchbase.sqlpp.values import MISSING

_HASHES: Final = {
    "md4": "md4", "md5": "md5", "sha224": "sha224", "sha256": "sha256", "sha384": "sha384",
    "sha512": "sha512", "sha512/224": "sha512_224", "sha512/256": "sha512_256",
}  # fmt: skip
_POLYNOMIALS: Final = {"ieee": 0xEDB88320, "castagnoli": 0x82F63B78, "koopman": 0xEB31D82E}
_INFLATED_LIMIT: Final = 20 * 1024 * 1024


def _input(value: Any) -> bytes:
    """A text's own bytes, any other value's JSON."""
    return value.encode() if type(value) is str else encoded_value(value)


@function("hashbytes")
def hashbytes(value: Any, options: Any = None) -> Any:
    """The hash in hexadecimal; options algorithm (SHA-256 unless given) and polynomial."""
    if value is MISSING or options is MISSING:
        return MISSING
    given = {"algorithm": options} if type(options) is str else options or {}
    if type(given) is not dict:
        return None
    algorithm = given.get("algorithm", "sha256")
    if algorithm == "crc32":
        return _crc32(_input(value), given.get("polynomial", "ieee"))
    name = _HASHES.get(algorithm) if type(algorithm) is str else None
    if name is None:
        raise errors.evaluation("HASHBYTES()", f"invalid algorithm: {algorithm}")
    try:
        found = hashlib.new(name, usedforsecurity=False)
    except ValueError:
        raise errors.evaluation("HASHBYTES()", f"{algorithm} is not available") from None
    for part in chunks(_input(value)):
        found.update(part)
    return found.hexdigest()


def _crc32(data: bytes, polynomial: Any) -> str:
    number = _POLYNOMIALS.get(polynomial, polynomial) if type(polynomial) is str else polynomial
    if type(number) is str:
        try:
            number = int(number, 0)
        except ValueError:
            number = None
    if type(number) is not int or not 0 <= number < 2**32:
        raise errors.evaluation("HASHBYTES()", f"invalid polynomial: {polynomial}")
    if number == _POLYNOMIALS["ieee"]:
        crc = 0
        for part in chunks(data):
            crc = zlib.crc32(part, crc)
        return f"{crc:08x}"
    table = []
    for entry in range(256):
        for _ in range(8):
            entry = entry >> 1 ^ number if entry & 1 else entry >> 1
        table.append(entry)
    crc = 0xFFFFFFFF
    for part in chunks(data, 4096):
        for byte in part:
            crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    return f"{crc ^ 0xFFFFFFFF:08x}"


@function("compress")
def compress(value: Any) -> Any:
    """The value's JSON compressed (zlib), in Base64."""
    if value is MISSING:
        return MISSING
    deflater = zlib.compressobj()
    parts = [deflater.compress(part) for part in chunks(encoded_value(value))]
    return base64_text(b"".join([*parts, deflater.flush()]))


@function("uncompress")
@typed(TEXT)
def uncompress(text: str) -> Any:
    """What COMPRESS made; NULL for anything else."""
    try:
        inflater = zlib.decompressobj()
        data = inflater.decompress(base64.b64decode(text, validate=True), _INFLATED_LIMIT)
        return None if inflater.unconsumed_tail else msgspec.json.decode(data)
    except (ValueError, zlib.error, msgspec.DecodeError, RecursionError):
        return None
