"""Extended attributes: a JSON object beside the value, kept as text."""

from __future__ import annotations

import msgspec

#: The attributes of a document by name, each as the JSON text it was written with.
Attributes = dict[str, msgspec.Raw]

_DECODER = msgspec.json.Decoder(Attributes)


def decode(xattrs: bytes) -> Attributes:
    """The attributes by name."""
    return _DECODER.decode(xattrs) if xattrs else {}


def encode(attributes: Attributes) -> bytes:
    """The stored form; empty where there are none."""
    return msgspec.json.encode(attributes) if attributes else b""


def system_only(xattrs: bytes) -> bytes:
    """What a deletion keeps: the attributes whose name begins with an underscore."""
    if not xattrs:
        return b""
    return encode({name: value for name, value in decode(xattrs).items() if name[:1] == "_"})
