"""Starts a built-in runtime behind the launcher: the same bootstraps as without one, their frames
on pipes of the launcher's. Python is forked from what the zygote has ready; Node.js and Java, and
Python under a wrapper script, are executed with the function's variables.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH113, UP031
from __future__ import annotations

import json
import os
import traceback
from typing import Any

confinement: Any = None
kernel: Any = None
environment: Any = None
framed: Any = None
launcher: Any = None

_WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"


def start(server: Any, config: dict[str, Any], task: str, layers: list[str], fence: Any) -> int:
    """The pid of the runtime; 0 where it could not be started, which is told."""
    spec = server.spec
    requests_read, requests_write = os.pipe()
    answers_read, answers_write = os.pipe()
    child = launcher.Child(server, "function", task, fence)
    child.given = {3: requests_read, 4: answers_write}
    wrapper = spec["environ"].get(_WRAPPER, "")
    if config["family"] == "python" and not wrapper:
        pid = fork_python(config, spec, child)
    elif wrapper and (problem := unusable(wrapper)):
        pid = fail(child, "%s: %s" % (wrapper, problem[0]), problem[1])
    else:
        pid = execute(server, config, child, wrapper, layers)
    if pid:
        server.framed = framed.FramedRuntime(server, requests_write, answers_read)
        if config["family"] != "python":
            confinement.limit_data(pid, spec["data_limit_mb"])
    return pid


def unusable(wrapper: str) -> tuple[str, int] | None:
    """What is wrong with a wrapper script, and the exit status that tells of it."""
    if not os.path.isfile(wrapper):
        return "does not exist", 127
    return None if os.access(wrapper, os.X_OK) else ("is not an executable", 126)


def fail(child: Any, line: str, status: int) -> int:
    """A runtime that ends at once, with a line in the log."""
    pid = os.fork()
    if pid == 0:
        os.write(child.output, (line + "\n").encode())
        os._exit(status)
    child.let_go()
    return pid


def fork_python(config: dict[str, Any], spec: dict[str, Any], child: Any) -> int:
    """The interpreter as the zygote prepared it."""
    pid = os.fork()
    if pid == 0:
        try:
            child.settle()
            kernel.close_from(5)
            for number in (3, 4):
                os.set_inheritable(number, False)
            environment.begin(confinement.Channel(), config, spec)
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        os._exit(70)
    child.let_go()
    return pid


def execute(
    server: Any, config: dict[str, Any], child: Any, wrapper: str, layers: list[str]
) -> int:
    """A program that reads its particulars from descriptor 5, its variables from its own
    environment: a wrapper script may have changed them.
    """
    spec = server.spec
    read, write = os.pipe()
    child.given[5] = read
    command = config["command"]
    if wrapper:
        command = [wrapper, *command]
    try:
        pid = launcher.spawn(command, spec["environ"], child)
    except OSError as error:
        os.close(write)
        message = "RequestId: %s Error: fork/exec %s: %s" % (
            spec["request_id"], command[0], error.strerror,
        )  # fmt: skip
        document = {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": message}
        server.fail_initialisation(json.dumps(document).encode())
        return 0
    particulars = dict(spec, task=child.task, roots=layers, environ=None)
    particulars["config"] = {name: config[name] for name in ("mode", "sdk", "doorbell")}
    try:
        with os.fdopen(write, "wb") as pipe:
            pipe.write(json.dumps(particulars).encode())
    except OSError:  # it ended already, which its status tells
        pass
    return int(pid)
