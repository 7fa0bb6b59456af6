"""Paths into documents: `a.b[0].c`, names in backticks, `[-1]` for an array's last element."""

from __future__ import annotations

from typing import Final

from cloudlet.couchbase.kv.frame import StatusError
from cloudlet.couchbase.kv.protocol import Status

#: A name of a dictionary's member, or an index of an array (-1: the last).
Component = str | int

#: Couchbase's limits of a path.
PATH_BYTES: Final = 1024
PATH_DEPTH: Final = 32


def parse(path: bytes) -> list[Component]:
    """The components; none for the empty path. `PATH_INVALID` or `PATH_TOO_BIG`."""
    if len(path) > PATH_BYTES:
        raise StatusError(Status.PATH_TOO_BIG)
    if not path:
        return []
    try:
        text = path.decode()
    except UnicodeDecodeError:
        raise StatusError(Status.PATH_INVALID) from None
    if text.isidentifier():
        return [text]
    components: list[Component] = []
    at = 0
    component: Component
    while True:
        if text.startswith("[", at):
            component, at = _index(text, at)
        else:
            component, at = _name(text, at)
        components.append(component)
        if at == len(text):
            break
        if text[at] == ".":
            at += 1
            if text.startswith("[", at):
                raise StatusError(Status.PATH_INVALID)
        elif text[at] != "[":
            raise StatusError(Status.PATH_INVALID)
    if len(components) > PATH_DEPTH:
        raise StatusError(Status.PATH_TOO_BIG)
    return components


def _index(text: str, at: int) -> tuple[int, int]:
    end = text.find("]", at)
    digits = text[at + 1 : end]
    if end < 0 or not (digits == "-1" or (digits.isascii() and digits.isdigit())):
        raise StatusError(Status.PATH_INVALID)
    if len(digits) > 10 or (len(digits) > 1 and digits[0] == "0"):
        raise StatusError(Status.PATH_INVALID)
    return int(digits), end + 1


def _name(text: str, at: int) -> tuple[str, int]:
    if text.startswith("`", at):
        return _quoted(text, at + 1)
    end = at
    while end < len(text) and text[end] not in ".[]`":
        end += 1
    if end == at:
        raise StatusError(Status.PATH_INVALID)
    return text[at:end], end


def _quoted(text: str, at: int) -> tuple[str, int]:
    """A name in backticks, in which two backticks stand for one."""
    name = []
    while True:
        end = text.find("`", at)
        if end < 0:
            raise StatusError(Status.PATH_INVALID)
        name.append(text[at:end])
        if not text.startswith("``", end):
            break
        name.append("`")
        at = end + 2
    found = "".join(name)
    if not found:
        raise StatusError(Status.PATH_INVALID)
    return found, end + 1
