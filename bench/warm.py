"""Warm invocations inside `Compute`, without HTTP: the rate of environments themselves."""

from __future__ import annotations

import asyncio
import time

import uvloop
from bench.cold_start import KINDS
from bench.environments import line, rig
from bench.load import pressure

CALLS = 20_000


async def warm(at_a_time: int) -> tuple[list[float], float]:
    """(microseconds of each call, calls a second)."""
    runtime, handler, write = KINDS["python"]
    took: list[float] = []
    async with rig() as r:
        write(r.code)
        spec = r.spec("warm", runtime, handler)

        async def client(calls: int) -> None:
            took.extend([(await r.call(spec))[0] * 1000 for _ in range(calls)])

        await asyncio.gather(*(client(50) for _ in range(at_a_time)))
        took.clear()
        started = time.perf_counter()
        await asyncio.gather(*(client(CALLS // at_a_time) for _ in range(at_a_time)))
        return took, len(took) / (time.perf_counter() - started)


async def main() -> None:
    """One at a time, and eight."""
    for at_a_time in (1, 8):
        took, rate = await warm(at_a_time)
        line(f"warm, {at_a_time} at a time ({rate:,.0f}/s)", took, "us")
    print(pressure())


if __name__ == "__main__":
    uvloop.run(main())
