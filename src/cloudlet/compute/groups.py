"""The folders of control groups under which environments get theirs, in version 1 or 2.

The platform's own process moves into a group beside the environments' (`PLATFORM`): only among
siblings does the kernel let one go before the other at once (see processors.py), and version 2
hands controllers down only from a group that has no processes of its own.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from cloudlet.compute.corner import Corner

PLATFORM = "platform"
_ROOT = Path("/sys/fs/cgroup")
_OURS = re.compile(r"/cloudlet-\d+-[0-9a-f]+/" + PLATFORM + "$")
_ORDINARY = {1: 1024, 2: 100}  # the weight of an ordinary process in the two versions


@dataclass(frozen=True, slots=True)
class CgroupRoot:
    """The folder under which environments get their groups; `version` is 1 or 2."""

    version: int
    corner: Corner
    memory: Path
    pids: Path | None
    cpu: Path | None
    usage: Path | None = None  # that counts processor time
    home: Path | None = None  # of version 2: the group in which our process was
    #: By key: processor seconds that an ended environment owed, and when (see processors.py).
    debts: dict[str, tuple[float, float]] = field(default_factory=dict, compare=False)

    @property
    def folders(self) -> list[Path]:
        """Each once: in version 2 they are the same."""
        found = (self.memory, self.pids, self.cpu, self.usage)
        return list(dict.fromkeys(folder for folder in found if folder is not None))


def find_root(corner: Corner) -> tuple[CgroupRoot | None, str]:
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
            paths[controller] = _OURS.sub("", path)
    if "memory" in paths:
        return _separate(paths, name, corner)
    if "" in paths:
        return _unified(_ROOT / paths[""].lstrip("/"), name, corner)
    return None, "no cgroup hierarchy with a memory controller"


# --- version 1 ------------------------------------------------------------------------------------
def _separate(paths: dict[str, str], name: str, corner: Corner) -> tuple[CgroupRoot | None, str]:
    """A folder in the hierarchy of each controller."""
    memory = _make("memory", paths, name)
    if memory is None:
        return None, "cgroup v1 memory is not writable"
    # A group without a real-time budget of its own takes no real-time process in.
    real_time = os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR)
    cpu = None if real_time else _make("cpu", paths, name)
    if cpu is not None:
        (cpu / "cpu.shares").write_text(_weight(1))
        _enter_platform(cpu)
    usage = _make("cpuacct", paths, name) if cpu is not None else None
    if usage is not None and cpu is not None and usage.samefile(cpu):
        usage = cpu
    return CgroupRoot(1, corner, memory, _make("pids", paths, name), cpu, usage), "cgroup v1"


def _make(controller: str, paths: dict[str, str], name: str) -> Path | None:
    if controller not in paths:
        return None
    folder = _ROOT / controller / paths[controller].lstrip("/") / name
    try:
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.procs").stat()
    except OSError:
        return None
    _sweep(folder.parent)
    return folder if os.access(folder / "cgroup.procs", os.W_OK) else None


# --- version 2 ------------------------------------------------------------------------------------
def _unified(own: Path, name: str, corner: Corner) -> tuple[CgroupRoot | None, str]:
    """In our own group, which then has no processes but those of groups below, or its parent."""
    for parent in (own, own.parent):
        folder = parent / name
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            if parent == own:  # a group that hands controllers down has no processes itself
                _enter_platform(folder)
            _hand_down(parent, "memory", "pids")
            _hand_down(folder, "memory", "pids")
        except OSError:
            _remove(folder, own)
            continue
        _sweep(parent)
        cpu = _weighted(parent, folder)
        return CgroupRoot(2, corner, folder, folder, cpu, cpu, own), "cgroup v2"
    return None, "cgroup v2 is not writable here (no delegation)"


def _hand_down(folder: Path, *controllers: str) -> None:
    control = folder / "cgroup.subtree_control"
    lacking = set(controllers) - set(control.read_text().split())
    if lacking:
        control.write_text(" ".join(f"+{controller}" for controller in sorted(lacking)))


def _weighted(parent: Path, folder: Path) -> Path | None:
    """The folder, where the cpu controller may be handed down too."""
    try:
        _hand_down(parent, "cpu")
        _hand_down(folder, "cpu")
        (folder / "cpu.weight").write_text(_weight(2))
        _enter_platform(folder)
    except OSError:
        return None
    return folder


# --- both -----------------------------------------------------------------------------------------
def _weight(version: int) -> str:
    """Of platform and environments together: an ordinary process's part for each processor, and
    one for the platform.
    """
    return str(_ORDINARY[version] * ((os.cpu_count() or 1) + 1))


def _enter_platform(folder: Path) -> None:
    """Move our own process beside the environments to be; what it starts begins there too."""
    platform = folder / PLATFORM
    platform.mkdir(exist_ok=True)
    (platform / "cgroup.procs").write_text(str(os.getpid()))


def remove_root(root: CgroupRoot) -> None:
    """Take the folders away again; environments must have ended."""
    for folder in root.folders:
        _remove(folder, root.home or folder.parent)


def _remove(folder: Path, home: Path) -> None:
    """Whoever is left of the platform's group goes home."""
    for path in folder.glob("*/"):
        with contextlib.suppress(OSError):
            if path.name == PLATFORM:
                _send_home(path, home)
            path.rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _send_home(platform: Path, home: Path) -> None:
    for pid in (platform / "cgroup.procs").read_text().split():
        try:
            (home / "cgroup.procs").write_text(pid)
        except OSError:  # of version 2: it hands controllers down to us
            for folder in (platform.parent, home):
                lent = (folder / "cgroup.subtree_control").read_text().split()
                (folder / "cgroup.subtree_control").write_text(" ".join(f"-{c}" for c in lent))
            (home / "cgroup.procs").write_text(pid)


def _sweep(parent: Path) -> None:
    """Remove what servers left behind that were killed."""
    for folder in parent.glob("cloudlet-*-*/"):
        if not Path("/proc", folder.name.split("-")[1]).exists():
            _remove(folder, parent)
