"""The json protocols 1.0 and 1.1: `X-Amz-Target` names the operation, JSON both ways."""

from __future__ import annotations

from functools import cache
from typing import Any

from cloudlet.aws.body import Body
from cloudlet.aws.codec.errors import json_error
from cloudlet.aws.codec.jsonvalues import decode, encode, json_readers, json_writers
from cloudlet.aws.codec.protocol import MIB, Located
from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Request, Response
from cloudlet.aws.model import ServiceModel


class UnknownOperation(AWSError):
    """No operation has the target's name."""

    code = "UnknownOperationException"
    status = 400


class JsonCodec:
    """The json protocol of one service."""

    operation_in_body = False
    limit = 10 * MIB

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._content_type = f"application/x-amz-json-{model.metadata.get('jsonVersion', '1.0')}"

    def locate(self, request: Request, body: bytes) -> Located:  # noqa: ARG002 - a Codec's
        """The operation that `X-Amz-Target` names."""
        prefix, _, name = request.headers.get("x-amz-target").rpartition(".")
        operation = self.model.operations.get(name)
        if operation is None or prefix != self.model.metadata.get("targetPrefix"):
            raise UnknownOperation("")
        return Located(operation)

    def parse(self, located: Located, request: Request, body: bytes | Body) -> Any:  # noqa: ARG002
        """The struct from the body."""
        assert isinstance(body, bytes)
        shape = located.operation.input
        document = decode(body) if body else {}
        return None if shape is None else json_readers(self.model).of(shape)(document)

    def answer(self, located: Located, result: Any, request_id: str) -> Response:
        """The JSON of the result; nothing for an operation without one."""
        headers = [("x-amzn-RequestId", request_id), ("Content-Type", self._content_type)]
        shape = located.operation.output
        if shape is None:
            return Response(200, headers)
        document = {} if result is None else json_writers(self.model).of(shape)(result)
        return Response(200, headers, encode(document))

    def refuse(
        self,
        error: AWSError,
        request_id: str,
        request: Request,  # noqa: ARG002 - a Codec's
        located: Located | None,  # noqa: ARG002
    ) -> Response:
        """The JSON of the error."""
        return json_error(self.model, error, request_id)


@cache
def json_codec(model: ServiceModel) -> JsonCodec:
    """The codec of a json service."""
    return JsonCodec(model)
