"""The event of a function URL: payload format version 2.0 ("Request payload format")."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime
from typing import Any

import msgspec

from cloudlet.aws.http import Request
from cloudlet.aws.principal import Principal

#: Headers that are between two hops.
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade", "expect"}
)  # fmt: skip
_TEXT = ("application/json", "application/javascript", "application/xml")


def build(
    request: Request,
    url_id: str,
    path: str,
    body: bytes,
    *,
    request_id: str,
    trace_id: str,
    caller: tuple[Principal, str] | None,
) -> bytes:
    """The event as JSON; `caller` is the signer with the access key, None for AuthType NONE."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.raw_query,
        "headers": _headers(request, trace_id),
        "requestContext": _context(request, url_id, path, request_id, caller),
        "isBase64Encoded": False,
    }
    cookies = [part.strip() for line in request.headers.all("cookie") for part in line.split(";")]
    if cookies:
        event["cookies"] = [cookie for cookie in cookies if cookie]
    if request.query:
        parameters: dict[str, str] = {}
        for name, value in request.query:
            parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
        event["queryStringParameters"] = parameters
    if body:
        text = _as_text(request, body)
        event["isBase64Encoded"] = text is None
        event["body"] = base64.b64encode(body).decode() if text is None else text
    return msgspec.json.encode(event)


def _as_text(request: Request, body: bytes) -> str | None:
    """The body where its type says that it is text, and it is."""
    kind = request.headers.get("content-type").split(";")[0].strip().lower()
    if not (kind.startswith("text/") or kind in _TEXT or kind.endswith(("+json", "+xml"))):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _headers(request: Request, trace_id: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in request.headers.items:
        if name not in _HOP_BY_HOP and name != "cookie":
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    forwarded = headers.get("x-forwarded-for")
    port = request.endpoint.rpartition(":")[2]
    headers["x-amzn-trace-id"] = trace_id
    headers["x-forwarded-for"] = (
        f"{forwarded}, {request.source_ip}" if forwarded else request.source_ip
    )
    headers["x-forwarded-port"] = port if port.isdigit() else "443"
    headers["x-forwarded-proto"] = request.scheme
    return headers


def _context(
    request: Request,
    url_id: str,
    path: str,
    request_id: str,
    caller: tuple[Principal, str] | None,
) -> dict[str, Any]:
    now = time.time()
    context: dict[str, Any] = {
        "accountId": "anonymous",
        "apiId": url_id,
        "domainName": request.host,
        "domainPrefix": request.host.partition(".")[0],
        "http": {
            "method": request.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.source_ip,
            "userAgent": request.headers.get("user-agent"),
        },
        "requestId": request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": datetime.fromtimestamp(now, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now * 1000),
    }
    if caller is not None:
        principal, access_key = caller
        context["accountId"] = principal.account
        context["authorizer"] = {
            "iam": {
                "accessKey": access_key,
                "accountId": principal.account,
                "callerId": principal.user_id,
                "cognitoIdentity": None,
                "principalOrgId": None,
                "userArn": principal.arn,
                "userId": principal.user_id,
            }
        }
    return context
