"""HTTP bindings, which rest-json and rest-xml share: path, query string, headers, status, body."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any, Literal

from cloudlet.aws.body import Body
from cloudlet.aws.codec import timestamps
from cloudlet.aws.codec.fields import Field, fields_of
from cloudlet.aws.codec.jsonvalues import decode, encode
from cloudlet.aws.codec.protocol import SerializationError
from cloudlet.aws.codec.xmlreading import FROM_TEXT
from cloudlet.aws.http import Request
from cloudlet.aws.model import OperationModel, ServiceModel, Shape

Labels = dict[str, str]
Pairs = list[tuple[str, str]]

#: Gives a complaint about a text that its member cannot take: (place, wire name, text).
Complain = Callable[[str, str, str], Exception]
#: Puts a member into the struct's arguments if the request has it.
Take = Callable[[Request, Labels, dict[str, Any]], None]


def complain(place: str, name: str, text: str) -> Exception:  # noqa: ARG001 - a Complain
    """What rest-json services answer to a value that does not fit."""
    return SerializationError(f"{text[:256]} is not a valid value for {name}")


def is_streamed(model: ServiceModel, operation: OperationModel) -> bool:
    """Whether the operation's body is handed on as a stream."""
    shape = model.shape(operation.input) if operation.input else None
    if shape is None or shape.payload is None:
        return False
    reference = shape.members[shape.payload]
    return bool(reference.get("streaming") or model.shape(reference["shape"]).spec.get("streaming"))


class Input:
    """How one operation's request becomes its struct, but for the body, which has `body` fields.

    `payload` is the member that is the whole body, else `body` are the body's own members.
    """

    def __init__(
        self, model: ServiceModel, operation: OperationModel, complain: Complain = complain
    ) -> None:
        assert operation.input is not None
        self.shape: Shape = model.shape(operation.input)
        self.kind: Callable[..., Any] = getattr(model.types, self.shape.name)
        fields = fields_of(model, self.shape)
        self.absent = dict.fromkeys(f.attribute for f in fields if f.required)
        self.payload = next((f for f in fields if f.payload), None)
        self.body = [f for f in fields if "location" not in f.reference and not f.payload]
        self.is_streaming = is_streamed(model, operation)
        fixed = {pair.partition("=")[0] for pair in operation.uri.partition("?")[2].split("&")}
        bound = fixed | {
            f.wire_name for f in fields if f.reference.get("location") == "querystring"
        }
        self._takes: list[Take] = [
            _take(model, field, complain, bound)
            for field in fields
            if "location" in field.reference
        ]

    def members(self, request: Request, labels: Labels) -> dict[str, Any]:
        """The members from path, query string and headers, by attribute; missing ones None."""
        found: dict[str, Any] = self.absent.copy()
        for take in self._takes:
            take(request, labels, found)
        return found


def _take(model: ServiceModel, field: Field, complain: Complain, bound: set[str]) -> Take:
    location = field.reference["location"]
    if location == "uri":
        return _from_label(field, complain)
    if location == "querystring":
        return _from_query(model, field, complain, bound)
    if location == "headers":
        return _from_headers(field)
    return _from_header(model, field, complain)


def _convert(shape: Shape, place: str, name: str, complain: Complain) -> Callable[[str], Any]:
    if shape.type not in FROM_TEXT:
        raise RuntimeError(f"a {shape.type} cannot be bound to a {place}")
    convert = FROM_TEXT[shape.type]
    if convert is str:
        return str

    def read(text: str) -> Any:
        try:
            return convert(text)
        except (ValueError, OverflowError):
            raise complain(place, name, text) from None

    return read


def _from_label(field: Field, complain: Complain) -> Take:
    name, attribute = field.wire_name, field.attribute
    convert = _convert(field.shape, "path", name, complain)

    def take(_request: Request, labels: Labels, found: dict[str, Any]) -> None:
        found[attribute] = convert(labels[name])

    return take


def _from_query(model: ServiceModel, field: Field, complain: Complain, bound: set[str]) -> Take:
    name, attribute = field.wire_name, field.attribute
    if field.shape.type == "map":
        several = model.shape(field.shape.spec["value"]["shape"]).type == "list"

        def take_rest(request: Request, _labels: Labels, found: dict[str, Any]) -> None:
            rest: dict[str, Any] = {}
            for key, value in request.query:
                if key in bound or key.lower().startswith("x-amz-"):
                    continue
                if several:
                    rest.setdefault(key, []).append(value)
                else:
                    rest[key] = value
            if rest:
                found[attribute] = rest

        return take_rest
    if field.shape.type == "list":
        item = _convert(_member(model, field.shape), "query", name, complain)

        def take_list(request: Request, _labels: Labels, found: dict[str, Any]) -> None:
            values = [item(value) for key, value in request.query if key == name]
            if values:
                found[attribute] = values

        return take_list
    convert = _convert(field.shape, "query", name, complain)

    def take(request: Request, _labels: Labels, found: dict[str, Any]) -> None:
        for key, value in request.query:
            if key == name:
                found[attribute] = convert(value)
                return

    return take


