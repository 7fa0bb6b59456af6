"""The zygote: builds its jail once, then forks execution environments on request.

Started as a script with an empty environment by any Python from 3.8 on; its argument is the
number of a descriptor: a SOCK_SEQPACKET socket to the platform. First message: the
configuration (see jail.py). Then `{"fork": id, "ahead": of its use}` with the descriptors
requests, answers, log and those of control groups to join, answered by `{"forked": id}` with a
pidfd, and later `{"exited": id, "status": n}`; without pid namespaces also `{"end": id}`.

It stays in the corner (see processors.py), and preempts nobody (SCHED_BATCH): a fork cannot be
interrupted for half a millisecond.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH100, PTH103, PTH112, PTH118, PTH120, PTH123, PTH208, PTH211, UP031
from __future__ import annotations

import array
import contextlib
import gc
import importlib.util
import json
import os
import resource
import select
import signal
import socket
import sys
from typing import Any

CONTROL = int(sys.argv[1])
NICE = 10  # of zygotes and their environments: the platform goes first
PASSES = 50  # over the processes of an environment that ends
HERE = os.path.dirname(os.path.abspath(__file__))


def read(name: str) -> str:
    """A neighbour's source."""
    with open(os.path.join(HERE, name + ".py")) as file:
        return file.read()


def load(name: str, shown_as: str = "", source: str = "") -> Any:
    """Run a neighbour's source as a module that no function can import by accident."""
    module = type(sys)("_cloudlet_" + name)
    code = compile(source or read(name), shown_as or os.path.join(HERE, name + ".py"), "exec")
    exec(code, module.__dict__)  # noqa: S102
    return module


def load_all(names: list[str], environment: Any, sources: dict[str, str]) -> dict[str, Any]:
    """Modules of `environment` that know each other."""
    parts = {name: load(name, source=sources.get(name, "")) for name in names}
    for part in (environment, *parts.values()):
        vars(part).update({n: p for n, p in parts.items() if p is not part})
        vars(part).update(kernel=kernel, confinement=confinement)
    for part in parts.values():
        part.environment = environment
    return parts


kernel = load("kernel")
confinement = load("confinement")
confinement.kernel = kernel


def make_directory(path: str) -> None:
    """mkdir -p, readable by all."""
    os.makedirs(path, mode=0o755, exist_ok=True)


