from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudlet.compute import corner as corners
from cloudlet.compute import processors
from cloudlet.compute.corner import Corner, allowed, corner, elsewhere
from cloudlet.compute.groups import find_root, remove_root
from cloudlet.compute.memory import CgroupMeter
from cloudlet.compute.processes import host_pid
from cloudlet.compute.processors import ProcessorShare


def marked(folder: Path) -> str:
    return (folder / "cpu.idle").read_text().strip()


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Iterator[CgroupMeter]:
    root, reason = find_root(Corner())
    if root is None or root.cpu is None or root.usage is None:
        pytest.skip(reason)
    monkeypatch.setattr(Corner, "occupy", lambda *_: None)  # which wants a loop
    meter = asyncio.run(CgroupMeter.make(root, "test"))
    try:
        yield meter
    finally:
        asyncio.run(meter.remove())
        remove_root(root)


@pytest.fixture
def share(meter: CgroupMeter) -> ProcessorShare:
    assert meter.share is not None
    return meter.share


@contextlib.contextmanager
def member(meter: CgroupMeter, what: str) -> Iterator[int]:
    """A process of the environment that does so for ever."""
    fds = list(meter.join)
    program = f"import os\nfor fd in {fds}: os.write(fd, b'0')\nprint(flush=True)\n{what}"
    with subprocess.Popen(
        [sys.executable, "-S", "-c", program], pass_fds=fds, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def test_who_is_beyond_its_right_goes_after_others_until_it_has_earned(
    meter: CgroupMeter,
    share: ProcessorShare,
) -> None:
    meter.limit(128, 512, "key")
    folder = share._folder
    weight = folder / ("cpu.shares" if (folder / "cpu.shares").exists() else "cpu.weight")
    ordinary = weight.read_text()
    share.pace()
    assert marked(folder) == "0"
    with member(meter, "while True: pass"):
        deadline = time.monotonic() + 10
        while marked(folder) == "0":
            assert time.monotonic() < deadline
            time.sleep(0.01)  # or we were those who keep it within its right
            share.pace()
    while marked(folder) == "1":  # it earns its right again
        assert time.monotonic() < deadline
        share.pace()
    assert weight.read_text() == ordinary


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor has no corner")
def test_a_crowd_beyond_its_right_is_put_into_a_corner_as_is_its_successor(
    meter: CgroupMeter,
    share: ProcessorShare,
) -> None:
    meter.limit(128, 512, "crowd")
    crowd = (
        "import threading, time\n"
        "for _ in range(99): threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n"
        "while True: pass\n"
    )
    with member(meter, crowd) as pid:
        deadline = time.monotonic() + 10
        while len(os.sched_getaffinity(pid)) == len(os.sched_getaffinity(0)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
            share.watch()
        affinities = {tuple(os.sched_getaffinity(thread)) for thread in share._threads()}
        assert affinities == {tuple(os.sched_getaffinity(pid))}
        assert min(os.sched_getaffinity(0)) not in next(iter(affinities))
        assert marked(share._folder) == "0"
        assert share.processors == corner()
        os.sched_setaffinity(pid, allowed())
        share._seen.discard(pid)  # as if it had been forked meanwhile
        deadline = time.monotonic() + 5
        while sorted(os.sched_getaffinity(pid)) != corner():
            assert time.monotonic() < deadline
            time.sleep(0.05)
            share.watch()
        share.retire()  # it stays there
        assert marked(share._folder) == "0"
    assert share._corner.processors_for("crowd") == corner()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor has no corner")
def test_within_its_right_it_stays_out_of_the_corner_while_there_is_work_in_it(
    meter: CgroupMeter,
    share: ProcessorShare,
) -> None:
    meter.limit(1769, 512, "key")
    with member(meter, "import time; time.sleep(99)") as pid:
        for until, processors_then in ((time.perf_counter() + 99, elsewhere()), (0.0, allowed())):
            share._corner._until = until
            meter.resume()
            assert sorted(os.sched_getaffinity(pid)) == processors_then
        share._corner._until = time.perf_counter() + 99
        meter.resume()
        share._credit_s = -1.0
        time.sleep(0.002)
        share.pace()  # beyond its right it is in nobody's way, and may go where it wants
        assert marked(share._folder) == "1"
        assert sorted(os.sched_getaffinity(pid)) == allowed()


def test_who_gives_way_lets_others_go_first_until_the_next_that_does_not(
    meter: CgroupMeter,
    share: ProcessorShare,
) -> None:
    meter.limit(1769, 512, "key")
    for gives_way, mark in ((True, "1"), (True, "1"), (False, "0")):
        assert meter.resume(gives_way=gives_way) is gives_way
        share._looked -= 1.0  # a second in which it used nothing
        share.pace()
        assert marked(share._folder) == mark


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor has no corner")
def test_who_is_in_the_kernel_most_of_the_time_goes_to_the_corner_for_a_while(
    meter: CgroupMeter, share: ProcessorShare, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter.limit(128, 512, "key")
    with member(meter, "while True: os.urandom(1 << 20)") as pid:
        deadline = time.monotonic() + 10
        while sorted(os.sched_getaffinity(pid)) != corner():
            assert time.monotonic() < deadline
            share.watch()
            time.sleep(0.05)
        assert marked(share._folder) == "0"
        monkeypatch.setattr(corners, "_LATELY_S", 0.0)
        meter.resume()
        assert sorted(os.sched_getaffinity(pid)) == allowed()
        assert marked(share._folder) == "1"


def test_what_is_made_ahead_has_the_least_weight_until_it_is_used(
    meter: CgroupMeter, share: ProcessorShare
) -> None:
    name = "cpu.shares" if (share._folder / "cpu.shares").exists() else "cpu.weight"
    share.step_back()
    assert int((share._folder / name).read_text()) <= 2
    assert marked(share._folder) == "0"
    meter.limit(1769, 512)
    assert int((share._folder / name).read_text()) >= 100
    share.retire()
    if corner() == allowed():
        assert marked(share._folder) == "1"
    else:
        assert int((share._folder / name).read_text()) <= 2
        assert share.processors == corner()


def test_where_there_is_no_corner_the_next_of_a_crowd_has_its_weight(
    meter: CgroupMeter, share: ProcessorShare, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (processors, corners):
        monkeypatch.setattr(module, "corner", allowed)
    name = "cpu.shares" if (share._folder / "cpu.shares").exists() else "cpu.weight"
    share._corner.send("crowd")
    share.step_back()
    meter.limit(1769, 512, "crowd")
    assert int((share._folder / name).read_text()) >= 100
    assert share.processors == allowed()


def test_weights_are_in_proportion_to_memory(meter: CgroupMeter) -> None:
    assert meter.share is not None
    folder: Path = meter.share._folder
    name = "cpu.shares" if (folder / "cpu.shares").exists() else "cpu.weight"
    weights = []
    for memory_mb in (1769, 3538):
        meter.limit(memory_mb, 512)
        weights.append(int((folder / name).read_text()))
    assert weights[1] == 2 * weights[0]


def test_the_next_environment_starts_with_what_the_last_owed(
    meter: CgroupMeter, share: ProcessorShare
) -> None:
    now = time.perf_counter()
    share._debts.update(recent=(-0.5, now), old=(-0.5, now - 10))
    meter.limit(128, 512, "recent")
    assert marked(share._folder) == "1"
    meter.limit(128, 512, "old")
    assert marked(share._folder) == "0"
    meter.limit(128, 512, "other")
    assert marked(share._folder) == "0"


def test_a_start_that_took_more_than_its_right_is_owed(
    meter: CgroupMeter, share: ProcessorShare
) -> None:
    meter.limit(128, 512, "greedy")
    fds = list(meter.join)
    program = f"import os\nfor fd in {fds}: os.write(fd, b'0')\nfor _ in range(5_000_000): pass\n"
    subprocess.run([sys.executable, "-S", "-c", program], pass_fds=fds, check=True)
    share.close()
    assert share._debts["greedy"][0] < 0


async def test_the_platform_goes_first(make_bench: Any) -> None:
    bench = await make_bench()
    spec = bench.function("import os\ndef handler(event, context):\n    return os.nice(0)\n")
    assert await bench.call(spec, {}) >= 10


AFFINITIES = {
    "python3.11": "import os\ndef handler(event, context):\n"
    "    return [sorted(os.sched_getaffinity(int(t))) for t in os.listdir('/proc/self/task')]\n",
    "nodejs20.x": "const fs = require('fs');\n"
    "exports.handler = async () => fs.readdirSync('/proc/self/task').map(t => {\n"
    "  const status = fs.readFileSync(`/proc/self/task/${t}/status`, 'utf8');\n"
    "  return status.match(/Cpus_allowed_list:\\s*(.*)/)[1].split(',').flatMap(part => {\n"
    "    const [low, high = low] = part.split('-').map(Number);\n"
    "    return Array.from({length: high - low + 1}, (_, at) => low + at); }); });\n",
}


@pytest.mark.parametrize("runtime", AFFINITIES)
async def test_what_is_made_ahead_waits_in_the_corner_and_leaves_it_when_it_is_used(
    bench: Any, runtime: str
) -> None:
    if runtime.startswith("nodejs") and not shutil.which("node"):
        pytest.skip("node is not installed")
    for name in ("first", "second"):
        # A busy start beyond its right could send it back: it has a whole processor by right.
        spec = bench.function(AFFINITIES[runtime], name, runtime=runtime, memory_mb=1769)
        for affinity in await bench.call(spec):
            assert affinity == allowed()
        (zygote,) = [task.result() for task in bench.compute._zygotes._running.values()]
        async with asyncio.timeout(10):
            while not zygote._blanks:  # noqa: ASYNC110 - nobody says so
                await asyncio.sleep(0.01)
        assert sorted(os.sched_getaffinity(host_pid(zygote._blanks[0].pidfd))) == corner()
