"""The rest-json protocol: Lambda, API Gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any

from cloudlet.aws.body import Body
from cloudlet.aws.codec import eventstream
from cloudlet.aws.codec.awsjson import UnknownOperation
from cloudlet.aws.codec.errors import json_error
from cloudlet.aws.codec.jsonvalues import decode, encode, json_readers, json_writers
from cloudlet.aws.codec.protocol import MIB, Located, SerializationError
from cloudlet.aws.codec.rest import Input, Labels, Output, blob_payload, is_streamed
from cloudlet.aws.codec.routing import Routes
from cloudlet.aws.errors import AWSError, NotImplementedOperation
from cloudlet.aws.http import Request, Response
from cloudlet.aws.model import OperationModel, ServiceModel

_Parse = Callable[[Request, Labels, bytes | Body], Any]
_Write = Callable[[Any], bytes | Body | AsyncIterator[bytes]]


class RestJsonCodec:
    """The rest-json protocol of one service."""

    operation_in_body = False
    limit = 70 * MIB  # Lambda's 50 MB of zip in base64

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._routes = Routes(model)
        self._parsers: dict[str, _Parse] = {}
        self._outputs: dict[str, tuple[Output, _Write | None]] = {}

    def locate(self, request: Request, body: bytes) -> Located:  # noqa: ARG002 - a Codec's
        """The operation that method, path and query string are for."""
        try:
            found = self._routes.find(
                request.method, request.raw_path, request.query, request.headers
            )
        except ValueError:
            raise SerializationError("The path is not UTF-8") from None
        if found is None:
            raise UnknownOperation(
                f"Unable to determine service/operation name to be authorized for "
                f"{request.method} {request.raw_path[:256]}",
                status=404,
            )
        return Located(*found, is_streamed(self.model, found[0]))

    def parse(self, located: Located, request: Request, body: bytes | Body) -> Any:
        """The struct from path, query string, headers and body."""
        if located.operation.input is None:
            return None
        return self._parser(located.operation)(request, located.found, body)

    def answer(self, located: Located, result: Any, request_id: str) -> Response:
        """The response for the result."""
        found = self._outputs.get(located.operation.name)
        if found is None:
            found = self._outputs[located.operation.name] = self._output(located.operation)
        output, write = found
        headers = [("x-amzn-RequestId", request_id)]
        status = output.head(result, headers)
        body: bytes | Body | AsyncIterator[bytes] = b""
        if write is not None and status != 204 and result is not None:
            body = write(result)
            if not any(name.lower() == "content-type" for name, _ in headers):
                is_plain = isinstance(body, bytes | Body)
                kind = "application/json" if is_plain else eventstream.CONTENT_TYPE
                headers.append(("Content-Type", kind))
        return Response(status, headers, body)

    def refuse(
        self,
        error: AWSError,
        request_id: str,
        request: Request,  # noqa: ARG002 - a Codec's
        located: Located | None,  # noqa: ARG002
    ) -> Response:
        """The JSON of the error."""
        return json_error(self.model, error, request_id)

    def _parser(self, operation: OperationModel) -> _Parse:
        found = self._parsers.get(operation.name)
        if found is None:
            source = Input(self.model, operation)
            found = self._parsers[operation.name] = self._compile(source)
        return found

    def _compile(self, source: Input) -> _Parse:
        kind, payload = source.kind, source.payload
        readers = json_readers(self.model)
        if payload is None:
            read_body = readers.structure(source.shape, source.body) if source.body else None

            def parse(request: Request, labels: Labels, body: bytes | Body) -> Any:
                members = source.members(request, labels)
                if read_body is not None and body:
                    assert isinstance(body, bytes)
                    members.update(read_body(decode(body)))
                return kind(**members)

            return parse

        attribute = payload.attribute
        convert: Callable[[Any], Any] = _same
        if payload.shape.type == "string":
            convert = _text
        elif payload.shape.type != "blob":
            if payload.shape.spec.get("eventstream"):
                raise NotImplementedOperation("Event streams are not implemented in cloudlet.")
            read = readers.of(payload.shape.name)
            convert = lambda body: read(decode(body))  # noqa: E731

        def parse_payload(request: Request, labels: Labels, body: bytes | Body) -> Any:
            members = source.members(request, labels)
            if body or source.is_streaming:
                members[attribute] = convert(body)
            return kind(**members)

        return parse_payload

    def _output(self, operation: OperationModel) -> tuple[Output, _Write | None]:
        output = Output(self.model, operation)
        payload = output.payload
        writers = json_writers(self.model)
        if output.shape is None:
            return output, None
        if payload is None:
            if not output.body and output.shape.members:
                return output, None
            write = writers.structure(output.shape, output.body)
            return output, lambda result: encode(write(result))
        attribute = payload.attribute
        if payload.shape.type in ("blob", "string"):
            return output, lambda result: blob_payload(getattr(result, attribute) or b"")
        if payload.shape.spec.get("eventstream"):
            events = eventstream.EventWriter(self.model, payload.shape)
            return output, lambda result: events.encode(getattr(result, attribute))
        write_payload = writers.of(payload.shape.name)

        def whole(result: Any) -> bytes:
            value = getattr(result, attribute)
            return b"" if value is None else encode(write_payload(value))

        return output, whole


def _same(value: Any) -> Any:
    return value


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise SerializationError("The body is not UTF-8") from None


@cache
def rest_json_codec(model: ServiceModel) -> RestJsonCodec:
    """The codec of a rest-json service."""
    return RestJsonCodec(model)
