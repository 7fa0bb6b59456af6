"""Values as JSON, large ones in parts, so that no encoding holds the event loop."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import msgspec

from cloudlet.couchbase.sqlpp.pausing import pause

encode: Final = msgspec.json.Encoder(enc_hook=lambda _missing: None).encode

# A value with more items than this in two levels, or with a longer text, is encoded in parts.
_LARGE: Final = 512
_LONG_TEXT: Final = 65_536
# How many items of a large array or object may make one part.
_SOME: Final = 64
_DEEP: Final = 64


def encoded_value(value: Any) -> bytes:
    """The value's JSON; a large one is made in parts, with pauses between them."""
    return b"".join(pieces(value)) if is_large(value) else encode(value)


def is_large(value: Any, depth: int = 0) -> bool:
    """Whether the value takes long to encode, or to look at; true where there is no telling."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return kind is str and len(value) > _LONG_TEXT
    count = len(value)
    if count > _LARGE or depth > _DEEP:
        return True
    # Two levels at once, which takes most documents in: this is done for every result.
    for item in value.values() if kind is dict else value:
        kind = type(item)
        if kind is str:
            if len(item) > _LONG_TEXT:
                return True
        elif kind is dict or kind is list:
            count += len(item)
            if count > _LARGE:
                return True
            for one in item.values() if kind is dict else item:
                kind = type(one)
                if kind is str:
                    if len(one) > _LONG_TEXT:
                        return True
                elif (kind is dict or kind is list) and is_large(one, depth + 2):
                    return True
    return False


def pieces(value: Any, depth: int = 0) -> Iterator[bytes]:
    """The value's JSON in parts, with pauses between them."""
    kind = type(value)
    if depth == _DEEP or not is_large(value):
        yield encode(value)
    elif kind is str:
        yield b'"'
        for start in range(0, len(value), _LONG_TEXT):
            yield encode(value[start : start + _LONG_TEXT])[1:-1]
            pause()
        yield b'"'
    elif kind is list:
        source, before = iter(value), b"["
        while some := list(islice(source, _SOME)):
            if is_large(some):
                for item in some:
                    yield before
                    yield from pieces(item, depth + 1)
                    before = b","
            else:
                yield before + encode(some)[1:-1]
                before = b","
            pause()
        yield b"]"
    else:
        fields, before = iter(value.items()), b"{"
        while part := dict(islice(fields, _SOME)):
            if is_large(part):
                for name, item in part.items():
                    yield before + encode(name) + b":"
                    yield from pieces(item, depth + 1)
                    before = b","
            else:
                yield before + encode(part)[1:-1]
                before = b","
            pause()
        yield b"}"


def chunks(data: bytes, size: int = 49_152) -> Iterator[bytes]:
    """The data in parts of at most `size` bytes, a multiple of three, with pauses between them."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
        pause()


def base64_text(data: bytes) -> str:
    """The data in Base64."""
    return b"".join(map(base64.b64encode, chunks(data))).decode()
