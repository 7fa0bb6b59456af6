"""Errors as each protocol renders them: the only place that knows."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

from cloudlet.aws.codec.jsonvalues import encode
from cloudlet.aws.codec.xmlwriting import escape
from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Request, Response
from cloudlet.aws.model import ServiceModel, Shape

#: Codes that json services write differently from query services.
JSON_CODES = {
    "AccessDenied": "AccessDeniedException",
    "ValidationError": "ValidationException",
    "InternalFailure": "InternalFailure",
}
S3_CODES = {
    "InternalFailure": "InternalError",
    "ValidationError": "InvalidArgument",
    "SerializationException": "InvalidArgument",
    "RequestEntityTooLargeException": "MaxMessageLengthExceeded",
}
_FAULTS = "http://webservices.amazon.com/AWSFault/2005-15-09"
QUERY_CODES = {"SerializationException": "MalformedQueryString"}


@cache
def _shapes(model: ServiceModel) -> dict[str, Shape]:
    """The model's exceptions by code."""
    return {
        str(shape.spec.get("error", {}).get("code", shape.name)): shape
        for shape in model.exceptions()
    }


def json_error(model: ServiceModel | None, error: AWSError, request_id: str) -> Response:
    """For json and rest-json: `__type` and the message in the body, the code in a header too."""
    code = JSON_CODES.get(error.code, error.code)
    shape = _shapes(model).get(code) if model is not None else None
    members = shape.members if shape is not None else {}
    headers = [
        ("x-amzn-RequestId", request_id),
        ("Content-Type", _json_type(model)),
        ("x-amzn-ErrorType", code),
    ]
    document: dict[str, Any] = (
        {} if model is not None and model.protocol == "rest-json" else {"__type": code}
    )
    for name, value in error.fields.items():
        reference = members.get(name, {})
        if reference.get("location") == "header":
            headers.append((reference["locationName"], str(value)))
        else:
            document[reference.get("locationName", name)] = value
    if "Type" in members:
        document.setdefault("Type", "User" if error.is_sender_fault else "Service")
    document["Message" if "Message" in members else "message"] = error.message
    headers.extend(error.headers.items())
    return Response(error.status, headers, encode(document))


def _json_type(model: ServiceModel | None) -> str:
    if model is None or model.protocol == "rest-json":
        return "application/json"
    return f"application/x-amz-json-{model.metadata.get('jsonVersion', '1.0')}"


def query_error(model: ServiceModel | None, error: AWSError, request_id: str) -> Response:
    """For the query protocol: an ErrorResponse document."""
    code = QUERY_CODES.get(error.code, error.code)
    metadata = model.metadata if model is not None else {}
    namespace = metadata.get("xmlNamespace", _FAULTS)
    kind = "Sender" if error.is_sender_fault else "Receiver"
    document = (
        f'<ErrorResponse xmlns="{namespace}">\n  <Error>\n    <Type>{kind}</Type>\n'
        f"    <Code>{escape(code)}</Code>\n    <Message>{escape(error.message)}</Message>\n"
        f"{_elements(error.fields)}  </Error>\n  <RequestId>{request_id}</RequestId>\n"
        "</ErrorResponse>\n"
    )
    headers = [("x-amzn-RequestId", request_id), ("Content-Type", "text/xml")]
    return Response(
        error.status, [*headers, *error.headers.items()], document.encode(errors="replace")
    )


def s3_error(error: AWSError, request_id: str, resource: str, *, bare: bool = False) -> Response:
    """For S3: an Error document; `bare` (HEAD, 304) has no body, only the status."""
    headers = [
        ("x-amz-request-id", request_id),
        ("x-amz-id-2", host_id(request_id)),
        *error.headers.items(),
    ]
    if bare or error.status in (204, 304):
        return Response(error.status, headers)
    code = S3_CODES.get(error.code, error.code)
    fields = dict(error.fields)
    fields.setdefault("Resource", resource)
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(error.message)}</Message>"
        f"{_elements(fields)}<RequestId>{request_id}</RequestId>"
        f"<HostId>{host_id(request_id)}</HostId></Error>"
    )
    headers.append(("Content-Type", "application/xml"))
    return Response(error.status, headers, document.encode(errors="replace"))


def host_id(request_id: str) -> str:
    """The extended request id that S3 sends beside `request_id`."""
    return base64.b64encode(b"cloudlet/" + request_id.encode()).decode("ascii")


def _elements(fields: dict[str, Any]) -> str:
    return "".join(
        f"<{name}>{escape(str(value))}</{name}>"
        for name, value in fields.items()
        if value is not None
    )


def cbor_error(error: AWSError, request_id: str) -> Response:
    """For smithy-rpc-v2-cbor: a map of `__type` and `message`."""
    pairs = (("__type", JSON_CODES.get(error.code, error.code)), ("message", error.message))
    body = bytes([0xA0 | len(pairs)]) + b"".join(
        _cbor_text(part) for pair in pairs for part in pair
    )
    headers = [
        ("x-amzn-RequestId", request_id),
        ("Content-Type", "application/cbor"),
        ("smithy-protocol", "rpc-v2-cbor"),
    ]
    return Response(error.status, headers, body)


def _cbor_text(text: str) -> bytes:
    content = text.encode()[:65535]
    return b"\x79" + len(content).to_bytes(2, "big") + content


def unlocated_error(request: Request, error: AWSError, request_id: str) -> Response:
    """For a request whose service is unknown: in the protocol that the request looks like."""
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return cbor_error(error, request_id)
    kind = request.headers.get("content-type")
    if kind.startswith("application/x-www-form-urlencoded"):
        return query_error(None, error, request_id)
    return json_error(None, error, request_id)
