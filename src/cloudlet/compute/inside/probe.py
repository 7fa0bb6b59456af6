"""Tries out what the kernel allows here; prints `name=ok`, or `name=` and the reason."""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH100, PTH102, PTH120, PTH123, S108, UP031
from __future__ import annotations

import importlib
import os
import sys
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

kernel: Any = importlib.import_module("kernel")


def attempt(name: str, work: Any) -> None:
    """Run `work` in a child and print how it went."""
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            work()
            result = "ok"
        except Exception as error:
            result = str(error) or type(error).__name__
        sys.stdout.write("%s=%s\n" % (name, result.replace("\n", " ")))
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(pid, 0)


def leave_root() -> None:
    """As the zygote does: an ordinary identity before any namespace."""
    if os.geteuid() == 0:
        kernel.become(245660, 245660)


def namespaces() -> None:
    """User, mount, pid, ipc, uts and cgroup namespaces with mapped identities."""
    leave_root()
    uid, gid = os.getuid(), os.getgid()
    kernel.unshare(
        kernel.NEWUSER | kernel.NEWNS | kernel.NEWIPC | kernel.NEWUTS | kernel.NEWPID
        | kernel.NEWCGROUP
    )  # fmt: skip
    for name, text in (
        ("setgroups", "deny"), ("uid_map", "993 %d 1" % uid), ("gid_map", "990 %d 1" % gid),
    ):  # fmt: skip
        with open("/proc/self/" + name, "w") as file:
            file.write(text)


def mounts() -> None:
    """A tmpfs, a protected bind and a proc of the new pid namespace."""
    namespaces()
    pid = os.fork()
    if pid == 0:
        try:
            kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
            kernel.mount("proc", "/proc", "proc", 14)
            kernel.mount("probe", "/tmp", "tmpfs", 6, "mode=755")
            os.mkdir("/tmp/usr")
            kernel.bind("/usr", "/tmp/usr", recursive=True)
        except OSError as error:
            sys.stdout.write("mounts-reason=%s\n" % error)
            sys.stdout.flush()
            os._exit(1)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        raise OSError("the kernel refuses to mount proc or tmpfs in a user namespace")


def filtering() -> None:
    """The seccomp filter, and that it bites."""
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.seccomp()
    try:
        os.chroot("/")
    except PermissionError:
        return
    raise OSError("the filter does not hold")


attempt("userns", namespaces)
attempt("mounts", mounts)
attempt("seccomp", filtering)
sys.stdout.write("landlock=%d\n" % kernel.landlock_abi())
