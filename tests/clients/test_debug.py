"""`cloudlet invoke --debug` with the debuggers that people attach: debugpy, Node.js's own."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.clients.functions import Functions, package
from tests.clients.live import Live, clean_environment
from tests.needs import LEVEL, needs_node

pytestmark = [pytest.mark.clients, pytest.mark.timeout(90)]

PYTHON = """
def handler(event, context):
    doubled = event["n"] * 2
    return [doubled, context.function_name]
"""
NODE = """
exports.handler = (event, context, callback) => {
    callback(null, [event.n * 2, context.functionName]);
};
"""


@contextlib.contextmanager
def debugged(server: Live, function: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A running `cloudlet invoke --debug` and the port that it tells."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "cloudlet", "invoke", function, '{"n": 21}', "--debug",
         "--debug-port", str(port)],
        env={**clean_environment(), "CLOUDLET_DATA": str(server.data)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        told = process.stderr.readline()
        if "pip could not install" in told:
            pytest.skip("debugpy cannot be installed here")
        assert f"Waiting for a debugger on 127.0.0.1:{port}" in told
        yield process, port
    finally:
        process.kill()
        process.communicate()


def left(functions: Functions) -> list[str]:
    """The copies that were not deleted."""
    found = functions.client.list_functions()["Functions"]
    return [f["FunctionName"] for f in found if "-debug-" in f["FunctionName"]]


class Adapter:
    """As much of a client of the Debug Adapter Protocol as the test needs."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("rb")
        self.number = 0

    def send(self, command: str, **arguments: Any) -> None:
        self.number += 1
        request = {"seq": self.number, "type": "request", "command": command,
                   "arguments": arguments}  # fmt: skip
        body = json.dumps(request).encode()
        self.socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    def until(self, event: str) -> dict[str, Any]:
        while True:
            size = 0
            while header := self.file.readline().strip():
                size = int(header.split(b":")[1])
            message = json.loads(self.file.read(size))
            if event in (message.get("event"), message.get("command")):
                return dict(message.get("body") or {})

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def test_debugpy_stops_a_python_function_at_a_breakpoint(server: Live) -> None:
    functions = Functions(server)
    name = functions.create(PYTHON, Timeout=1)
    # Without mounts the code is where the working directory is.
    mapped = [] if LEVEL.namespaces else [{"localRoot": "/var/task", "remoteRoot": "."}]
    with (
        debugged(server, name) as (process, port),
        contextlib.closing(Adapter(port)) as adapter,
    ):
        adapter.send("initialize", adapterID="test")
        adapter.send("attach", justMyCode=False, pathMappings=mapped)
        adapter.until("initialized")
        source = {"path": "/var/task/app.py"}
        adapter.send("setBreakpoints", source=source, breakpoints=[{"line": 4}])
        adapter.send("configurationDone")
        thread = adapter.until("stopped")["threadId"]
        time.sleep(1.5)  # longer than the function's own time-out
        adapter.send("stackTrace", threadId=thread)
        frame = adapter.until("stackTrace")["stackFrames"][0]
        adapter.send("evaluate", expression="doubled", frameId=frame["id"])
        assert (frame["name"], adapter.until("evaluate")["result"]) == ("handler", "42")
        adapter.send("continue", threadId=thread)
        output, _ = process.communicate(timeout=20)
    assert (json.loads(output), process.returncode) == ([42, name], 0)
    assert left(functions) == []


@needs_node
def test_nodes_inspector_stops_before_a_node_function(server: Live) -> None:
    functions = Functions(server)
    name = functions.create(
        "", Runtime="nodejs20.x", Handler="index.handler",
        Code={"ZipFile": package({"index.js": NODE})},
    )  # fmt: skip
    with debugged(server, name) as (process, port):
        inspector = subprocess.Popen(
            ["node", "inspect", f"127.0.0.1:{port}"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
        )  # fmt: skip
        assert inspector.stdin is not None
        assert inspector.stdout is not None
        seen, deadline = b"", time.monotonic() + 20
        while b"break in" not in seen and time.monotonic() < deadline:
            if select.select([inspector.stdout], [], [], 0.2)[0]:
                seen += os.read(inspector.stdout.fileno(), 65536)
        assert b"the next step is into the function" in seen
        inspector.stdin.write(b"cont\n")
        output, _ = process.communicate(timeout=20)
        inspector.kill()
        inspector.communicate()
    assert (json.loads(output), process.returncode) == ([42, name], 0)
    assert left(functions) == []


def test_other_runtimes_are_refused_in_words(server: Live) -> None:
    functions = Functions(server)
    name = functions.create(
        "", Runtime="provided.al2023", Handler="bootstrap",
        Code={"ZipFile": package({"bootstrap": "#!/bin/sh\n"})},
    )  # fmt: skip
    command = [sys.executable, "-m", "cloudlet", "invoke", name, "--debug"]
    environment = {**clean_environment(), "CLOUDLET_DATA": str(server.data)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "--debug knows Python and Node.js" in done.stderr
