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
from cloudlet.services.apigateway.documents import Answer, Context, Event, Identity
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
_sent: dict[str, str] = {}
_encode = msgspec.json.Encoder().encode


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


def sent_as(name: str) -> str:
    """A header's name as AWS's examples write it, content-type -> Content-Type; "" for one that
    is between two hops or the gateway's own.
    """
    found = _sent.get(name)
    if found is None:
        spelled = _SPELLED.get(name) or "-".join(part.capitalize() for part in name.split("-"))
        own = name in HOP_BY_HOP or name.startswith("x-forwarded-") or name == "x-amzn-trace-id"
        found = "" if own else spelled
        if len(_sent) < 1000:  # clients choose the names: the table stays bounded
            _sent[name] = found
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
    request, match = call.request, call.match
    headers, many = _headers(call)
    query: dict[str, list[str]] = {}
    for name, value in request.query:
        query.setdefault(name, []).append(value)
    body, binary = None, False
    if call.body:
        binary = is_binary(call.binary_media_types, request.headers.get("content-type"))
        body = (
            base64.b64encode(call.body).decode() if binary else call.body.decode("utf-8", "replace")
        )
    path = unquote(call.path)
    return _encode(
        Event(
            match.resource.path,
            path or "/",
            request.method,
            headers,
            many,
            {k: v[-1] for k, v in query.items()} if query else None,
            query or None,
            match.parameters or None,
            call.variables or None,
            _context(call, path),
            body,
            binary,
        )
    )


def _headers(call: Call) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The last value of each header, and all of them."""
    request = call.request
    headers: dict[str, str] = {}
    many: dict[str, list[str]] = {}
    for name, value in request.headers.items:
        if sent := sent_as(name):
            if sent in headers:
                many[sent].append(value)
            else:
                many[sent] = [value]
            headers[sent] = value
    forwarded = request.headers.get("x-forwarded-for")
    port = request.endpoint.rpartition(":")[2]
    for name, value in (
        ("X-Amzn-Trace-Id", call.trace_id),
        (
            "X-Forwarded-For",
            f"{forwarded}, {request.source_ip}" if forwarded else request.source_ip,
        ),
        ("X-Forwarded-Port", port if port.isdigit() else "443"),
        ("X-Forwarded-Proto", request.scheme),
    ):
        headers[name], many[name] = value, [value]
    return headers, many


@lru_cache(maxsize=4)
def _request_time(second: int) -> str:
    """A time as Apache's logs write it, which is as API Gateway does."""
    moment = time.gmtime(second)
    return (
        f"{moment.tm_mday:02d}/{MONTHS[moment.tm_mon - 1]}/{moment.tm_year}:{moment.tm_hour:02d}"
        f":{moment.tm_min:02d}:{moment.tm_sec:02d} +0000"
    )


def _context(call: Call, path: str) -> Context:
    request, match = call.request, call.match
    now = time.time()
    return Context(
        match.resource.id,
        match.resource.path,
        request.method,
        call.extended_id,
        _request_time(int(now)),
        f"/{call.stage}{path}",
        call.account,
        "HTTP/1.1",
        call.stage,
        request.host.partition(".")[0],
        int(now * 1000),
        call.request_id,
        Identity(request.source_ip, request.headers.get("user-agent") or None),
        request.host,
        call.deployment_id,
        call.api_id,
        match.method.operation_name or msgspec.UNSET,
    )


_decode = msgspec.json.Decoder(Answer).decode


def answer(call: Call, payload: bytes) -> Response:
    """The HTTP response that a function's answer asks for; a malformed one is a 502."""
    try:
        given = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _malformed() from None
    status = given.status_code
    if type(status) is not int:
        try:
            status = int(status) if not isinstance(status, bool) else 0
        except (TypeError, ValueError):
            status = 0
    body = given.body
    if not 100 <= status <= 599 or not isinstance(body, str | None):
        raise _malformed()
    headers = _answer_headers(given)
    content = (body or "").encode()
    if given.is_base64_encoded and is_binary(
        call.binary_media_types, call.request.headers.get("accept", "*/*")
    ):
        try:
            content = base64.b64decode(content, validate=True)
        except binascii.Error:
            raise _malformed() from None
    return Response(status, headers, content)


def _malformed() -> gateway_response.GatewayError:
    return gateway_response.bad_integration(
        "Execution failed due to configuration error: Malformed Lambda proxy response"
    )


def _answer_headers(given: Answer) -> list[tuple[str, str]]:
    single, many = given.headers or {}, given.multi_value_headers or {}
    if not isinstance(single, dict) or not isinstance(many, dict):
        raise _malformed()
    merged: dict[str, tuple[str, list[Any]]] = {}
    for name, value in single.items():
        merged[name.lower()] = (name, [value])
    for name, values in many.items():
        if not isinstance(values, list):
            raise _malformed()
        known = merged.get(name.lower())
        extra = known[1] if known and known[1][0] not in values else []
        merged[name.lower()] = (name, [*values, *extra])
    headers: list[tuple[str, str]] = []
    for lower, (name, values) in merged.items():
        if lower in DROPPED:
            continue
        shown = f"x-amzn-Remapped-{name}" if lower in REMAPPED else name
        for value in values:
            headers.append((shown, value if _is_plain(value) else _header_text(value)))  # noqa: PERF401
    if "content-type" not in merged:
        headers.append(("Content-Type", "application/json"))
    return headers


def _is_plain(value: Any) -> bool:
    return type(value) is str and value.isprintable()


def _header_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise _malformed()
    text = str(value)
    if "\r" in text or "\n" in text or "\0" in text:
        raise _malformed()
    return text
