from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloudlet.compute import kernel_files
from cloudlet.compute.processes import (
    children_of,
    host_pid,
    move,
    threads_of,
    times_of,
    weigh_session,
)


def test_a_pidfd_leads_to_its_process() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        pidfd = os.pidfd_open(child.pid)
        try:
            assert host_pid(pidfd) == child.pid
            assert list(threads_of([child.pid])) == [child.pid]
            assert child.pid in children_of(os.getpid(), os.getpid())
        finally:
            os.close(pidfd)


def test_who_has_ended_is_left_out() -> None:
    nobody = 1 << 30
    assert list(threads_of([nobody])) == children_of(nobody, nobody) == []
    assert times_of(nobody) == (0, 0)
    move([nobody], [0])


def test_short_turns_are_taken_and_not_handed_on() -> None:
    program = (
        "import os, subprocess, sys\n"
        "from cloudlet.compute.processes import take_turns, threads_of\n"
        "threads = [*threads_of([os.getpid()]), 1 << 30]\n"
        "take_turns(threads, short=True)\n"
        "print(open('/proc/self/sched').read())\n"
        "take_turns(threads, short=False)\n"
        "print(open('/proc/self/sched').read())\n"
        "take_turns(threads, short=True)\n"
        "print(subprocess.run(['cat', '/proc/self/sched'], capture_output=True).stdout.decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    slices = [line.split(":")[1] for line in done.stdout.splitlines() if "se.slice" in line]
    if not slices:
        pytest.skip("the kernel does not say")
    short, long, childs = (float(text) for text in slices)
    assert short in (100_000, 0.1)
    assert short < childs < long == 30 * short


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="the kernel has no sessions")
def test_a_session_gets_the_weight_of_its_process_when_the_kernel_allows_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with subprocess.Popen(
        ["nice", "-n", "7", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        start_new_session=True,
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b"up")
        child.stdin.flush()
        assert child.stdout.read(2) == b"up"
        session = Path(f"/proc/{child.pid}/autogroup")
        assert session.read_text().endswith("nice 0\n")
        with monkeypatch.context() as patch:
            patch.setattr(kernel_files, "write", refuse)
            assert not weigh_session(child.pid)
        while not weigh_session(child.pid):  # others of ordinary users may have come first
            pass
        assert session.read_text().endswith("nice 7\n")
    assert weigh_session(child.pid)  # nothing is left to do


def refuse(*_: object) -> None:
    raise BlockingIOError
