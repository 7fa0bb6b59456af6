"""Digests that a client declares of a whole document: Content-MD5 and x-amz-checksum-*.

For S3's operations that take an XML document; streamed objects are checked as they are stored.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable

from awscrt import checksums

from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Headers
from cloudlet.aws.model import OperationModel

#: Header -> raw digest of a body.
_ALGORITHMS: dict[str, Callable[[bytes], bytes]] = {
    "x-amz-checksum-crc32": lambda body: zlib.crc32(body).to_bytes(4, "big"),
    "x-amz-checksum-crc32c": lambda body: checksums.crc32c(body).to_bytes(4, "big"),
    "x-amz-checksum-crc64nvme": lambda body: checksums.crc64nvme(body).to_bytes(8, "big"),
    "x-amz-checksum-sha1": lambda body: hashlib.sha1(body, usedforsecurity=False).digest(),
    "x-amz-checksum-sha256": lambda body: hashlib.sha256(body).digest(),
}


def check_digests(headers: Headers, body: bytes, operation: OperationModel) -> None:
    """Raise S3's error unless `body` is what its declared digests say.

    Where the operation requires one (`DeleteObjects`), there must be one.
    """
    declared = headers.get("content-md5")
    found = bool(declared)
    if declared and _decode(declared, 16, "Content-MD5") != _md5(body):
        raise AWSError(
            "The Content-MD5 you specified did not match what we received.",
            code="BadDigest",
            status=400,
            ExpectedDigest=declared,
            CalculatedDigest=base64.b64encode(_md5(body)).decode(),
        )
    for name, digest in _ALGORITHMS.items():
        if name not in headers:
            continue
        found = True
        expected = digest(body)
        if _decode(headers.get(name), len(expected), name) != expected:
            algorithm = name.rpartition("-")[2].upper()
            raise AWSError(
                f"The {algorithm} you specified did not match the calculated checksum.",
                code="BadDigest",
                status=400,
            )
    required = operation.spec.get("httpChecksum", {}).get("requestChecksumRequired")
    if required and not found and operation.name == "DeleteObjects":
        raise AWSError(
            "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
            code="InvalidRequest",
            status=400,
        )


def _md5(body: bytes) -> bytes:
    return hashlib.md5(body, usedforsecurity=False).digest()


def _decode(text: str, size: int, name: str) -> bytes:
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) == size:
        return digest
    if name == "Content-MD5":
        raise AWSError(
            "The Content-MD5 you specified was invalid.", code="InvalidDigest", status=400
        )
    raise AWSError(f"Value for {name} header is invalid.", code="InvalidRequest", status=400)
