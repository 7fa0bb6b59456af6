from __future__ import annotations

import contextlib
import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.compute.test_scaling import descendants, until
from tests.needs import LEVEL, needs_namespaces, needs_node

pytestmark = needs_node
NODE = {"runtime": "nodejs20.x"}
LINGER = "exports.handler = () => new Promise((done) => { setTimeout(done, 1000); SOON });"


@pytest.mark.parametrize("namespaces", [True, False])
async def test_event_context_log_and_reuse(make_bench: Any, namespaces: bool) -> None:
    bench = await make_bench(reserve=1, namespaces=namespaces)
    spec = bench.function(
        """
let calls = 0;
exports.handler = async (event, context) => {
  console.log('one\\nevent', { a: 1 });
  return { event, id: context.awsRequestId, name: context.functionName, calls: ++calls,
           colour: process.env.COLOUR, left: context.getRemainingTimeInMillis() > 4000 };
};
""",
        **NODE,
    )
    answer = {
        "event": {"ä": 1}, "id": "request-1", "name": "fn", "calls": 1, "colour": "blue",
        "left": True,
    }  # fmt: skip
    assert await bench.call(spec, {"ä": 1}) == answer
    assert await bench.call(spec, None) == answer | {"event": None, "id": "request-2", "calls": 2}
    lines = [text for text in bench.log.texts if "INFO" in text]
    assert re.fullmatch(r"[\d-]+T[\d:.]+Z\trequest-1\tINFO\tone\nevent \{ a: 1 \}", lines[0])
    assert len(lines) == 2


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("setTimeout(() => done(null, 'late'), 30);", "late"),
        ("setTimeout(() => 1, 30); done(null, 'waits');", "waits"),
        ("c.callbackWaitsForEmptyEventLoop = false; setInterval(() => 1, 900); done(null, 1);", 1),
        ("", None),
        ("c.succeed('old style');", "old style"),
    ],
)  # fmt: skip
async def test_callbacks(bench: Any, source: str, answer: Any) -> None:
    spec = bench.function(f"exports.handler = (e, c, done) => {{ {source} }};", **NODE)
    assert await bench.call(spec) == answer
    assert await bench.call(spec) == answer


async def test_ecmascript_modules(bench: Any) -> None:
    source = "export const handler = async () => import.meta.url;"
    spec = bench.function(source, "mjs", file="app.mjs", **NODE)
    file = Path("/var/task" if LEVEL.namespaces else spec.code) / "app.mjs"
    assert await bench.call(spec) == f"file://{file}"
    spec = bench.function(source, "typed", **NODE)
    (spec.code / "package.json").write_text('{"type": "module"}')
    file = Path("/var/task" if LEVEL.namespaces else spec.code) / "app.js"
    assert await bench.call(spec) == f"file://{file}"


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("require('nowhere')", "Runtime.ImportModuleError", "Error: Cannot find module 'nowhere'"),
        ("exports.a = 1", "Runtime.HandlerNotFound", "app.handler is undefined or not exported"),
        ("exports.handler = (", "Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected"),
        ("exports.handler = async () => { throw new TypeError('bad'); }", "TypeError", "bad"),
        ("exports.handler = (e, c, done) => done('text')", "string", "text"),
        (LINGER.replace("SOON", "Promise.reject(new Error('lost'));"),
         "Runtime.UnhandledPromiseRejection",
         "Error: lost"),
        (LINGER.replace("SOON", "setTimeout(() => { throw new Error('later'); }, 5);"), "Error",
         "later"),
        ("exports.handler = async () => process.exit(4)", "Runtime.ExitError",
         "RequestId: request-1 Error: Runtime exited with error: exit status 4"),
    ],
)  # fmt: skip
async def test_failures_by_name(bench: Any, source: str, kind: str, message: str) -> None:
    outcome = await bench.invoke(bench.function(source, **NODE))
    document = json.loads(outcome.payload)
    assert outcome.error == "Unhandled"
    assert document["errorType"] == kind
    assert document["errorMessage"].startswith(message)


async def test_time_out_and_memory(bench: Any) -> None:
    forever = bench.function("exports.handler = async () => { for (;;); }", timeout_s=0.3, **NODE)
    assert (await bench.call(forever))["errorType"] == "Sandbox.Timedout"
    greedy = bench.function(
        "exports.handler = async () => { const held = [];"
        " for (;;) held.push(Buffer.alloc(1 << 20, 1)); }",
        "greedy",
        **NODE,
    )
    answer = await bench.call(greedy)
    assert answer["errorType"] in ("Runtime.OutOfMemory", "Runtime.ExitError")


async def test_node_options_are_heeded(bench: Any) -> None:
    spec = bench.function(
        "exports.handler = async () => [process.execArgv, process.title];",
        variables={"NODE_OPTIONS": "--title=mine"},
        **NODE,
    )
    assert (await bench.call(spec))[1] == "mine"


def nodes() -> list[int]:
    """The Node.js processes below this one."""
    found = []
    for pid in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z":
                found += [pid] * (b"bootstrap.js" in Path(f"/proc/{pid}/cmdline").read_bytes())
    return found


@needs_namespaces  # without mounts Node.js starts with its function
async def test_a_runtime_that_died_ahead_of_its_function_is_replaced(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudlet.compute.machine.find_root", lambda _: (None, "switched off"))
    bench = await make_bench(reserve=1)
    await bench.call(bench.function("exports.handler = async () => 1;", **NODE))
    await bench.compute.retire("fn:1")
    await until(lambda: len(nodes()) == 1 and not bench.compute.snapshot())
    os.kill(nodes()[0], signal.SIGKILL)
    other = bench.function("exports.handler = async () => 2;", "other", **NODE)
    assert await bench.call(other) == 2
