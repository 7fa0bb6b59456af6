"""One environment's part of the processors.

By right it has what AWS gives: one virtual processor for 1,769 MB of memory ("Configure Lambda
function memory"). What it takes beyond its right, after a short burst, it takes as an idle group
(cpu.idle, Linux 5.15): the platform and environments within their right then have the processor
at once when they want it, and while nobody does it runs at full speed. One that is starved as an
idle group gains a right meanwhile, and uses it. What an environment owes at its end, the next of
the same key starts with.

A crowd beyond its right is put into a corner, some of the processors and the least weight instead
of an idle group: where the kernel cannot be interrupted (a fork, a process's end) it takes a
millisecond, and the scheduler sends who wakes to a processor with an idle group as to a free one.
Zygotes, whose forks take half of one, and what they make ahead of its use stay there too.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
from collections.abc import Iterable, Iterator
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING

from cloudlet.compute import kernel_files

if TYPE_CHECKING:
    from cloudlet.compute.groups import CgroupRoot

_MB_A_PROCESSOR = 1769
_BURST_S = 0.02  # of processor time that may be saved up, or owed
# Changing sides takes as long as a short invocation: it is done for some of them at once.
_EARNED_S = 0.005
_LOOK_S = 0.001
_WHOLE = {1: 1024, 2: 100}
_MOST_OWED_S = 0.5  # at an environment's end, its start included
_MOST_DEBTS = 1024
_LATELY_S = 3.0
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_LEAST = {1: 2, 2: 1}
_CROWD = 64  # threads
_PASSES = 3  # over a crowd that grows
_RESET_ON_FORK = 1
_TURN_NS = 100_000
_libc = ctypes.CDLL(None)


@cache
def allowed() -> list[int]:
    """The processors that the platform might use when it began."""
    return sorted(os.sched_getaffinity(os.getpid()))


@cache
def corner() -> list[int]:
    """Those of them for what nobody waits for: a quarter, at least one."""
    processors = allowed()
    return processors[-max(1, len(processors) // 4) :]


@cache
def elsewhere() -> list[int]:
    """The others, where there are any; else all."""
    return allowed()[: -len(corner())] or allowed()


def leave_corner() -> None:
    """Have our thread go on elsewhere, if it is there: who gets to work there now may hold it up
    for a millisecond.
    """
    if elsewhere() != allowed() and _libc.sched_getcpu() in corner():
        with contextlib.suppress(OSError):  # somebody has restricted us since
            os.sched_setaffinity(0, elsewhere())
            os.sched_setaffinity(0, allowed())


def move(threads: Iterable[int], processors: list[int]) -> None:
    """Have these threads, and what they start from now on, run on these processors."""
    for thread in threads:
        with contextlib.suppress(OSError):  # it has ended
            os.sched_setaffinity(thread, processors)


def _is_outside(thread: int) -> bool:
    try:
        return os.sched_getaffinity(thread) != set(corner())
    except OSError:  # it has ended
        return False


class Crowds:
    """The keys of which an environment was a crowd, or held up others like one, within the last
    three seconds: the next one begins in the corner.
    """

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._last = -_LATELY_S

    def add(self, key: str) -> None:
        """One was."""
        if len(self._seen) >= _MOST_DEBTS:
            self._seen.clear()
        self._last = self._seen[key] = perf_counter()

    def lately(self) -> bool:
        """Whether there was any."""
        return perf_counter() - self._last < _LATELY_S

    def __contains__(self, key: str) -> bool:
        return perf_counter() - self._seen.get(key, -_LATELY_S) < _LATELY_S


def owes(root: CgroupRoot, key: str) -> bool:
    """Whether an environment of this key ended of late that had taken more than its right."""
    return perf_counter() - root.debts.get(key, (0.0, -_LATELY_S))[1] < _LATELY_S


def take_short_turns(threads: Iterable[int]) -> None:
    """Have these threads take turns of 0.1 ms: they are let in at once when they wake and others
    run whose turns are longer (sched_attr(2), Linux 6.12). What they start takes turns of the
    usual length, 3 ms.
    """
    number = _SCHED_SETATTR.get(platform.machine())
    if number is None:
        return
    for thread in threads:
        with contextlib.suppress(OSError):  # it has ended, or belongs to somebody else
            if os.sched_getscheduler(thread) == os.SCHED_OTHER:
                nice = os.getpriority(os.PRIO_PROCESS, thread)
                turns = struct.pack("=IIQiIQQQ", 48, 0, _RESET_ON_FORK, nice, 0, _TURN_NS, 0, 0)
                _libc.syscall(ctypes.c_long(number), thread, turns, 0)


def threads_of(pids: Iterable[int]) -> Iterator[int]:
    """The threads of these processes, as far as they live."""
    for pid in pids:
        with contextlib.suppress(OSError):
            yield from map(int, os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 - a hot place


class ProcessorShare:
    """The group that shares processors out to one environment, and how it stands to its right."""

    def __init__(self, root: CgroupRoot, name: str) -> None:
        assert root.cpu is not None
        self.idle = False
        #: Whether it is a crowd of which some may yet be outside of the corner.
        self.escapes = False
        self._cornered = False
        self._seen: set[int] = set()  # its threads, of one in the corner
        self._key = ""
        self._debts, self._crowds = root.debts, root.crowds
        self._folder = root.cpu / name
        self._version = root.version
        self._weight = _WHOLE[root.version]
        self._right = 0.0
        self._credit_s = _BURST_S
        self._seen_s, self._looked = 0.0, perf_counter()
        self._begun = self._looked
        self._usage = -1
        if root.usage is not None:
            file = "cpuacct.usage" if root.version == 1 else "cpu.stat"
            self._usage = os.open(root.usage / name / file, os.O_RDONLY | os.O_CLOEXEC)

    def limit(self, memory_mb: int, key: str) -> None:
        """Set the right, and the weight among those who are within theirs."""
        self._key = key
        self._right = memory_mb / _MB_A_PROCESSOR
        self._weight = max(2, round(_WHOLE[self._version] * self._right))
        self._seen_s, self._looked = self._used_s(), perf_counter()
        self._begun = self._looked
        owed_s, since = self._debts.pop(key, (_BURST_S, self._looked))
        self._credit_s = min(_BURST_S, owed_s + (self._looked - since) * self._right)
        if key in self._crowds:
            self._corner()
        self._be(idle=self._credit_s < 0)

    @property
    def processors(self) -> list[int]:
        """Those that it may use."""
        return corner() if self._cornered else allowed()

    def step_back(self) -> None:
        """Let all others go first until `limit`: nobody waits for what is made ahead.

        By the least weight, not as an idle group: it is in the corner, which the scheduler shall
        not take for free.
        """
        self._weight = _LEAST[self._version]
        self._be(idle=False)

    def retire(self) -> None:
        """Let all others go first from now on: it ends. In the corner, where there is one: the
        kernel ends a process for half a millisecond without a break.
        """
        self._corner()
        self._be(idle=True)

    def pace(self) -> None:
        """Look at what was used since the last look, and let others go first or not."""
        now = perf_counter()
        if self._usage < 0 or now - self._looked < _LOOK_S:
            return
        used_s = self._used_s()
        earned_s = (now - self._looked) * self._right
        credit_s = self._credit_s + earned_s - (used_s - self._seen_s)
        floor_s = min(self._credit_s, -_BURST_S)  # an old debt is not forgotten, nor deepened
        self._credit_s = max(floor_s, min(_BURST_S, credit_s))
        self._seen_s, self._looked = used_s, now
        if self.idle and self._credit_s >= _EARNED_S:
            self._be(idle=False)
        elif not self.idle and self._credit_s < 0:
            self._be(idle=True)

    def watch(self) -> None:
        """`pace`, and put a crowd that is beyond its right into the corner; what was being forked
        meanwhile follows at the next looks.
        """
        self.pace()
        if self._cornered:
            self._gather()
        elif self.idle and len(self._threads()) > _CROWD:
            self._crowds.add(self._key)
            self._corner()

    def _corner(self) -> None:
        """Leave the other processors to all others, from now to the end."""
        if self._cornered or corner() == allowed():
            return
        self._weight = _LEAST[self._version]
        self._be(idle=False)
        self._cornered = True
        self._gather()

    def _gather(self) -> None:
        """Move those that are not in the corner; who were being forked meanwhile, once more."""
        for _ in range(_PASSES):
            present = self._threads()
            outside = [thread for thread in present - self._seen if _is_outside(thread)]
            move(outside, corner())
            self._seen, self.escapes = present, bool(outside)
            if not outside:
                break

    def _threads(self) -> set[int]:
        file = self._folder / ("tasks" if self._version == 1 else "cgroup.threads")
        try:
            found = {int(text) for text in kernel_files.read(file).split()}
        except OSError:
            return set()
        return found - {0}  # 0: not in our sight

    def _used_s(self) -> float:
        if self._usage < 0:
            return 0.0
        data = os.pread(self._usage, 64, 0)
        if self._version == 1:
            return int(data) / 1e9
        return int(data.split(None, 2)[1]) / 1e6  # usage_usec comes first

    def _be(self, *, idle: bool) -> None:
        """Idle or not; to leave it sets an ordinary weight, which is not ours."""
        if self._cornered:
            return
        try:
            if idle != self.idle:
                kernel_files.write(self._folder / "cpu.idle", int(idle))
                self.idle = idle
            if not idle:
                name = "cpu.shares" if self._version == 1 else "cpu.weight"
                kernel_files.write(self._folder / name, self._weight)
        except OSError:  # before Linux 5.15
            self._usage = -1

    def close(self) -> None:
        """Leave the debt behind, and let go of the descriptor."""
        owed_s = self._used_s() - (perf_counter() - self._begun) * self._right
        if owed_s > 0 and self._key:
            if len(self._debts) >= _MOST_DEBTS:
                self._debts.clear()
            self._debts[self._key] = -min(_MOST_OWED_S, owed_s), perf_counter()
        if self._usage >= 0:
            os.close(self._usage)
            self._usage = -1
