"""The event of a Lambda proxy integration, and the answer read back.

Source: "Input format of a Lambda function for proxy integration" and "Output format ..."
(API Gateway developer guide).
"""

from __future__ import annotations

import base64
import binascii
import time
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import msgspec

from cloudlet.aws.http import Request, Response
from cloudlet.services.apigateway import gateway_response
from cloudlet.services.apigateway.router import Match

#: Headers that are between two hops, or that API Gateway consumes.
HOP_BY_HOP = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "proxy-authenticate", "te",
     "proxy-connection", "trailer", "transfer-encoding", "upgrade"}
)  # fmt: skip
#: Headers of an answer that API Gateway renames to x-amzn-remapped-*.
REMAPPED = frozenset(
    {"authorization", "connection", "content-length", "content-md5", "date", "expect", "host",
     "max-forwards", "proxy-authenticate", "server", "te", "trailer", "transfer-encoding",
     "upgrade", "user-agent", "www-authenticate"}
)  # fmt: skip
DROPPED = frozenset({"connection", "content-length", "transfer-encoding"})
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SPELLED = {"etag": "ETag", "dnt": "DNT", "te": "TE", "www-authenticate": "WWW-Authenticate"}
_canonical: dict[str, str] = {}


class Call(msgspec.Struct, frozen=True):
    """One request on its way to an integration."""

    request: Request
    account: str
    region: str
    api_id: str
    stage: str
    deployment_id: str
    variables: dict[str, str]
    binary_media_types: tuple[str, ...]
    match: Match
    path: str  # without the stage, still encoded
    body: bytes
    request_id: str
    extended_id: str
    trace_id: str


def canonical(name: str) -> str:
    """A header's name as AWS's examples write it: content-type -> Content-Type."""
    found = _canonical.get(name)
    if found is None:
        found = _SPELLED.get(name) or "-".join(part.capitalize() for part in name.split("-"))
        if len(_canonical) < 1000:  # clients choose the names: the table stays bounded
            _canonical[name] = found
    return found


def is_binary(media_types: tuple[str, ...], header: str) -> bool:
    """Whether the first type in a Content-Type or Accept header is among `media_types`."""
    if not media_types:
        return False
    wanted = header.split(",", maxsplit=1)[0].split(";", maxsplit=1)[0].strip().lower()
    return any(
        kind == "*/*" or kind.lower() == wanted
        or (kind.endswith("/*") and wanted.startswith(kind[:-1].lower()))
        for kind in media_types
    )  # fmt: skip


def build(call: Call) -> bytes:
    """The event, as JSON."""
    request = call.request
    found = _headers(call)
    headers = dict(found)
    many = {name: [value] for name, value in found}
    if len(many) < len(found):  # some header came more than once
        many = {}
        for name, value in found:
            many.setdefault(name, []).append(value)
    query: dict[str, list[str]] = {}
    for name, value in request.query:
        query.setdefault(name, []).append(value)
    binary = is_binary(call.binary_media_types, request.headers.get("content-type"))
    body: str | None = None
    if call.body:
        body = (
            base64.b64encode(call.body).decode() if binary else call.body.decode("utf-8", "replace")
        )
    return msgspec.json.encode(
        {
            "resource": call.match.resource.path,
            "path": unquote(call.path) or "/",
            "httpMethod": request.method,
            "headers": headers,
            "multiValueHeaders": many,
            "queryStringParameters": {k: v[-1] for k, v in query.items()} or None,
            "multiValueQueryStringParameters": query or None,
            "pathParameters": call.match.parameters or None,
            "stageVariables": call.variables or None,
            "requestContext": _context(call),
            "body": body,
            "isBase64Encoded": bool(call.body) and binary,
        }
    )


def _headers(call: Call) -> list[tuple[str, str]]:
    request = call.request
    found = [
        (canonical(name), value)
        for name, value in request.headers.items
        if name not in HOP_BY_HOP
        and not name.startswith("x-forwarded-")
        and name != "x-amzn-trace-id"
    ]
    forwarded = request.headers.get("x-forwarded-for")
    port = request.endpoint.rpartition(":")[2]
    found += [
        ("X-Amzn-Trace-Id", call.trace_id),
        (
            "X-Forwarded-For",
            f"{forwarded}, {request.source_ip}" if forwarded else request.source_ip,
        ),
        ("X-Forwarded-Port", port if port.isdigit() else "443"),
        ("X-Forwarded-Proto", request.scheme),
    ]
    return found


