"""Content-MD5 and the additional checksums of requests, and how answers tell them.

"Checking object integrity" in the S3 User Guide. An object always has one additional checksum:
the one its writer chose, else CRC64NVME.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudlet.services.s3.errors import BadDigest, InvalidDigest, InvalidRequest
from cloudlet.storage.objects import ALGORITHMS, Received

DEFAULT = "CRC64NVME"

#: Algorithms whose value for a whole multipart object follows from its parts'.
FULL_OBJECT = frozenset({"CRC32", "CRC32C", "CRC64NVME"})

_SIZES = {
    "CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32, "SHA512": 64, "MD5": 16,
    "XXHASH64": 8, "XXHASH3": 8, "XXHASH128": 16,
}  # fmt: skip


_ATTRIBUTES = {
    "CRC32": "checksum_crc32",
    "CRC32C": "checksum_crc32_c",
    "CRC64NVME": "checksum_crc64_nvme",
    "SHA1": "checksum_sha1",
    "SHA256": "checksum_sha256",
    "SHA512": "checksum_sha512",
    "MD5": "checksum_md5",
    "XXHASH64": "checksum_xxhash64",
    "XXHASH3": "checksum_xxhash3",
    "XXHASH128": "checksum_xxhash128",
}


def members(checksums: Mapping[str, str]) -> dict[str, str]:
    """The members of an answer that tell these checksums."""
    return {_ATTRIBUTES[name]: value for name, value in checksums.items()}


def given(request: Any) -> dict[str, str]:
    """The checksums in a request's own members, by algorithm."""
    return {
        name: value
        for name, member in _ATTRIBUTES.items()
        if (value := getattr(request, member, None)) is not None
    }


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a request says about the digests of its body."""

    md5: str | None  # hexadecimal
    algorithm: str  # chosen or default
    chosen: bool
    value: str | None  # base64; None where it comes in a trailer or not at all

    @property
    def algorithms(self) -> set[str]:
        """What to compute while the body arrives; a trailer may still name another one."""
        return {self.algorithm} if self.chosen else {DEFAULT, "CRC32", "CRC32C"}


def expectation(request: Any, fallback: str = "") -> Expectation:
    """Read a request's Content-MD5, checksum members and algorithm; they must be well formed.

    `fallback` is the algorithm where the request names none (that of a multipart upload).
    """
    declared: str | None = request.checksum_algorithm
    values = given(request)
    if len(values) > 1:
        raise InvalidRequest(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    if declared is not None and declared not in ALGORITHMS:
        raise InvalidRequest("Value for x-amz-sdk-checksum-algorithm header is invalid.")
    for name, value in values.items():
        if _decoded(value) != _SIZES[name]:
            raise InvalidRequest(f"Value for x-amz-checksum-{name.lower()} header is invalid.")
    algorithm = next(iter(values), None) or declared or fallback
    md5 = getattr(request, "content_md5", None)
    return Expectation(
        md5=None if md5 is None else _md5(md5),
        algorithm=algorithm or DEFAULT,
        chosen=bool(algorithm),
        value=next(iter(values.values()), None),
    )


def _decoded(value: str) -> int:
    try:
        return len(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return -1


def _md5(value: str) -> str:
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != 16:
        fields: dict[str, Any] = {"Content-MD5": value}
        raise InvalidDigest(**fields)
    return digest.hex()


def verify(
    expected: Expectation,
    received: Received,
    trailers: Mapping[str, str],
) -> tuple[str, str]:
    """The (algorithm, checksum) to keep; `BadDigest` if the body is not what was promised.

    A trailer outdoes what the headers chose: it is the later word of the same sender.
    """
    if expected.md5 is not None and expected.md5 != received.md5:
        raise BadDigest(
            ExpectedDigest=expected.md5,
            CalculatedDigest=base64.b64encode(bytes.fromhex(received.md5)).decode(),
        )
    algorithm, value = expected.algorithm, expected.value
    for name in received.checksums:
        trailer = trailers.get(f"x-amz-checksum-{name.lower()}")
        if trailer is not None:
            algorithm, value = name, trailer.strip()
    computed = received.checksums[algorithm]
    if value is not None and value != computed:
        raise BadDigest(f"The {algorithm} you specified did not match the calculated checksum.")
    return algorithm, computed
