"""The ASGI application: from the wire to the part that answers, and back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from cloudlet.aws import chunked
from cloudlet.aws.body import Body, BodyTooLarge
from cloudlet.aws.endpoint import Endpoint
from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Headers, Request, Response
from cloudlet.aws.service import Door, Target
from cloudlet.front.routing import by_host, by_path
from cloudlet.front.status import Status

log = logging.getLogger("cloudlet.front")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_QUERY_FIELDS = 2000
_BARE = frozenset({204, 304})


class FrontDoor:
    """Decides by host and path whether a request is for a service's door (`doors`, by kind), for
    cloudlet itself (`status`), or for an AWS operation (`endpoint`).

    A client that goes away does not cancel a handler: what it began, it finishes.
    """

    def __init__(self, endpoint: Endpoint, doors: Mapping[str, Door], status: Status) -> None:
        self._endpoint = endpoint
        self._doors = doors
        self._status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, after ASGI 3."""
        if scope["type"] != "http":
            return
        asked = False

        async def receiving() -> MutableMapping[str, Any]:
            nonlocal asked
            asked = True
            return await receive()

        try:
            request = _request(scope, receiving)
        except ValueError:
            refused = Response(400, [("Content-Type", "text/plain")], b"Bad request\n")
            await _send(send, refused, receive)
            return
        try:
            response = await self._answer(request)
        except Exception as error:
            response = _failure(request, error)
        if not asked and "expect" in request.headers:
            # The client holds its body back until it is told to continue. As it was not, it may or
            # may not send it: nobody can say where the next request on this connection begins.
            response.headers.append(("Connection", "close"))
        await _send(send, response, receive)

    async def _answer(self, request: Request) -> Response:
        path = request.raw_path
        if path.startswith(("/_", "/restapis/")):
            if self._status.is_for(path):
                return await self._status(request, self._endpoint)
            plain = by_path(path)
            if plain is not None and plain[0] in self._doors:
                return await self._doors[plain[0]](request, plain[1])
        host = by_host(request.host)
        if host.door:
            door = self._doors.get(host.door)
            if door is not None:
                return await door(request, Target(host.id, path))
        elif host.bucket:
            request.signed_path = path
            request.raw_path = f"/{host.bucket}{path}"
        return await self._endpoint(request)


def _failure(request: Request, error: Exception) -> Response:
    """The answer to an exception that a door let through."""
    if isinstance(error, AWSError):
        status, message = error.status, error.message
    elif isinstance(error, BodyTooLarge):
        status, message = 413, "Request Too Long"
    else:
        log.error("%s %s", request.method, request.raw_path, exc_info=error)
        status, message = 500, "Internal Server Error"
    return Response(status, [("Content-Type", "text/plain")], message.encode() + b"\n")


def _request(scope: Scope, receive: Receive) -> Request:
    """The request of an ASGI scope; `ValueError` for one that cannot be read."""
    items = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    headers = Headers(items)
    authority = headers.get("host") or "localhost"
    raw_query = scope["query_string"].decode("latin-1")
    query = (
        parse_qsl(raw_query, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
        if raw_query
        else []
    )
    client = scope.get("client")
    length = headers.get("content-length")
    return Request(
        method=scope["method"],
        raw_path=scope["raw_path"].decode("ascii"),
        raw_query=raw_query,
        headers=headers,
        body=Body(_content(receive), int(length) if length else _length(headers)),
        host=_host(authority),
        scheme=scope["scheme"],
        source_ip=client[0] if client else "127.0.0.1",
        endpoint=f"{scope['scheme']}://{authority}",
        query=query,
    )


def _length(headers: Headers) -> int | None:
    """The length of a body without Content-Length: none, unless it comes in chunks."""
    return None if "transfer-encoding" in headers else 0


def _host(authority: str) -> str:
    """The host of an authority, without the port."""
    host = authority.lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


async def _content(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it arrives; a client that goes away before its end is an `IncompleteBody`."""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise chunked.incomplete()
        body: bytes = message["body"]
        if body:
            yield body
        if not message["more_body"]:
            return


async def _send(send: Send, response: Response, receive: Receive) -> None:
    """Send a response; one whose stream breaks off closes the connection."""
    body = response.body
    headers = [(_name(name), _value(value)) for name, value in response.headers]
    start = {"type": "http.response.start", "status": response.status, "headers": headers}
    is_bare = response.status in _BARE
    has_length = any(name == b"content-length" for name, _ in headers)
    if isinstance(body, bytes):
        if not has_length and not is_bare:
            headers.append((b"content-length", b"%d" % len(body)))
        await send(start)
        await send({"type": "http.response.body", "body": b"" if is_bare else body})
        return
    if isinstance(body, Body) and body.length is not None and not has_length:
        headers.append((b"content-length", b"%d" % body.length))
    await send(start)
    if isinstance(body, Body) and body.length is not None:
        await _send_stored(send, body, receive)
    else:
        async for part in body:
            await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _send_stored(send: Send, body: Body, receive: Receive) -> None:
    """Send what is there to be read, and stop reading when the client goes away.

    The server drops silently what is sent to nobody, so a large object would be read to its end.
    """
    gone: asyncio.Task[None] | None = None
    try:
        async for part in body:
            if gone is None:
                if len(part) < (body.length or 0):
                    gone = asyncio.create_task(_disconnected(receive))
            elif gone.done():
                return
            await send({"type": "http.response.body", "body": part, "more_body": True})
    finally:
        if gone is not None:
            gone.cancel()


@lru_cache(maxsize=1024)
async def _disconnected(receive: Receive) -> None:
    """Wait until the client has gone away; what it still sends is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _name(name: str) -> bytes:
    return name.lower().encode("latin-1", "replace")


def _value(value: str) -> bytes:
    """A header's value; one that could end the header is made harmless."""
    if not value.isprintable():
        value = "".join(c if c.isprintable() else " " for c in value)
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()
