"""The query service's HTTP door (port 8093): requests in, streamed results out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from cloudlet.couchbase.sqlpp.keyspace import Keyspaces

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class QueryService:
    """An ASGI application answering `/query/service`, `/query`, `/admin/ping` and request admin.

    `authenticate(username, password)` says whether Basic credentials are good. `start` must be
    awaited before the first request and `close` after the last (it cancels what runs).
    """

    def __init__(
        self,
        keyspaces: Keyspaces,
        *,
        authenticate: Callable[[str, str], bool],
        version: str = "7.6.0-cloudlet",
    ) -> None:
        self._keyspaces = keyspaces
        self._authenticate = authenticate
        self._version = version

    async def start(self) -> None:
        """Make ready for requests."""

    async def close(self) -> None:
        """Cancel the running requests and wait for their end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        raise NotImplementedError
