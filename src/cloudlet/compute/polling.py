"""Limits of environments, and what they use, where no control group can be had: by watching."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from time import perf_counter
from typing import Literal

from cloudlet.compute import kernel_files
from cloudlet.compute.processors import (
    Crowds,
    allowed,
    corner,
    elsewhere,
    move,
    threads_of,
)

Excess = Literal["memory", "processes"]

MOST_THREADS, MOST_PROCESSES = 256, 64  # of an environment
LOOK_S = 0.05  # between two looks at one that works
SOON_S = 0.01  # and as soon as that, where processes multiply
_COUNTING_S = 0.002
_CROWD_LOOK_S = 0.5  # at the memory of many processes, which takes a thread milliseconds
_COUNTED_AT_ONCE = 24  # threads
_STIR = 16  # processes and threads that anybody began since the last look
_MOST_IN_KERNEL = 0.75  # part of the time between two looks
_MANY = 16  # processes for which an environment is put into the corner, where no group weighs it
_PAGE, _TICKS = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")
_LOOKED_AT = 32  # processes, whose memory is counted


class Census:
    """A walk over processes, from those that are `pending` to their descendants."""

    def __init__(self, pending: list[int]) -> None:
        self.pending = pending
        self.pids: list[int] = []
        self.threads = 0

    @property
    def processes(self) -> int:
        """How many were found so far."""
        return len(self.pids)

    def go_on(self, most: int, *, to_corner: bool = False) -> None:
        """Visit those of about so many threads, and move these `to_corner`."""
        until = self.threads + most
        while self.pending and self.threads < until:
            pid = self.pending.pop()
            threads = list(threads_of([pid]))
            if threads:
                self.pids.append(pid)
                self.threads += len(threads)
            if to_corner:
                move(threads, corner())
            for thread in threads:
                self.pending += _children(pid, thread)


class PolledMeter:
    """Without control groups: what the kernel says of the process and its descendants.

    The event loop reads only what takes no lock of theirs, which one that is short of processor
    time may hold for seconds: resident pages, those shared with the zygote among them. When they
    exceed the limit, a thread looks at what is theirs alone. At most `_LOOKED_AT` are looked at.
    """

    def __init__(self, pid: int, crowds: Crowds, keeper: int = 0) -> None:
        """`keeper` is the process whose grandchildren in the pid namespace of `pid` count too."""
        self._pid, self._keeper = pid, keeper
        self._crowds, self._key = crowds, ""
        self._cornered = False
        self._on = allowed()
        self._looked, self._last_pid = 0.0, 0
        self._kernel_s = -1.0  # that its processes were in the kernel, at the last look
        self._census: Census | None = None
        self._peak = 0
        self._private = 0
        self._looking: threading.Thread | None = None

    def limit(self, memory_mb: int, tmp_mb: int, key: str = "") -> None:
        """RLIMIT_DATA is set inside."""
        del memory_mb, tmp_mb
        self._key = key
        self._on = self.processors

    @property
    def processors(self) -> list[int]:
        """Those that the environment may use: one that holds up others the corner, others all but
        that while there is any in it.
        """
        if self._key in self._crowds:
            return corner()
        return elsewhere() if self._crowds.lately() else allowed()

    def resume(self) -> None:
        """An invocation begins: it had better not wait for a crowd's processes."""
        processors = self.processors
        if processors == self._on:
            return
        self._on, self._cornered = processors, False
        move(threads_of(self.pids()), processors)

    def retire(self) -> None:
        """It ends: have its first process, whose threads are most of it, leave the other
        processors to all others.
        """
        if corner() != allowed():
            move(threads_of([self._pid]), corner())

    def used_bytes(self) -> int:
        """Resident memory without files, summed over the processes."""
        return self._weigh(self.pids())

    def _weigh(self, pids: list[int]) -> int:
        total = sum(map(_anonymous, pids))
        self._peak = max(self._peak, total)
        return total

    def pids(self) -> list[int]:
        """The processes of the environment, at most `_LOOKED_AT`."""
        census = self._begin_census()
        while census.pending and census.processes < _LOOKED_AT:
            census.go_on(1)
        return census.pids

    def look(self, limit_bytes: int) -> Excess | None:
        """What it has too much of. A look is cheap where the last one was a moment ago and hardly
        any process was begun since, by anybody.
        """
        now, last_pid = perf_counter(), _last_pid()
        since_s = now - self._looked
        is_due = since_s >= (_CROWD_LOOK_S if self._cornered else LOOK_S)
        if self._census is None and not is_due and 0 <= last_pid - self._last_pid < _STIR:
            return None
        self._last_pid = last_pid
        if self.crowded():
            return "processes"
        if is_due:
            self._looked = now
            pids = self.pids()
            if not self._cornered and self._holds_up(pids, since_s):
                self._corner()
            if self._exceeds(pids, limit_bytes):
                return "memory"
        return None

    def _holds_up(self, pids: list[int], since_s: float) -> bool:
        """Whether it was in the kernel, where others have to wait for it, most of the time."""
        before_s, self._kernel_s = self._kernel_s, sum(map(_kernel_s, pids))
        return before_s >= 0 and self._kernel_s - before_s > _MOST_IN_KERNEL * since_s

    def _corner(self) -> None:
        """Leave the other processors to all others: all of it follows at the next looks."""
        self._cornered, self._looked = True, perf_counter()
        self._on = corner()
        self._crowds.add(self._key)
        self._census = self._begin_census()

    def _begin_census(self) -> Census:
        return Census([self._pid, *self._adopted()])

    def crowded(self) -> bool:
        """Whether it has more than `MOST_PROCESSES` or `MOST_THREADS`. Many processes, which may
        soon be more, go to the corner meanwhile.

        Counted over several looks, `pause_s` apart: to walk over hundreds takes milliseconds.
        """
        census = self._census = self._census or self._begin_census()
        census.go_on(_COUNTED_AT_ONCE, to_corner=self._cornered)
        if not self._cornered and census.processes > _MANY:
            self._corner()
        elif not census.pending:
            self._census = None
        return census.processes > MOST_PROCESSES or census.threads > MOST_THREADS

    @property
    def pause_s(self) -> float:
        """How long to wait until the next look."""
        return SOON_S if self._census is None else _COUNTING_S

    def _adopted(self) -> list[int]:
        """The children that a template forked into this environment."""
        if not self._keeper:
            return []
        try:
            own = Path(f"/proc/{self._pid}/ns/pid").readlink()
        except OSError:
            return []
        found = []
        for child in _children(self._keeper, self._keeper):
            for pid in _children(child, child):
                with contextlib.suppress(OSError):
                    if Path(f"/proc/{pid}/ns/pid").readlink() == own:
                        found.append(pid)
        return found

    def over(self, limit_bytes: int) -> bool:
        """Whether the function's own memory exceeded the limit at the last look in a thread."""
        return self._exceeds(self.pids(), limit_bytes)

    def _exceeds(self, pids: list[int], limit_bytes: int) -> bool:
        if self._weigh(pids) <= limit_bytes:
            return False
        if self._looking is None or not self._looking.is_alive():
            self._looking = threading.Thread(target=self._look, daemon=True)
            self._looking.start()
        return self._private > limit_bytes

    def _look(self) -> None:
        self._private = sum(map(_private, self.pids()))

    def peak_bytes(self) -> int:
        """The most that was seen; now included, unless that is to look at many processes."""
        if not self._cornered:
            self.used_bytes()
        return self._peak

    def ran_out(self) -> bool:
        """Nobody but the watcher kills here."""
        return False

    async def remove(self) -> None:
        """There is nothing to remove."""


def _last_pid() -> int:
    """The number that the last process or thread got: it grows by one with each."""
    return int(kernel_files.read("/proc/loadavg").split()[4])


def _children(pid: int, thread: int) -> list[int]:
    try:
        return [
            int(word) for word in kernel_files.read(f"/proc/{pid}/task/{thread}/children").split()
        ]
    except OSError:
        return []


def _anonymous(pid: int) -> int:
    try:
        resident, shared = kernel_files.read(f"/proc/{pid}/statm").split(None, 3)[1:3]
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * _PAGE


def _kernel_s(pid: int) -> float:
    try:
        fields = kernel_files.read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return int(fields[12]) / _TICKS if len(fields) > 12 else 0.0  # stime, proc_pid_stat(5)


def _private(pid: int) -> int:
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
