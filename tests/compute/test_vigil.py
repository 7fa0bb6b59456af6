from __future__ import annotations

import asyncio
import os
from time import monotonic
from typing import Any

import pytest

from cloudlet.compute.environment import EnvironmentSpec, Invocation

pytestmark = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="one processor has none to spare"
)
QUICK = "def handler(event, context):\n    return event\n"
SLOW = "import time\ndef handler(event, context):\n    time.sleep(0.0005)\n    return event\n"
#: How often it has slept so far, waiting for something.
SLEEPER = """
import resource
def handler(event, context):
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
"""
#: How long to wait for a moment in which the machine has a processor to spare.
PATIENCE_S = 20


class Caller:
    """Calls a function, again after its answer."""

    def __init__(self, bench: Any, spec: EnvironmentSpec) -> None:
        self.bench, self.spec = bench, spec

    async def call(self, pause_s: float = 0.0) -> tuple[int, bool]:
        """The answer, and whether the event loop did nothing else until it came."""
        await asyncio.sleep(pause_s)
        invoked = self.bench.compute.invoke(self.spec, Invocation("id", "arn", b"1", None, ""))
        at_once = True
        try:
            while True:
                await asyncio.wait([invoked.send(None)])
                at_once = False
        except StopIteration as end:
            return int(end.value.payload), at_once


async def caller(bench: Any, source: str) -> Caller:
    spec = bench.function(source, memory_mb=1769)
    await bench.call(spec, 1)
    await asyncio.sleep(0.7)  # the start has left the corner
    return Caller(bench, spec)


async def test_who_calls_again_at_once_is_answered_without_a_break(make_bench: Any) -> None:
    one = await caller(await make_bench(), QUICK)
    until = monotonic() + PATIENCE_S
    while await one.call() != (1, True):
        assert monotonic() < until


async def test_its_environment_stays_awake_as_well(make_bench: Any) -> None:
    bench = await make_bench()
    one = await caller(bench, SLEEPER)
    if lacking := bench.compute.level().lacks("processor shares"):
        pytest.skip(lacking)  # it could not let all others go first
    until, before = monotonic() + PATIENCE_S, -1
    while (slept := (await one.call())[0]) != before:
        assert monotonic() < until
        before = slept


async def test_and_sleeps_where_nobody_calls_again_at_once(make_bench: Any) -> None:
    one = await caller(await make_bench(), SLEEPER)
    slept = [(await one.call(0.001))[0] for _ in range(100)]
    assert len(set(slept)) == 100


@pytest.mark.parametrize(("source", "pause_s"), [(SLOW, 0.0), (QUICK, 0.001)])
async def test_else_the_event_loop_is_not_held(
    source: str, pause_s: float, make_bench: Any
) -> None:
    one = await caller(await make_bench(), source)
    assert {await one.call(pause_s) for _ in range(300)} == {(1, False)}


async def test_nor_where_somebody_else_waits(make_bench: Any) -> None:
    bench = await make_bench()
    other = asyncio.create_task(bench.call(bench.function(SLOW.replace("0.0005", "4"), "other")))
    await asyncio.sleep(0.2)
    one = await caller(bench, QUICK)
    assert {await one.call() for _ in range(300)} == {(1, False)}
    assert not other.done()
    other.cancel()


async def test_nor_for_long_where_requests_come_together(make_bench: Any) -> None:
    one = await caller(await make_bench(), QUICK)
    until = monotonic() + PATIENCE_S
    while await one.call() != (1, True):
        assert monotonic() < until
    answers: list[tuple[int, bool]] = []
    until = monotonic() + 0.5
    while monotonic() < until or len(answers) < 400:
        answers += await asyncio.gather(*(one.call() for _ in range(4)))
    assert sum(at_once for _, at_once in answers) < len(answers) / 20
