"""A load of HTTP requests over keep-alive connections, and the machine's own load meanwhile."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import uvloop


@dataclass(frozen=True)
class Figures:
    """What came of one run; times in milliseconds."""

    connections: int
    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float

    def __str__(self) -> str:
        return (
            f"{self.connections:3d} connections  {self.per_second:8.0f}/s"
            f"  p50 {self.p50_ms:7.2f} ms  p99 {self.p99_ms:7.2f} ms  ({self.requests} requests)"
        )


def pressure() -> str:
    """How much of the last ten seconds some task waited for a processor."""
    try:
        line = Path("/proc/pressure/cpu").read_text().splitlines()[0]
    except OSError:
        return "pressure unknown"
    return f"pressure {line.split()[1].partition('=')[2]} %"


def run(
    host: str, port: int, request: bytes, *, connections: int, seconds: float, status: int = 200
) -> Figures:
    """Send `request` again and again on `connections` connections for `seconds`."""
    return uvloop.run(_run(host, port, request, connections, seconds, status))


async def _run(
    host: str, port: int, request: bytes, connections: int, seconds: float, status: int
) -> Figures:
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    clients = [_Client(request, started + seconds, status) for _ in range(connections)]

    def connecting(client: _Client) -> Coroutine[Any, Any, object]:
        return loop.create_connection(lambda: client, host, port)

    await asyncio.gather(*map(connecting, clients))
    await asyncio.gather(*(client.done for client in clients))
    elapsed = time.perf_counter() - started
    times = sorted(took for client in clients for took in client.times)
    return Figures(
        connections=connections,
        requests=len(times),
        per_second=len(times) / elapsed,
        p50_ms=statistics.median(times) * 1000,
        p99_ms=times[int(len(times) * 0.99)] * 1000,
    )


class _Client(asyncio.Protocol):
    """One connection: a request, its whole answer, the next request. As little work as can be:
    on few processors the client takes from the server what it uses.
    """

    def __init__(self, request: bytes, deadline: float, status: int) -> None:
        self._request, self._deadline = request, deadline
        self._status = b"%d" % status
        self._answer = b""
        self._size = 0
        self._started = 0.0
        self.times: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        self._answer, self._size = b"", 0
        self._started = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if not self._size:
            end = self._answer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._answer[:end].lower() + b"\r\n"
            at = head.find(b"\r\ncontent-length:")
            if head[9:12] != self._status or at < 0:
                self._end(AssertionError(self._answer[:1000]))
                return
            self._size = end + 4 + int(head[at + 17 : head.index(b"\r\n", at + 2)])
        if len(self._answer) < self._size:
            return
        now = time.perf_counter()
        self.times.append(now - self._started)
        if now < self._deadline:
            self._send()
        else:
            self._end(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc or ConnectionError("the server closed the connection"))

    def _end(self, error: Exception | None) -> None:
        if not self.done.done():
            if error is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(error)
            self._transport.close()
