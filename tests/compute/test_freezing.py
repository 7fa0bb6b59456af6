from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SOURCE = """
import os, subprocess, threading, time
scratch = os.environ.get("TMPDIR", "/tmp") + "/x"
ticks = 0
def tick():
    global ticks
    while True:
        time.sleep(0.01)
        ticks += 1
threading.Thread(target=tick, daemon=True).start()
LOOP = 'while :; do echo >> "$1"; sleep 0.01; done'
child = None
def handler(event, context):
    global child
    if event == "child":
        child = subprocess.Popen(["/bin/sh", "-c", LOOP, "sh", scratch])
    time.sleep(0.1)
    return [ticks, len(open(scratch).read()) if child else 0]
"""


async def until(condition: Callable[[], Any], within_s: float = 5.0) -> None:
    deadline = time.perf_counter() + within_s
    while not condition():
        assert time.perf_counter() < deadline
        await asyncio.sleep(0.01)


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def only(bench: Any) -> Any:
    (pool,) = bench.compute._pools.values()
    (sandbox,) = pool.all
    return sandbox


@pytest.mark.parametrize("cgroups", [True, False])
async def test_nothing_runs_between_invocations(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch, cgroups: bool
) -> None:
    if not cgroups:
        monkeypatch.setattr("cloudlet.compute.machine.find_root", lambda _: (None, "switched off"))
    bench = await make_bench(reserve=0)
    spec = bench.function(SOURCE)
    await bench.call(spec, "child")
    await until(lambda: only(bench).frozen)
    pids = only(bench).meter.pids()
    assert len(pids) >= 2
    # One that ended before its parent was stopped waits for it (Z); a parent that was in vfork
    # waits in the kernel (D) for its child, which was stopped before it became another program.
    await until(lambda: {state(pid) for pid in pids} - {"Z", "D"} == {"T"})
    first = await bench.call(spec)
    await until(lambda: only(bench).frozen)
    await asyncio.sleep(0.5)
    second = await bench.call(spec)
    assert 0 < second[0] - first[0] < 30
    assert 0 < second[1] - first[1] < 30


async def test_a_frozen_environment_can_be_retired(bench: Any) -> None:
    spec = bench.function(SOURCE)
    await bench.call(spec, "child")
    await until(lambda: only(bench).frozen)
    await bench.compute.retire(spec.key)
    await until(lambda: not bench.compute.snapshot())
