from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.needs import needs_namespaces

from cloudlet.compute.errors import RestoreFailed

pytestmark = needs_namespaces

PACKAGE = "import os, random, time\ntime.sleep(0.05)\nborn_in = os.getpid()\n"
APP = """
import os, random, uuid, vendored
mine = os.getpid()
def handler(event, context):
    if isinstance(event, dict):
        exec(event["run"])
    return {
        "vendored": vendored.born_in, "mine": mine, "random": random.random(),
        "uuid": str(uuid.uuid4()), "key": os.environ.get("AWS_ACCESS_KEY_ID"),
        "colour": os.environ.get("COLOUR"), "tmp": os.listdir("/tmp"), "pid": os.getpid(),
        "stream": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"] == context.log_stream_name,
    }
"""


async def until(condition: Callable[[], Any], within_s: float = 10.0) -> None:
    deadline = time.perf_counter() + within_s
    while not condition():
        assert time.perf_counter() < deadline
        await asyncio.sleep(0.01)


def vendor(folder: Path, name: str, source: str, *more: str) -> None:
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(source)
    information = folder / f"{name}-1.0.dist-info"
    information.mkdir()
    (information / "RECORD").write_text(f"{name}/__init__.py,sha256=x,1\n{name}/a.py,,\n")
    for file in more:
        (information / file).write_text("{}")


def function(bench: Any, source: str = APP, package: str = PACKAGE, **changes: Any) -> Any:
    spec = bench.function(source, **changes)
    if not (spec.code / "vendored").exists():
        vendor(spec.code, "vendored", package)
    return spec


async def settle(bench: Any) -> Any:
    """What became of the template."""
    await until(lambda: all(s.status != "preparing" for s in bench.compute.templates()))
    states = bench.compute.templates()
    return states[0] if states else None


async def anew(bench: Any, spec: Any, event: Any = None) -> Any:
    """Invoke in an environment that is not there yet."""
    pool = bench.compute._pools.get(spec.key)
    for sandbox in list(pool.idle) if pool else ():
        sandbox.kill()
    await until(lambda: spec.key not in bench.compute._pools)
    return await bench.call(spec, event)


async def test_the_second_environment_has_the_imports_made_and_all_else_anew(bench: Any) -> None:
    spec = function(bench)
    first = await bench.call(spec)
    assert first["vendored"] == first["mine"] == 1
    state = await settle(bench)
    assert (state.status, state.reason, state.modules) == ("ready", "", 1)
    answers = [await anew(bench, spec) for _ in range(3)]
    assert [state.origin for state in bench.compute.snapshot()] == ["template"]
    for answer in answers:
        assert answer["vendored"] not in (answer["pid"], 1)
        assert answer["mine"] == answer["pid"]
        assert (answer["key"], answer["colour"], answer["tmp"]) == ("ASIAEXAMPLE", "blue", [])
        assert answer["stream"]
    assert len({answer["random"] for answer in answers}) == 3
    assert len({answer["uuid"] for answer in answers}) == 3


THREAD = "import threading\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"


@pytest.mark.parametrize(
    ("source", "package", "reason"),
    [
        (APP, PACKAGE + THREAD, "1 threads run beside the first"),
        (APP, PACKAGE + "import socket\ns = socket.socket()\n", "a socket is open"),
        (APP, PACKAGE + "f = open(__file__)\n", "/__init__.py is open"),
        (APP, PACKAGE + "open('/tmp/x', 'w').close()\n", "an import leaves files in /tmp"),
        (APP, PACKAGE + "os.getenv('AWS_SECRET_ACCESS_KEY')\n", "reads AWS_SECRET_ACCESS_KEY"),
        (APP, PACKAGE + "import own\n", "the function's own module own"),
        ("import os\nos.environ['A'] = 'b'\n" + APP, PACKAGE, "changes its environment variables"),
        (APP, PACKAGE + "if os.getpid() == 3: os._exit(0)\n", "it ended during the imports"),
        (APP, PACKAGE + "if os.getpid() == 3: os.kill(3, 9)\n", "it ended during the imports"),
    ],
)
async def test_what_cannot_be_forked_starts_in_the_ordinary_way(
    bench: Any, source: str, package: str, reason: str
) -> None:
    spec = function(bench, source, package)
    (spec.code / "own.py").write_text("")
    await bench.call(spec)
    state = await settle(bench)
    assert state.status == "refused"
    assert reason in state.reason
    answer = await anew(bench, spec)
    assert answer["vendored"] == answer["pid"] == 1


