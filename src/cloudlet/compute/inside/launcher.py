"""The first process of an environment that has the Runtime API: it serves that, and starts the
extensions and the runtime as its children.

Custom runtimes always run so. Built-in ones do where extensions or a wrapper script ask for it: a
blank of theirs that is given such a function becomes a launcher (`serve`). Runs in a process
forked from the zygote, which sets the modules below. The launcher gives up its rights before it
starts anything, all but the sight of its descendants' descriptors (Landlock would take it), by
which it knows whose sockets connect to it; what it starts gives up that too, and cannot trace the
launcher.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH208, PTH113, UP031
from __future__ import annotations

import fcntl
import json
import os
import signal
import traceback
from typing import Any

confinement: Any = None
kernel: Any = None
api: Any = None
builtin: Any = None
extensions: Any = None


def external_extensions(layers: list[str]) -> list[str]:
    """The files of the layers' folders `extensions`, in the order of their names."""
    found: dict[str, str] = {}
    for layer in layers:
        folder = layer + "/extensions"
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            if os.path.isfile(folder + "/" + name):
                found.setdefault(name, folder + "/" + name)
    return [found[name] for name in sorted(found)]


class Child:
    """What a child gets: its folder, its output, descriptors by number, the fence around it."""

    def __init__(self, server: Any, kind: str, task: str, fence: Any) -> None:
        self.task, self.fence = task, fence
        self.output = server.outlets.make(kind)
        self.given: dict[int, int] = {}

    def settle(self) -> None:
        """Called in the child: become it."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        kernel.die_with_parent()
        high = {n: fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for n, fd in self.given.items()}
        for number in (1, 2):
            os.dup2(self.output, number)
        for number, fd in high.items():
            os.dup2(fd, number)
            os.close(fd)
        os.chdir(self.task)
        self.fence()

    def let_go(self) -> None:
        """Called in the launcher: the child has its own."""
        for fd in [self.output, *self.given.values()]:
            os.close(fd)


def spawn(command: list[str], environ: dict[str, str], child: Child) -> int:
    """Start a program; raises OSError where it cannot run."""
    read, write = os.pipe()  # inherited by nobody: closed by a successful exec
    pid = os.fork()
    if pid == 0:
        try:
            write = fcntl.fcntl(write, fcntl.F_DUPFD_CLOEXEC, 200)
            child.settle()
            os.execve(command[0], command, environ)  # noqa: S606
        except OSError as error:
            os.write(write, str(error.errno or 0).encode())
        os._exit(70)
    os.close(write)
    child.let_go()
    number = os.read(read, 16)
    os.close(read)
    if number:
        os.waitpid(pid, 0)
        raise OSError(int(number), os.strerror(int(number)).lower())
    return pid


def start_bootstrap(server: Any, task: str, layers: list[str], fence: Any) -> int:
    """Execute `bootstrap` of the code, else of the layers; 0 where there is none to execute."""
    spec = server.spec
    tried = [task + "/bootstrap"] + [layer + "/bootstrap" for layer in layers]
    paths = [path for path in tried if os.path.isfile(path)]
    if not paths:
        shown = "/var/task/bootstrap /opt/bootstrap"
        reason = "Couldn't find valid bootstrap(s): [%s]" % shown
    else:
        try:
            child = Child(server, "function", task, fence)
            return spawn([paths[0]], spec["environ"], child)
        except OSError as error:
            reason = "fork/exec %s: %s" % (paths[0], error.strerror)
    message = "RequestId: %s Error: %s" % (spec["request_id"], reason)
    os.write(2, ("%s\nRuntime.InvalidEntrypoint\n" % message).encode())
    document = {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": message}
    server.fail_initialisation(json.dumps(document).encode())
    return 0


def serve(config: dict[str, Any], server: Any, spec: dict[str, Any]) -> None:
    """From an environment with its function bound to a serving one; ends with its runtime."""
    try:
        confinement.limit(config)
        confinement.renounce(config)
        kernel.seccomp()
        spec["environ"]["AWS_LAMBDA_RUNTIME_API"] = server.address or server.listen()
        isolated = config["mode"] == "namespaces"
        task = "/var/task" if isolated else spec["code"]
        layers = ["/opt"] if isolated else list(reversed(spec["layers"]))
        spec["extensions"] = external_extensions(layers)
    except BaseException:
        server.channel.send(b"X", traceback.format_exc().encode())
        os._exit(70)
    server.spec = spec

    def fence() -> None:
        confinement.fence(config, spec)

    def launch(path: str) -> int:
        child = Child(server, "extension", task, fence)
        return spawn([path], extensions.environ(spec), child)

    def start_runtime() -> int:
        if config["family"] == "provided":
            return start_bootstrap(server, task, layers, fence)
        return int(builtin.start(server, config, task, layers, fence))

    server.extensions.launch = launch
    server.start_runtime = start_runtime
    server.run()


def take_over(config: dict[str, Any], channel: Any, spec: dict[str, Any]) -> None:
    """A blank of a built-in runtime, its function bound, becomes a launcher."""
    serve(config, api.Server(channel, {}), spec)


def main(config: dict[str, Any]) -> None:
    """The environment of a custom runtime, from a blank on."""
    channel = confinement.Channel()
    server = api.Server(channel, {})
    try:
        confinement.enter(config)
        server.listen()
        spec = json.loads(channel.receive()[1:])
        confinement.run_on(spec["processors"])
        confinement.bind_function(config, spec)
        confinement.limit_data(os.getpid(), spec["data_limit_mb"])
    except BaseException:
        channel.send(b"X", traceback.format_exc().encode())
        os._exit(70)
    serve(config, server, spec)
