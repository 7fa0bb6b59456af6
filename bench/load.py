"""A load of HTTP requests over keep-alive connections, and the machine's own load meanwhile."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass
from pathlib import Path


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
        return Path("/proc/pressure/cpu").read_text().splitlines()[0]
    except OSError:
        return "unknown"


async def run(
    host: str, port: int, request: bytes, *, connections: int, seconds: float, status: int = 200
) -> Figures:
    """Send `request` again and again on `connections` connections for `seconds`."""
    times: list[float] = []
    started = time.perf_counter()
    deadline = started + seconds
    await asyncio.gather(
        *(_connection(host, port, request, deadline, status, times) for _ in range(connections))
    )
    elapsed = time.perf_counter() - started
    times.sort()
    return Figures(
        connections=connections,
        requests=len(times),
        per_second=len(times) / elapsed,
        p50_ms=statistics.median(times) * 1000,
        p99_ms=times[int(len(times) * 0.99)] * 1000,
    )


async def _connection(
    host: str, port: int, request: bytes, deadline: float, status: int, times: list[float]
) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        while (started := time.perf_counter()) < deadline:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            assert int(head[9:12]) == status, head
            lower = head.lower()
            at = lower.find(b"content-length:")
            assert at >= 0, head
            await reader.readexactly(int(lower[at + 15 : lower.index(b"\r\n", at)]))
            times.append(time.perf_counter() - started)
    finally:
        writer.close()