def build_root(config: dict[str, Any]) -> None:
    """A tmpfs root that holds read-only views of what the runtime needs, and nothing else."""
    root = config["staging"]
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("cloudlet", root, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755")
    for path in config["directories"]:
        make_directory(root + path)
    for path, target in config["links"]:
        make_directory(os.path.dirname(root + path))
        os.symlink(target, root + path)
    for path, text in config["files"].items():
        make_directory(os.path.dirname(root + path))
        with open(root + path, "w") as file:
            file.write(text)
    for source, path in config["binds"]:
        target = root + path
        if os.path.isdir(source):
            make_directory(target)
        else:
            make_directory(os.path.dirname(target))
            with open(target, "w"):
                pass
        kernel.bind(source, target, recursive=os.path.isdir(source))
    for path in config["hidden"]:
        if os.path.isdir(root + path):
            confinement.cover(root + path)
    for name in ("null", "zero", "full", "random", "urandom"):
        with open(root + "/dev/" + name, "w"):
            pass
        kernel.mount("/dev/" + name, root + "/dev/" + name, flags=kernel.MS_BIND)
    # Visible until ours is mounted over it: the kernel asks for one in a user namespace.
    kernel.mount("/proc", root + "/proc", flags=kernel.MS_BIND | kernel.MS_REC)
    kernel.pivot(root)
    kernel.protect("/", kernel.ATTR_RDONLY | kernel.ATTR_NOSUID | kernel.ATTR_NODEV)


def enter_namespaces(config: dict[str, Any], spaces: list[int]) -> None:
    """Own user, mount, pid, ipc, uts and cgroup namespaces, in the network that `spaces` (its
    owner's user namespace, then itself) are of; returns in their first process.
    """
    kernel.die_with_parent()
    rooted = os.geteuid() == 0
    if rooted:
        kernel.unshare(kernel.NEWNS)
        build_root(config)
        kernel.become(config["uid"], config["gid"])
        kernel.die_with_parent()
    if spaces:
        kernel.setns(spaces[0], kernel.NEWUSER)
        kernel.setns(spaces[1], kernel.NEWNET)
        os.close(spaces[0])
        os.close(spaces[1])
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
    if not rooted:
        build_root(config)
    socket.sethostname("localhost")
    child = os.fork()
    if child:
        os.close(CONTROL)
        _, status = os.waitpid(child, 0)
        os._exit(1 if status else 0)
    kernel.die_with_parent()
    confinement.mount_proc()


class Zygote:
    """The loop in the jail: forks, watches, reports."""

    def __init__(
        self, control: socket.socket, config: dict[str, Any], begin: Any, keep: Any = None
    ) -> None:
        self.control = control
        self.config = config
        self.begin = begin  # becomes an environment, given its descriptors
        self.keep = keep  # becomes the keeper of a template
        self.doorbell: Any = None  # of environments without the Runtime API
        self.vital = 0  # a child whose end is told
        self.children: dict[int, int] = {}
        self.isolated = config["mode"] == "namespaces"
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(self.wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake_write)
        self.own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY) if self.isolated else -1
        if not self.isolated:
            kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)

    def run(self) -> None:
        """Serve until the platform lets go of the socket."""
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.wake_read, select.POLLIN)
        ring = self.doorbell.listener.fileno() if self.doorbell else -1
        if self.doorbell:
            poll.register(ring, select.POLLIN)
        while True:
            for fd, _ in poll.poll():
                if fd == self.wake_read:
                    os.read(self.wake_read, 4096)
                    self.reap()
                elif fd == ring:
                    number = self.doorbell.answer(self.children)
                    if number:
                        self.control.send(json.dumps({"asked": number}).encode())
                elif not self.serve():
                    return

    def serve(self) -> bool:
        """Take one request; False when the platform is gone."""
        message, fds = receive(self.control)
        if not message:
            return False
        request = json.loads(message)
        if "refuse" in request:
            self.doorbell.refuse(request["refuse"])
        elif "end" in request:
            self.end(request["end"])
        elif "template" in request:
            self.fork(request["template"], fds, self.keep)
        else:
            self.fork(request["fork"], fds, self.begin, ahead=request["ahead"])
        for fd in fds:
            os.close(fd)
        return True

    def fork(self, number: int, fds: list[int], begin: Any, ahead: bool = True) -> None:
        """Start a process as pid 1 of its own pid namespace; `ahead`: nobody waits for it."""
        try:
            if self.isolated:
                kernel.unshare(kernel.NEWPID)
            pid = os.fork()
        except OSError as error:
            self.control.send(json.dumps({"failed": number, "reason": str(error)}).encode())
            return
        if pid == 0:
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                if not ahead:
                    confinement.run_on(self.config["processors"])
                begin(fds)
            except BaseException:
                os.write(2, traceback_text().encode())
                os._exit(70)
            os._exit(0)
        if self.isolated:
            kernel.setns(self.own_pids, kernel.NEWPID)
        self.children[pid] = number
        pidfd = kernel.pidfd_open(pid)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [pidfd]))]
        self.control.sendmsg([json.dumps({"forked": number}).encode()], rights)
        os.close(pidfd)

    def reap(self) -> None:
        """Report the environments that ended, and end what they leave behind."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            number = self.children.pop(pid, None)
            if pid == self.vital:
                self.control.send(json.dumps({"withered": status}).encode())
            elif number is not None:
                if self.doorbell:
                    self.doorbell.forget(number)
                self.control.send(json.dumps({"exited": number, "status": status}).encode())
        if not self.isolated:
            self.kill_orphans()

    def end_all(self) -> None:
        """Without pid namespaces nobody else ends what environments left running."""
        self.children.clear()
        try:
            while True:
                self.kill_orphans()
                os.waitpid(-1, 0)
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
        except ChildProcessError:
            return

    def end(self, number: int) -> None:
        """End an environment and all that it started, without the help of a pid namespace."""
        end_trees(lambda: [pid for pid, n in self.children.items() if n == number])

    def kill_orphans(self) -> None:
        """Without pid namespaces, what outlives its environment becomes ours: end it too."""
        end_trees(lambda: [pid for pid in children(os.getpid()) if pid not in self.children])


def end_trees(roots: Any) -> None:
    """Kill these processes and all below. Stopped first, or a fork bomb would outrun us; and
    forbidden to fork, for those whom a stopped one's sibling lets go on.
    """
    stopped: set[int] = set()
    for _ in range(PASSES):
        new: list[int] = []
        pending = roots()
        while pending:
            pid = pending.pop()
            pending += children(pid)
            if pid not in stopped:
                new.append(pid)
        if not new:
            break
        stopped.update(new)
        signal_all(new, signal.SIGSTOP)
        for pid in new:
            with contextlib.suppress(OSError):
                resource.prlimit(pid, resource.RLIMIT_NPROC, (0, 0))
    signal_all(stopped, signal.SIGKILL)


def receive(control: socket.socket) -> tuple[bytes, list[int]]:
    """The platform's next message and the descriptors that come with it."""
    fds = array.array("i")
    message, ancillary, _, _ = control.recvmsg(1 << 20, socket.CMSG_LEN(16 * fds.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    return message, list(fds)


def children(pid: int) -> list[int]:
    """The children of a process."""
    found: list[int] = []
    try:
        for thread in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/children" % (pid, thread)) as file:
                found += [int(word) for word in file.read().split()]
    except OSError:
        pass
    return found


def signal_all(pids: Any, number: int) -> None:
    """Send a signal to processes that may have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def traceback_text() -> str:
    """The current exception, in full."""
    import traceback

    return traceback.format_exc()


def prepare_interpreter(config: dict[str, Any]) -> bool:
    """Give functions a normal interpreter, with what most import already imported."""
    import site

    site.setquit()
    site.setcopyright()
    site.sethelper()
    sys.path[:] = config["sys_path"]
    for name in config["preload"]:
        importlib.import_module(name)
    try:
        for name in config["sdk_preload"]:
            importlib.import_module(name)
    except Exception:  # an older interpreter than the SDK supports: it has none then
        sys.path.remove(config["sdk_path"])
        for name in [m for m in sys.modules if m.partition(".")[0] in config["sdk"]]:
            del sys.modules[name]
        return False
    return True


def main() -> None:
    """Build the jail, say so, serve."""
    control = socket.socket(fileno=CONTROL)
    os.setpriority(os.PRIO_PROCESS, 0, max(NICE, os.getpriority(os.PRIO_PROCESS, 0)))
    message, spaces = receive(control)
    config = json.loads(message)
    os.sched_setaffinity(0, config["corner"])
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    try:
        environment = load(config["main"], "/var/runtime/bootstrap.py")
        parts = load_all(config["parts"], environment, {})
        sources = {name: read(name) for name in config["late"]}
        environment.late = lambda name: load_all(config["late"], environment, sources)[name]
        if config["mode"] == "namespaces":
            enter_namespaces(config, spaces)
        sdk = prepare_interpreter(config)
        zygote = Zygote(
            control,
            config,
            lambda fds: (confinement.adopt(fds), environment.main(config)),
            lambda fds: parts["template"].keep(config, fds, Zygote),
        )
        if "doorbell" in parts:
            zygote.doorbell = parts["doorbell"].Doorbell()
            config["doorbell"] = zygote.doorbell.address
        sys.argv[:] = ["bootstrap"]
        sys.modules["__main__"] = type(sys)("__main__")
        gc.collect()
        gc.freeze()
    except BaseException:
        control.send(json.dumps({"fatal": traceback_text()[-8000:]}).encode())
        os._exit(1)
    control.send(json.dumps({"ready": True, "sdk": sdk}).encode())
    with contextlib.suppress(ConnectionError):  # it was killed, with messages unread
        zygote.run()
    if not zygote.isolated:
        zygote.end_all()
    os._exit(0)


main()
