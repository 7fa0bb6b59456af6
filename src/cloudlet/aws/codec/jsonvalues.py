"""JSON values to structs and back, for the json and rest-json protocols."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any

import msgspec

from cloudlet.aws.codec import timestamps
from cloudlet.aws.codec.compiler import Compiler
from cloudlet.aws.codec.fields import Field, fields_of
from cloudlet.aws.codec.protocol import SerializationError
from cloudlet.aws.model import ServiceModel, Shape

Convert = Callable[[Any], Any]

#: Characters of base64 that are decoded at once; a multiple of four, about a millisecond's work.
SLICE = 1 << 20

encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def decode(body: bytes) -> Any:
    """The JSON document in `body`; raises `SerializationError`."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SerializationError("Could not parse request body into json: " + str(error)) from None


class JsonReaders(Compiler[Convert]):
    """Closures from decoded JSON to struct members; unknown members are ignored, as AWS does."""

    def compile(self, shape: Shape) -> Convert:  # noqa: D102 - the base says it
        if shape.type == "structure":
            return _same if shape.spec.get("document") else self.structure(shape)
        if shape.type == "list":
            return _list(self.of(shape.spec["member"]["shape"]))
        if shape.type == "map":
            return _map(self.of(shape.spec["value"]["shape"]))
        return _READERS[shape.type]

    def structure(self, shape: Shape, fields: list[Field] | None = None) -> Convert:
        """The closure for a structure, or only for some `fields` of it: then it gives a dict."""
        table = {
            field.wire_name: (field.attribute, self.of(field.shape.name))
            for field in (fields_of(self.model, shape) if fields is None else fields)
        }
        kind: Callable[..., Any] = dict if fields is not None else getattr(
            self.model.types, shape.name
        )  # fmt: skip
        absent = dict.fromkeys(
            f.attribute for f in (fields_of(self.model, shape) if fields is None else [])
            if f.required
        )  # fmt: skip

        def read(value: Any) -> Any:
            if type(value) is not dict:
                raise SerializationError(_unexpected(value))
            members = absent.copy()
            for name, given in value.items():
                entry = table.get(name)
                if entry is not None and given is not None:
                    members[entry[0]] = entry[1](given)
            return kind(**members)

        return read


def _list(member: Convert) -> Convert:
    def read(value: Any) -> Any:
        if type(value) is not list:
            raise SerializationError(_unexpected(value))
        return [member(item) for item in value if item is not None]

    return read


def _map(member: Convert) -> Convert:
    def read(value: Any) -> Any:
        if type(value) is not dict:
            raise SerializationError(_unexpected(value))
        return {key: member(item) for key, item in value.items() if item is not None}

    return read


def _unexpected(value: Any) -> str:
    if isinstance(value, list):
        return "Start of list found where not expected"
    if isinstance(value, dict):
        return "Start of structure or map found where not expected."
    return f"Unexpected field type: {_token(value)}"


