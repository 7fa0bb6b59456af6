"""What "Lambda quotas" gives an environment, with control groups and without."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.needs import needs_namespaces

from cloudlet.compute import groups, polling
from cloudlet.compute.corner import Corner

SOURCE = """
import os, threading, time
def files():
    held = []
    try:
        while True: held.append(os.open('/dev/null', os.O_RDONLY))
    except OSError as error:
        return [max(held), error.errno]
def threads():
    threading.stack_size(1 << 16)
    stop, count = threading.Event(), threading.active_count()
    try:
        while True:
            threading.Thread(target=stop.wait).start()
            count += 1
    except RuntimeError:
        stop.set()
        return count
def processes():
    count = 1
    try:
        while True:
            if os.fork() == 0: time.sleep(60)
            count += 1
    except OSError as error:
        return [count, error.errno]
    finally:
        time.sleep(0.5)
def size():
    stat = os.statvfs('/tmp')
    return stat.f_blocks * stat.f_frsize >> 20
def keep():
    with open('/tmp/kept', 'a') as file: file.write('x')
    return os.path.getsize('/tmp/kept')
def session():
    with open('/proc/self/autogroup') as file: return [int(file.read().split()[-1]), os.nice(0)]
def handler(event, context):
    return globals()[event]()
"""
EAGAIN, EMFILE = 11, 24


@pytest.fixture
def without_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudlet.compute.machine.find_root", lambda _: (None, "switched off"))


async def test_descriptors(bench: Any) -> None:
    assert await bench.call(bench.function(SOURCE), "files") == [1023, EMFILE]


@needs_namespaces
async def test_tmp_has_the_configured_size_and_is_kept(bench: Any) -> None:
    spec = bench.function(SOURCE, tmp_mb=700)
    assert await bench.call(spec, "size") == 700
    assert [await bench.call(spec, "keep") for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(("what", "most"), [("threads", 1024), ("processes", [1024, EAGAIN])])
async def test_processes_and_threads(bench: Any, what: str, most: Any) -> None:
    bench.compute.level()
    if not bench.compute.level().has("process limits"):
        pytest.skip("no group of processes here")
    assert await bench.call(bench.function(SOURCE, memory_mb=2048), what) == most


@pytest.mark.parametrize("namespaces", [True, False])
@pytest.mark.parametrize("what", ["threads", "processes"])
@pytest.mark.usefixtures("without_groups")
async def test_without_groups_too_many_are_the_end(
    make_bench: Any, namespaces: bool, what: str
) -> None:
    bench = await make_bench(namespaces=namespaces, reserve=0)
    text = SOURCE.replace("stop.set()", "time.sleep(0.5)")
    spec = bench.function(text, memory_mb=2048)
    outcome = await bench.invoke(spec, what)
    assert json.loads(outcome.payload)["errorType"] == "Runtime.ExitError"
    line = f"The environment was ended: it had more than {polling.MOST_PROCESSES} processes"
    assert any(text.startswith(line) for text in bench.log.texts)
    assert await bench.call(spec, "size") > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="the kernel may tell an ordinary user to come later")
@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="no autogroups")
async def test_its_session_counts_as_little_as_its_processes(bench: Any) -> None:
    session, process = await bench.call(bench.function(SOURCE), "session")
    assert session == process >= 10


def test_the_platform_goes_beside_its_environments_and_home_again() -> None:
    def where() -> list[str]:
        return Path("/proc/self/cgroup").read_text().splitlines()

    before = where()
    root, reason = groups.find_root(Corner())
    if root is None or root.cpu is None:
        pytest.skip(reason)
    try:
        assert any(line.endswith(f"{root.cpu.name}/{groups.PLATFORM}") for line in where())
        again, _ = groups.find_root(Corner())  # of another server in this process
        assert again is not None
        assert again.memory.parent == root.memory.parent
        groups.remove_root(again)
    finally:
        groups.remove_root(root)
    assert where() == before
    assert not any(folder.exists() for folder in root.folders)
