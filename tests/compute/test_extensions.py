from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from time import perf_counter
from typing import Any

import pytest
from tests.compute.extending import layer, line
from tests.needs import LEVEL, needs_javac, needs_namespaces, needs_node

from cloudlet.compute import jvm
from cloudlet.compute.environment import EnvironmentSpec

PYTHON = """
import os, signal, sys
def bye(*_):
    print("runtime was told to end")
    sys.exit()
signal.signal(signal.SIGTERM, bye)
import boto3
def handler(event, context):
    print("line", event)
    if event == "exit": os._exit(3)
    if event == "raise": raise ValueError("no")
    if event == "sleep":
        import time
        time.sleep(60)
    if event == "seen": return open(os.environ.get("TMPDIR", "/tmp") + "/seen").read()
    served = "AWS_LAMBDA_RUNTIME_API" in os.environ
    return [event, context.aws_request_id, os.environ["COLOUR"], served]
"""
NODE = """
process.on('SIGTERM', () => { console.log('runtime was told to end'); process.exit(); });
exports.handler = async (event, context) => {
  console.log('line', event);
  if (event === 'seen') return require('fs').readFileSync('/tmp/seen', 'utf8');
  return [event, context.awsRequestId, process.env.COLOUR, 'AWS_LAMBDA_RUNTIME_API' in process.env];
};
"""
JAVA = """
import com.amazonaws.services.lambda.runtime.*;
import java.nio.file.*;
import java.util.*;
public class App {
    static {
        Runtime.getRuntime().addShutdownHook(new Thread(() ->
                System.out.println("runtime was told to end")));
    }
    public static Object handler(Object event, Context context) throws Exception {
        System.out.println("line " + event);
        if (event.equals("seen")) return new String(Files.readAllBytes(Paths.get("/tmp/seen")));
        return Arrays.asList(event, context.getAwsRequestId(), System.getenv("COLOUR"),
                System.getenv("AWS_LAMBDA_RUNTIME_API") != null);
    }
}
"""


def function(bench: Any, runtime: str = "python3.11", **changes: Any) -> EnvironmentSpec:
    if runtime.startswith("java"):
        spec = bench.function(
            JAVA, runtime=runtime, file="App.java", handler="App::handler", memory_mb=256, **changes
        )
        subprocess.run(
            ["javac", "-cp", jvm.BOOTSTRAP, "-d", spec.code, spec.code / "App.java"], check=True
        )
    else:
        source = NODE if runtime.startswith("node") else PYTHON
        spec = bench.function(source, runtime=runtime, **changes)
    made: EnvironmentSpec = spec
    return made


@pytest.mark.parametrize(
    ("runtime", "namespaces"),
    [
        pytest.param("python3.11", True, marks=needs_namespaces),
        ("python3.11", False),
        pytest.param("nodejs20.x", True, marks=[needs_node, needs_namespaces]),
        pytest.param("java17", True, marks=[needs_javac, needs_namespaces]),
    ],
)
async def test_an_extension_lives_with_its_environment(
    make_bench: Any, runtime: str, namespaces: bool
) -> None:
    bench = await make_bench(reserve=1, namespaces=namespaces)
    spec = function(bench, runtime, layers=(layer(bench),), account="012345678901")
    for number in (1, 2):
        event = "seen" if number == 2 else number
        answer = await bench.call(spec, event)
        assert answer == ("request-1;request-2;" if number == 2 else [1, "request-1", "blue", True])
    texts = bench.log.texts
    registered = json.loads((await line(bench, "registered ")).partition(" ")[2])
    assert registered == {"functionName": "fn", "functionVersion": "$LATEST",
                          "handler": spec.handler, "accountId": "012345678901"}  # fmt: skip
    assert "handler None colour blue" in texts  # that variable is the runtime's own
    ready = texts.index("EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]")
    assert ready < texts.index("START RequestId: request-1 Version: $LATEST")
    invoked = json.loads((await line(bench, "event ")).partition(" ")[2])
    assert invoked.pop("deadlineMs") > 1 << 40
    assert invoked == {
        "eventType": "INVOKE", "requestId": "request-1",
        "invokedFunctionArn": "arn:aws:lambda:eu-west-1:000000000000:function:fn",
        "tracing": {"type": "X-Amzn-Trace-Id", "value": "Root=1-0-0"},
    }  # fmt: skip
    await asyncio.sleep(0.1)  # until it is frozen
    await bench.compute.retire(spec.key)
    assert '"shutdownReason": "spindown"' in await line(bench, '"SHUTDOWN"')
    await line(bench, "runtime was told to end")


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("sys.exit(3)", "Extension.Crash", "exit status 3"),
        ("register(); sys.exit()", "Extension.Crash", "exit code 0"),
        (('register(); call("POST", "init/error", "{}", {**key, '
          '"Lambda-Extension-Function-Error-Type": "Extension.Mine"}); time.sleep(9)'),
         "Extension.InitError", "Extension.Mine"),
    ],
)  # fmt: skip
async def test_extensions_that_fail_the_initialisation(
    bench: Any, source: str, kind: str, message: str
) -> None:
    spec = function(bench, layers=(layer(bench, source=source),))
    answer = await bench.call(spec)
    assert answer == {"errorType": kind, "errorMessage": f"RequestId: request-1 Error: {message}"}