def _token(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    if isinstance(value, int):
        return "NUMBER_VALUE"
    return "DECIMAL_VALUE" if isinstance(value, float) else "STRING_VALUE"


def _mistaken(value: Any, wanted: str) -> SerializationError:
    if isinstance(value, list | dict):
        return SerializationError(_unexpected(value))
    return SerializationError(f"{_token(value)} can not be converted to {wanted}")


def _same(value: Any) -> Any:
    return value


def _string(value: Any) -> str:
    if type(value) is not str:
        raise _mistaken(value, "a String")
    return value


def _integer(value: Any) -> int:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    raise _mistaken(value, "an Integer")


def _number(value: Any) -> float:
    if type(value) in (int, float):
        return float(value)
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    raise _mistaken(value, "a Double")


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise _mistaken(value, "a Boolean")
    return value


def _timestamp(value: Any) -> float:
    try:
        if type(value) in (int, float):
            return timestamps.within(float(value))
        if type(value) is str:
            return timestamps.parse(value)
    except (ValueError, OverflowError):
        pass
    raise _mistaken(value, "a Timestamp")


def _blob(value: Any) -> bytes:
    if type(value) is not str:
        raise _mistaken(value, "a Blob")
    try:
        return _slices(value) if len(value) > SLICE else binascii.a2b_base64(value)
    except (binascii.Error, ValueError):
        raise SerializationError("Invalid Base64 encoding found in a blob member") from None


def _slices(value: str) -> bytes:
    """Decode piece by piece: the decoder holds the interpreter lock, and this runs in a thread."""
    if "\n" in value:  # its lines would not end where the pieces do
        return binascii.a2b_base64(value)
    pieces = [binascii.a2b_base64(value[at : at + SLICE]) for at in range(0, len(value), SLICE)]
    return b"".join(pieces)


_READERS: dict[str, Convert] = {
    "string": _string,
    "character": _string,
    "integer": _integer,
    "long": _integer,
    "float": _number,
    "double": _number,
    "bigdecimal": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
}


class JsonWriters(Compiler[Convert]):
    """Closures from struct members to what `encode` turns into JSON (bytes become base64)."""

    def compile(self, shape: Shape) -> Convert:  # noqa: D102 - the base says it
        if shape.type == "structure" and not shape.spec.get("document"):
            return self.structure(shape)
        if shape.type == "list":
            return _write_list(self.of(shape.spec["member"]["shape"]))
        if shape.type == "map":
            return _write_map(self.of(shape.spec["value"]["shape"]))
        return self.scalar(shape)

    def structure(self, shape: Shape, fields: list[Field] | None = None) -> Convert:
        """The closure for a structure, or only for some `fields` of it."""
        chosen = fields_of(self.model, shape) if fields is None else fields
        if not chosen:
            return lambda _value: {}
        names = [(field.wire_name, self.member(field)) for field in chosen]
        fetch = attrgetter(*[field.attribute for field in chosen])
        if len(chosen) == 1:
            return _single(fetch, *names[0])

        def write(value: Any) -> Any:
            written = {}
            for (name, convert), given in zip(names, fetch(value), strict=True):
                if given is not None:
                    written[name] = given if convert is _same else convert(given)
            return written

        return write

    def member(self, field: Field) -> Convert:
        """The closure for a member, whose reference may have its own timestamp format."""
        if field.shape.type == "timestamp":
            return _timestamp_writer(field.trait("timestampFormat"))
        return self.of(field.shape.name)

    @staticmethod
    def scalar(shape: Shape) -> Convert:
        """The closure for a scalar."""
        if shape.type == "timestamp":
            return _timestamp_writer(shape.spec.get("timestampFormat"))
        return _write_number if shape.type in ("float", "double") else _same


def _single(fetch: Convert, name: str, convert: Convert) -> Convert:
    def write(value: Any) -> Any:
        given = fetch(value)
        return {} if given is None else {name: convert(given)}

    return write


def _write_list(member: Convert) -> Convert:
    return _same if member is _same else lambda value: [member(item) for item in value]


def _write_map(member: Convert) -> Convert:
    if member is _same:
        return _same
    return lambda value: {key: member(item) for key, item in value.items()}


def _write_number(value: float) -> float | str:
    if value != value or value in (float("inf"), float("-inf")):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    return value


def _epoch(value: float) -> float | int:
    # Whole seconds as an integer, else milliseconds: what AWS's own services send.
    rounded = round(value, 3)
    return int(rounded) if rounded.is_integer() else rounded


def _timestamp_writer(style: str | None) -> Convert:
    if style == "iso8601":
        return timestamps.iso8601
    return timestamps.rfc822 if style == "rfc822" else _epoch


@cache
def json_readers(model: ServiceModel) -> JsonReaders:
    """The readers of `model`'s shapes."""
    return JsonReaders(model)


@cache
def json_writers(model: ServiceModel) -> JsonWriters:
    """The writers of `model`'s shapes."""
    return JsonWriters(model)
