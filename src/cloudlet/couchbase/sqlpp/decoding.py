"""JSON as values, large texts in parts, so that no decoding holds the event loop.

Where the parts end is found with the standard library's scanner, in windows of the text; msgspec
decodes them, so that what is accepted and what comes of it are the same as at once.
"""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, Final

import msgspec

from cloudlet.couchbase.collector import set_aside
from cloudlet.couchbase.sqlpp.pausing import pausable, pause

decode: Final = msgspec.json.Decoder().decode

#: From here on a text is decoded in parts.
LARGE_BYTES: Final = 128 * 1024
_WINDOW: Final = 32 * 1024
# Bytes are scanned as Latin-1: what is not ASCII stands in strings only.
_scan: Final = json.JSONDecoder(strict=False).scan_once  # type: ignore[attr-defined]
_AFTER: Final = frozenset(",]}: \t\n\r")
_SPACE: Final = re.compile(r"[ \t\n\r]*")
_INSIDE: Final = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)


def decoded(data: bytes | bytearray) -> Any:
    """The value; `msgspec.DecodeError` or `RecursionError` where there is none.

    A large one is made with pauses. A single text in it is decoded at once, however long.
    """
    try:
        if len(data) < LARGE_BYTES or not pausable():
            return decode(data)
        reader = _Reader(data)
        value = reader.value()
        reader.end()
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"JSON is malformed: {error}") from None
    return value


def _malformed(at: int) -> msgspec.DecodeError:
    return msgspec.DecodeError(f"JSON is malformed: invalid character (byte {at})")


class _Reader:
    """A place in the data, and the window that begins there."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = data
        self._at = 0
        self._text = ""

    def _look(self) -> None:
        """Skip space, and have the window begin after it."""
        while True:
            self._text = self._data[self._at : self._at + _WINDOW].decode("latin-1")
            space = self._skipped(0)
            if not space:
                return
            self._at += space
            pause()

    def _skipped(self, place: int) -> int:
        found = _SPACE.match(self._text, place)
        return found.end() if found is not None else place

    def _take(self, mark: str) -> bool:
        """Whether the mark comes next, which is taken then."""
        self._look()
        found = self._text.startswith(mark)
        self._at += found
        return found

    def _value_end(self, place: int) -> int:
        """Where in the window the value ends that begins at a place; -1 if it does not."""
        try:
            end: int = _scan(self._text, place)[1]
        except (StopIteration, ValueError, RecursionError):
            return -1
        # A number may go on behind the window.
        whole = self._text[end : end + 1] in _AFTER if end < len(self._text) else self._is_last()
        return end if whole else -1

    def _is_last(self) -> bool:
        return self._at + len(self._text) == len(self._data)

    def end(self) -> None:
        """Raise where something comes after the value."""
        self._look()
        if self._text:
            raise _malformed(self._at)

    def value(self) -> Any:
        """The value that comes next."""
        self._look()
        end = self._value_end(0)
        return self._large() if end < 0 else self._decoded(end)

    def _decoded(self, size: int) -> Any:
        value = decode(self._data[self._at : self._at + size])
        self._at += size
        return value

    def _large(self) -> Any:
        """The value that begins with the window and is not all in it."""
        kind = self._text[:1]
        if kind == "[":
            return self._array()
        if kind == "{":
            return self._object()
        if kind == '"':
            return self._string()
        raise _malformed(self._at)

    def _string(self) -> Any:
        at = self._at + 1
        while True:
            found = _INSIDE.match(self._data, at, at + _WINDOW)
            at = found.end() if found is not None else at
            if self._data[at : at + 1] == b"\\":  # half of an escape is in the part
                at += 2
            elif self._data[at : at + 1] == b'"':
                return self._decoded(at + 1 - self._at)
            elif at >= len(self._data):
                raise _malformed(at)
            pause()

    def _array(self) -> list[Any]:
        found: list[Any] = []
        self._at += 1
        if self._take("]"):
            return found
        while True:
            self._look()
            end = self._last(0, self._value_end)
            if end < 0:
                found.append(self._large())
            else:
                found += decode(b"[" + self._data[self._at : self._at + end] + b"]")
                self._at += end
            pause()
            if not self._take(","):
                break
        if not self._take("]"):
            raise _malformed(self._at)
        set_aside(found)
        return found

    def _object(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._at += 1
        if self._take("}"):
            return found
        while True:
            self._look()
            end = self._last(0, self._pair_end)
            if end < 0:
                name = self._large() if self._text[:1] == '"' and self._key_end(0) < 0 else None
                if name is None:
                    name = self._decoded(max(0, self._key_end(0)))
                if not self._take(":"):
                    raise _malformed(self._at)
                found[name] = self.value()
            else:
                found |= decode(b"{" + self._data[self._at : self._at + end] + b"}")
                self._at += end
            pause()
            if not self._take(","):
                break
        if not self._take("}"):
            raise _malformed(self._at)
        return found

    def _key_end(self, place: int) -> int:
        if not self._text.startswith('"', place):
            return -1
        try:
            return int(scanstring(self._text, place + 1, False)[1])
        except ValueError:
            return -1

    def _pair_end(self, place: int) -> int:
        """Where in the window a name and its value end; -1 if they do not."""
        colon = self._key_end(place)
        if colon < 0:
            return -1
        colon = self._skipped(colon)
        if not self._text.startswith(":", colon):
            return -1
        return self._value_end(self._skipped(colon + 1))

    def _last(self, place: int, end_of: Any) -> int:
        """Where in the window the last of the items ends that are whole; -1 without any."""
        last = -1
        while (end := end_of(place)) >= 0:
            last = end
            comma = self._skipped(end)
            if not self._text.startswith(",", comma):
                break
            place = self._skipped(comma + 1)
        return last
