"""The operations that change a JSON value at a path."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from cloudlet.couchbase.kv.frame import StatusError
from cloudlet.couchbase.kv.protocol import Opcode, Status
from cloudlet.couchbase.kv.subdoc import nodes
from cloudlet.couchbase.kv.subdoc.nodes import Elements, Members
from cloudlet.couchbase.kv.subdoc.path import Component

_INT64_LEAST: Final = -(1 << 63)
_INT64_MOST: Final = (1 << 63) - 1

#: Operations whose path names an array, rather than a member or element.
ARRAY_OPERATIONS: Final = frozenset(
    {
        Opcode.SUBDOC_ARRAY_PUSH_LAST,
        Opcode.SUBDOC_ARRAY_PUSH_FIRST,
        Opcode.SUBDOC_ARRAY_ADD_UNIQUE,
    }
)


def apply(
    root: bytes, opcode: int, path: list[Component], value: bytes, *, create_parents: bool
) -> tuple[bytes, bytes]:
    """The changed root and the operation's result (a counter's number, else empty)."""
    if opcode in ARRAY_OPERATIONS:
        return _change_array(root, opcode, path, value, create_parents), b""
    if not path:
        raise StatusError(Status.PATH_INVALID)
    *parents, last = path
    if opcode == Opcode.SUBDOC_COUNTER:
        return _count(root, parents, last, value, create_parents)
    change = _CHANGES[opcode]
    creates = create_parents and opcode in _CREATING
    changed = _within(
        root, parents, lambda container: change(container, last, value), creates, last
    )
    return changed, b""


def _within(
    root: bytes,
    parents: list[Component],
    change: Callable[[Members | Elements | None], None],
    create_parents: bool,
    last: Component,
) -> bytes:
    """Open the containers down to the last one, change that, and put all together again."""
    opened: list[tuple[Members | Elements, Component]] = []
    container = nodes.open_container(root)
    for at, component in enumerate(parents):
        try:
            node = nodes.child(container, component)
        except StatusError as error:
            rest = [*parents[at + 1 :], last]
            missing = error.status == Status.PATH_NOT_FOUND
            if not (missing and create_parents and isinstance(component, str)):
                raise
            if any(isinstance(one, int) for one in rest):
                raise
            node = msgspec.Raw(b"{}")
        assert container is not None
        opened.append((container, component))
        container = nodes.open_container(node)
    change(container)
    assert container is not None
    result = nodes.encode(container)
    for parent, component in reversed(opened):
        parent[component] = msgspec.Raw(result)  # type: ignore[index]
        result = nodes.encode(parent)
    return result


def _members(container: Members | Elements | None, last: Component) -> tuple[Members, str]:
    """The dictionary and name of an operation that takes no array index."""
    if not isinstance(last, str):
        raise StatusError(Status.PATH_INVALID)
    if not isinstance(container, dict):
        raise StatusError(Status.PATH_MISMATCH)
    return container, last


def _dict_add(container: Members | Elements | None, last: Component, value: bytes) -> None:
    members, name = _members(container, last)
    if name in members:
        raise StatusError(Status.PATH_EXISTS)
    members[name] = nodes.single_value(value)


def _dict_upsert(container: Members | Elements | None, last: Component, value: bytes) -> None:
    members, name = _members(container, last)
    members[name] = nodes.single_value(value)


def _delete(container: Members | Elements | None, last: Component, value: bytes) -> None:
    del value
    nodes.child(container, last)
    assert container is not None
    del container[last]  # type: ignore[arg-type]


def _replace(container: Members | Elements | None, last: Component, value: bytes) -> None:
    nodes.child(container, last)
    assert container is not None
    container[last] = nodes.single_value(value)  # type: ignore[index]


def _array_insert(container: Members | Elements | None, last: Component, value: bytes) -> None:
    if not isinstance(last, int) or last < 0:
        raise StatusError(Status.PATH_INVALID)
    if not isinstance(container, list):
        raise StatusError(Status.PATH_MISMATCH)
    if last > len(container):
        raise StatusError(Status.PATH_NOT_FOUND)
    container[last:last] = nodes.several_values(value)


_CHANGES: Final[dict[int, Callable[[Members | Elements | None, Component, bytes], None]]] = {
    Opcode.SUBDOC_DICT_ADD: _dict_add,
    Opcode.SUBDOC_DICT_UPSERT: _dict_upsert,
    Opcode.SUBDOC_DELETE: _delete,
    Opcode.SUBDOC_REPLACE: _replace,
    Opcode.SUBDOC_ARRAY_INSERT: _array_insert,
}

#: Operations that may make the dictionaries above them.
_CREATING: Final = frozenset({Opcode.SUBDOC_DICT_ADD, Opcode.SUBDOC_DICT_UPSERT})


def _change_array(
    root: bytes, opcode: int, path: list[Component], value: bytes, create_parents: bool
) -> bytes:
    if not path:
        return _extended(root, opcode, value)
    *parents, last = path

    def change(container: Members | Elements | None) -> None:
        try:
            array: bytes = bytes(nodes.child(container, last))
        except StatusError as error:
            if error.status != Status.PATH_NOT_FOUND or not create_parents:
                raise
            if not isinstance(last, str):
                raise
            array = b"[]"
        assert container is not None
        changed = msgspec.Raw(_extended(array, opcode, value))
        container[last] = changed  # type: ignore[index]

    return _within(root, parents, change, create_parents, last)


def _extended(array: bytes, opcode: int, value: bytes) -> bytes:
    elements = nodes.open_container(array)
    if not isinstance(elements, list):
        raise StatusError(Status.PATH_MISMATCH)
    if opcode == Opcode.SUBDOC_ARRAY_ADD_UNIQUE:
        _add_unique(elements, value)
    elif opcode == Opcode.SUBDOC_ARRAY_PUSH_LAST:
        elements.extend(nodes.several_values(value))
    else:
        elements[0:0] = nodes.several_values(value)
    return nodes.encode(elements)


def _add_unique(elements: Elements, value: bytes) -> None:
    """Add a scalar that is not there yet; arrays with containers in them have no such operation."""
    added = nodes.single_value(value)
    if text_is_container(nodes.text(added)):
        raise StatusError(Status.VALUE_CANNOT_INSERT)
    wanted = _scalar(added)
    for element in elements:
        if text_is_container(nodes.text(element)):
            raise StatusError(Status.PATH_MISMATCH)
        if _scalar(element) == wanted:
            raise StatusError(Status.PATH_EXISTS)
    elements.append(added)


def text_is_container(text: bytes) -> bool:
    """Whether a JSON text is a dictionary or an array."""
    return text[:1] in (b"{", b"[")


def _scalar(node: msgspec.Raw) -> tuple[str, object]:
    """A scalar that compares with its type: true is not 1."""
    value = msgspec.json.decode(node)
    kind = "number" if type(value) in (int, float) else type(value).__name__
    return kind, value


def _count(
    root: bytes, parents: list[Component], last: Component, value: bytes, create_parents: bool
) -> tuple[bytes, bytes]:
    try:
        delta = int(value) if len(value) <= 20 else 0
    except ValueError:
        delta = 0
    if delta == 0 or not _INT64_LEAST <= delta <= _INT64_MOST:
        raise StatusError(Status.SUBDOC_DELTA_INVALID)
    result = b""

    def change(container: Members | Elements | None) -> None:
        nonlocal result
        try:
            current = nodes.text(nodes.child(container, last))
        except StatusError as error:
            if error.status != Status.PATH_NOT_FOUND or not isinstance(last, str):
                raise
            current = b"0"
        number = _whole(current) + delta
        if not _INT64_LEAST <= number <= _INT64_MOST:
            raise StatusError(Status.VALUE_CANNOT_INSERT)
        result = b"%d" % number
        assert container is not None
        container[last] = msgspec.Raw(result)  # type: ignore[index]

    return _within(root, parents, change, create_parents, last), result


def _whole(text: bytes) -> int:
    """A whole number's text as a number; `PATH_MISMATCH` or `NUMBER_RANGE`."""
    digits = text[1:] if text[:1] == b"-" else text
    if not digits.isdigit():
        raise StatusError(Status.PATH_MISMATCH)
    if len(digits) > 19 or not _INT64_LEAST <= int(text) <= _INT64_MOST:
        raise StatusError(Status.NUMBER_RANGE)
    return int(text)
