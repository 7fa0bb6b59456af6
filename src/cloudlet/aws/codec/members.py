"""AWS member names in and out: `{"FunctionName": ...}` to a request's struct, a result to a dict.

The form in which services call each other and in which boto3 speaks to its user. Shapes are
compiled into closures at their first use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from cloudlet.aws.body import Body
from cloudlet.aws.codec import validation
from cloudlet.aws.codec.compiler import Compiler
from cloudlet.aws.codec.fields import Field, fields_of, is_streaming
from cloudlet.aws.errors import ValidationError
from cloudlet.aws.model import ServiceModel, Shape

#: (value, path, complaints) -> converted value
Reader = Callable[[Any, str, list[str]], Any]
Writer = Callable[[Any], Any]


def parse(model: ServiceModel, operation: str, input_: Mapping[str, Any]) -> Any:
    """The request's struct of `operation`, validated as a client's request would be.

    Unknown members, wrong types and missing required members are a `ValidationError` in botocore's
    words; the model's constraints are then checked in the service's own. Timestamps may be epoch
    seconds or datetimes, blobs bytes or text; a streamed body may be bytes or a `Body`. None means
    that the member is absent.
    """
    shape = model.operations[operation].input
    if shape is None:
        if input_:
            raise ValidationError(_complain([_unknown("", next(iter(input_)), ())]))
        return None
    complaints: list[str] = []
    request = _readers(model).of(shape)(input_, "", complaints)
    if complaints:
        raise ValidationError(_complain(complaints))
    return validation.check(model, operation, request)


def serialise(model: ServiceModel, operation: str, result: Any) -> dict[str, Any]:
    """The result as a dict with AWS's member names; absent members are left out.

    Blobs are bytes and timestamps epoch seconds; a streamed body is a `Body`.
    """
    shape = model.operations[operation].output
    if shape is None or result is None:
        return {}
    written: dict[str, Any] = _writers(model).of(shape)(result)
    return written


def _complain(complaints: list[str]) -> str:
    return "Parameter validation failed:\n" + "\n".join(complaints)


def _name(path: str) -> str:
    return path.removeprefix(".") or "input"


def _unknown(path: str, member: str, known: tuple[str, ...]) -> str:
    return f'Unknown parameter in {_name(path)}: "{member}", must be one of: {", ".join(known)}'


def _invalid(path: str, value: Any, *valid: type) -> str:
    return (
        f"Invalid type for parameter {_name(path)}, value: {value}, type: {type(value)}, "
        f"valid types: {', '.join(str(kind) for kind in valid)}"
    )


class _Readers(Compiler[Reader]):
    """Compiles shapes into closures that convert and check plain values."""

    def compile(self, shape: Shape) -> Reader:
        if shape.type == "structure":
            return _any if shape.spec.get("document") else self.structure(shape)
        if shape.type == "list":
            return self.list(shape)
        if shape.type == "map":
            return self.map(shape)
        return _READERS[shape.type]

    def structure(self, shape: Shape) -> Reader:
        fields = fields_of(self.model, shape)
        kind = getattr(self.model.types, shape.name)
        table = {field.member: (field.attribute, self.member(field)) for field in fields}
        known = tuple(table)
        required = {field.member: field.attribute for field in fields if field.required}

        def read(value: Any, path: str, complaints: list[str]) -> Any:
            if not isinstance(value, Mapping):
                complaints.append(_invalid(path, value, dict))
                return None
            found: dict[str, Any] = {}
            for member, given in value.items():
                entry = table.get(member)
                if entry is None:
                    complaints.append(_unknown(path, member, known))
                elif given is not None:
                    found[entry[0]] = entry[1](given, f"{path}.{member}", complaints)
            for member, attribute in required.items():
                if attribute not in found:
                    complaints.append(f'Missing required parameter in {_name(path)}: "{member}"')
                    found[attribute] = None
            return kind(**found)

        return read

    def member(self, field: Field) -> Reader:
        if field.reference.get("jsonvalue"):
            return _any
        return _stream if is_streaming(field, outgoing=False) else self.of(field.shape.name)

    def list(self, shape: Shape) -> Reader:
        member = self.of(shape.spec["member"]["shape"])

        def read(value: Any, path: str, complaints: list[str]) -> Any:
            if not isinstance(value, list | tuple):
                complaints.append(_invalid(path, value, list, tuple))
                return None
            return [member(item, f"{path}[{i}]", complaints) for i, item in enumerate(value)]

        return read

    def map(self, shape: Shape) -> Reader:
        member = self.of(shape.spec["value"]["shape"])

        def read(value: Any, path: str, complaints: list[str]) -> Any:
            if not isinstance(value, Mapping):
                complaints.append(_invalid(path, value, dict))
                return None
            return {
                _string(key, f"{path} (key: {key})", complaints): member(
                    item, f"{path}.{key}", complaints
                )
                for key, item in value.items()
            }

        return read


def _any(value: Any, path: str, complaints: list[str]) -> Any:  # noqa: ARG001 - a Reader
    return value


def _string(value: Any, path: str, complaints: list[str]) -> Any:
    if not isinstance(value, str):
        complaints.append(_invalid(path, value, str))
    return value


def _integer(value: Any, path: str, complaints: list[str]) -> Any:
    if not isinstance(value, int) or isinstance(value, bool):
        complaints.append(_invalid(path, value, int))
    return value


def _number(value: Any, path: str, complaints: list[str]) -> Any:
    if not isinstance(value, int | float | Decimal) or isinstance(value, bool):
        complaints.append(_invalid(path, value, float, Decimal, int))
        return value
    return float(value)


def _boolean(value: Any, path: str, complaints: list[str]) -> Any:
    if not isinstance(value, bool):
        complaints.append(_invalid(path, value, bool))
    return value


def _timestamp(value: Any, path: str, complaints: list[str]) -> Any:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if not isinstance(value, int | float) or isinstance(value, bool):
        complaints.append(_invalid(path, value, float, datetime))
        return value
    return float(value)


def _blob(value: Any, path: str, complaints: list[str]) -> Any:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, bytes | bytearray):
        complaints.append(_invalid(path, value, bytes, bytearray))
        return value
    return bytes(value)


def _stream(value: Any, path: str, complaints: list[str]) -> Any:
    if isinstance(value, Body):
        return value
    content = _blob(value, path, complaints)
    return Body.of(content) if isinstance(content, bytes) else None


_READERS: dict[str, Reader] = {
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


class _Writers(Compiler[Writer]):
    """Compiles shapes into closures that give plain values."""

    def compile(self, shape: Shape) -> Writer:
        if shape.spec.get("eventstream"):
            return _same  # the structs of its events, as they come
        if shape.type == "structure" and not shape.spec.get("document"):
            return self.structure(shape)
        if shape.type in ("list", "map"):
            member = self.of(shape.spec["member" if shape.type == "list" else "value"]["shape"])
            if member is _same:
                return list if shape.type == "list" else dict
            if shape.type == "list":
                return lambda value: [member(item) for item in value]
            return lambda value: {key: member(item) for key, item in value.items()}
        return _same

    def structure(self, shape: Shape) -> Writer:
        table = [
            (field.attribute, field.member, self.member(field))
            for field in fields_of(self.model, shape)
        ]

        def write(value: Any) -> dict[str, Any]:
            written = {}
            for attribute, member, convert in table:
                given = getattr(value, attribute)
                if given is not None:
                    written[member] = convert(given)
            return written

        return write

    def member(self, field: Field) -> Writer:
        if field.reference.get("jsonvalue"):
            return _same
        return _streamed if is_streaming(field, outgoing=True) else self.of(field.shape.name)


def _same(value: Any) -> Any:
    return value


def _streamed(value: Any) -> Any:
    return value if isinstance(value, Body) else Body.of(value)


@cache
def _readers(model: ServiceModel) -> _Readers:
    return _Readers(model)


@cache
def _writers(model: ServiceModel) -> _Writers:
    return _Writers(model)
