"""The HTTP server: it listens, and sees to the connections' ends."""

from __future__ import annotations

import asyncio
import socket

from cloudlet.front.connection import Connection, Serve

#: Longer than the clients' pools keep an idle connection, so that they close first.
KEEP_ALIVE_S = 75.0
#: What a request may still take when the server stops.
GRACE_S = 5.0
BACKLOG = 2048
_SWEEP_S = 5.0


class Server:
    """Serves requests on one address by `serve`; `port` 0 takes a free one.

    `bind` takes the port, so that it is known; requests wait there until `start`. `stop` refuses
    new connections, lets requests finish for GRACE_S, then cancels them. A connection on which no
    request is under way is closed after KEEP_ALIVE_S, also when half a request has come.
    """

    def __init__(self, serve: Serve, host: str, port: int) -> None:
        self._serve = serve
        self._host = host
        self.port = port
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()
        self._sweeping: asyncio.Task[None] | None = None

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
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._serve, self._connections), sock=self._socket, backlog=BACKLOG
        )
        self._sweeping = loop.create_task(self._sweep(), name="front door")

    async def stop(self) -> None:
        """End it; safe when it was never started."""
        server, self._server = self._server, None
        if server is None:
            if self._socket is not None:
                self._socket.close()
            self._socket = None
            return
        server.close()
        assert self._sweeping is not None
        self._sweeping.cancel()
        for connection in list(self._connections):
            connection.finish()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + GRACE_S
        while self._connections and loop.time() < deadline:  # noqa: ASYNC110 - set by callbacks
            await asyncio.sleep(0.01)
        ending = [task for c in list(self._connections) if (task := c.abort()) is not None]
        await asyncio.gather(*ending, self._sweeping, return_exceptions=True)
        await server.wait_closed()
        self._socket = None

    async def _sweep(self) -> None:
        """Close the connections that were quiet for too long."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_SWEEP_S)
            horizon = loop.time() - KEEP_ALIVE_S
            for connection in list(self._connections):
                if connection.is_quiet and connection.quiet_since < horizon:
                    connection.finish()
