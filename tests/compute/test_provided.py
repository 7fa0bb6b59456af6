from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.needs import LEVEL

from cloudlet.compute.environment import EnvironmentSpec, Invocation

PROVIDED = {"runtime": "provided.al2023", "file": "bootstrap"}
# A runtime that gives the event's `do` to exec, with what it needs at hand.
RUNTIME = f"""#!{Path(sys.executable).resolve()} -ISu
import base64, http.client, json, os, sys, time
API = os.environ["AWS_LAMBDA_RUNTIME_API"]
def call(method, path, body=None, headers={{}}, **more):
    connection = http.client.HTTPConnection(API, timeout=20)
    connection.request(method, path, body, headers, **more)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers
BASE = "/2018-06-01/runtime/"
def post(id, kind, body, headers={{}}):
    return call("POST", BASE + "invocation/" + id + "/" + kind, body, headers)[:2]
SETUP
while True:
    status, event, headers = call("GET", BASE + "invocation/next")
    id = headers["Lambda-Runtime-Aws-Request-Id"]
    names = dict(globals(), event=json.loads(event))
    exec(names["event"]["do"], names)
    if "answer" in names:
        post(id, "response", json.dumps(names["answer"]).encode())
"""


def provided(bench: Any, setup: str = "", name: str = "fn", **changes: Any) -> EnvironmentSpec:
    source = RUNTIME.replace("SETUP", setup)
    spec: EnvironmentSpec = bench.function(source, name, **(PROVIDED | changes))
    (spec.code / "bootstrap").chmod(0o755)
    return spec


@pytest.mark.parametrize("namespaces", [True, False])
async def test_event_headers_variables_and_reuse(make_bench: Any, namespaces: bool) -> None:
    bench = await make_bench(reserve=1, namespaces=namespaces)
    spec = provided(bench)
    do = """
print("one line")
answer = [dict(headers), os.getcwd() == os.environ["LAMBDA_TASK_ROOT"], os.environ["COLOUR"],
          "AWS_EXECUTION_ENV" in os.environ, os.getpid()]
"""
    outcome = await bench.invoke(spec, {"do": do}, client_context='{"custom":\n{"ä": 1}}')
    headers, in_task, colour, execution, pid = json.loads(outcome.payload)
    assert (in_task, colour, execution) == (True, "blue", False)
    assert headers["Lambda-Runtime-Aws-Request-Id"] == "request-1"
    assert headers["Lambda-Runtime-Invoked-Function-Arn"].endswith(":function:fn")
    assert headers["Lambda-Runtime-Trace-Id"] == "Root=1-0-0"
    assert 0 < int(headers["Lambda-Runtime-Deadline-Ms"]) < 1 << 50
    context = headers["Lambda-Runtime-Client-Context"].encode("latin-1").decode()
    assert json.loads(context) == {"custom": {"ä": 1}}
    assert (await bench.call(spec, {"do": "answer = os.getpid()"})) == pid
    assert "one line" in bench.log.texts
    assert bench.log.texts[0].startswith("INIT_START Runtime Version: provided:al2023\t")


async def test_errors_of_the_function_and_of_the_runtime(bench: Any) -> None:
    spec = provided(bench)
    document = {"errorType": "Mine", "errorMessage": "no", "stackTrace": ["a"]}
    do = f"post(id, 'error', json.dumps({document}).encode())"
    outcome = await bench.invoke(spec, {"do": do})
    assert (json.loads(outcome.payload), outcome.error) == (document, "Unhandled")
    header = "{'Lambda-Runtime-Function-Error-Type': 'Runtime.Other'}"
    answer = await bench.call(spec, {"do": f"post(id, 'error', b'no json', {header})"})
    assert answer["errorType"] == "Runtime.Other"
    answer = await bench.call(spec, {"do": "os._exit(3)"})
    assert answer["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")
    answer = await bench.call(spec, {"do": "os.kill(os.getpid(), 11)"})
    assert "signal: segmentation fault" in answer["errorMessage"]
    slow = provided(bench, name="slow", timeout_s=0.5)
    assert (await bench.call(slow, {"do": "time.sleep(9)"}))["errorType"] == "Sandbox.Timedout"


