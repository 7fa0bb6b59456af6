"""Files of JSON documents: one a line, or one list, and the keys that their documents get."""

from __future__ import annotations

import itertools
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final, Literal

import msgspec

Format = Literal["lines", "list"]

_FIELD: Final = re.compile(r"%([^%]+)%|#(MONO_INCR|UUID)#")


class TransferError(Exception):
    """A file or document is not what it should be; the text says where."""


def documents(path: Path, form: Format) -> Iterator[bytes]:
    """The documents of a file as JSON text; `TransferError` names the line or place."""
    if form == "list":
        try:
            found = msgspec.json.decode(path.read_bytes(), type=list[msgspec.Raw])
        except msgspec.DecodeError as error:
            raise TransferError(f"{path} is not a JSON list: {error}") from None
        for raw in found:
            yield bytes(raw)
        return
    check = msgspec.json.Decoder(msgspec.Raw)
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            text = line.strip()
            if not text:
                continue
            try:
                check.decode(text)
            except msgspec.DecodeError as error:
                raise TransferError(f"{path}, line {number}: {error}") from None
            yield text


def key_maker(pattern: str) -> Callable[[bytes], bytes]:
    """Makes a document's key of a pattern such as `user::%id%`.

    `%name%` is a field (`%a.b%` one inside another), `#UUID#` a new identifier and `#MONO_INCR#`
    1, 2, 3 and so on, as in Couchbase's cbimport.
    """
    counter = itertools.count(1)
    needs_fields = "%" in pattern

    def make(document: bytes) -> bytes:
        value = msgspec.json.decode(document) if needs_fields else None

        def part(match: re.Match[str]) -> str:
            path, generator = match.groups()
            if generator == "UUID":
                return str(uuid.uuid4())
            if generator == "MONO_INCR":
                return str(next(counter))
            found = value
            for name in path.split("."):
                found = found.get(name) if isinstance(found, dict) else None
            if found is None or isinstance(found, dict | list):
                raise TransferError(f"a document has no field {path} to make its key of")
            return str(found)

        key = _FIELD.sub(part, pattern).encode()
        if not 0 < len(key) <= 250:
            raise TransferError(f"the key {key[:60].decode(errors='replace')}... is too long")
        return key

    return make


class Writer:
    """Writes documents to a file in one of the forms, with their keys where that is wanted."""

    def __init__(self, file: IO[bytes], form: Format, key_field: str | None) -> None:
        self._file = file
        self._form = form
        self._key_field = key_field
        self._count = 0

    def add(self, key: bytes, value: bytes) -> None:
        """Write one document; one that is not JSON raises `TransferError`."""
        try:
            tree = msgspec.json.decode(value)
        except msgspec.DecodeError:
            raise TransferError(
                f"document {key.decode(errors='replace')} is not JSON and cannot be exported"
            ) from None
        if self._key_field is not None:
            if not isinstance(tree, dict):
                tree = {"value": tree}
            tree[self._key_field] = key.decode(errors="replace")
        if self._form == "list":
            self._file.write(b",\n" if self._count else b"[\n")
        self._file.write(msgspec.json.encode(tree))
        if self._form == "lines":
            self._file.write(b"\n")
        self._count += 1

    def finish(self) -> None:
        """Write what a list ends with."""
        if self._form == "list":
            self._file.write(b"\n]\n" if self._count else b"[]\n")