@pytest.mark.parametrize("own", ["switched off", "direct url", "unclaimed", "quick"])
async def test_what_is_not_learned(bench: Any, own: str) -> None:
    spec = bench.function(
        APP if own != "quick" else APP.replace("import os, random, uuid, vendored", "import os"),
        variables={"CLOUDLET_LEARN_IMPORTS": "0"} if own == "switched off" else {},
    )
    vendor(spec.code, "vendored", PACKAGE, *(["direct_url.json"] if own == "direct url" else []))
    if own == "unclaimed":
        (spec.code / "vendored-1.0.dist-info" / "RECORD").write_text("other.py,,\n")
    await bench.call(spec)
    assert bench.compute.templates() == []


async def test_ends_of_forked_environments_are_told_as_any(bench: Any) -> None:
    spec = function(bench, timeout_s=1.0)
    await bench.call(spec)
    await settle(bench)
    error = await anew(bench, spec, {"run": "raise SystemExit(3)"})
    assert error["errorMessage"].endswith("exit status 3")
    error = await anew(bench, spec, {"run": "os.kill(os.getpid(), 9)"})
    assert error["errorMessage"].endswith("signal: killed")
    error = await anew(bench, spec, {"run": "import time; time.sleep(9)"})
    assert error["errorType"] == "Sandbox.Timedout"
    assert bench.compute.templates()[0].status == "ready"


async def test_an_environment_outlives_its_template(bench: Any) -> None:
    spec = function(bench)
    await bench.call(spec)
    await settle(bench)
    await anew(bench, spec)
    template = bench.compute._templates.of(spec.key)
    keeper = int(
        Path(f"/proc/self/fdinfo/{template._pidfd}").read_text().split("Pid:")[1].split()[0]
    )
    children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)  # the template is the keeper's first child
    await until(lambda: not template.alive)
    assert [state.origin for state in bench.compute.snapshot()] == ["template"]
    assert (await bench.call(spec))["pid"] == 2
    assert (await anew(bench, spec))["pid"] == 1


async def test_templates_go_when_idle_and_with_their_version(make_bench: Any) -> None:
    bench = await make_bench(idle_s=0.4)
    spec, other = function(bench), function(bench, name="other", key="other:1")
    for each in (spec, other):
        await bench.call(each)
    await until(lambda: [s.status for s in bench.compute.templates()] == ["ready", "ready"])
    await bench.compute.retire(other.key)
    assert [state.key for state in bench.compute.templates()] == [spec.key]
    await until(lambda: not bench.compute._zygotes and not bench.compute.templates())
    await until(lambda: len(bench.compute._templates) == 0)
    assert (await bench.call(spec))["pid"] == 1
    await settle(bench)
    assert (await anew(bench, spec))["pid"] == 2


async def test_templates_count_as_environments(make_bench: Any) -> None:
    bench = await make_bench(max_environments=2)
    first, second = function(bench), function(bench, name="second", key="second:1")
    await bench.call(first)
    await settle(bench)
    assert json.dumps(await bench.call(second))
    await until(lambda: len(bench.compute.snapshot()) + len(bench.compute._templates) <= 2)


SNAPPED = """
import os, uuid, snapshot_restore_py as hooks
from snapshot_restore_py import register_before_snapshot, register_after_restore
made, calls = str(uuid.uuid4()), []
print("made")
@register_before_snapshot
def first(): calls.append("before 1")
@register_before_snapshot
def second(): calls.append("before 2")
register_after_restore(calls.append, "after 1")
register_after_restore(calls.append, "after 2")
kind, key = os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], os.environ.get("AWS_ACCESS_KEY_ID")
def handler(event, context):
    stream = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
    return [made, calls, kind, key, stream == context.log_stream_name]
"""


