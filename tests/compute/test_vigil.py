from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from cloudlet.compute.environment import Invocation, Outcome

pytestmark = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="one processor has none to spare"
)
QUICK = "def handler(event, context):\n    return event\n"
SLOW = "import time\ndef handler(event, context):\n    time.sleep(0.0005)\n    return event\n"


async def answered_at_once(bench: Any, source: str, pause_s: float = 0.0) -> int:
    """How many of 300 calls, each after the other's answer, had theirs without the event loop
    doing anything else.
    """
    spec, found = bench.function(source, memory_mb=1769), 0
    await bench.call(spec, 1)
    await asyncio.sleep(0.7)  # the start has left the corner
    for _ in range(300):
        if pause_s:
            await asyncio.sleep(pause_s)
        invoked = bench.compute.invoke(spec, Invocation("id", "arn", b"1", None, ""))
        try:
            waits = invoked.send(None)
        except StopIteration as end:
            outcome: Outcome = end.value
            assert outcome.payload == b"1"
            found += 1
            continue
        await asyncio.wait([waits])
        with pytest.raises(StopIteration):
            invoked.send(None)
    return found


async def test_who_calls_again_at_once_is_answered_without_a_break(make_bench: Any) -> None:
    assert await answered_at_once(await make_bench(), QUICK) > 0


@pytest.mark.parametrize(("source", "pause_s"), [(SLOW, 0.0), (QUICK, 0.001)])
async def test_else_the_event_loop_is_not_held(
    source: str, pause_s: float, make_bench: Any
) -> None:
    assert await answered_at_once(await make_bench(), source, pause_s) == 0


async def test_nor_where_somebody_else_waits(make_bench: Any) -> None:
    bench = await make_bench()
    other = asyncio.create_task(bench.call(bench.function(SLOW.replace("0.0005", "2"), "other")))
    await asyncio.sleep(0.2)
    assert await answered_at_once(bench, QUICK) == 0
    other.cancel()