@lru_cache(maxsize=4)
def _request_time(second: int) -> str:
    """A time as Apache's logs write it, which is as API Gateway does."""
    moment = time.gmtime(second)
    return (
        f"{moment.tm_mday:02d}/{MONTHS[moment.tm_mon - 1]}/{moment.tm_year}:{moment.tm_hour:02d}"
        f":{moment.tm_min:02d}:{moment.tm_sec:02d} +0000"
    )


def _context(call: Call) -> dict[str, Any]:
    request = call.request
    now = time.time()
    context: dict[str, Any] = {
        "resourceId": call.match.resource.id,
        "resourcePath": call.match.resource.path,
        "httpMethod": request.method,
        "extendedRequestId": call.extended_id,
        "requestTime": _request_time(int(now)),
        "path": f"/{call.stage}{unquote(call.path)}",
        "accountId": call.account,
        "protocol": "HTTP/1.1",
        "stage": call.stage,
        "domainPrefix": request.host.partition(".")[0],
        "requestTimeEpoch": int(now * 1000),
        "requestId": call.request_id,
        "identity": {
            "cognitoIdentityPoolId": None,
            "accountId": None,
            "cognitoIdentityId": None,
            "caller": None,
            "sourceIp": request.source_ip,
            "principalOrgId": None,
            "accessKey": None,
            "cognitoAuthenticationType": None,
            "cognitoAuthenticationProvider": None,
            "userArn": None,
            "userAgent": request.headers.get("user-agent") or None,
            "user": None,
        },
        "domainName": request.host,
        "deploymentId": call.deployment_id,
        "apiId": call.api_id,
    }
    if call.match.method.operation_name:
        context["operationName"] = call.match.method.operation_name
    return context


def answer(call: Call, payload: bytes) -> Response:
    """The HTTP response that a function's answer asks for; a malformed one is a 502."""
    malformed = "Execution failed due to configuration error: Malformed Lambda proxy response"
    try:
        given = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise gateway_response.bad_integration(malformed) from None
    if not isinstance(given, dict):
        raise gateway_response.bad_integration(malformed)
    status = given.get("statusCode")
    try:
        status = int(status) if not isinstance(status, bool) else 0  # type: ignore[arg-type]
    except (TypeError, ValueError):
        status = 0
    body = given.get("body")
    if not 100 <= status <= 599 or not isinstance(body, str | None):
        raise gateway_response.bad_integration(malformed)
    headers = _answer_headers(given, malformed)
    content = (body or "").encode()
    if given.get("isBase64Encoded") and is_binary(
        call.binary_media_types, call.request.headers.get("accept", "*/*")
    ):
        try:
            content = base64.b64decode(content, validate=True)
        except binascii.Error:
            raise gateway_response.bad_integration(malformed) from None
    return Response(status, headers, content)


def _answer_headers(given: dict[str, Any], malformed: str) -> list[tuple[str, str]]:
    single, many = given.get("headers") or {}, given.get("multiValueHeaders") or {}
    if not isinstance(single, dict) or not isinstance(many, dict):
        raise gateway_response.bad_integration(malformed)
    merged: dict[str, tuple[str, list[Any]]] = {}
    for name, value in single.items():
        merged[name.lower()] = (name, [value])
    for name, values in many.items():
        if not isinstance(values, list):
            raise gateway_response.bad_integration(malformed)
        known = merged.get(name.lower())
        extra = known[1] if known and known[1][0] not in values else []
        merged[name.lower()] = (name, [*values, *extra])
    headers: list[tuple[str, str]] = []
    for lower, (name, values) in merged.items():
        if lower in DROPPED:
            continue
        shown = f"x-amzn-Remapped-{name}" if lower in REMAPPED else name
        headers += [(shown, _header_text(value, malformed)) for value in values]
    if "content-type" not in merged:
        headers.append(("Content-Type", "application/json"))
    return headers


def _header_text(value: Any, malformed: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise gateway_response.bad_integration(malformed)
    text = str(value)
    if "\r" in text or "\n" in text or "\0" in text:
        raise gateway_response.bad_integration(malformed)
    return text