async def test_an_extension_that_cannot_be_executed(bench: Any) -> None:
    folder = layer(bench, **{"extensions/data": "no program"})
    spec = function(bench, layers=(folder,))
    answer = await bench.call(spec)
    assert answer["errorType"] == "Extension.LaunchError"
    opt = "/opt" if LEVEL.namespaces else folder
    assert answer["errorMessage"].endswith(f"fork/exec {opt}/extensions/data: exec format error")


async def test_an_extension_that_does_not_register_runs_into_the_limit(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudlet.compute.starting.INIT_LIMIT_S", 0.3)
    spec = function(bench, timeout_s=0.3, layers=(layer(bench, source="time.sleep(60)"),))
    assert (await bench.call(spec))["errorType"] == "Sandbox.Timedout"


@pytest.mark.parametrize(
    ("event", "reason", "kind"),
    [
        ("sleep", "timeout", "Sandbox.Timedout"),
        ("exit", "failure", "Runtime.ExitError"),
        ("crash", "failure", "Extension.Crash"),
    ],
)
async def test_failures_answer_at_once_and_are_told(
    bench: Any, event: str, reason: str, kind: str
) -> None:
    crash = 'register("INVOKE"); next_event(); sys.exit(1)' if event == "crash" else "register()"
    crash += "\nnext_event()"
    layers = (layer(bench), layer(bench, "other", crash))
    spec = function(bench, timeout_s=0.5 if event == "sleep" else 5.0, layers=layers)
    started = perf_counter()
    assert (await bench.call(spec, event))["errorType"] == kind
    assert perf_counter() - started < 4
    assert f'"shutdownReason": "{reason}"' in await line(bench, '"SHUTDOWN"')
    if event != "crash":
        assert (await bench.call(spec, 1))[0] == 1


async def test_the_invocation_ends_with_the_last_extension(bench: Any) -> None:
    slow = 'register("INVOKE")\nwhile True: next_event(); time.sleep(0.3)'
    spec = function(bench, layers=(layer(bench, source=slow),))
    outcome = await bench.invoke(spec, 1)
    assert outcome.duration_ms >= 300


async def test_who_ignores_the_end_is_killed_in_time(bench: Any) -> None:
    stubborn = """
register("INVOKE", "SHUTDOWN")
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True:
    print("event", next_event()["eventType"])
"""
    specs = [
        function(bench, name=name, key=name, layers=(layer(bench, source=stubborn),))
        for name in ("one", "two")
    ]
    for spec in specs:
        await bench.call(spec, 1)
    started = perf_counter()
    await bench.compute.stop()
    assert 1.5 < perf_counter() - started < 3.5  # both at the same time
    assert bench.log.texts.count("event SHUTDOWN") == 2


async def test_an_internal_extension_of_a_custom_runtime(bench: Any) -> None:
    source = """
import threading
def follow():
    body = json.dumps({"events": ["INVOKE"]}).encode()
    status, _, headers = call("POST", "/2020-01-01/extension/register", body,
                              {"Lambda-Extension-Name": "inner"})
    key = {"Lambda-Extension-Identifier": headers["Lambda-Extension-Identifier"]}
    registered.set()
    while True:
        print("inner", json.loads(call("GET", "/2020-01-01/extension/event/next",
                                       headers=key)[1])["requestId"])
registered = threading.Event()
threading.Thread(target=follow, daemon=True).start()
registered.wait()
import signal
def bye(*_):
    print("told to end")
    os._exit(0)
signal.signal(signal.SIGTERM, bye)
"""
    from tests.compute.test_provided import provided

    spec = provided(bench, source)
    assert await bench.call(spec, {"do": "answer = 1"}) == 1
    await line(bench, "inner request-1")
    await line(bench, "EXTENSION\tName: inner\tState: Ready\tEvents: [INVOKE]")
    await bench.compute.retire(spec.key)
    await line(bench, "told to end")


async def test_snapstart_versions_with_extensions_start_in_the_ordinary_way(bench: Any) -> None:
    spec = function(bench, layers=(layer(bench),), snap_start=True, version="1")
    state = await bench.compute.prepare_snapshot(spec)
    assert (state.optimised, state.failure) == (False, "")
    assert ("extensions" if LEVEL.namespaces else "user namespaces") in state.reason
    assert (await bench.call(spec, 1))[0] == 1
    await line(bench, "EXTENSION\tName: watcher")


@needs_namespaces
async def test_functions_without_extensions_have_no_launcher(bench: Any) -> None:
    source = "import os\ndef handler(event, context): return os.getpid(), os.listdir('/proc')"
    pid, listed = await bench.call(bench.function(source))
    assert pid == 1
    assert [name for name in listed if name.isdigit()] == ["1"]


@pytest.mark.parametrize(
    ("runtime", "command"),
    [
        ("python3.11", 'exec "$1" -X importtime "${@:2}"'),
        pytest.param("nodejs20.x", 'exec "$1" --title=wrapped "${@:2}"', marks=needs_node),
        pytest.param("java17", 'exec "$1" -Dwrapped=1 "${@:2}"', marks=needs_javac),
    ],
)
@pytest.mark.parametrize("namespaces", [pytest.param(True, marks=needs_namespaces), False])
async def test_a_wrapper_script_starts_the_runtime(
    make_bench: Any, runtime: str, command: str, namespaces: bool
) -> None:
    bench = await make_bench(reserve=1, namespaces=namespaces)
    script = f'#!/bin/bash\necho "wrapping $1"\nexport COLOUR=red\n{command}\n'
    folder = layer(bench, wrap=script)
    shutil.rmtree(folder / "extensions")
    wrapper = "/opt/wrap" if namespaces else f"{folder}/wrap"
    variables = {"COLOUR": "blue", "AWS_LAMBDA_EXEC_WRAPPER": wrapper}
    spec = function(bench, runtime, layers=(folder,), variables=variables)
    assert await bench.call(spec, 1) == [1, "request-1", "red", True]
    assert await bench.call(spec, 2) == [2, "request-2", "red", True]
    await line(bench, "wrapping /")
    if runtime.startswith("python"):
        await line(bench, "import time:")


async def test_a_wrapper_script_that_is_missing(bench: Any) -> None:
    spec = function(bench, variables={"AWS_LAMBDA_EXEC_WRAPPER": "/opt/none"})
    answer = await bench.call(spec, 1)
    assert answer["errorType"] == "Runtime.ExitError"
    assert answer["errorMessage"].endswith("exit status 127")
    assert "/opt/none: does not exist" in bench.log.texts


INTERNAL = """
import http.client, json, os, threading
def call(method, path, body=None, headers={}):
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"], timeout=5)
    connection.request(method, "/2020-01-01/extension/" + path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers
def register():
    return call("POST", "register", b'{"events": ["INVOKE"]}', {"Lambda-Extension-Name": "inner"})
"""


async def test_a_library_of_the_function_gets_the_api_when_it_asks(bench: Any) -> None:
    source = (
        INTERNAL
        + """
key = {"Lambda-Extension-Identifier": register()[2]["Lambda-Extension-Identifier"]}
def follow():
    while True: print("inner", json.loads(call("GET", "event/next", None, key)[1])["requestId"])
threading.Thread(target=follow, daemon=True).start()
def handler(event, context): return event
"""
    )
    spec = bench.function(source)
    assert await bench.call(spec, 1) == 1
    await line(bench, "inner request-1")
    assert await bench.call(spec, 2) == 2
    assert "inner request-2" in bench.log.texts
    assert sum(text.startswith("EXTENSION\tName: inner") for text in bench.log.texts) == 1


async def test_who_asks_in_an_invocation_is_too_late(bench: Any) -> None:
    spec = bench.function(
        INTERNAL
        + "def handler(*_):\n  answer = register()\n  return answer[0], json.loads(answer[1])"
    )
    refusal = {"errorMessage": "Extension registration closed already",
               "errorType": "Extension.RegistrationClosed"}  # fmt: skip
    assert await bench.call(spec) == [403, refusal]
