"""Cross-origin requests: preflights answered and headers added by a bucket's CORS rules.

"Using cross-origin resource sharing (CORS)" in the S3 User Guide.
"""

from __future__ import annotations

import uuid
from urllib.parse import unquote

from cloudlet.aws.http import Request, Response
from cloudlet.aws.models.s3 import CORSRule
from cloudlet.services.s3.errors import AccessForbidden, BadRequest
from cloudlet.services.s3.store import S3

_VARY = ("Vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")
_SPEC = (
    "CORSResponse: This CORS request is not allowed. This is usually because the evalution of"
    " Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are"
    " not whitelisted by the resource's CORS spec."
)


class Cors:
    """Applies the CORS rules of the bucket that a request is for."""

    def __init__(self, state: S3) -> None:
        self._state = state

    def preflight(self, request: Request) -> Response | None:
        """The answer to a preflight; None for what is none. Raises S3's errors."""
        if request.method != "OPTIONS":
            return None
        name, _, key = request.raw_path.lstrip("/").partition("/")
        return self.preflight_of(request, unquote(name), "OBJECT" if key else "BUCKET")

    def preflight_of(self, request: Request, bucket: str, kind: str) -> Response:
        """The answer to a preflight for something in `bucket`."""
        headers = request.headers
        origin, method = headers.get("origin"), headers.get("access-control-request-method")
        if not origin:
            raise BadRequest("Insufficient information. Origin request header needed.")
        if not method:
            raise BadRequest(f"Invalid Access-Control-Request-Method: {method or 'null'}")
        wanted = [
            name.strip().lower()
            for name in headers.get("access-control-request-headers").split(",")
            if name.strip()
        ]
        rules = self._rules(bucket)
        if rules is None:
            raise AccessForbidden(
                "CORSResponse: CORS is not enabled for this bucket.",
                Method=method,
                ResourceType=kind,
            )
        for rule in rules:
            if not _matches(rule, origin, method):
                continue
            patterns = [pattern.lower() for pattern in rule.allowed_headers or []]
            if not all(any(_glob(pattern, name) for pattern in patterns) for name in wanted):
                continue
            answer = Response(200, _headers(rule, origin))
            if wanted:
                answer.headers.append(("Access-Control-Allow-Headers", ", ".join(wanted)))
            if rule.max_age_seconds is not None:
                answer.headers.append(("Access-Control-Max-Age", str(rule.max_age_seconds)))
            answer.headers.append(("x-amz-request-id", str(uuid.uuid4())))
            return answer
        raise AccessForbidden(_SPEC, Method=method, ResourceType=kind)

    def finish(self, request: Request, response: Response) -> None:
        """Add the CORS headers to the answer of a request with an Origin."""
        if "origin" in request.headers and request.method != "OPTIONS":
            name = request.raw_path.lstrip("/").partition("/")[0]
            self.finish_of(request, response, unquote(name))

    def finish_of(self, request: Request, response: Response, bucket: str) -> None:
        """Add the CORS headers of `bucket`'s rules; none if no rule allows the request."""
        origin = request.headers.get("origin")
        for rule in (self._rules(bucket) or ()) if origin else ():
            if _matches(rule, origin, request.method):
                response.headers.extend(_headers(rule, origin))
                return

    def _rules(self, bucket: str) -> list[CORSRule] | None:
        found = self._state.find(bucket)
        return None if found is None else found.cors


def _glob(pattern: str, text: str) -> bool:
    """Whether `text` fits a pattern with at most one `*`."""
    before, star, after = pattern.partition("*")
    if not star:
        return pattern == text
    return (
        len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)
    )


def _matches(rule: CORSRule, origin: str, method: str) -> bool:
    return method in rule.allowed_methods and any(
        _glob(pattern, origin) for pattern in rule.allowed_origins
    )


def _headers(rule: CORSRule, origin: str) -> list[tuple[str, str]]:
    """The headers that tell a browser that `rule` allows its request."""
    anybody = "*" in rule.allowed_origins
    headers = [
        ("Access-Control-Allow-Origin", "*" if anybody else origin),
        ("Access-Control-Allow-Methods", ", ".join(rule.allowed_methods)),
    ]
    if rule.expose_headers:
        headers.append(("Access-Control-Expose-Headers", ", ".join(rule.expose_headers)))
    if not anybody:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    headers.append(_VARY)
    return headers
