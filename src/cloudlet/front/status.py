"""cloudlet's own addresses: its health, functions' pages, and the reset of all state."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from importlib.metadata import version

import msgspec

from cloudlet.aws.codec.errors import json_error
from cloudlet.aws.endpoint import Endpoint
from cloudlet.aws.errors import AccessDenied, AWSError
from cloudlet.aws.http import Request, Response
from cloudlet.front.functions import FunctionPages

#: Paths of the health report; the second is the one that existing tools poll.
HEALTH = frozenset({"/_cloudlet/health", "/_localstack/health"})
RESET = "/_cloudlet/reset"


class Status:
    """Answers `GET /_cloudlet/health`, `POST /_cloudlet/reset`, and what `pages` answers.

    `services` names the services that are up. `reset` deletes all state; only a signed request by
    the root of an account may ask for it.
    """

    def __init__(
        self,
        services: Callable[[], Sequence[str]],
        reset: Callable[[], Awaitable[None]],
        pages: FunctionPages | None = None,
    ) -> None:
        self._services = services
        self._pages = pages
        self._reset = reset
        self._started = time.monotonic()

    def is_for(self, raw_path: str) -> bool:
        """Whether the path is one of these."""
        return raw_path.startswith(("/_cloudlet/", "/_localstack/"))

    async def __call__(self, request: Request, endpoint: Endpoint) -> Response:
        """Answer a request for one of these paths."""
        path = request.raw_path.rstrip("/")
        if path in HEALTH and request.method in ("GET", "HEAD"):
            return self._health()
        if path == RESET:
            return await self._do_reset(request, endpoint)
        if self._pages is not None and self._pages.is_for(path):
            if request.method not in ("GET", "HEAD"):
                return _json({"message": "Use GET"}, 405)
            return await self._pages(request, endpoint)
        return _json({"message": "Not found"}, 404)

    def _health(self) -> Response:
        return _json({
            "services": dict.fromkeys(self._services(), "running"),
            "edition": "cloudlet",
            "version": _version(),
            "uptime_s": round(time.monotonic() - self._started, 3),
        })  # fmt: skip

    async def _do_reset(self, request: Request, endpoint: Endpoint) -> Response:
        if request.method != "POST":
            return _json({"message": "Use POST"}, 405)
        try:
            principal = (await endpoint.authenticate(request)).principal
            if principal.kind != "root":
                raise AccessDenied("Only the root of an account may reset cloudlet")
        except AWSError as error:
            return json_error(None, error, "reset")
        # Once begun it is finished, whatever becomes of the client.
        await asyncio.shield(asyncio.ensure_future(self._reset()))
        return _json({"reset": True})


@cache
def _version() -> str:
    return version("cloudlet")


def _json(document: object, status: int = 200) -> Response:
    return Response(status, [("Content-Type", "application/json")], msgspec.json.encode(document))