def _member(model: ServiceModel, shape: Shape) -> Shape:
    return model.shape(shape.spec["member"]["shape"])


def _from_headers(field: Field) -> Take:
    prefix, attribute = field.wire_name.lower(), field.attribute

    def take(request: Request, _labels: Labels, found: dict[str, Any]) -> None:
        mapped: dict[str, str] = {}
        for name, value in request.headers.items:
            if name.startswith(prefix):
                key = name[len(prefix) :]
                mapped[key] = f"{mapped[key]},{value}" if key in mapped else value
        if mapped:
            found[attribute] = mapped

    return take


_ITEM = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|([^,]*))\s*(?:,|\Z)')


def _split(text: str) -> list[str]:
    """The values of a list header: separated by commas, perhaps quoted."""
    found = []
    for match in _ITEM.finditer(text):
        quoted, plain = match.groups()
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain.strip()
        if value:
            found.append(value)
    return found


def _from_header(model: ServiceModel, field: Field, complain: Complain) -> Take:
    name, attribute = field.wire_name.lower(), field.attribute
    convert: Callable[[str], Any]
    if field.reference.get("jsonvalue"):
        convert = _json_header
    elif field.shape.type == "list":
        member = _member(model, field.shape)
        item = _convert(member, "header", name, complain)
        if member.type == "timestamp":  # an rfc822 date has a comma of its own
            convert = lambda text: [item(t) for t in re.findall(r"[^,]+(?:,[^,]+)?", text)]  # noqa: E731
        else:
            convert = lambda text: [item(value) for value in _split(text)]  # noqa: E731
    else:
        convert = _convert(field.shape, "header", name, complain)

    if name in _DATES:
        convert = _date

    def take(request: Request, _labels: Labels, found: dict[str, Any]) -> None:
        if name in request.headers:
            found[attribute] = convert(request.headers.get(name))

    return take


#: A recipient ignores these where they are no date (RFC 9110, sections 13.1.3 and 13.1.4).
_DATES = frozenset({"if-modified-since", "if-unmodified-since"})


def _date(text: str) -> float | None:
    try:
        return timestamps.parse(text)
    except (ValueError, OverflowError):
        return None


def _json_header(text: str) -> Any:
    try:
        return decode(base64.b64decode(text, validate=True))
    except binascii.Error:
        raise SerializationError("A JSON header is not base64") from None


#: Adds a present member's headers.
Give = Callable[[Any, Pairs], None]


class Output:
    """How one operation's result becomes a status and headers; the body is the protocol's.

    `payload` and `body` are as in `Input`.
    """

    def __init__(self, model: ServiceModel, operation: OperationModel) -> None:
        self.status = operation.status
        self.shape = model.shape(operation.output) if operation.output else None
        fields = fields_of(model, self.shape) if self.shape else []
        self.payload = next((f for f in fields if f.payload), None)
        self.body = [f for f in fields if "location" not in f.reference and not f.payload]
        self._status = next(
            (f.attribute for f in fields if f.reference.get("location") == "statusCode"), None
        )
        self._gives = [
            (f.attribute, _give(f))
            for f in fields
            if f.reference.get("location") in ("header", "headers")
        ]

    def head(self, result: Any, headers: Pairs) -> int:
        """Adds the result's headers; returns the status."""
        if result is None:
            return self.status
        for attribute, give in self._gives:
            value = getattr(result, attribute)
            if value is not None:
                give(value, headers)
        status = getattr(result, self._status) if self._status else None
        return self.status if status is None else int(status)


def _give(field: Field) -> Give:
    name = field.wire_name
    if field.reference["location"] == "headers":

        def give_all(value: dict[str, str], headers: Pairs) -> None:
            headers.extend((name + key, text) for key, text in value.items())

        return give_all
    text = _header_text(field)

    def give(value: Any, headers: Pairs) -> None:
        headers.append((name, text(value)))

    return give


def _header_text(field: Field) -> Callable[[Any], str]:
    kind = field.shape.type
    if field.reference.get("jsonvalue"):
        return lambda value: base64.b64encode(encode(value)).decode("ascii")
    if kind == "timestamp":
        style: Literal["iso8601", "unixTimestamp", "rfc822"] | None = field.trait("timestampFormat")
        if style == "iso8601":
            return timestamps.iso8601_ms
        return (lambda value: str(int(value))) if style == "unixTimestamp" else timestamps.rfc822
    if kind == "boolean":
        return lambda value: "true" if value else "false"
    if kind == "blob":
        return lambda value: base64.b64encode(value).decode("ascii")
    if kind == "list":
        return lambda value: ",".join(_quoted(str(item)) for item in value)
    return str


def _quoted(text: str) -> str:
    if "," not in text and '"' not in text:
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def blob_payload(value: Any) -> bytes | Body:
    """A payload member's bytes or stream; text is encoded."""
    return value.encode() if isinstance(value, str) else value