@pytest.mark.parametrize(
    ("setup", "kind"),
    [
        ('call("POST", BASE + "init/error", b\'{"errorType": "Init.Mine"}\'); sys.exit(1)',
         "Init.Mine"),
        ("sys.exit(5)", "Runtime.ExitError"),
        (None, "Runtime.InvalidEntrypoint"),
    ],
)  # fmt: skip
async def test_initialisations_that_fail(bench: Any, setup: str | None, kind: str) -> None:
    spec = provided(bench, setup or "")
    if setup is None:
        (spec.code / "bootstrap").unlink()
    assert (await bench.call(spec))["errorType"] == kind


async def test_a_file_that_cannot_be_executed(bench: Any) -> None:
    spec = provided(bench)
    (spec.code / "bootstrap").write_bytes(b"\x7fELF nothing")
    answer = await bench.call(spec)
    assert answer["errorType"] == "Runtime.InvalidEntrypoint"
    code = "/var/task" if LEVEL.namespaces else spec.code
    assert f"fork/exec {code}/bootstrap: exec format error" in answer["errorMessage"]


async def test_the_bootstrap_of_a_layer(bench: Any) -> None:
    spec = provided(bench)
    layer = spec.code.parent / "layer"
    layer.mkdir()
    (spec.code / "bootstrap").rename(layer / "bootstrap")
    spec = provided(bench, name="layered", layers=(layer,))
    (spec.code / "bootstrap").unlink()
    opt = "/opt" if LEVEL.namespaces else layer
    assert await bench.call(spec, {"do": "answer = sys.argv[0]"}) == f"{opt}/bootstrap"


@pytest.mark.parametrize(
    ("do", "status", "kind"),
    [
        ('post("other", "response", b"1")', 400, "InvalidRequestID"),
        ('call("GET", BASE + "invocation/next")', 403, "InvalidStateTransition"),
        ('call("POST", BASE + "init/error", b"{}")', 403, "InvalidStateTransition"),
        ('call("GET", BASE + "restore/next")', 403, "InvalidStateTransition"),
        ('call("GET", BASE + "elsewhere")', 404, None),
        ('call("DELETE", BASE + "invocation/next")', 405, None),
        ('call("GET", "/2020-01-01/extension/event/next")', 403,
         "Extension.MissingExtensionIdentifier"),
        ('call("POST", "/2020-01-01/extension/register", b"{}")', 403,
         "Extension.InvalidExtensionName"),
        (('call("POST", "/2020-01-01/extension/register", b\'{"events": ["SHUTDOWN"]}\','
         ' {"Lambda-Extension-Name": "late"})'), 403, "Extension.InvalidEventType"),
        (('call("POST", "/2020-01-01/extension/register", b\'{"events": ["INVOKE"]}\','
         ' {"Lambda-Extension-Name": "late"})'), 403, "Extension.RegistrationClosed"),
    ],
)  # fmt: skip
async def test_requests_that_are_refused(
    bench: Any, do: str, status: int, kind: str | None
) -> None:
    spec = provided(bench)
    found = await bench.call(spec, {"do": f"answer = [x if type(x) is int else x.decode() "
                                          f"for x in {do}[:2]]"})  # fmt: skip
    assert found[0] == status
    assert kind is None or json.loads(found[1])["errorType"] == kind


async def test_a_response_that_is_too_large(bench: Any) -> None:
    do = "print(post(id, 'response', b'[' + b' ' * (7 << 20) + b']'))"
    outcome = await bench.invoke(provided(bench), {"do": do})
    assert json.loads(outcome.payload)["errorType"] == "Function.ResponseSizeTooLarge"
    assert (await bench.call(provided(bench), {"do": "answer = 1"})) == 1
    assert any("(413" in text and "RequestEntityTooLarge" in text for text in bench.log.texts)


