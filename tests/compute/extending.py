"""Layers with extensions, for the tests."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

EXTENSION = f"""#!{Path(sys.executable).resolve()} -ISu
import http.client, json, os, signal, socket, sys, threading, time
NAME = os.path.basename(sys.argv[0])
def request(method, path, body=None, headers={{}}):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers
def call(method, path, body=None, headers={{}}):
    return request(method, "/2020-01-01/extension/" + path, body, headers)
def register(*events, **headers):
    global key
    headers = {{"Lambda-Extension-Name": NAME, **headers}}
    status, body, found = call("POST", "register", json.dumps({{"events": events}}), headers)
    key = {{"Lambda-Extension-Identifier": found["Lambda-Extension-Identifier"]}}
    return json.loads(body)
def next_event():
    return json.loads(call("GET", "event/next", headers=key)[1])
"""
WATCHER = """
document = register("INVOKE", "SHUTDOWN", **{"Lambda-Extension-Accept-Feature": "accountId"})
print("registered", json.dumps(document, sort_keys=True))
print("handler", os.environ.get("_HANDLER"), "colour", os.environ["COLOUR"])
while True:
    event = next_event()
    print("event", json.dumps(event, sort_keys=True))
    if event["eventType"] == "SHUTDOWN":
        break
    open(os.environ.get("TMPDIR", "/tmp") + "/seen", "a").write(event["requestId"] + ";")
"""


def layer(bench: Any, name: str = "watcher", source: str = WATCHER, **files: str) -> Path:
    """A layer with one extension, and other executables by name."""
    folder: Path = bench.code_root / f"layer-{name}"
    (folder / "extensions").mkdir(parents=True, exist_ok=True)
    files[f"extensions/{name}"] = EXTENSION + source
    for path, text in files.items():
        (folder / path).write_text(text)
        (folder / path).chmod(0o755)
    return folder


async def line(bench: Any, part: str) -> str:
    """The first line of the log with this part, when it is there."""
    for _ in range(500):
        for text in bench.log.texts:
            if part in text:
                return str(text)
        await asyncio.sleep(0.01)
    raise AssertionError(f"no line {part!r} in {bench.log.texts}")
