"""The way into an execution environment that a function cannot undo; the same for all runtimes.

The zygote sets `kernel`. Descriptors of an environment: 3 requests, 4 answers, 1 and 2 the log.
Frames: u32 length of what follows (little endian), one byte kind, body.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH123, PTH208, S108, UP031
from __future__ import annotations

import contextlib
import os
import resource
import select
import struct
import time
from typing import Any

kernel: Any = None

DEFAULT_TMP_MB = 512


def cover(path: str) -> None:
    """Hide a directory under an empty one."""
    flags = kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    kernel.mount("empty", path, "tmpfs", flags, "size=4k,mode=555")


def mount_proc() -> None:
    """A proc of the current pid namespace over the one that is there."""
    kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)


def enter(config: dict[str, Any], tmp_mb: int = DEFAULT_TMP_MB) -> None:
    """What a blank environment does before it knows its function."""
    kernel.die_with_parent()
    if config["mode"] == "namespaces":
        kernel.unshare(kernel.NEWNS | kernel.NEWIPC | kernel.NEWUTS)
        mount_proc()
        flags = kernel.MS_NOSUID | kernel.MS_NODEV
        kernel.mount("shm", "/dev/shm", "tmpfs", flags, "mode=1777,size=64m")
        kernel.mount("tmp", "/tmp", "tmpfs", flags, "mode=1777,size=%dm" % tmp_mb)
    else:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    begin_session()


def begin_session() -> None:
    """A session of our own, which counts as little among sessions as we do among processes, where
    the kernel shares processors out to sessions ("The autogroup feature", sched(7)). It lets
    ordinary users say so ten times a second; what exceeds that is an ordinary session.
    """
    os.setsid()
    with contextlib.suppress(OSError):
        autogroup = os.open("/proc/self/autogroup", os.O_WRONLY)
        try:
            os.write(autogroup, b"%d" % os.getpriority(os.PRIO_PROCESS, 0))
        finally:
            os.close(autogroup)


def run_on(processors: list[int], pid: int = 0) -> None:
    """Have all threads of a process, or only our own, run on these processors, if it lives; and
    preempt others when they wake, which zygotes and what they make ahead do not.
    """
    with contextlib.suppress(OSError):
        for _ in range(2):  # a thread that starts meanwhile is seen the second time
            for thread in os.listdir("/proc/%d/task" % pid) if pid else ("0",):
                os.sched_setaffinity(int(thread), processors)
                os.sched_setscheduler(int(thread), os.SCHED_OTHER, os.sched_param(0))


def bind_function(config: dict[str, Any], spec: dict[str, Any]) -> None:
    """/var/task, /opt, the size of /tmp; then the store of everybody's code disappears."""
    if config["mode"] != "namespaces":
        return
    store = config["store"]
    kernel.bind(store + spec["code"], "/var/task")
    layers = [store + layer for layer in spec["layers"]]
    if len(layers) == 1:
        kernel.bind(layers[0], "/opt")
    elif layers:  # the later layer wins, and overlayfs names the uppermost first
        lower = ":".join(escape(layer) for layer in reversed(layers))
        kernel.mount("layers", "/opt", "overlay", kernel.MS_RDONLY, "lowerdir=" + lower)
    cover(store)
    if spec["tmp_mb"] != DEFAULT_TMP_MB:
        flags = kernel.MS_REMOUNT | kernel.MS_NOSUID | kernel.MS_NODEV
        kernel.mount("tmp", "/tmp", "tmpfs", flags, "size=%dm" % spec["tmp_mb"])


def escape(path: str) -> str:
    """A path as overlayfs reads it in its options."""
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


def limit(config: dict[str, Any]) -> None:
    """Descriptors, core files, processes, locked memory."""
    limits: list[tuple[int, int]] = [
        (resource.RLIMIT_NOFILE, 1024),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, config["nproc"]),
        (resource.RLIMIT_MEMLOCK, 65536),
    ]
    for kind, wanted in limits:
        hard = resource.getrlimit(kind)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (value, value))