async def test_a_response_mode_that_is_unknown(bench: Any) -> None:
    header = "{'Lambda-Runtime-Function-Response-Mode': 'other'}"
    outcome = await bench.invoke(
        provided(bench), {"do": f"print(post(id, 'response', b'1', {header}))"}
    )
    assert json.loads(outcome.payload)["errorType"] == "Runtime.InvalidResponseModeHeader"
    await bench.call(provided(bench), {"do": "answer = 1"})
    assert any("InvalidFunctionResponseMode" in text for text in bench.log.texts)


@pytest.mark.parametrize("trailer", [False, True])
async def test_streamed_responses(bench: Any, trailer: bool) -> None:
    do = """
import socket
host, port = API.split(":")
link = socket.create_connection((host, int(port)))
link.sendall(("POST %sinvocation/%s/response HTTP/1.1\\r\\nContent-Type: text/plain\\r\\n"
              "Lambda-Runtime-Function-Response-Mode: streaming\\r\\n"
              "Transfer-Encoding: chunked\\r\\n\\r\\n" % (BASE, id)).encode())
link.sendall(b"5\\r\\nfirst\\r\\n")
time.sleep(0.1)
link.sendall(b"6;x=y\\r\\nsecond\\r\\n0\\r\\n")
TRAILER
link.sendall(b"\\r\\n")
print(link.recv(4096))
"""
    error = json.dumps({"errorType": "Late"})
    fields = (
        "link.sendall(b'Lambda-Runtime-Function-Error-Type: Late\\r\\n"
        "Lambda-Runtime-Function-Error-Body: ' + base64.b64encode(%r) + b'\\r\\n')"
    )
    do = do.replace("TRAILER", fields % error.encode() if trailer else "")
    invocation = Invocation("r", "arn", json.dumps({"do": do}).encode(), None, "")
    opened = await bench.compute.invoke_stream(provided(bench), invocation)
    assert opened.content_type == "text/plain"
    assert [chunk async for chunk in opened.chunks] == [b"first", b"second"]
    outcome = await opened.outcome
    assert outcome.error == ("Unhandled" if trailer else None)
    assert outcome.payload == (error.encode() if trailer else b"")


async def test_no_other_process_reaches_the_api(bench: Any) -> None:
    spec = provided(bench)
    address = await bench.call(spec, {"do": "answer = API"})
    host, port = address.split(":")
    # The platform's own process is in another network, or where it is not, a stranger.
    with (
        contextlib.suppress(ConnectionResetError, ConnectionRefusedError),
        socket.create_connection((host, int(port))) as link,
    ):
        link.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await asyncio.to_thread(link.recv, 100) == b""
    steal = f"""
connection = http.client.HTTPConnection({address!r}, timeout=3)
try:
    connection.request("GET", BASE + "invocation/next")
    answer = connection.getresponse().status
except (OSError, http.client.HTTPException):
    answer = "refused"
"""
    thief = provided(bench, name="thief")
    assert await bench.call(thief, {"do": steal}) == "refused"
    assert await bench.call(spec, {"do": "answer = 'mine'"}) == "mine"


@pytest.mark.parametrize(
    "garbage",
    [b"\x00" * 100 + b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"A" * 70000,
     b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
     b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
     b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
     b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"],
)  # fmt: skip
async def test_garbage_costs_its_connection_only(bench: Any, garbage: bytes) -> None:
    do = f"""
import socket
host, port = API.split(":")
link = socket.create_connection((host, int(port)))
link.sendall({garbage!r})
try: link.recv(4096)
except OSError: pass
answer = "alive"
"""
    assert await bench.call(provided(bench), {"do": do}) == "alive"


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl")
async def test_a_shell_script_with_curl(bench: Any) -> None:
    script = """#!/bin/sh
while true; do
  HEADERS=$(mktemp)
  EVENT=$(curl -sSLD "$HEADERS" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")
  ID=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$HEADERS" | tr -d '[:space:]' | cut -d: -f2)
  curl -sS "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$ID/response" -d "[$EVENT]"
done
"""
    spec = bench.function(script, **PROVIDED)
    (spec.code / "bootstrap").chmod(0o755)
    assert await bench.call(spec, 7) == [7]
