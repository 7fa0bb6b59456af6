from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_MB = 1 << 20
SLEEP = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return event\n"


async def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.perf_counter() + within_s
    while not condition():
        assert time.perf_counter() < deadline
        await asyncio.sleep(0.01)


def descendants(pid: int) -> set[int]:
    """Every process below `pid`; those that end meanwhile may be among them or not."""
    found: set[int] = set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found |= {child} | descendants(child)
    return found


def held_bytes() -> int:
    """What this process and all it started hold for themselves."""
    total = 0
    for pid in {os.getpid()} | descendants(os.getpid()):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(text.split("Pss:", 1)[1].split()[0]) * 1024
    return total


@pytest.mark.parametrize(
    "within_s",
    [3, pytest.param(1.6, marks=pytest.mark.soak)],  # the bar is for a machine of its own
)
async def test_a_burst_of_sleeping_invocations_runs_at_once(
    make_bench: Any, within_s: float
) -> None:
    bench = await make_bench()
    spec = bench.function(SLEEP, memory_mb=1769)
    await bench.call(spec, 0)
    started = time.perf_counter()
    answers = await asyncio.gather(*(bench.call(spec, 1) for _ in range(32)))
    took_s = time.perf_counter() - started
    assert answers == [1] * 32
    assert took_s < within_s


async def test_from_zero_and_back_to_zero(make_bench: Any) -> None:
    """500 simultaneous short calls succeed; idle time later nothing of them is left."""
    others = descendants(os.getpid())
    bench = await make_bench(idle_s=0.5, max_environments=64)
    spec = bench.function(SLEEP)
    await bench.call(spec, 0)
    await until(lambda: not bench.compute._zygotes and descendants(os.getpid()) <= others)
    gc.collect()
    before = held_bytes()
    answers = await asyncio.gather(*(bench.call(spec, 0) for _ in range(500)))
    assert answers == [0] * 500
    assert len(bench.compute.snapshot()) <= 64
    await until(lambda: not bench.compute._zygotes and descendants(os.getpid()) <= others)
    bench.log.events.clear()
    gc.collect()
    assert held_bytes() - before < 10 * _MB
    assert bench.compute.snapshot() == []