async def test_a_snapshot_is_initialised_once_and_its_hooks_run_in_aws_order(bench: Any) -> None:
    spec = bench.function(SNAPPED, snap_start=True, version="1")
    state = await bench.compute.prepare_snapshot(spec)
    assert (state.optimised, state.reason) == (True, "")
    started, made, taken = bench.log.texts
    assert started.startswith("INIT_START Runtime Version: python")
    assert (made, taken.split(":")[0]) == ("made", "INIT_REPORT Init Duration")
    answers = [await anew(bench, spec) for _ in range(2)]
    assert [s.origin for s in bench.compute.snapshot()] == ["template"]
    assert answers[0] == answers[1]
    assert answers[0][1:] == [
        ["before 2", "before 1", "after 1", "after 2"], "snap-start", "ASIAEXAMPLE", True,
    ]  # fmt: skip
    started, restored, begun, *_, reported = bench.log.texts[-5:]
    assert started.startswith("RESTORE_START Runtime Version: python")
    assert restored.startswith("RESTORE_REPORT Restore Duration: ")
    assert begun.startswith("START RequestId: ")
    assert "\tRestore Duration: " in reported
    assert "\tBilled Restore Duration: " in reported
    assert "Init Duration" not in reported


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import time\n" + THREAD, "1 threads run beside the first"),
        ("import socket\ns = socket.socket()\n", "a socket is open"),
        ("open('/tmp/x', 'w').close()\n", "an import leaves files in /tmp"),
        ("import subprocess\nsubprocess.Popen(['sleep', '60'])\n", "1 processes run beside it"),
        (
            (
                "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
                "        while True: os.write(1, b'flood' * 1000)\n    os._exit(0)\nos.wait()\n"
            ),
            "1 processes run beside it",
        ),
    ],
)
async def test_a_snapshot_that_cannot_be_forked_says_why(
    bench: Any, source: str, reason: str
) -> None:
    source = SNAPPED.replace("def handler", source + "def handler")
    spec = bench.function(source, snap_start=True, version="1")
    state = await bench.compute.prepare_snapshot(spec)
    assert (state.optimised, state.failure) == (False, "")
    assert reason in state.reason
    calls = (await bench.call(spec, 7))[1]
    assert calls == ["before 2", "before 1", "after 1", "after 2"]


async def test_a_snapshot_that_nobody_used_is_taken_anew(make_bench: Any) -> None:
    bench = await make_bench(idle_s=0.2)
    spec = bench.function(SNAPPED, snap_start=True, version="1")
    assert (await bench.compute.prepare_snapshot(spec)).optimised
    first = await bench.call(spec)
    await until(lambda: not bench.compute.snapshot() and not bench.compute.templates())
    again = await bench.call(spec)
    assert again[1:3] == first[1:3]
    assert again[0] != first[0]
    assert [state.status for state in bench.compute.templates()] == ["ready"]


async def test_an_end_that_was_interrupted_is_made_up_for(make_bench: Any) -> None:
    bench = await make_bench()
    spec = bench.function(SNAPPED, snap_start=True, version="1")
    assert (await bench.compute.prepare_snapshot(spec)).optimised
    template = bench.compute._templates.of(spec.key)
    ending = asyncio.create_task(template.stop())
    await asyncio.sleep(0)
    ending.cancel()
    await asyncio.wait([ending])
    await template.stop()
    assert template._keeper.gone.done()


async def test_other_runtimes_have_no_snapshots(bench: Any) -> None:
    node = bench.function("exports.handler = async () => 1;", "n", runtime="nodejs20.x", key="n:1")
    state = await bench.compute.prepare_snapshot(node)
    assert (state.optimised, state.failure) == (False, "")
    assert "nodejs20.x" in state.reason


@pytest.mark.parametrize(
    ("source", "failure", "reason"),
    [
        ("1 / 0\n", "ZeroDivisionError", "ZeroDivisionError: division by zero"),
        ("import nowhere\n", "Runtime.ImportModuleError", "No module named 'nowhere'"),
        ("import os\nos._exit(3)\n", "Runtime.ExitError", "its process ended"),
    ],
)
async def test_an_initialisation_that_fails_makes_no_snapshot(
    bench: Any, source: str, failure: str, reason: str
) -> None:
    spec = bench.function(source, snap_start=True, version="1")
    state = await bench.compute.prepare_snapshot(spec)
    assert (state.optimised, state.failure) == (False, failure)
    assert reason in state.reason
    assert f"Status: error\tError Type: {failure}" in bench.log.texts[-1]
    if failure == "ZeroDivisionError":
        assert bench.log.texts[1].startswith("[ERROR] ZeroDivisionError: division by zero\nTrace")


async def test_a_hook_that_fails_after_the_restore_is_the_platforms_error(bench: Any) -> None:
    source = SNAPPED + "@register_after_restore\ndef third(): raise ValueError('no')\n"
    spec = bench.function(source, snap_start=True, version="1")
    assert (await bench.compute.prepare_snapshot(spec)).optimised
    with pytest.raises(RestoreFailed, match="ValueError"):
        await bench.call(spec)
