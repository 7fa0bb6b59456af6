"""Limits of environments, and what they use: control groups where one is writable, else
watching.

The hard limit of a cgroup covers memory and /tmp together, because pages of a tmpfs are charged
to who writes them, whereas AWS's /tmp is a disk. `Meter.used_bytes` leaves /tmp out, and the
watcher in environment processes ends one that is over its memory alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from cloudlet.compute import kernel_files
from cloudlet.compute.freezing import end
from cloudlet.compute.groups import CgroupRoot
from cloudlet.compute.processors import Crowds, ProcessorShare, allowed, corner, move_to_corner

_MB = 1024 * 1024
MAX_PROCESSES = 1024
MOST_WATCHED = 256  # processes and threads, where no group limits them
_PAGE = os.sysconf("SC_PAGE_SIZE")
_LOOKED_AT = 32


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
    async def make(cls, root: CgroupRoot, name: str, *, last: bool = False) -> CgroupMeter:
        """The groups, empty and with what limits all alike. `last`: they come after everybody
        else until `limit`. Raises OSError, and leaves nothing behind, where one is refused.

        Step by step, others have their turn between them: a thread would hold the interpreter's
        lock while the kernel has it wait.
        """
        meter = cls(root, name)
        try:
            for _ in meter._making(last):
                await asyncio.sleep(0)
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
            await asyncio.sleep(0)

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

    def retire(self) -> None:
        """It ends: let all others go first."""
        if self.share is not None:
            self.share.retire()

    def pids(self) -> list[int]:
        """Every process of the environment."""
        return [int(pid) for pid in kernel_files.read(self._memory / "cgroup.procs").split()]

    def crowded(self) -> bool:
        """Whether it has too many processes where no group holds it to `MAX_PROCESSES`."""
        return self._root.pids is None and len(self.pids()) > MOST_WATCHED

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


class PolledMeter:
    """Without control groups: what the kernel says of the process and its descendants.

    The event loop reads only what takes no lock of theirs, which one that is short of processor
    time may hold for seconds: resident pages, those shared with the zygote among them. When they
    exceed the limit, a thread looks at what is theirs alone. At most `_LOOKED_AT` are looked at.
    """

    share: ProcessorShare | None = None

    def __init__(self, pid: int, crowds: Crowds, keeper: int = 0) -> None:
        """`keeper` is the process whose grandchildren in the pid namespace of `pid` count too."""
        self._pid, self._keeper = pid, keeper
        self._crowds, self._key = crowds, ""
        self._peak = 0
        self._private = 0
        self._looking: threading.Thread | None = None

    def limit(self, memory_mb: int, tmp_mb: int, key: str = "") -> None:
        """RLIMIT_DATA is set inside."""
        del memory_mb, tmp_mb
        self._key = key

    @property
    def processors(self) -> list[int]:
        """Those that the environment may use."""
        return corner() if self._key in self._crowds else allowed()

    def retire(self) -> None:
        """It ends: have its first process, whose threads are most of it, leave the other
        processors to all others.
        """
        if corner() != allowed():
            move_to_corner(lambda: {int(name) for name in _threads(self._pid)})

    def used_bytes(self) -> int:
        """Resident memory without files, summed over the processes."""
        total = sum(map(_anonymous, self.pids()))
        self._peak = max(self._peak, total)
        return total

    def pids(self) -> list[int]:
        """The processes of the environment, at most `_LOOKED_AT`."""
        return self._walk(_LOOKED_AT)[0]

    def crowded(self) -> bool:
        """Whether it has more than `MOST_WATCHED` processes and threads."""
        is_crowd = self._walk(MOST_WATCHED)[1] > MOST_WATCHED
        if is_crowd:
            self._crowds.add(self._key)
        return is_crowd

    def _walk(self, most: int) -> tuple[list[int], int]:
        """Processes, and how many threads they have, until there are more than `most`."""
        found: list[int] = []
        threads = 0
        pending = [self._pid, *self._adopted()]
        while pending and len(found) <= most and threads <= most:
            found.append(pending.pop())
            names = _threads(found[-1])
            threads += len(names)
            for name in names:
                pending += _children(found[-1], name)
        return found, threads

    def _adopted(self) -> list[int]:
        """The children that a template forked into this environment."""
        if not self._keeper:
            return []
        try:
            own = Path(f"/proc/{self._pid}/ns/pid").readlink()
        except OSError:
            return []
        found = []
        for child in _children(self._keeper, str(self._keeper)):
            for pid in _children(child, str(child)):
                with contextlib.suppress(OSError):
                    if Path(f"/proc/{pid}/ns/pid").readlink() == own:
                        found.append(pid)
        return found

    def over(self, limit_bytes: int) -> bool:
        """Whether the function's own memory exceeded the limit at the last look in a thread."""
        if self.used_bytes() <= limit_bytes:
            return False
        if self._looking is None or not self._looking.is_alive():
            self._looking = threading.Thread(target=self._look, daemon=True)
            self._looking.start()
        return self._private > limit_bytes

    def _look(self) -> None:
        self._private = sum(map(_private, self.pids()))

    def peak_bytes(self) -> int:
        """The most that was seen, now included."""
        self.used_bytes()
        return self._peak

    def ran_out(self) -> bool:
        """Nobody but the watcher kills here."""
        return False

    async def remove(self) -> None:
        """There is nothing to remove."""


Meter = CgroupMeter | PolledMeter


def _threads(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - a hot place
    except OSError:
        return []


def _children(pid: int, thread: str) -> list[int]:
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
