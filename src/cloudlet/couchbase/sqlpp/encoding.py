"""Values as JSON, large ones in parts, so that no encoding holds the event loop."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import msgspec

from cloudlet.couchbase.sqlpp.pausing import pause

encode: Final = msgspec.json.Encoder(enc_hook=lambda _missing: None).encode

# Arrays and objects of more items than this are encoded in parts, with pauses.
_LARGE: Final = 256


def encoded_value(value: Any) -> bytes:
    """The value's JSON; a large one is made in parts, with pauses between them."""
    kind = type(value)
    if kind is list and has_large_parts(value):
        parts = []
        for start in range(0, len(value), _LARGE):
            some = value[start : start + _LARGE]
            if any(map(_is_large, some)):
                for item in some:
                    parts.append(encoded_value(item))
                    pause()
            else:
                parts.append(encode(some)[1:-1])
            pause()
        return b"[" + b",".join(parts) + b"]"
    if kind is dict and has_large_parts(value):
        parts = []
        for name, item in value.items():
            parts.append(encode(name) + b":" + encoded_value(item))
            pause()
        return b"{" + b",".join(parts) + b"}"
    return encode(value)


def has_large_parts(value: Any) -> bool:
    """Whether the value, or one of its first parts, is a large array or object."""
    kind = type(value)
    if kind is list:
        return len(value) > _LARGE or any(map(_is_large, value[:8]))
    if kind is dict:
        return len(value) > _LARGE or any(map(_is_large, islice(value.values(), 32)))
    return False


def _is_large(value: Any) -> bool:
    kind = type(value)
    return (kind is list or kind is dict) and len(value) > _LARGE


def chunks(data: bytes, size: int = 49_152) -> Iterator[bytes]:
    """The data in parts of at most `size` bytes, a multiple of three, with pauses between them."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
        pause()


def base64_text(data: bytes) -> str:
    """The data in Base64."""
    return b"".join(map(base64.b64encode, chunks(data))).decode()
