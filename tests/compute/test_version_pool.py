from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any, cast

import pytest

from cloudlet.compute import version_pool
from cloudlet.compute.environment import Invocation
from cloudlet.compute.job import Job
from cloudlet.compute.sandbox import Sandbox
from cloudlet.compute.version_pool import ENOUGH, OVERDUE_S, VersionPool

SLEEP = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return event\n"


def pool(environments: int, durations: list[float]) -> VersionPool:
    made = VersionPool("key")
    made.all = {cast("Sandbox", object()) for _ in range(environments)}
    for duration_s in durations:
        made.answered(duration_s)
    return made


@pytest.mark.parametrize(
    ("environments", "durations", "brisk"),
    [(ENOUGH, [1e-4] * 9, True), (ENOUGH - 1, [1e-4] * 9, False), (ENOUGH, [], False),
     (ENOUGH, [1e-4] * 50 + [1.0], True), (ENOUGH, [1e-4] * 50 + [1.0] * 40, False)],
)  # fmt: skip
def test_a_function_is_brisk_while_it_answers_at_once(
    environments: int, durations: list[float], brisk: bool
) -> None:
    assert pool(environments, durations).is_brisk() is brisk


@pytest.mark.parametrize(
    ("silent_s", "late_s", "brisk"),
    [(0.005, 0.0, True), (0.02, 0.0, False), (0.02, 0.005, True), (0.2, 0.005, False)],
)
def test_a_brisk_function_that_falls_silent_is_slow(
    silent_s: float, late_s: float, brisk: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = pool(ENOUGH, [1e-4] * 9)
    later = perf_counter() + silent_s
    monkeypatch.setattr(version_pool, "perf_counter", lambda: later)
    made.listen(late_s)
    assert made.is_brisk() is brisk
    made.answered(1e-4)
    assert made.is_brisk()


@pytest.mark.parametrize(
    ("idle", "wanted", "full"), [(2, 0, True), (3, 0, False), (0, ENOUGH + 3, False)]
)
def test_a_brisk_function_leaves_environments_idle_that_it_does_not_need(
    idle: int, wanted: int, full: bool
) -> None:
    made = pool(ENOUGH + 2, [1e-4] * 9)
    made.idle, made.wanted = list(made.all)[:idle], wanted
    assert made.is_full() is full


async def test_short_calls_wait_for_the_environments_there_are(make_bench: Any) -> None:
    bench = await make_bench()
    spec = bench.function(SLEEP)
    for _ in range(20):
        await asyncio.gather(*(bench.call(spec, 0) for _ in range(100)))
    assert len(bench.compute.snapshot()) < 40


async def test_calls_that_turn_out_long_do_not_wait_for_each_other(make_bench: Any) -> None:
    bench = await make_bench()
    spec = bench.function(SLEEP)
    for _ in range(5):
        await asyncio.gather(*(bench.call(spec, 0) for _ in range(20)))
    assert await asyncio.gather(*(bench.call(spec, 1) for _ in range(16))) == [1] * 16
    assert len(bench.compute.snapshot()) >= 12


@pytest.mark.parametrize(("waited_s", "overdue"), [(0.0, False), (OVERDUE_S, True)])
async def test_who_waits_for_long_is_overdue(
    waited_s: float, overdue: bool, make_bench: Any
) -> None:
    spec = (await make_bench()).function(SLEEP)
    asked = Invocation("id", "arn", b"0", None, "")
    job = Job(spec, asked, asyncio.get_running_loop().create_future())
    made = pool(ENOUGH, [])
    assert not made.is_overdue()
    job.queued = perf_counter() - waited_s
    made.waiting.append(job)
    assert made.is_overdue() is overdue
