"""A version's template: a jailed process that has made the version's imports, and is forked.

Three kinds of processes. The keeper (pid 1 of the template's pid namespace, trusted, never runs
code of the function) answers the platform as a zygote does. The template (untrusted: the imports
ran in it) is sealed like an environment, but keeps the right to enter namespaces it is handed
(CAP_SYS_ADMIN in the jail's user namespace, with every call that could use it but setns refused
by seccomp). For each environment the keeper forks a holder, which makes the namespaces, hands
them to the template, seals itself, and stays their first process; the template's child enters
them, gives up the rest of its rights, and waits for its particulars as a blank does.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH208, S108, UP031
from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import select
import socket
import sys
import time
import traceback
from typing import Any

kernel: Any = None
confinement: Any = None
environment: Any = None
learning: Any = None
snapstart: Any = None

_RIGHTS = (18, 21)  # CAP_SYS_CHROOT and CAP_SYS_ADMIN: what setns(2) asks for
_NAMESPACES = ("mnt", "ipc", "uts", "pid")
_SOCKET, _OWN_PIDS, _LOG = 3, 4, 4  # the log's descriptor is given up before the other is there
_STATUS_WAIT_MS = 200
_READY = b"ready "


def place(fd: int, number: int) -> None:
    """Give a descriptor a number."""
    if fd != number:
        os.dup2(fd, number, inheritable=False)


def keep(config: dict[str, Any], fds: list[int], zygote: Any) -> None:
    """The keeper: prepares the mounts and the template, then forks holders on request."""
    for group in fds[2:]:
        os.write(group, b"0")
    moved = [os.dup2(fd, 100 + number) for number, fd in enumerate(fds[:2])]
    place(moved[0], 3)
    place(moved[1], _LOG)
    kernel.close_from(_LOG + 1)
    os.set_blocking(3, True)
    control = socket.socket(fileno=3)
    spec = json.loads(control.recv(1 << 20))
    confinement.enter(config, spec["tmp_mb"])
    confinement.bind_function(config, dict(spec, tmp_mb=confinement.DEFAULT_TMP_MB))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # Pid 2 is every environment's; a template of another pid keeps "is this still my process,
    # or a fork of it?" true in libraries that ask by pid.
    if os.fork() == 0:
        os._exit(0)
    os.wait()
    pid = os.fork()
    if pid == 0:
        ours.close()
        try:
            grow(config, spec, theirs)
        except BaseException:
            with contextlib.suppress(OSError):
                os.write(_SOCKET, traceback.format_exc()[-4000:].encode())
        finally:
            os._exit(70)
    theirs.close()
    os.close(_LOG)
    answer = ours.recv(8192)
    try:
        ready = {"ready": True, "import_ms": float(answer[len(_READY) :])}
        if not answer.startswith(_READY):
            raise ValueError
    except ValueError:
        reason = answer.decode("utf-8", "replace") or (
            snapstart.ENDED if spec["snap_start"] else "it ended during the imports"
        )
        control.send(json.dumps({"fatal": reason}).encode())
        os._exit(0)
    control.send(json.dumps(ready).encode())
    keeper = zygote(control, config, lambda fds: hold(config, spec, fds, ours))
    keeper.vital = pid
    keeper.run()
    os._exit(0)


def hold(config: dict[str, Any], spec: dict[str, Any], fds: list[int], template: Any) -> None:
    """The holder: first process of an environment's namespaces; ends as the environment does."""
    for group in fds[3:]:
        os.write(group, b"0")
    confinement.enter(config, spec["tmp_mb"])
    ended, status = os.pipe()
    namespaces = [os.open("/proc/self/ns/" + name, os.O_RDONLY) for name in _NAMESPACES]
    handed = [*fds[:3], *namespaces, status, *fds[3:]]
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", handed))]
    template.sendmsg([b"fork"], rights)
    place(ended, 3)
    place(fds[1], 4)
    kernel.close_from(5)
    confinement.limit(config)
    confinement.seal(config, spec)
    if os.read(3, 1) != b"f":
        os._exit(70)
    poll = select.poll()
    poll.register(kernel.pidfd_open(2), select.POLLIN)
    watching = poll.poll()
    poll = select.poll()
    poll.register(3, select.POLLIN)
    told = os.read(3, 4) if watching and poll.poll(_STATUS_WAIT_MS) else b""
    if len(told) == 4:
        with contextlib.suppress(OSError):
            confinement.Channel.send(b"W", told)
    os._exit(1)


