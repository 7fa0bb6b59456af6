"""Names of buckets and keys of objects ("Bucket naming rules" in the S3 User Guide)."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import unquote

from cloudlet.services.s3.errors import InvalidArgument, InvalidBucketName, KeyTooLongError

MAX_KEY_BYTES = 1024

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")


def check_bucket(name: str) -> None:
    """Raise `InvalidBucketName` unless AWS would let a general purpose bucket be called so."""
    good = (
        _BUCKET.fullmatch(name)
        and ".." not in name
        and not _is_address(name)
        and not name.startswith(_PREFIXES)
        and not name.endswith(_SUFFIXES)
    )
    if not good:
        raise InvalidBucketName(BucketName=name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def check_key(key: str) -> None:
    """Raise `KeyTooLongError` for a key of more than 1024 bytes of UTF-8."""
    size = len(key.encode("utf-8", "surrogatepass"))
    if size > MAX_KEY_BYTES:
        raise KeyTooLongError(Size=size, MaxSizeAllowed=MAX_KEY_BYTES)


def parse_copy_source(source: str) -> tuple[str, str, str | None]:
    """The (bucket, key, version) of an x-amz-copy-source.

    It is `bucket/key`, percent-encoded, and may end in `?versionId=...`.
    """
    path, _, version = source.partition("?versionId=")
    bucket, slash, key = unquote(path).removeprefix("/").partition("/")
    if not slash or not bucket or not key or bucket.startswith("arn:"):
        raise InvalidArgument(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
            ArgumentName="x-amz-copy-source",
            ArgumentValue=source,
        )
    return bucket, key, unquote(version) if version else None
