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

import os
from time import perf_counter
from typing import TYPE_CHECKING

from cloudlet.compute import kernel_files
from cloudlet.compute.corner import allowed, corner
from cloudlet.compute.processes import move

if TYPE_CHECKING:
    from cloudlet.compute.groups import CgroupRoot

MB_A_PROCESSOR = 1769
_BURST_S = 0.02  # of processor time that may be saved up, or owed
# Changing sides takes as long as a short invocation: it is done for some of them at once.
_EARNED_S = 0.005
_LOOK_S = 0.001
_WHOLE = {1: 1024, 2: 100}
_COUNTED = {1: ("cpuacct.usage", "cpuacct.usage_sys"), 2: ("cpu.stat", "cpu.stat")}
_MOST_OWED_S = 0.5  # at an environment's end, its start included
_MOST_DEBTS = 1024
_LATELY_S = 3.0
_LEAST = {1: 2, 2: 1}
_CROWD = 64  # threads
MOST_IN_KERNEL = 0.6  # part of the time between two looks
_PASSES = 3  # over a crowd that grows
# Until the next look at a crowd of which all are in the corner, twice as long each time: to read
# the numbers of a thousand threads takes a millisecond.
_LEAST_REST_S, _MOST_REST_S = 0.05, 1.0


def owes(root: CgroupRoot, key: str) -> bool:
    """Whether an environment of this key ended of late that had taken more than its right."""
    return perf_counter() - root.debts.get(key, (0.0, -_LATELY_S))[1] < _LATELY_S


def _is_outside(thread: int) -> bool:
    try:
        return os.sched_getaffinity(thread) != set(corner())
    except OSError:  # it has ended
        return False