def grow(config: dict[str, Any], spec: dict[str, Any], control: Any) -> None:
    """The template: seals itself, makes the imports, then forks environments for ever."""
    kernel.die_with_parent()
    os.dup2(os.open("/dev/null", os.O_RDWR), 0)
    os.dup2(_LOG, 1)
    os.dup2(_LOG, 2)
    place(control.fileno(), _SOCKET)
    place(os.open("/proc/self/ns/pid", os.O_RDONLY), _OWN_PIDS)
    kernel.close_from(_OWN_PIDS + 1)
    control.detach()
    control = socket.socket(fileno=_SOCKET)
    confinement.limit(config)
    confinement.limit_data(os.getpid(), spec["data_limit_mb"])
    kernel.drop_privileges(_RIGHTS)
    kernel.landlock([], ["/"], [])
    kernel.seccomp(("setns",))
    environment.prepare()
    environment.become_function(config, spec)
    started = time.perf_counter()
    if spec["snap_start"]:
        reason = snapstart.initialise(spec["handler"])
    else:
        reason = import_all(spec)
    reason = reason or left_files() or learning.unforkable((0, 1, 2, _SOCKET, _OWN_PIDS))
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(0, 1)
    os.dup2(0, 2)
    if reason:
        control.send(reason[:4000].encode("utf-8", "replace"))
        os._exit(0)
    took_ms = (time.perf_counter() - started) * 1000
    gc.collect()
    gc.freeze()
    control.send(b"%s%.1f" % (_READY, took_ms))
    serve(config, spec, control)


def import_all(spec: dict[str, Any]) -> str:
    """Import the learned modules; why they may not be shared, or ""."""
    environ = dict(os.environ)
    learning.watch()
    for name in spec["modules"]:
        if name not in sys.modules:
            try:
                importlib.import_module(name)
            except Exception:  # noqa: S112 - an environment will meet the same, at its place
                continue
    asked = learning.unwatch()
    if asked:
        return "an import reads %s, which each environment has of its own" % ", ".join(
            sorted(asked)
        )
    if learning.changed(environ) != spec["changed"]:
        return "the function changes its environment variables while it is initialised"
    origins = learning.Origins("/var/task", spec["handler"])
    own = [n for n, module in list(sys.modules.items()) if origins.is_own(n, module)]
    if own:
        return "an import reaches the function's own module %s" % own[0]
    return ""


def left_files() -> str:
    """The folder in which files were left, that an environment would not have, or ""."""
    for folder in ("/tmp", "/dev/shm"):
        if os.listdir(folder):
            return "an import leaves files in %s" % folder
    return ""


def serve(config: dict[str, Any], spec: dict[str, Any], control: Any) -> None:
    """Fork an environment for each holder that asks; tell holders how theirs ended."""
    children: dict[int, tuple[int, int]] = {}
    poll = select.poll()
    poll.register(control, select.POLLIN)
    while True:
        for ready, _ in poll.poll():
            if ready == control.fileno():
                fds = array.array("i")
                message, ancillary, _, _ = control.recvmsg(64, socket.CMSG_LEN(16 * fds.itemsize))
                if not message:
                    os._exit(0)
                for level, kind, data in ancillary:
                    if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                        fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
                pid = fork(config, spec, list(fds))
                status = fds[7]
                for fd in fds:
                    if fd != status or not pid:
                        os.close(fd)
                if pid:
                    os.write(status, b"f")
                    pidfd = kernel.pidfd_open(pid)
                    children[pidfd] = pid, status
                    poll.register(pidfd, select.POLLIN)
            else:
                poll.unregister(ready)
                pid, status = children.pop(ready)
                os.close(ready)
                _, ended = os.waitpid(pid, 0)
                with contextlib.suppress(OSError):  # the holder is gone first
                    os.write(status, ended.to_bytes(4, "little"))
                os.close(status)


def fork(config: dict[str, Any], spec: dict[str, Any], fds: list[int]) -> int:
    """The pid of a new environment in the namespaces among `fds`; 0 where it failed."""
    mounts, ipc, uts, pids = fds[3:7]
    pid = 0
    try:
        kernel.setns(pids, kernel.NEWPID)
        pid = os.fork()
    except OSError:
        kernel.setns(_OWN_PIDS, kernel.NEWPID)
        return 0
    if pid == 0:
        try:
            for group in fds[8:]:
                os.write(group, b"0")
            kernel.setns(mounts, kernel.NEWNS)
            kernel.setns(ipc, kernel.NEWIPC)
            kernel.setns(uts, kernel.NEWUTS)
            confinement.begin_session()
            confinement.adopt(fds[:3])
            environment.main_from_template(config, spec)
        finally:
            os._exit(70)
    kernel.setns(_OWN_PIDS, kernel.NEWPID)
    return pid
