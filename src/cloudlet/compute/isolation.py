"""What this machine allows a sandbox to be made of, probed once and reported honestly."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from cloudlet.compute.memory import MAX_PROCESSES
from cloudlet.compute.polling import MOST_PROCESSES, MOST_THREADS

IN_FORCE = "pasta: the platform's ports and what the host can reach, not the host's loopback"
_WITHOUT_MOUNTS = "; functions see the host's paths and write only where TMPDIR says"
_PROBE = Path(__file__).parent / "inside" / "probe.py"


@dataclass(frozen=True, slots=True)
class IsolationItem:
    """One means of isolation: is it in force, and in words what that means here."""

    name: str
    active: bool
    detail: str


@dataclass(frozen=True, slots=True)
class IsolationLevel:
    """The level in force: "full" (namespaces), "reduced" (Landlock and seccomp) or "minimal"."""

    name: str
    items: tuple[IsolationItem, ...]

    def has(self, name: str) -> bool:
        """Whether the item of this name is in force."""
        return any(item.active for item in self.items if item.name == name)

    def lacks(self, name: str) -> str:
        """Why the item of this name is not in force; "" where it is."""
        return next((i.detail for i in self.items if i.name == name and not i.active), "")

    def without(self, name: str, reason: str) -> IsolationLevel:
        """The level when the item of this name turns out not to be had."""
        items = (IsolationItem(name, False, reason) if i.name == name else i for i in self.items)
        return replace(self, items=tuple(items))

    @property
    def namespaces(self) -> bool:
        """Whether environments get namespaces and mounts of their own."""
        return self.has("user namespaces") and self.has("mounts")

    @property
    def summary(self) -> str:
        """One line for `cloudlet up`."""
        on = ", ".join(item.name for item in self.items if item.active)
        off = ", ".join(item.name for item in self.items if not item.active)
        return f"{self.name} isolation: {on or 'nothing'}" + (f"; without {off}" if off else "")


def probe(
    *,
    namespaces: bool,
    reachable: bool,
    cgroups: bool,
    pids: bool,
    shares: bool,
    cgroup_detail: str,
    network: Callable[[], str],
) -> IsolationLevel:
    """Try the means out in a process of their own.

    `namespaces` False leaves them out; `reachable` says whether an identity without rights may
    get at the code, which without mounts decides whether root can give functions one; `network`
    why functions have no network of their own, "" where they have.
    """
    with ThreadPoolExecutor(1) as beside:
        shared = beside.submit(network)
        found = _ask()
    user, mounts = found.get("userns", "not tried"), found.get("mounts", "not tried")
    if not namespaces:
        user = mounts = "switched off"
    abi, seccomp = int(found.get("landlock", "0")), found.get("seccomp", "not tried")
    apart = user == mounts == "ok"
    scoped = "; signals and abstract sockets scoped" if abi >= 6 else ""
    items = (
        IsolationItem("user namespaces", user == "ok", _said(user, "own user, pid, ipc, uts")),
        IsolationItem(
            "mounts", mounts == "ok", _said(mounts, "own root, proc, /tmp", _WITHOUT_MOUNTS)
        ),
        _identity(apart=apart, given=os.geteuid() == 0 and (apart or reachable)),
        IsolationItem(
            "landlock", abi > 0, f"version {abi}{scoped}" if abi else "the kernel has none"
        ),
        IsolationItem("seccomp", seccomp == "ok", _said(seccomp, "denylist of system calls")),
        IsolationItem(
            "memory limits",
            cgroups,
            cgroup_detail if cgroups else f"RLIMIT_DATA and watching instead: {cgroup_detail}",
        ),
        IsolationItem(
            "process limits",
            pids,
            f"{MAX_PROCESSES} an environment"
            if pids
            else f"watched: at most {MOST_PROCESSES} processes and {MOST_THREADS} threads",
        ),
        IsolationItem(
            "processor shares",
            shares,
            "in proportion to memory; what exceeds it comes after everybody else's"
            if shares
            else "environments compete as equals, at a lower priority than the platform",
        ),
        _network(shared.result() if apart else "no user namespaces"),
    )
    if apart and seccomp == "ok":
        name = "full"
    elif abi and seccomp == "ok":
        name = "reduced"
    else:
        name = "minimal"
    return IsolationLevel(name, items)


def _identity(*, apart: bool, given: bool) -> IsolationItem:
    """Whose rights a function has, should everything else fail."""
    if given:
        return IsolationItem("own identity", True, "an unprivileged uid of its own")
    whose = "root's uid without capabilities" if os.geteuid() == 0 else "the server's user"
    held = "in a user namespace" if apart else "held back by Landlock and seccomp only"
    return IsolationItem("own identity", False, f"functions run as {whose}, {held}")


def _network(refused: str) -> IsolationItem:
    """What of the host's services a function reaches."""
    return IsolationItem("own network", not refused, refused or IN_FORCE)


def _said(result: str, meaning: str, without: str = "") -> str:
    return meaning if result == "ok" else f"refused: {result}{without}"


def _ask() -> dict[str, str]:
    """Run the probe; it prints `name=result` lines."""
    try:
        done = subprocess.run(
            [os.path.realpath(sys.executable), "-I", "-S", "-B", os.fspath(_PROBE)],
            env={},
            cwd="/",
            capture_output=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)