class ProcessorShare:
    """The group that shares processors out to one environment, and how it stands to its right."""

    def __init__(self, root: CgroupRoot, name: str) -> None:
        assert root.cpu is not None
        self.idle = False
        #: The processors that it may use.
        self.processors = allowed()
        #: Whether it is a crowd of which some may yet be outside of the corner.
        self.escapes = False
        self._cornered = self._gives_way = False
        self._seen: set[int] = set()  # its threads, of one in the corner
        self._rest_s = self._gather_at = 0.0
        self._key = ""
        self._debts, self._corner = root.debts, root.corner
        self._folder = root.cpu / name
        self._version = root.version
        self._weight = _WHOLE[root.version]
        self._right = 0.0
        self._credit_s = _BURST_S
        self._seen_s, self._looked = 0.0, perf_counter()
        self._begun = self._looked
        self._watched, self._kernel_seen_s = self._looked, 0.0
        self._usage = self._kernel_usage = -1
        if root.usage is not None:
            files = _COUNTED[root.version]  # in version 2 one for both
            opened = {
                file: os.open(root.usage / name / file, os.O_RDONLY | os.O_CLOEXEC)
                for file in dict.fromkeys(files)
            }
            self._usage, self._kernel_usage = (opened[file] for file in files)

    def limit(self, memory_mb: int, key: str) -> None:
        """Set the right, and the weight among those who are within theirs."""
        self._key = key
        self._right = memory_mb / MB_A_PROCESSOR
        self._weight = self._proper_weight
        self._seen_s, self._looked = self._used_s(), perf_counter()
        self._begun = self._looked
        self._is_in_kernel()  # from now on
        owed_s, since = self._debts.pop(key, (_BURST_S, self._looked))
        self._credit_s = min(_BURST_S, owed_s + (self._looked - since) * self._right)
        self.processors = self._corner.processors_for(key)
        if self.processors == corner():
            self._retreat()
        self._be(idle=self._is_behind)

    @property
    def _proper_weight(self) -> int:
        return max(2, round(_WHOLE[self._version] * self._right))

    def resume(self, *, gives_way: bool) -> bool:
        """An invocation begins: one within its right stays out of the corner while there is work
        in it; one that was sent there may come back after three seconds. Where it `gives_way`, all
        others shall go first until the next that does not; whether they do.
        """
        if self._cornered and self._corner.processors_for(self._key) != corner():
            self._come_back()
        if gives_way != self._gives_way:
            self._gives_way = gives_way
            self._be(idle=self._is_behind)
        if self.idle:
            self.pace()
        self._stay(allowed() if self.idle else self._corner.left())
        return self.idle

    @property
    def _is_behind(self) -> bool:
        return self._gives_way or self._credit_s < 0

    def _stay(self, processors: list[int]) -> None:
        if processors != self.processors and not self._cornered:
            self.processors = processors
            move(self._threads(), processors)

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
        self._corner.occupy()
        self._retreat()
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
        if self.idle and self._credit_s >= _EARNED_S and not self._gives_way:
            self._be(idle=False)
        elif not self.idle and self._credit_s < 0:
            self._be(idle=True)
            self._stay(allowed())

    def watch(self) -> None:
        """`pace`, and put one that is beyond its right into the corner if it is a crowd, or was in
        the kernel, where others have to wait for it, most of the time since the last look; what
        was being forked meanwhile follows at the next looks.
        """
        self.pace()
        is_in_kernel = self._is_in_kernel()
        if self._cornered:
            if perf_counter() >= self._gather_at:
                self._gather()
        elif not self.idle:
            return
        if is_in_kernel or len(self._seen or self._threads()) > _CROWD:
            self._corner.send(self._key)
            self._retreat()

    def _is_in_kernel(self) -> bool:
        now, kernel_s = perf_counter(), self._kernel_s()
        since_s, used_s = now - self._watched, kernel_s - self._kernel_seen_s
        self._watched, self._kernel_seen_s = now, kernel_s
        return used_s > MOST_IN_KERNEL * since_s

    def _retreat(self) -> None:
        """Leave the other processors to all others from now on."""
        if self._cornered or corner() == allowed():
            return
        self._weight = _LEAST[self._version]
        self._be(idle=False)
        self._cornered, self.processors = True, corner()
        self._gather()

    def _come_back(self) -> None:
        self._cornered, self._rest_s = False, 0.0
        self._seen.clear()
        self._weight = self._proper_weight
        self._be(idle=self._is_behind)

    def _gather(self) -> None:
        """Move those that are not in the corner; who were being forked meanwhile, once more."""
        for _ in range(_PASSES):
            present = self._threads()
            outside = [thread for thread in present - self._seen if _is_outside(thread)]
            move(outside, corner())
            self._seen, self.escapes = present, bool(outside)
            if not outside:
                break
        longer_s = min(max(_LEAST_REST_S, 2 * self._rest_s), _MOST_REST_S)
        self._rest_s = 0.0 if self.escapes else longer_s
        self._gather_at = perf_counter() + self._rest_s

    def _threads(self) -> set[int]:
        file = self._folder / ("tasks" if self._version == 1 else "cgroup.threads")
        try:
            found = {int(text) for text in kernel_files.read(file).split()}
        except OSError:
            return set()
        return found - {0}  # 0: not in our sight

    def _used_s(self) -> float:
        return self._counted_s(self._usage, b"usage_usec ")

    def _kernel_s(self) -> float:
        return self._counted_s(self._kernel_usage, b"system_usec ")

    def _counted_s(self, fd: int, name: bytes) -> float:
        """The file's only number, of version 1; of version 2 the one of this name."""
        if fd < 0:
            return 0.0
        data = os.pread(fd, 128, 0)
        if self._version == 1:
            return int(data) / 1e9
        return int(data.partition(name)[2].split(None, 1)[0]) / 1e6

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
            self._stop_counting()

    def close(self) -> None:
        """Leave the debt behind, and let go of the descriptor."""
        owed_s = self._used_s() - (perf_counter() - self._begun) * self._right
        if owed_s > 0 and self._key:
            if len(self._debts) >= _MOST_DEBTS:
                self._debts.clear()
            self._debts[self._key] = -min(_MOST_OWED_S, owed_s), perf_counter()
        self._stop_counting()

    def _stop_counting(self) -> None:
        for fd in {self._usage, self._kernel_usage}:
            if fd >= 0:
                os.close(fd)
        self._usage = self._kernel_usage = -1
