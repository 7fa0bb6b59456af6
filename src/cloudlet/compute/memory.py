"""Memory, process and processor limits of environments: cgroups where one is writable, else
watching.

The hard limit of a cgroup covers memory and /tmp together, because pages of a tmpfs are charged
to who writes them, whereas AWS's /tmp is a disk. `Meter.used_bytes` leaves /tmp out, and the
watcher in environment processes ends one that is over its memory alone.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from cloudlet.compute.freezing import end

_MB = 1024 * 1024
MAX_PROCESSES = 1024
_MB_A_PROCESSOR = 1769
_LOOKED_AT = 32


@dataclass(frozen=True, slots=True)
class CgroupRoot:
    """The folder under which environments get their groups; `version` is 1 or 2."""

    version: int
    memory: Path
    pids: Path | None
    cpu: Path | None

    @property
    def folders(self) -> list[Path]:
        """Each once: in version 2 they are the same."""
        return list(dict.fromkeys(f for f in (self.memory, self.pids, self.cpu) if f is not None))


def find_root() -> tuple[CgroupRoot | None, str]:
    """Make a folder of our own in a writable hierarchy; (None, why not) where there is none."""
    name = f"cloudlet-{os.getpid()}-{os.urandom(3).hex()}"
    try:
        memberships = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError as error:
        return None, f"/proc/self/cgroup: {error.strerror}"
    paths: dict[str, str] = {}
    for line in memberships:
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    if "memory" in paths:
        memory = _make(Path("/sys/fs/cgroup/memory"), paths["memory"], name)
        if memory is None:
            return None, "cgroup v1 memory is not writable"
        # A group without a real-time budget of its own takes no real-time process in.
        real_time = os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR)
        made = {
            controller: _make(Path("/sys/fs/cgroup") / controller, paths[controller], name)
            for controller in ("pids", "cpu")
            if controller in paths and (controller != "cpu" or not real_time)
        }
        cpu = made.get("cpu")
        if cpu is not None:  # as many ordinary processes' part as there are processors
            (cpu / "cpu.shares").write_text(str(1024 * (os.cpu_count() or 1)))
        return CgroupRoot(1, memory, made.get("pids"), cpu), "cgroup v1"
    if "" in paths:
        return _unified(paths[""], name)
    return None, "no cgroup hierarchy with a memory controller"


def _make(hierarchy: Path, path: str, name: str) -> Path | None:
    folder = hierarchy / path.lstrip("/") / name
    try:
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.procs").stat()
    except OSError:
        return None
    _sweep(folder.parent)
    return folder if os.access(folder / "cgroup.procs", os.W_OK) else None


def _unified(path: str, name: str) -> tuple[CgroupRoot | None, str]:
    """Own group or its parent: the one that may hand the memory controller down."""
    own = Path("/sys/fs/cgroup") / path.lstrip("/")
    for parent in (own, own.parent):
        folder = parent / name
        try:
            if "memory" not in (parent / "cgroup.subtree_control").read_text().split():
                (parent / "cgroup.subtree_control").write_text("+memory +pids")
            folder.mkdir(exist_ok=True)
            (folder / "cgroup.subtree_control").write_text("+memory +pids")
        except OSError:
            with contextlib.suppress(OSError):
                folder.rmdir()
            continue
        _sweep(parent)
        return CgroupRoot(2, folder, folder, _weighted(parent, folder)), "cgroup v2"
    return None, "cgroup v2 is not writable here (no delegation)"


def _weighted(parent: Path, folder: Path) -> Path | None:
    """The folder, where the cpu controller may be handed down too."""
    try:
        if "cpu" not in (parent / "cgroup.subtree_control").read_text().split():
            (parent / "cgroup.subtree_control").write_text("+cpu")
        (folder / "cgroup.subtree_control").write_text("+cpu")
        (folder / "cpu.weight").write_text(str(min(10_000, 100 * (os.cpu_count() or 1))))
    except OSError:
        return None
    return folder


def remove_root(root: CgroupRoot) -> None:
    """Take the folders away again; environments must have ended."""
    for folder in root.folders:
        _remove(folder)


def _remove(folder: Path) -> None:
    for path in [*folder.glob("*/"), folder]:
        with contextlib.suppress(OSError):
            path.rmdir()


def _sweep(parent: Path) -> None:
    """Remove what servers left behind that were killed."""
    for folder in parent.glob("cloudlet-*-*/"):
        if not Path("/proc", folder.name.split("-")[1]).exists():
            _remove(folder)


class CgroupMeter:
    """One environment's groups.

    The environment's first process joins them itself, by writing "0" to the descriptors of
    `join`: in version 1 a thread that moves itself does so at once (Linux 6.0), whereas moving
    another process waits for an RCU grace period (12 ms measured).
    """

    def __init__(self, root: CgroupRoot, name: str) -> None:
        self._root = root
        self._memory = root.memory / name
        first = root.version == 1
        self._folders = [folder / name for folder in root.folders]
        for folder in self._folders:
            folder.mkdir()
        if root.pids is not None:
            (root.pids / name / "pids.max").write_text(str(MAX_PROCESSES))
        if not first:
            (self._memory / "memory.oom.group").write_text("1")
        membership = "tasks" if first else "cgroup.procs"
        self.join = [
            os.open(folder / membership, os.O_WRONLY | os.O_CLOEXEC) for folder in self._folders
        ]
        usage = "memory.usage_in_bytes" if first else "memory.current"
        peak = "memory.max_usage_in_bytes" if first else "memory.peak"
        events = "memory.oom_control" if first else "memory.events"
        self._usage = self._open(usage)
        self._peak = self._open(peak)
        self._stat = self._open("memory.stat")
        self._events = self._open(events)
        self._anonymous = b"total_rss " if first else b"anon "

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

    def limit(self, memory_mb: int, tmp_mb: int) -> None:
        """Set the hard limit of memory, and the share of the processors: AWS gives one virtual
        processor for 1,769 MB ("Configure Lambda function memory").
        """
        name = "memory.limit_in_bytes" if self._root.version == 1 else "memory.max"
        (self._memory / name).write_text(str((memory_mb + tmp_mb) * _MB))
        if self._root.cpu is not None:
            part = memory_mb / _MB_A_PROCESSOR
            name, whole = ("cpu.shares", 1024) if self._root.version == 1 else ("cpu.weight", 100)
            share = max(2, round(whole * part))
            (self._root.cpu / self._memory.name / name).write_text(str(share))

    def pids(self) -> list[int]:
        """Every process of the environment."""
        return [int(pid) for pid in (self._memory / "cgroup.procs").read_text().split()]

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

    def close(self) -> None:
        """Remove the groups; call when the first process is gone. What it left behind, which
        only environments without a pid namespace can, is ended.
        """
        end(self.pids)
        self.joined()
        for fd in (self._usage, self._peak, self._stat, self._events):
            if fd >= 0:
                os.close(fd)
        for folder in self._folders:
            with contextlib.suppress(OSError):
                folder.rmdir()


class PolledMeter:
    """Without cgroups: what the process and its descendants have written, as the kernel counts
    their private pages; at most `_LOOKED_AT` of them, to bound the look.
    """

    def __init__(self, pid: int, keeper: int = 0) -> None:
        """`keeper` is the process whose grandchildren in the pid namespace of `pid` count too."""
        self._pid, self._keeper = pid, keeper
        self._peak = 0
        self._looked = 0.0

    def limit(self, memory_mb: int, tmp_mb: int) -> None:
        """RLIMIT_DATA is set inside."""

    def used_bytes(self) -> int:
        """The sum over the process and its descendants."""
        total = sum(map(self._private, self.pids()))
        self._peak = max(self._peak, total)
        return total

    def pids(self) -> list[int]:
        """The processes of the environment, at most `_LOOKED_AT`."""
        found: list[int] = []
        pending = [self._pid, *self._adopted()]
        while pending and len(found) < _LOOKED_AT:
            found.append(pending.pop())
            pending += _children(found[-1])
        return found

    def _adopted(self) -> list[int]:
        """The children that a template forked into this environment."""
        if not self._keeper:
            return []
        try:
            own = Path(f"/proc/{self._pid}/ns/pid").readlink()
        except OSError:
            return []
        found = []
        for child in _children(self._keeper):
            for pid in _children(child):
                with contextlib.suppress(OSError):
                    if Path(f"/proc/{pid}/ns/pid").readlink() == own:
                        found.append(pid)
        return found

    @staticmethod
    def _private(pid: int) -> int:
        try:
            pages = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            return 0
        start = pages.find("Private_Dirty:")
        return int(pages[start:].split(None, 2)[1]) * 1024 if start >= 0 else 0

    def over(self, limit_bytes: int) -> bool:
        """Whether the function's own memory exceeds the limit."""
        return self.used_bytes() > limit_bytes

    def peak_bytes(self) -> int:
        """The most that was seen; looked at not more often than the watcher does."""
        now = monotonic()
        if now - self._looked >= 0.05:
            self._looked = now
            self.used_bytes()
        return self._peak

    def ran_out(self) -> bool:
        """Nobody but the watcher kills here."""
        return False

    def close(self) -> None:
        """Nothing to remove."""


Meter = CgroupMeter | PolledMeter


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def host_pid(pidfd: int) -> int:
    """The pid, in our own namespace, of the process behind a pidfd."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    raise ProcessLookupError("the process is gone")
