"""One environment of Node.js or Java: this launcher is its first process, the runtime its child.

The runtime is started, sealed, before the function is known; then the launcher, which still may,
binds the function into the mounts they share, hands the runtime the particulars on descriptor 5,
seals itself and waits. Runs in a process forked from the zygote (which sets `confinement` and
`kernel`).
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH208, PTH211
from __future__ import annotations

import json
import os
import signal
import traceback
from typing import Any

confinement: Any = None
kernel: Any = None
late: Any = None  # gives a module that few environments need

FLAGS = 6  # nosuid, nodev

# What a runtime shall find before it knows its function: a zone, where libraries are.
EARLY = {
    "TZ": ":UTC",
    "LANG": "en_US.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
    "LD_LIBRARY_PATH": "/var/task:/var/task/lib:/opt/lib",
}


def show_code(code: str) -> None:
    """The working folder of a process that cannot change it was /var/task before the code came
    there: it gets links to what the code's folder holds.
    """
    for name in os.listdir(code):
        os.symlink("/var/task/" + name, "/var/task/" + name)
    kernel.protect("/var/task", kernel.ATTR_RDONLY)


def start_runtime(
    config: dict[str, Any], spec: dict[str, Any], environ: dict[str, str]
) -> tuple[int, int]:
    """(pid, where to write the particulars) of a sealed runtime that waits for them."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            kernel.die_with_parent()
            os.dup2(read, 105)
            os.dup2(105, 5)
            for fd in (3, 4, 5):
                os.set_inheritable(fd, True)
            kernel.close_from(6)
            if config["mode"] == "plain":
                os.chdir(spec["code"])
            elif config["own_folder"]:
                os.chdir("/var/task")
            confinement.limit(config)
            confinement.seal(config, spec)
            os.execve(config["command"][0], config["command"], environ)  # noqa: S606
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        os._exit(70)
    os.close(read)
    return pid, write


def has_ended(pid: int) -> bool:
    """Whether a runtime that was started ahead did not live: it lacked processes or memory.

    Its first thread has no memory any more a moment before the others allow to wait for it.
    """
    ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    return ended is not None or confinement.data_bytes(pid) is None


def end(pid: int) -> None:
    """End a runtime, if it has not."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def tell(write: int, particulars: bytes) -> None:
    """Give a runtime its function. How one ended that does not take it, is waited for like others'
    ends.
    """
    try:
        with os.fdopen(write, "wb") as pipe:
            pipe.write(particulars)
    except BrokenPipeError:
        pass


def main(config: dict[str, Any]) -> None:
    """From a blank environment to a serving one; ends when the runtime does."""
    channel = confinement.Channel()
    try:
        confinement.enter(config)
        if config["own_folder"]:
            kernel.mount("folder", "/var/task", "tmpfs", FLAGS, "size=1m,mode=755")
        pid, write = 0, -1
        if config["mode"] == "namespaces":
            pid, write = start_runtime(config, {}, dict(EARLY))
        spec = json.loads(channel.receive()[1:])
        confinement.run_on(spec["processors"])
        # Some options are read at the start only; without mounts of its own it is sealed late.
        anew = spec["served"] or any(name in spec["environ"] for name in config["options"])
        if pid and (anew or has_ended(pid)):
            end(pid)
            os.close(write)
            pid = 0
        elif config["own_folder"]:
            show_code(config["store"] + spec["code"])
        if pid:
            confinement.run_on(spec["processors"], pid)
        confinement.bind_function(config, spec)
        spec["environ"].setdefault("AWS_LAMBDA_RUNTIME_API", config["doorbell"])
        if spec["served"]:
            late("launcher").take_over(config, channel, spec)
        if pid == 0:
            pid, write = start_runtime(config, spec, spec["environ"])
        confinement.limit_data(pid, spec["data_limit_mb"])
        confinement.limit(config)
        confinement.seal(config, spec)
        isolated = config["mode"] == "namespaces"
        task = "/var/task" if isolated else spec["code"]
        roots = ["/opt"] if isolated else list(reversed(spec["layers"]))
        particulars = dict(spec, task=task, roots=roots)
        tell(write, json.dumps(particulars).encode())
    except BaseException:
        channel.send(b"X", traceback.format_exc().encode())
        os._exit(70)
    os.close(3)
    kernel.close_from(5)
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            channel.send(b"W", status.to_bytes(4, "little"))
            os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else status >> 8)
