from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from cloudlet.compute import corner as corners
from cloudlet.compute import polling
from cloudlet.compute.corner import Corner, allowed, corner, elsewhere
from cloudlet.compute.polling import Census, PolledMeter

MB = 1024 * 1024
HOLD = "import sys; held = bytearray(b'x') * (64 << 20); print('up', flush=True); sys.stdin.read()"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Corner:
    monkeypatch.setattr(Corner, "occupy", lambda *_: None)  # which wants a loop
    return Corner()


@pytest.fixture
def holder() -> Iterator[subprocess.Popen[bytes]]:
    """A process with 64 MB of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_polling_sees_the_memory_of_a_process(holder: subprocess.Popen[bytes]) -> None:
    meter = PolledMeter(holder.pid, Corner())
    assert 64 * MB <= meter.used_bytes() < 96 * MB
    deadline = time.monotonic() + 5
    while not meter.over(60 * MB):  # a thread looks closely
        assert time.monotonic() < deadline
    assert not meter.over(100 * MB)
    assert meter.peak_bytes() >= 64 * MB


def test_many_processes_go_to_the_corner_and_too_many_are_a_crowd(
    holder: subprocess.Popen[bytes], place: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, next_one, other = (PolledMeter(holder.pid, place) for _ in range(3))
    for meter, key in ((first, "a"), (next_one, "a"), (other, "b")):
        meter.limit(128, 512, key)
    assert first.look(100 * MB) is None
    assert next_one.processors == other.processors == allowed()
    monkeypatch.setattr(polling, "_MANY", 0)
    assert not first.crowded()
    assert not first.crowded()  # it has moved now
    assert sorted(os.sched_getaffinity(holder.pid)) == corner()
    assert next_one.processors == corner()
    assert other.processors == elsewhere()
    monkeypatch.setattr(polling, "MOST_PROCESSES", 0)
    assert first.crowded()


def test_beside_a_crowd_an_invocation_stays_out_of_the_corner(
    holder: subprocess.Popen[bytes], place: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = PolledMeter(holder.pid, place)
    meter.limit(128, 512, "key")
    place.send("crowd")
    meter.resume()
    assert sorted(os.sched_getaffinity(holder.pid)) == elsewhere()
    later = PolledMeter(holder.pid, place)
    later.limit(128, 512, "another")
    assert later.processors == elsewhere()
    monkeypatch.setattr(corners, "_LATELY_S", 0.0)
    later.resume()
    assert sorted(os.sched_getaffinity(holder.pid)) == allowed()


def test_who_is_in_the_kernel_most_of_the_time_goes_to_the_corner_for_a_while(
    place: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "import os\nwhile True: os.urandom(1 << 20)"
    with subprocess.Popen([sys.executable, "-S", "-c", program]) as busy:
        try:
            meter = PolledMeter(busy.pid, place)
            meter.limit(128, 512, "key")
            deadline = time.monotonic() + 10
            while sorted(os.sched_getaffinity(busy.pid)) != corner():
                assert time.monotonic() < deadline
                assert meter.look(100 * MB) is None
                time.sleep(meter.pause_s)
            monkeypatch.setattr(corners, "_LATELY_S", 0.0)
            meter.resume()
            assert sorted(os.sched_getaffinity(busy.pid)) == allowed()
        finally:
            busy.kill()


def test_a_look_is_due_after_a_while_or_where_processes_multiply(
    holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    meter = PolledMeter(holder.pid, Corner())
    monkeypatch.setattr(meter, "crowded", lambda: looks.append(0))
    monkeypatch.setattr(polling, "LOOK_S", 3600.0)
    monkeypatch.setattr(polling, "last_pid_of_all", lambda: 1000)
    meter.look(MB)
    meter.look(MB)
    assert len(looks) == 1
    monkeypatch.setattr(polling, "last_pid_of_all", lambda: 1000 + polling._STIR)
    meter.look(MB)
    assert len(looks) == 2


def test_a_census_goes_on_where_it_stopped(holder: subprocess.Popen[bytes]) -> None:
    census = Census([os.getpid()])
    seen = [0]
    while not census.is_over:
        census.go_on(1)
        assert census.processes <= seen[-1] + 1
        seen.append(census.processes)
    assert holder.pid in census.pids
    assert census.threads >= census.processes


def test_polling_sees_descendants(holder: subprocess.Popen[bytes]) -> None:
    assert PolledMeter(os.getpid(), Corner()).used_bytes() >= 64 * MB


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor has no corner")
def test_who_has_nearly_all_of_the_corner_stays_there(
    place: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0  # the meter's clock, by which it has one processor, whatever else runs here
    monkeypatch.setattr(polling, "perf_counter", lambda: now)
    monkeypatch.setattr(polling, "times_of", lambda _: (now, 0.0))
    with subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) as busy:
        try:
            meter = PolledMeter(busy.pid, place)
            meter.limit(128, 512, "key")
            for _ in range(50):  # one of several processors is nobody's harm
                now += 0.05
                assert meter.look(100 * MB) is None
            assert place.processors_for("key") == allowed()
            place.send("key")
            meter.limit(128, 512, "key")
            monkeypatch.setattr(corners, "_LATELY_S", 0.3)
            deadline = time.monotonic() + 1.0
            while time.monotonic() < deadline:
                now += 0.05
                assert meter.look(100 * MB) is None
                time.sleep(0.01)
            assert place.processors_for("key") == corner()
        finally:
            busy.kill()
