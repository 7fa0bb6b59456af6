"""The HTTP server: uvicorn with httptools, embedded in our event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from cloudlet.front.asgi import FrontDoor

#: Longer than the clients' pools keep an idle connection, so that they close first.
KEEP_ALIVE_S = 75
#: What a request may still take when the server stops.
GRACE_S = 5
BACKLOG = 2048
#: S3 takes 8 KB of headers, API Gateway 10 KB, and presigned URLs are long.
MAX_HEAD = 128 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a bound on the request line and headers, which the parser lacks."""

    _head: int | None = None  # bytes of a head that is not complete

    def on_message_begin(self) -> None:
        """The parser's call at the first byte of a request."""
        self._head = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The parser's call at the end of the headers."""
        self._head = None
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """The transport's call with what has arrived."""
        super().data_received(data)
        if self._head is not None and not self.transport.is_closing():
            self._head += len(data)
            if self._head > MAX_HEAD:
                self.send_400_response("Request header too large.")


class Server:
    """Serves a `FrontDoor` on one address; `port` 0 takes a free one.

    `bind` takes the port, so that it is known; requests wait there until `start`. `stop` refuses
    new connections, lets requests finish for GRACE_S, then cancels them.
    """

    def __init__(self, front: FrontDoor, host: str, port: int) -> None:
        self._front = front
        self._host = host
        self.port = port
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.Task[None] | None = None

    async def bind(self) -> None:
        """Take the address; `OSError` if it is in use or not this machine's."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind((self._host, self.port))
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
        self._socket = listener
        self.port = listener.getsockname()[1]

    async def start(self) -> None:
        """Answer requests from now on."""
        if self._socket is None:
            await self.bind()
        assert self._socket is not None
        config = uvicorn.Config(
            self._front,
            http=BoundedProtocol,
            loop="none",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
        config.load()
        server = self._server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup(sockets=[self._socket])
        self._loop = asyncio.create_task(server.main_loop(), name="front door")

    async def stop(self) -> None:
        """End it; safe when it was never started."""
        if self._server is not None and self._loop is not None:
            self._server.should_exit = True
            await self._loop
            assert self._socket is not None
            with contextlib.suppress(asyncio.CancelledError):
                await self._server.shutdown(sockets=[self._socket])
            self._server = self._loop = None
        elif self._socket is not None:
            self._socket.close()
        self._socket = None
