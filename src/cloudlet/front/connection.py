"""One client's connection: HTTP/1.1 requests in, their answers out, in order.

The parser is httptools (llhttp). What is here and not in a library is the way between them: a
request is a `Request` at once, and an answer leaves in one piece, which is half of what a server
for ASGI spends on a call of a function (bench/rest_api.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import httptools

from cloudlet.aws.body import Body
from cloudlet.aws.http import Headers, Request, Response
from cloudlet.front.content import NOTHING, Content
from cloudlet.front.head import answer_head, header_lines, name_of, request_of

log = logging.getLogger("cloudlet.front")

Serve = Callable[[Request], Awaitable[Response]]

#: S3 takes 8 KB of headers, API Gateway 10 KB, and presigned URLs are long.
MAX_HEAD = 128 * 1024
#: Requests that a client may send ahead of their answers.
MAX_AHEAD = 16
#: Statuses of answers without a body.
BARE = frozenset({204, 304})
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class _Exchange:
    """A request and what its answer depends on."""

    __slots__ = ("content", "expects", "is_old", "keep_alive", "request")

    def __init__(
        self, request: Request, content: Content | None, *, keep_alive: bool, is_old: bool
    ) -> None:
        self.request, self.content = request, content
        self.keep_alive, self.is_old = keep_alive, is_old
        self.expects = content is not None and "expect" in request.headers

    @property
    def unread(self) -> bool:
        """Whether the client may still hold its body back: it waits to be told to continue, and was
        not, so that nobody can say where the next request on this connection begins.
        """
        return self.expects and self.content is not None and not self.content.asked


class Connection(asyncio.Protocol):
    """Reads requests, has each served, writes the answers.

    A request's handler runs to its end also when its client has gone. `connections` has every open
    connection in it.
    """

    def __init__(self, serve: Serve, connections: set[Connection]) -> None:
        self._serve = serve
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._peer = "127.0.0.1"
        self._url = b""
        self._items: list[tuple[str, str]] = []
        self._head: int | None = None  # bytes of a head that is not complete
        self._reading: _Exchange | None = None  # whose body is arriving
        self._rest: str | None = None  # the head to go on with after a protocol was offered
        self._ahead: deque[_Exchange] = deque()
        self._serving: _Exchange | None = None
        self._worker: asyncio.Task[None] | None = None
        self._waiting: asyncio.Future[None] | None = None  # of the worker, for a request
        self._holds = 0
        self._writable: asyncio.Future[None] | None = None
        self._closing = False
        self.quiet_since = self._loop.time()

    # --- the transport's calls ----------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._peer = peer[0]
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as offered:
            self._decline(data[offered.args[0] :])
        except (httptools.HttpParserError, ValueError):
            self._refuse("Invalid HTTP request received.")
            return
        if self._head is not None and not self._transport.is_closing():
            self._head += len(data)
            if self._head > MAX_HEAD:
                self._refuse("Request header too large.")

    def eof_received(self) -> bool:
        """The client sends no more; what it asked for, it may still read."""
        self._closing = True
        if self._reading is not None and self._reading.content is not None:
            self._reading.content.lose()
        return self._serving is not None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio
        """The client has gone; handlers go on."""
        self._connections.discard(self)
        self._closing = True
        for exchange in (self._reading, *self._ahead):
            if exchange is not None and exchange.content is not None:
                exchange.content.lose()
        self._ahead.clear()
        self.resume_writing()
        self._dismiss()

    def pause_writing(self) -> None:
        """The client reads slower than we write."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """It has caught up, or gone."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    # --- the parser's calls -------------------------------------------------------------------
    def on_message_begin(self) -> None:
        """The first byte of a request."""
        if self._rest is None:
            self._head, self._url, self._items = 0, b"", []

    def on_url(self, url: bytes) -> None:
        """The request's target, or a part of it."""
        if self._rest is None:
            self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        if self._rest is None:
            self._items.append((name_of(name), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """The head is whole: the request can be served while its body arrives."""
        if self._rest is not None:  # told to itself, see `_decline`
            return
        self._head = None
        items, parser = self._items, self._parser
        headers = Headers(items)
        content: Content | None = None
        if "content-length" in headers or "transfer-encoding" in headers:
            content = Content(self._continue, self._hold, self._release)
        method = parser.get_method().decode("ascii")
        request = request_of(method, self._url, headers, content or NOTHING, self._peer)
        is_old = parser.get_http_version() == "1.0"
        keep_alive = parser.should_keep_alive()
        if parser.should_upgrade():
            self._rest = headers.get("content-length")
            keep_alive = method != "CONNECT"
        exchange = _Exchange(request, content, keep_alive=keep_alive, is_old=is_old)
        self._reading = exchange
        if self._serving is None:
            self._begin(exchange)
        else:
            self._ahead.append(exchange)
            if len(self._ahead) == MAX_AHEAD:
                self._hold()

    def on_body(self, data: bytes) -> None:
        """A part of the body."""
        if self._reading is not None and self._reading.content is not None:
            self._reading.content.feed(data)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._rest is not None and self._parser.should_upgrade():
            return  # only its head: the parser takes the body for the other protocol
        if self._reading is not None and self._reading.content is not None:
            self._reading.content.end()
        self._reading = self._rest = None

    # --- requests -----------------------------------------------------------------------------
    def _decline(self, data: bytes) -> None:
        """Go on in HTTP/1.1 where a client offered another protocol, as Java's does with HTTP/2.

        The parser stops there; a new one is told of a request with the same body, silently.
        """
        length = self._rest or "0"
        self._rest = length
        self._parser = httptools.HttpRequestParser(self)
        chunked = self._reading is not None and self._reading.request.body.length is None
        body = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}"
        try:
            self._parser.feed_data(f"POST / HTTP/1.1\r\n{body}\r\n\r\n".encode("latin-1"))
        except httptools.HttpParserError:
            self._refuse("Invalid HTTP request received.")
            return
        if data:
            self.data_received(data)

    def _refuse(self, reason: str) -> None:
        """Answer 400 to what is no request, and close."""
        self._closing = True
        self._head = None
        if self._reading is not None and self._reading.content is not None:
            self._reading.content.lose()
        if self._serving is None:
            text = f"{reason}\n".encode()
            head = answer_head(400, "content-type: text/plain\r\n", len(text), closing=True)
            self._transport.write(head + text)
            self._transport.close()
        else:
            self._hold()

    def _continue(self) -> None:
        """The handler waits for a body that the client may hold back."""
        exchange = self._reading
        if exchange is not None and exchange.expects and not self._transport.is_closing():
            exchange.expects = False
            self._transport.write(_CONTINUE)

    def _hold(self) -> None:
        self._holds += 1
        if self._holds == 1 and not self._transport.is_closing():
            self._transport.pause_reading()

    def _release(self) -> None:
        self._holds -= 1
        if self._holds == 0 and not self._transport.is_closing():
            self._transport.resume_reading()

    # --- answers ------------------------------------------------------------------------------
    def _begin(self, exchange: _Exchange) -> None:
        """Have a request served. One task serves a connection's requests in turn: to make one for
        each takes as long as to parse it.
        """
        self._serving = exchange
        if self._worker is None:
            self._worker = self._loop.create_task(self._work())
        elif self._waiting is not None:
            self._waiting.set_result(None)
            self._waiting = None

    async def _work(self) -> None:
        while True:
            if self._serving is not None:
                await self._exchange(self._serving)
            elif self._transport.is_closing():
                return
            else:
                self._waiting = self._loop.create_future()
                await self._waiting

    def _dismiss(self) -> None:
        """Let the worker end, where it waits for a request."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    async def _exchange(self, exchange: _Exchange) -> None:
        """Serve one request to its end."""
        try:
            response = await self._serve(exchange.request)
            if exchange.unread or self._closing:
                exchange.keep_alive = False
            await self._send(exchange, response)
        except asyncio.CancelledError:
            exchange.keep_alive = False
            raise
        except Exception:
            log.exception("%s broke off", exchange.request.raw_path)
            exchange.keep_alive = False
        finally:
            self._ended(exchange)

    def _ended(self, exchange: _Exchange) -> None:
        """Go on with the client's next request, or close."""
        self._serving = None
        if exchange.content is not None:
            exchange.content.drop()
        if not exchange.keep_alive:
            self._transport.close()
        elif self._ahead:
            if len(self._ahead) == MAX_AHEAD:
                self._release()
            self._serving = self._ahead.popleft()
        elif self._closing:
            self._transport.close()
        else:
            self.quiet_since = self._loop.time()

    async def _send(self, exchange: _Exchange, response: Response) -> None:
        """Write the answer; one whose stream breaks off closes the connection."""
        body, status = response.body, response.status
        fields, has_length, closes = header_lines(response.headers)
        if closes:
            exchange.keep_alive = False
        is_bare = status in BARE or exchange.request.method == "HEAD"
        if isinstance(body, bytes):
            length = None if has_length or status in BARE else len(body)
            head = answer_head(status, fields, length, closing=not exchange.keep_alive)
            self._transport.write(head if is_bare else head + body)
            return
        length = body.length if isinstance(body, Body) else None
        is_stored, in_chunks = length is not None, False
        if has_length:
            length = None
        elif length is None and exchange.is_old:
            exchange.keep_alive = False  # its end is the connection's
        elif length is None:
            in_chunks, fields = True, f"{fields}transfer-encoding: chunked\r\n"
        closing = not exchange.keep_alive
        self._transport.write(answer_head(status, fields, length, closing=closing))
        if not is_bare:
            await self._stream(body, in_chunks=in_chunks, is_stored=is_stored)

    async def _stream(
        self, body: AsyncIterator[bytes] | Body, *, in_chunks: bool, is_stored: bool
    ) -> None:
        """Write the parts as the client takes them.

        Where it goes away, what is stored is read no further; a function's stream is read to its
        end, since the function finishes what it began.
        """
        async for part in body:
            if self._transport.is_closing():
                if is_stored:
                    return
                continue
            if part:
                self._transport.write(b"%x\r\n%b\r\n" % (len(part), part) if in_chunks else part)
                if self._writable is not None:
                    await self._writable
        if in_chunks:
            self._transport.write(b"0\r\n\r\n")

    # --- the server's calls -------------------------------------------------------------------
    @property
    def is_quiet(self) -> bool:
        """Whether no request is under way; one may have begun to arrive."""
        return self._serving is None

    def finish(self) -> None:
        """Close after the request under way, at once where there is none."""
        self._closing = True
        if self._serving is None:
            self._transport.close()

    def abort(self) -> asyncio.Task[None] | None:
        """Close now; the handler's task, cancelled, if there is one."""
        self._transport.abort()
        if self._worker is not None:
            self._worker.cancel()
        return self._worker
