"""The little HTTP the management interface needs: requests taken apart, answers, routes."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

import msgspec

from cloudlet.couchbase.cluster.users import Principal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

#: The longest body of a management request, in bytes.
BODY_LIMIT: Final = 1024 * 1024


class HttpError(Exception):
    """A request is answered with this status and JSON body."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(status)
        self.status = status
        self.body = body


class Request:
    """A management request with its form read."""

    def __init__(
        self,
        method: str,
        path: str,
        names: tuple[str, ...],
        form: dict[str, str],
        principal: Principal | None,
    ) -> None:
        self.method = method
        self.path = path
        #: The parts of the path that its route leaves open, decoded.
        self.names = names
        self.form = form
        self.principal = principal


class Answer(msgspec.Struct, frozen=True):
    """A status and a body: JSON, text, or chunks that follow one another."""

    body: object = None
    status: int = 200
    chunks: AsyncIterator[bytes] | None = None


Handler = Callable[[Request], Awaitable[Answer]]


class Routes:
    """Handlers by method and path; `{}` in a path stands for one part of it."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []

    def add(self, method: str, path: str, handler: Handler) -> None:
        """Serve `method` on `path` by `handler`."""
        pattern = re.escape(path).replace(r"\{\}", "([^/]+)")
        self._routes.append((method, re.compile(pattern + "/?\\Z"), handler))

    def find(self, method: str, path: str) -> tuple[Handler, tuple[str, ...]] | int:
        """The handler and the open parts, or the status 404 or 405."""
        status = 404
        for candidate, pattern, handler in self._routes:
            match = pattern.match(path)
            if match is None:
                continue
            if candidate == method:
                return handler, tuple(unquote(part) for part in match.groups())
            status = 405
        return status


async def read_body(receive: Receive) -> bytes:
    """The whole body; 413 above the limit."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HttpError(400, {"errors": {"_": "the client has gone"}})
        body += message.get("body", b"")
        if len(body) > BODY_LIMIT:
            raise HttpError(413, {"errors": {"_": "the request is too large"}})
        if not message.get("more_body"):
            return bytes(body)


def read_form(scope: Scope, body: bytes) -> dict[str, str]:
    """The parameters of the query and of the body (form or JSON object), as text."""
    form = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    if body[:1] == b"{":
        try:
            decoded = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError:
            raise HttpError(400, {"errors": {"_": "malformed JSON"}}) from None
        form |= {
            name: value if isinstance(value, str) else msgspec.json.encode(value).decode()
            for name, value in decoded.items()
        }
    elif body:
        form |= dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    return form


def basic_credentials(scope: Scope) -> tuple[str, str] | None:
    """The name and password of an Authorization header of the Basic kind."""
    for name, value in scope["headers"]:
        if name != b"authorization":
            continue
        kind, _, text = value.partition(b" ")
        if kind.lower() != b"basic":
            return None
        try:
            user, found, password = base64.b64decode(text).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return (user, password) if found else None
    return None


async def send_answer(receive: Receive, send: Send, answer: Answer) -> None:
    """Write an answer; a handler's None is an empty body."""
    headers = [(b"cache-control", b"no-cache,no-store,must-revalidate")]
    if answer.status == 401:
        headers.append((b"www-authenticate", b'Basic realm="Couchbase Server Admin / REST"'))
    if answer.chunks is not None:
        headers.append((b"content-type", b"application/json; charset=utf-8"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await _send_chunks(receive, send, answer.chunks)
        return
    if isinstance(answer.body, str):
        body, kind = answer.body.encode(), b"text/plain; charset=utf-8"
    elif answer.body is None:
        body, kind = b"", b"text/plain; charset=utf-8"
    else:
        body, kind = msgspec.json.encode(answer.body), b"application/json"
    headers += [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_chunks(receive: Receive, send: Send, chunks: AsyncIterator[bytes]) -> None:
    """Write chunks until they end or the client goes."""

    async def write() -> None:
        async for chunk in chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def listen() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.create_task(write()), asyncio.create_task(listen())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
