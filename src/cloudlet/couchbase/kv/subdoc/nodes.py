"""JSON values as text: only the containers on a path are opened, the rest stays as written."""

from __future__ import annotations

from typing import Final

import msgspec

from cloudlet.couchbase.kv.frame import StatusError
from cloudlet.couchbase.kv.protocol import Status
from cloudlet.couchbase.kv.subdoc.path import Component

_RAW: Final = msgspec.json.Decoder(msgspec.Raw)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS: Final = msgspec.json.Decoder(list[msgspec.Raw])

Members = dict[str, msgspec.Raw]
Elements = list[msgspec.Raw]

_SPACE: Final = b" \t\r\n"


def text(node: msgspec.Raw | bytes) -> bytes:
    """A value's text."""
    return bytes(node).strip(_SPACE)


def open_container(node: msgspec.Raw | bytes) -> Members | Elements | None:
    """The members or elements of a container, None for a scalar; `DOCUMENT_NOT_JSON`."""
    first = text(node)[:1]
    try:
        if first == b"{":
            return _MEMBERS.decode(node)
        if first == b"[":
            return _ELEMENTS.decode(node)
        _RAW.decode(node)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise StatusError(Status.DOCUMENT_NOT_JSON) from None
    return None


def encode(container: Members | Elements) -> bytes:
    """The text of a container."""
    return msgspec.json.encode(container)


def single_value(value: bytes) -> msgspec.Raw:
    """A value to be put into a document: one JSON value, else `VALUE_CANNOT_INSERT`."""
    try:
        return _RAW.decode(value)
    except RecursionError:
        raise StatusError(Status.VALUE_TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise StatusError(Status.VALUE_CANNOT_INSERT) from None


def several_values(value: bytes) -> Elements:
    """Values for an array: one or more, with commas between them."""
    try:
        values = _ELEMENTS.decode(b"[" + value + b"]")
    except RecursionError:
        raise StatusError(Status.VALUE_TOO_DEEP) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise StatusError(Status.VALUE_CANNOT_INSERT) from None
    if not values:
        raise StatusError(Status.VALUE_CANNOT_INSERT)
    return values


def child(container: Members | Elements | None, component: Component) -> msgspec.Raw:
    """The value a component names; `PATH_MISMATCH` or `PATH_NOT_FOUND`."""
    if isinstance(component, str):
        if not isinstance(container, dict):
            raise StatusError(Status.PATH_MISMATCH)
        if component not in container:
            raise StatusError(Status.PATH_NOT_FOUND)
        return container[component]
    if not isinstance(container, list):
        raise StatusError(Status.PATH_MISMATCH)
    if not -1 <= component < len(container) or not container:
        raise StatusError(Status.PATH_NOT_FOUND)
    return container[component]


def find(root: bytes, path: list[Component]) -> bytes:
    """The text of the value at a path."""
    node: msgspec.Raw | bytes = root
    for component in path:
        node = child(open_container(node), component)
    return text(node)
