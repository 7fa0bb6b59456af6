from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudlet.compute import memory
from cloudlet.compute.groups import find_root, remove_root
from cloudlet.compute.memory import CgroupMeter, PolledMeter, host_pid
from cloudlet.compute.processors import Crowds, allowed, corner

MB = 1024 * 1024
HOLD = "import sys; held = bytearray(b'x') * (64 << 20); print('up', flush=True); sys.stdin.read()"


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
    meter = PolledMeter(holder.pid, Crowds())
    assert 64 * MB <= meter.used_bytes() < 96 * MB
    deadline = time.monotonic() + 5
    while not meter.over(60 * MB):  # a thread looks closely
        assert time.monotonic() < deadline
    assert not meter.over(100 * MB)
    assert meter.peak_bytes() >= 64 * MB


def test_after_a_crowd_the_next_of_its_key_begins_in_the_corner(
    holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    crowds = Crowds()
    first, next_one, other = (PolledMeter(holder.pid, crowds) for _ in range(3))
    for meter, key in ((first, "a"), (next_one, "a"), (other, "b")):
        meter.limit(128, 512, key)
    assert not first.crowded()
    assert next_one.processors == allowed()
    monkeypatch.setattr(memory, "MOST_WATCHED", 0)
    assert first.crowded()
    assert next_one.processors == corner()
    assert other.processors == allowed()


def test_polling_sees_descendants(holder: subprocess.Popen[bytes]) -> None:
    assert PolledMeter(os.getpid(), Crowds()).used_bytes() >= 64 * MB


def test_a_pidfd_leads_to_its_process(holder: subprocess.Popen[bytes]) -> None:
    pidfd = os.pidfd_open(holder.pid)
    try:
        assert host_pid(pidfd) == holder.pid
    finally:
        os.close(pidfd)


def test_a_group_limits_measures_and_goes() -> None:
    root, reason = find_root()
    if root is None:
        pytest.skip(reason)
    meter = asyncio.run(CgroupMeter.make(root, "test"))
    try:
        meter.limit(32, 32)
        joins = list(meter.join)
        program = (
            f"import os\nfor fd in {joins}: os.write(fd, b'0')\n"
            "held = bytearray(b'x') * (256 << 20)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], pass_fds=joins, check=False)
        assert done.returncode == -9
        assert meter.ran_out()
        assert 32 * MB < meter.peak_bytes() <= 64 * MB
    finally:
        deadline = time.monotonic() + 2
        asyncio.run(meter.remove())
        remove_root(root)
        while root.memory.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
            remove_root(root)
    assert not root.memory.exists()
    assert not Path(root.memory, "test").exists()
