"""Cross-origin requests to function URLs, answered as the URL's configuration says.

After "Cross-origin resource sharing (CORS)" of "Creating and managing Lambda function URLs": where
CORS is configured, Lambda answers preflight requests itself and its headers replace the function's.
"""

from __future__ import annotations

from cloudlet.aws.http import Request, Response
from cloudlet.services.lambda_.model import CorsRecord

METHODS = ("*", "DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


def preflight(cors: CorsRecord, request: Request) -> Response | None:
    """The answer to a preflight request; None where the request is none."""
    if request.method != "OPTIONS" or "origin" not in request.headers:
        return None
    if "access-control-request-method" not in request.headers:
        return None
    headers = _common(cors, request)
    if headers:
        methods = cors.allow_methods or ()
        wanted = request.headers.get("access-control-request-method")
        if "*" in methods or wanted in methods:
            headers.append(("Access-Control-Allow-Methods", ",".join(methods)))
        if cors.allow_headers:
            headers.append(("Access-Control-Allow-Headers", ",".join(cors.allow_headers)))
        if cors.max_age is not None:
            headers.append(("Access-Control-Max-Age", str(cors.max_age)))
    return Response(200, headers)


def apply(cors: CorsRecord, request: Request, headers: list[tuple[str, str]]) -> None:
    """Replace the function's own CORS headers by the configuration's."""
    if "origin" not in request.headers:
        return
    headers[:] = [pair for pair in headers if not pair[0].lower().startswith("access-control-")]
    found = _common(cors, request)
    if found and cors.expose_headers:
        found.append(("Access-Control-Expose-Headers", ",".join(cors.expose_headers)))
    headers += found


def _common(cors: CorsRecord, request: Request) -> list[tuple[str, str]]:
    """The headers of both; empty where the origin is not allowed."""
    origin, allowed = request.headers.get("origin"), cors.allow_origins or ()
    if "*" not in allowed and origin not in allowed:
        return []
    shown = "*" if "*" in allowed and not cors.allow_credentials else origin
    headers = [("Access-Control-Allow-Origin", shown), ("Vary", "Origin")]
    if cors.allow_credentials:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    return headers
