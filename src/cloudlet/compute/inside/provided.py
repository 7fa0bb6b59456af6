"""One environment of a custom runtime: this launcher is its first process and serves the Runtime
API, the function's `bootstrap` is its child.

Runs in a process forked from the zygote (which sets `confinement`, `kernel` and `api`). The
launcher gives up its rights before it starts anything, all but the sight of its descendants'
descriptors (Landlock would take it), by which it knows whose sockets connect to it; what it
starts gives up that too, and cannot trace the launcher.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH208, PTH113, UP031
from __future__ import annotations

import json
import os
import signal
import traceback
from typing import Any

confinement: Any = None
kernel: Any = None
api: Any = None


def prepare_environment(
    config: dict[str, Any], channel: Any, server: Any
) -> tuple[dict[str, Any], str, list[str]]:
    """Take the function, bind it, seal; (its particulars, its task folder, roots of layers)."""
    confinement.enter(config)
    address = server.listen()
    spec = json.loads(channel.receive()[1:])
    confinement.bind_function(config, spec)
    confinement.limit(config)
    confinement.limit_data(os.getpid(), spec["data_limit_mb"])
    confinement.renounce(config)
    kernel.seccomp()
    spec["environ"]["AWS_LAMBDA_RUNTIME_API"] = address
    isolated = config["mode"] == "namespaces"
    layers = ["/opt"] if isolated else list(reversed(spec["layers"]))
    spec["extensions"] = external_extensions(layers)
    return spec, "/var/task" if isolated else spec["code"], layers


def external_extensions(layers: list[str]) -> list[str]:
    """The executables of the layers' folders `extensions`, in the order of their names."""
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


def spawn(command: list[str], environ: dict[str, str], folder: str, fence: Any) -> int:
    """Start a fenced child whose output is the log; raises OSError where it cannot run."""
    read, write = os.pipe()  # inherited by nobody: closed by a successful exec
    pid = os.fork()
    if pid == 0:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            kernel.die_with_parent()
            os.chdir(folder)
            fence()
            os.execve(command[0], command, environ)  # noqa: S606
        except OSError as error:
            os.write(write, str(error.errno or 0).encode())
        os._exit(70)
    os.close(write)
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
            return spawn([paths[0]], spec["environ"], task, fence)
        except OSError as error:
            reason = "fork/exec %s: %s" % (paths[0], error.strerror)
    message = "RequestId: %s Error: %s" % (spec["request_id"], reason)
    os.write(2, ("%s\nRuntime.InvalidEntrypoint\n" % message).encode())
    document = {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": message}
    server.fail_initialisation(json.dumps(document).encode())
    return 0


def main(config: dict[str, Any]) -> None:
    """From a blank environment to a serving one; ends when the bootstrap does."""
    channel = confinement.Channel()
    server = api.Server(channel, {})
    try:
        spec, task, layers = prepare_environment(config, channel, server)
    except BaseException:
        channel.send(b"X", traceback.format_exc().encode())
        os._exit(70)
    server.spec = spec

    def fence() -> None:
        confinement.fence(config, spec)

    server.extensions.launch = lambda path: spawn([path], spec["environ"], task, fence)
    server.start_runtime = lambda: start_bootstrap(server, task, layers, fence)
    server.run()