def limit_data(pid: int, more_mb: int) -> None:
    """Where no cgroup limits memory: `more_mb` beyond what the process has now; 0 for no limit."""
    present = data_bytes(pid) if more_mb else None
    if present is not None:
        value = present + more_mb * 1024 * 1024
        resource.prlimit(pid, resource.RLIMIT_DATA, (value, value))


def data_bytes(pid: int) -> int | None:
    """The private memory of a child; None of one that has ended."""
    with open("/proc/%d/status" % pid) as file:
        lines = [line for line in file if line.startswith("VmData:")]
    return int(lines[0].split()[1]) * 1024 if lines else None


def seal(config: dict[str, Any], spec: dict[str, Any]) -> None:
    """Give up capabilities, most of the file system and the dangerous system calls."""
    renounce(config)
    fence(config, spec)
    kernel.seccomp()


def renounce(config: dict[str, Any]) -> None:
    """Give up identity and capabilities."""
    if config["mode"] != "namespaces" and config["leave_root"]:
        kernel.become(config["uid"], config["gid"])
        kernel.die_with_parent()
    kernel.drop_privileges()


def fence(config: dict[str, Any], spec: dict[str, Any]) -> None:
    """Give up most of the file system, and the sight of processes outside of this domain."""
    if config["mode"] == "namespaces":
        kernel.landlock(["/"], ["/tmp", "/dev/shm", "/proc"], ["/dev"])
    else:
        readable = config["readable"] + [spec["code"]] + spec["layers"]
        kernel.landlock(readable, [spec["tmp"]], config["devices"])


def adopt(fds: list[int]) -> None:
    """Join the control groups behind all but three, and make these 3 (requests), 4 (answers) and
    1, 2 (log); close all others.
    """
    for group in fds[3:]:
        os.write(group, b"0")
    moved = [os.dup2(fd, 100 + place) for place, fd in enumerate(fds[:3])]
    os.dup2(moved[0], 3)
    os.dup2(moved[1], 4)
    os.dup2(moved[2], 1)
    os.dup2(moved[2], 2)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    kernel.close_from(5)
    os.set_inheritable(3, False)
    os.set_inheritable(4, False)


class Channel:
    """Length-prefixed frames on two pipes: S (the function), then Q (requests); back go I
    (initialised) or X or F (not), then R, E, O, D (results, see the platform's end).
    """

    fd = 3
    # Held here: a function may put others in their place, as gevent and freezegun do.
    new_poll, clock = staticmethod(select.poll), staticmethod(time.monotonic)
    give_way = staticmethod(os.sched_yield)

    def __init__(self) -> None:
        self.buffer = b""
        self.poll = self.new_poll()
        self.poll.register(self.fd, select.POLLIN)

    def await_next(self, seconds: float) -> None:
        """Stay awake until a frame comes, so long at most; whoever else wants the processor has
        it meanwhile.
        """
        until = self.clock() + seconds
        while not self.poll.poll(0) and self.clock() < until:
            self.give_way()

    def receive(self) -> bytes:
        """The next frame; ends the process when the platform is gone."""
        buffer = self.buffer
        while len(buffer) < 4:
            buffer += self._read(65536)
        size = 4 + int.from_bytes(buffer[:4], "little")
        if len(buffer) < size:
            parts, have = [buffer], len(buffer)
            while have < size:
                part = self._read(1 << 20)
                parts.append(part)
                have += len(part)
            buffer = b"".join(parts)
        self.buffer = buffer[size:]
        return buffer[4:size]

    @staticmethod
    def _read(size: int) -> bytes:
        data = os.read(3, size)
        if not data:
            os._exit(0)
        return data

    @staticmethod
    def send(kind: bytes, body: bytes) -> None:
        """Write one frame."""
        data = struct.pack("<I", len(body) + 1) + kind + body
        written = os.write(4, data)
        while written < len(data):
            written += os.write(4, data[written : written + (1 << 20)])
