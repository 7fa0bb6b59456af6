"""What a function returned, as the HTTP response of its URL ("Response payload format")."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from cloudlet.aws.http import Response

#: Between a streamed response's metadata and its body ("Response streaming for Lambda functions").
DELIMITER = b"\0" * 8
INTEGRATION = "application/vnd.awslambda.http-integration-response"
#: Bytes in which the metadata of a streamed response must end.
PRELUDE_LIMIT = 1024 * 1024

_DROPPED = frozenset({"content-length", "connection", "transfer-encoding"})
_JSON = "application/json"


class Malformed(Exception):
    """The function's answer cannot be an HTTP response."""


def buffered(payload: bytes) -> Response:
    """The response for a whole answer: as it is structured, or inferred; raises `Malformed`."""
    try:
        found = json.loads(payload) if payload else None
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error
    if not isinstance(found, dict) or "statusCode" not in found:
        return Response(200, [("Content-Type", _JSON)], payload)
    status, headers = head(found)
    body = found.get("body")
    if body is None:
        body = ""
    elif not isinstance(body, str):
        body = json.dumps(body, separators=(",", ":"))
    content = body.encode("utf-8", "replace")
    if found.get("isBase64Encoded") is True:
        try:
            content = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError) as error:
            raise Malformed("the body is not base64") from error
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", _JSON))
    return Response(status, headers, content)


def head(found: dict[str, Any]) -> tuple[int, list[tuple[str, str]]]:
    """Status and headers of a structured answer or of a stream's metadata."""
    status = found.get("statusCode", 200)
    if isinstance(status, str) and status.isdecimal():
        status = int(status)
    if not isinstance(status, int) or not 100 <= status <= 599:
        raise Malformed(f"statusCode {status!r}")
    given, cookies = found.get("headers"), found.get("cookies")
    given = {} if given is None else given
    cookies = [] if cookies is None else cookies
    if not isinstance(given, dict) or not isinstance(cookies, list):
        raise Malformed("headers or cookies")
    headers = [
        (name, _text(value)) for name, value in given.items() if name.lower() not in _DROPPED
    ]
    return status, headers + [("Set-Cookie", _text(cookie)) for cookie in cookies]


def prelude(data: bytes) -> tuple[int, list[tuple[str, str]]]:
    """Status and headers of a streamed response, from the metadata before the delimiter."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed("the metadata is not JSON") from error
    if not isinstance(found, dict):
        raise Malformed("the metadata is no object")
    return head(found)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)
