"""Limits of environments, and what they use, by control groups; see polling.py where none is
writable.

The hard limit of a cgroup covers memory and /tmp together, because pages of a tmpfs are charged
to who writes them, whereas AWS's /tmp is a disk. `Meter.used_bytes` leaves /tmp out, and the
watcher in environment processes ends one that is over its memory alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator

from cloudlet.compute import kernel_files
from cloudlet.compute.corner import allowed
from cloudlet.compute.freezing import end
from cloudlet.compute.groups import CgroupRoot
from cloudlet.compute.polling import LOOK_S, MOST_PROCESSES, SOON_S, Excess, PolledMeter
from cloudlet.compute.processors import ProcessorShare

_MB = 1024 * 1024
MAX_PROCESSES = 1024
#: Between two steps of what nobody waits for: who was woken by the loop shares its processor.
PAUSE_S = 0.001


class CgroupMeter:
    """One environment's groups.

    The environment's first process joins them itself, by writing "0" to the descriptors of
    `join`: in version 1 a thread that moves itself does so at once (Linux 6.0), whereas moving
    another process waits for an RCU grace period (12 ms measured).
    """

    def __init__(self, root: CgroupRoot, name: str) -> None:
        """Nothing is made yet: see `make`."""
        self._root = root
        self._name = name
        self._memory = root.memory / name
        self._folders = [folder / name for folder in root.folders]
        self._usage = self._peak = self._stat = self._events = -1
        self._anonymous = b"total_rss " if root.version == 1 else b"anon "
        self.join: list[int] = []
        self.share: ProcessorShare | None = None

    @classmethod
    async def make(
        cls, root: CgroupRoot, name: str, *, last: bool = False, pause_s: float = 0.0
    ) -> CgroupMeter:
        """The groups, empty and with what limits all alike. `last`: they come after everybody
        else until `limit`. Raises OSError, and leaves nothing behind, where one is refused.

        Step by step, others have their turn between them: a thread would hold the interpreter's
        lock while the kernel has it wait.
        """
        meter = cls(root, name)
        try:
            for _ in meter._making(last):
                await asyncio.sleep(pause_s)
        except BaseException:
            for _ in meter._removing():
                pass
            raise
        return meter

    def _making(self, last: bool) -> Iterator[None]:
        root, first = self._root, self._root.version == 1
        for folder in self._folders:
            folder.mkdir()
            membership = folder / ("tasks" if first else "cgroup.procs")
            self.join.append(os.open(membership, os.O_WRONLY | os.O_CLOEXEC))
            yield
        if root.pids is not None:
            kernel_files.write(root.pids / self._name / "pids.max", MAX_PROCESSES)
        if not first:
            kernel_files.write(self._memory / "memory.oom.group", 1)
        yield
        if root.cpu is not None:
            self.share = ProcessorShare(root, self._name)
            if last:
                self.share.step_back()
            yield
        self._usage = self._open("memory.usage_in_bytes" if first else "memory.current")
        self._peak = self._open("memory.max_usage_in_bytes" if first else "memory.peak")
        self._stat = self._open("memory.stat")
        self._events = self._open("memory.oom_control" if first else "memory.events")

    async def remove(self) -> None:
        """Remove the groups; call when the first process is gone. What it left behind, which
        only environments without a pid namespace can, is ended.
        """
        for _ in self._removing():
            await asyncio.sleep(PAUSE_S)

    def _removing(self) -> Iterator[None]:
        end(self.pids)
        yield
        self.joined()
        if self.share is not None:
            self.share.close()
        for fd in (self._usage, self._peak, self._stat, self._events):
            if fd >= 0:
                os.close(fd)
        for folder in self._folders:
            with contextlib.suppress(OSError):
                folder.rmdir()
            yield

    def _open(self, name: str) -> int:
        try:
            return os.open(self._memory / name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # memory.peak came with Linux 5.19
            return -1

    def joined(self) -> None:
        """The request to fork has been sent: let go of the descriptors of `join`."""
        for fd in self.join:
            os.close(fd)
        self.join.clear()

    def limit(self, memory_mb: int, tmp_mb: int, key: str = "") -> None:
        """Set the hard limit of memory, and the part of the processors."""
        name = "memory.limit_in_bytes" if self._root.version == 1 else "memory.max"
        kernel_files.write(self._memory / name, (memory_mb + tmp_mb) * _MB)
        if self.share is not None:
            self.share.limit(memory_mb, key)

    @property
    def processors(self) -> list[int]:
        """Those that the environment may use."""
        return allowed() if self.share is None else self.share.processors

    def resume(self, *, gives_way: bool = False) -> bool:
        """An invocation begins; whether all others go first, as they shall where it `gives_way`."""
        return self.share is not None and self.share.resume(gives_way=gives_way)

    def retire(self) -> None:
        """It ends: let all others go first."""
        if self.share is not None:
            self.share.retire()

    def pids(self) -> list[int]:
        """Every process of the environment."""
        return [int(pid) for pid in kernel_files.read(self._memory / "cgroup.procs").split()]

    @property
    def pause_s(self) -> float:
        """How long to wait until the next look at one that works."""
        return SOON_S if self.share is not None and self.share.escapes else LOOK_S

    def look(self, limit_bytes: int) -> Excess | None:
        """What it has too much of: memory, or processes where no group holds it to a number; and
        see to its part of the processors.
        """
        if self.over(limit_bytes):
            return "memory"
        if self._root.pids is None and len(self.pids()) > MOST_PROCESSES:
            return "processes"
        if self.share is not None:
            self.share.watch()
        return None

    def used_bytes(self) -> int:
        """Memory that is the function's own: without files and /tmp."""
        if self._total() == 0:
            return 0
        stat = os.pread(self._stat, 16384, 0)
        start = stat.find(self._anonymous)
        if start < 0:
            return 0
        start += len(self._anonymous)
        return int(stat[start : stat.find(b"\n", start)])

    def over(self, limit_bytes: int) -> bool:
        """Whether the function's own memory exceeds the limit; cheap while it does not."""
        return self._total() > limit_bytes and self.used_bytes() > limit_bytes

    def _total(self) -> int:
        return int(os.pread(self._usage, 32, 0))

    def peak_bytes(self) -> int:
        """The most that was ever charged."""
        return int(os.pread(self._peak if self._peak >= 0 else self._usage, 32, 0))

    def ran_out(self) -> bool:
        """Whether the kernel killed for this limit."""
        events = os.pread(self._events, 4096, 0)
        return any(
            line.startswith(b"oom_kill ") and line != b"oom_kill 0" for line in events.splitlines()
        )


Meter = CgroupMeter | PolledMeter
