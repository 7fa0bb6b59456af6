"""What the kernel says of processes and their threads, and how it schedules these."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
from collections.abc import Iterable, Iterator

from cloudlet.compute import kernel_files

_PAGE, _TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_RESET_ON_FORK = 1
_SHORT_NS, _LONG_NS = 100_000, 3_000_000
_libc = ctypes.CDLL(None)


def threads_of(pids: Iterable[int]) -> Iterator[int]:
    """The threads of these processes, as far as they live."""
    for pid in pids:
        with contextlib.suppress(OSError):
            yield from map(int, os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 - a hot place


def last_pid_of_all() -> int:
    """The number that the last process or thread got: it grows by one with each."""
    return int(kernel_files.read("/proc/loadavg").split()[4])


def children_of(pid: int, thread: int) -> list[int]:
    """The processes that this thread of a process began, as far as they live."""
    try:
        return [
            int(word) for word in kernel_files.read(f"/proc/{pid}/task/{thread}/children").split()
        ]
    except OSError:
        return []


def anonymous_bytes(pid: int) -> int:
    """Resident pages that are no file's, those shared with who forked it among them; read without
    a lock of the process.
    """
    try:
        resident, shared = kernel_files.read(f"/proc/{pid}/statm").split(None, 3)[1:3]
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * _PAGE


def times_of(pid: int) -> tuple[float, float]:
    """Seconds of processor time that it had, and in the kernel, in steps of some 10 ms."""
    try:
        fields = kernel_files.read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        user, kernel = int(fields[11]) / _TICKS, int(fields[12]) / _TICKS  # proc_pid_stat(5)
    except (OSError, IndexError):
        return 0.0, 0.0
    return user + kernel, kernel


def private_bytes(pid: int) -> int:
    """Written pages that are its own; waits for a lock that the process may hold for seconds."""
    try:
        pages = kernel_files.read(f"/proc/{pid}/smaps_rollup")
    except OSError:
        return 0
    start = pages.find(b"Private_Dirty:")
    return int(pages[start:].split(None, 2)[1]) * 1024 if start >= 0 else 0


def host_pid(pidfd: int) -> int:
    """The pid, in our own namespace, of the process behind a pidfd."""
    for line in kernel_files.read(f"/proc/self/fdinfo/{pidfd}").splitlines():
        if line.startswith(b"Pid:"):
            return int(line.split()[1])
    raise ProcessLookupError("the process is gone")


def move(threads: Iterable[int], processors: list[int]) -> None:
    """Have these threads, and what they start from now on, run on these processors."""
    for thread in threads:
        with contextlib.suppress(OSError):  # it has ended, or somebody has restricted us since
            os.sched_setaffinity(thread, processors)


def take_turns(threads: Iterable[int], *, short: bool) -> None:
    """Have these threads take turns of 0.1 ms: they are let in at once when they wake and others
    run whose turns are longer (sched_attr(2), Linux 6.12). What they start takes turns of the
    system's length (1.4 ms on two processors, 2.8 on eight and more). Where not `short`, 3 ms.
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None:
        return
    for thread in threads:
        with contextlib.suppress(OSError):  # it has ended, or belongs to somebody else
            if os.sched_getscheduler(thread) & ~os.SCHED_RESET_ON_FORK == os.SCHED_OTHER:
                nice = os.getpriority(os.PRIO_PROCESS, thread)
                turn_ns = _SHORT_NS if short else _LONG_NS
                turns = struct.pack("=IIQiIQQQ", 48, 0, _RESET_ON_FORK, nice, 0, turn_ns, 0, 0)
                _libc.syscall(ctypes.c_long(number), thread, turns, 0)


def weigh_session(pid: int) -> bool:
    """Have the session of a process count as little among sessions as the process does in it,
    where the kernel shares processors out to them ("The autogroup feature", sched(7)). False
    where that is refused for now: all ordinary users together may say so ten times a second.
    """
    try:
        nice = os.getpriority(os.PRIO_PROCESS, pid)
        if not kernel_files.read(f"/proc/{pid}/autogroup").endswith(b"nice %d\n" % nice):
            kernel_files.write(f"/proc/{pid}/autogroup", nice)
    except BlockingIOError:
        return False
    except OSError:  # it has ended, or there are no such groups
        pass
    return True
