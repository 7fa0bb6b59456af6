"""One Node.js execution environment: this launcher is its first process, Node its child.

Node is started, sealed, before the function is known; then the launcher, which still may,
binds the function into the mounts they share, hands Node the particulars on descriptor 5,
seals itself and waits. Runs in a process forked from the zygote (which sets `confinement` and
`kernel`).
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
from __future__ import annotations

import json
import os
import signal
import traceback
from typing import Any

confinement: Any = None
kernel: Any = None


def start_node(
    config: dict[str, Any], spec: dict[str, Any], environ: dict[str, str]
) -> tuple[int, int]:
    """(pid, where to write the particulars) of a sealed Node that waits for them."""
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
            confinement.limit(config)
            confinement.seal(config, spec)
            command = [config["executable"], "--no-warnings", config["bootstrap"]]
            os.execve(config["executable"], command, environ)  # noqa: S606
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        os._exit(70)
    os.close(read)
    return pid, write


def main(config: dict[str, Any]) -> None:
    """From a blank environment to a serving one; ends when Node does."""
    channel = confinement.Channel()
    try:
        confinement.enter(config)
        pid, write = 0, -1
        if config["mode"] == "namespaces":
            pid, write = start_node(config, {}, {})
        spec = json.loads(channel.receive()[1:])
        confinement.bind_function(config, spec)
        # Node reads its options at its start only; without mounts of its own it is sealed late.
        if pid == 0 or "NODE_OPTIONS" in spec["environ"]:
            if pid:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                os.close(write)
            pid, write = start_node(config, spec, spec["environ"])
        confinement.limit_data(pid, spec["data_limit_mb"])
        confinement.limit(config)
        confinement.seal(config, spec)
        particulars = dict(spec, task=spec["code"] if config["mode"] == "plain" else "/var/task")
        with os.fdopen(write, "wb") as pipe:
            pipe.write(json.dumps(particulars).encode())
    except BaseException:
        channel.send(b"X", traceback.format_exc().encode())
        os._exit(70)
    kernel.close_from(3)
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            os._exit(128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else status >> 8)
