from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.needs import LEVEL, needs_namespaces

from cloudlet.compute.errors import ComputeStopped, RuntimeUnavailable, SandboxFailed

ECHO = "def handler(event, context):\n    return event\n"


async def until(condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - processes end without telling us
            await asyncio.sleep(0.01)


async def test_event_and_context_reach_the_handler(bench: Any) -> None:
    spec = bench.function(
        """
import os
def handler(event, context):
    return {
        "event": event, "id": context.aws_request_id, "arn": context.invoked_function_arn,
        "name": context.function_name, "memory": context.memory_limit_in_mb,
        "left": context.get_remaining_time_in_millis(), "client": context.client_context.custom,
        "stream": context.log_stream_name, "trace": os.environ["_X_AMZN_TRACE_ID"],
        "colour": os.environ["COLOUR"], "key": os.environ["AWS_ACCESS_KEY_ID"],
    }
"""
    )
    outcome = await bench.invoke(spec, {"ä": [1, None]}, client_context='{"custom": {"a": "b"}}')
    answer = json.loads(outcome.payload)
    assert answer.pop("left") in range(4000, 5001)
    assert answer == {
        "event": {"ä": [1, None]}, "id": "request-1", "name": "fn", "memory": "128",
        "arn": "arn:aws:lambda:eu-west-1:000000000000:function:fn", "client": {"a": "b"},
        "stream": outcome.log_stream, "trace": "Root=1-0-0", "colour": "blue",
        "key": "ASIAEXAMPLE",
    }  # fmt: skip
    assert outcome.error is None
    assert outcome.init_ms is not None
    assert outcome.billed_ms == -(-(outcome.duration_ms + outcome.init_ms) // 1)
    assert 1 <= outcome.max_memory_mb <= 128


async def test_log_lines_as_aws_words_them(bench: Any) -> None:
    spec = bench.function(
        "import logging\n"
        "def handler(event, context):\n"
        "    print('one')\n"
        "    logging.getLogger().warning('two\\nlines')\n"
        "    print('no newline', end='')\n"
    )
    outcome = await bench.invoke(spec)
    first, *texts = bench.log.texts
    assert re.fullmatch(
        r"INIT_START Runtime Version: python:3\.11\.\d+\t"
        r"Runtime Version ARN: arn:aws:lambda:eu-west-1::runtime:[0-9a-f]{64}",
        first,
    )
    assert texts[:2] == ["START RequestId: request-1 Version: $LATEST", "one"]
    assert re.fullmatch(r"\[WARNING\]\t[\d-]+T[\d:.]+Z\trequest-1\ttwo\nlines", texts[2])
    assert texts[3:5] == ["no newline", "END RequestId: request-1"]
    assert re.fullmatch(
        r"REPORT RequestId: request-1\tDuration: \d+\.\d\d ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: \d+\.\d\d ms\t",
        texts[5],
    )
    assert outcome.log_tail.decode() == "\n".join(texts) + "\n"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", outcome.log_stream)


async def test_long_output_is_bounded_in_events_and_tail(bench: Any) -> None:
    spec = bench.function("def handler(event, context):\n    print('x' * 600_000)\n")
    outcome = await bench.invoke(spec)
    lengths = [len(text) for text in bench.log.texts if text.startswith("x")]
    assert sum(lengths) == 600_000
    assert max(lengths) == 256 * 1024
    assert len(outcome.log_tail) == 4096


@pytest.mark.parametrize(
    ("source", "handler", "kind", "message"),
    [
        ("import nowhere", "app.handler", "Runtime.ImportModuleError",
         "Unable to import module 'app': No module named 'nowhere'"),
        ("", "missing.handler", "Runtime.ImportModuleError",
         "Unable to import module 'missing': No module named 'missing'"),
        ("def other(): ...", "app.handler", "Runtime.HandlerNotFound",
         "Handler 'handler' missing on module 'app'"),
        ("def handler(:", "app.handler", "Runtime.UserCodeSyntaxError",
         "Syntax error in module 'app': invalid syntax (app.py, line 1)"),
        ("", "handler", "Runtime.MalformedHandlerName",
         "Bad handler 'handler': not enough values to unpack (expected 2, got 1)"),
        ("1 / 0", "app.handler", "ZeroDivisionError", "division by zero"),
        ("def handler(e, c): return {1, 2}", "app.handler", "Runtime.MarshalError",
         "Unable to marshal response: Object of type set is not JSON serializable"),
    ],
)  # fmt: skip
async def test_python_failures_by_name(
    bench: Any, source: str, handler: str, kind: str, message: str
) -> None:
    outcome = await bench.invoke(bench.function(source, handler=handler))
    document = json.loads(outcome.payload)
    assert outcome.error == "Unhandled"
    assert (document["errorType"], document["errorMessage"]) == (kind, message)
    assert document["requestId"] == "request-1"
    assert any(text.startswith(f"[ERROR] {kind}: {message}\nTrace") for text in bench.log.texts)
    reported = [text for text in bench.log.texts if text.startswith("INIT_REPORT Init Duration: ")]
    assert len(reported) == (0 if kind == "Runtime.MarshalError" else 2)
    assert all(text.endswith(f"Status: error\tError Type: {kind}") for text in reported)


async def test_exception_has_the_functions_frames_only_and_the_environment_lives(
    bench: Any,
) -> None:
    spec = bench.function(
        "class Broken(Exception): ...\n"
        "def handler(event, context):\n"
        "    if event:\n"
        "        raise Broken('why')\n"
        "    return 'fine'\n"
    )
    document = await bench.call(spec, True)
    file = Path("/var/task" if LEVEL.namespaces else spec.code) / "app.py"
    assert document == {
        "errorMessage": "why", "errorType": "Broken", "requestId": "request-1",
        "stackTrace": [f'  File "{file}", line 4, in handler\n    raise Broken(\'why\')\n'],
    }  # fmt: skip
    assert await bench.call(spec, False) == "fine"
    assert len(bench.compute.snapshot()) == 1


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("import os; os._exit(3)", "with error: exit status 3"),
        ("import sys; sys.exit(1)", "with error: exit status 1"),
        ("import sys; sys.exit()", "without providing a reason"),
        ("import ctypes; ctypes.string_at(0)", "with error: signal: segmentation fault"),
        ("import os; os.closerange(0, 100); import time; time.sleep(60)",
         "with error: signal: killed"),
        ("import os; os.write(4, b'\\xff' * 5000); import time; time.sleep(60)",
         "with error: signal: killed"),
    ],
)  # fmt: skip
async def test_the_end_of_the_process_is_an_exit_error(
    bench: Any, statement: str, reason: str
) -> None:
    spec = bench.function(f"def handler(event, context):\n    {statement}\n")
    outcome = await bench.invoke(spec)
    message = f"RequestId: request-1 Error: Runtime exited {reason}"
    assert json.loads(outcome.payload) == {
        "errorType": "Runtime.ExitError", "errorMessage": message,
    }  # fmt: skip
    assert outcome.error == "Unhandled"
    assert bench.log.texts[-1].endswith("Status: error\tError Type: Runtime.ExitError\t")
    assert await bench.call(bench.function(ECHO, "other"), 1) == 1


async def test_time_out(bench: Any) -> None:
    spec = bench.function("import time\ndef handler(e, c):\n    time.sleep(60)\n", timeout_s=0.3)
    outcome = await bench.invoke(spec)
    assert json.loads(outcome.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: request-1 Error: Task timed out after 0.30 seconds",
    }
    assert outcome.billed_ms == -(-(300 + outcome.init_ms) // 1)
    assert bench.log.texts[-1].endswith("Status: timeout\t")
    await until(lambda: not bench.compute.snapshot())


async def test_four_times_the_memory_is_out_of_memory(bench: Any) -> None:
    spec = bench.function(
        "import time\n"
        "def handler(event, context):\n"
        "    held = bytearray(b'x') * (event << 20)\n"
        "    time.sleep(0.2)\n"
        "    return len(held)\n"
    )
    if not bench.compute.level().has("memory limits"):
        pytest.skip("without cgroups Python raises MemoryError; see test_isolation")
    assert await bench.call(spec, 40) == 40 << 20
    outcome = await bench.invoke(spec, 512)
    assert json.loads(outcome.payload) == {
        "errorType": "Runtime.OutOfMemory",
        "errorMessage": "RequestId: request-2 Error: Runtime exited with error: signal: killed",
    }
    assert outcome.max_memory_mb == 128


@needs_namespaces
async def test_files_in_tmp_do_not_count_as_memory_and_are_limited(bench: Any) -> None:
    spec = bench.function(
        "def handler(event, context):\n"
        "    with open('/tmp/file', 'wb') as file:\n"
        "        for _ in range(event):\n"
        "            file.write(bytes(1 << 20))\n"
    )
    assert await bench.call(spec, 300) is None
    assert (await bench.call(spec, 600))["errorMessage"] == "[Errno 28] No space left on device"


async def test_response_over_six_megabytes(bench: Any) -> None:
    spec = bench.function("def handler(event, context):\n    return 'x' * event\n")
    large = await bench.invoke(spec, 6 * 1024 * 1024)
    assert len(large.payload) == 6 * 1024 * 1024 + 2
    assert (await bench.call(spec, 6 * 1024 * 1024 + 99))["errorType"] == (
        "Function.ResponseSizeTooLarge"
    )


async def test_large_event_and_full_standard_output_do_not_block(bench: Any) -> None:
    spec = bench.function("def handler(event, context):\n    return len(event)\n")
    assert await bench.call(spec, "x" * 6_000_000) == 6_000_000
    loud = bench.function(
        "import os\ndef handler(e, c):\n    while True: os.write(1, b'y\\n' * 30000)\n",
        "loud", timeout_s=0.5,
    )  # fmt: skip
    outcome, quick = await asyncio.gather(bench.invoke(loud), bench.invoke(spec, "x"))
    assert b"Task timed out" in outcome.payload
    assert quick.duration_ms < 400


async def test_idle_environment_is_reused_then_reaped(make_bench: Any) -> None:
    bench = await make_bench(idle_s=0.3, reserve=0)
    spec = bench.function("n = 0\ndef handler(e, c):\n    global n\n    n += 1\n    return n\n")
    assert [await bench.call(spec) for _ in range(3)] == [1, 2, 3]
    assert [state.invocations for state in bench.compute.snapshot()] == [3]
    await until(lambda: not bench.compute.snapshot())
    await until(lambda: not bench.compute._zygotes)
    assert await bench.call(spec) == 1


async def test_simultaneous_requests_get_environments_of_their_own_and_all_are_served(
    make_bench: Any,
) -> None:
    bench = await make_bench(max_environments=3)
    spec = bench.function(
        "import time, uuid\nme = uuid.uuid4().hex\n"
        "def handler(e, c):\n    time.sleep(0.05)\n    return me\n"
    )
    answers = await asyncio.gather(*(bench.call(spec) for _ in range(12)))
    assert 2 <= len(set(answers)) <= 3
    other = bench.function(ECHO, "other")
    assert await bench.call(other, 1) == 1  # an idle one of another key makes room
    assert len(bench.compute.snapshot()) <= 3


async def test_retired_key_ends_idle_now_and_busy_after_its_work(bench: Any) -> None:
    spec = bench.function("import time\ndef handler(e, c):\n    time.sleep(e)\n    return 'done'\n")
    await bench.call(spec, 0)
    busy = asyncio.ensure_future(bench.call(spec, 0.3))
    await until(lambda: [s.status for s in bench.compute.snapshot()] == ["busy"])
    await bench.compute.retire(spec.key)
    assert await busy == "done"
    await until(lambda: not bench.compute.snapshot())


async def test_a_cancelled_caller_does_not_end_the_invocation(bench: Any) -> None:
    spec = bench.function(
        "import time\ncount = 0\n"
        "def handler(e, c):\n"
        "    global count\n    time.sleep(e)\n    count += 1\n    return count\n"
    )
    await bench.call(spec, 0)
    caller = asyncio.ensure_future(bench.call(spec, 0.3))
    await until(lambda: [s.status for s in bench.compute.snapshot()] == ["busy"])
    caller.cancel()
    await until(lambda: [s.status for s in bench.compute.snapshot()] == ["idle"])
    assert await bench.call(spec, 0) == 3


async def test_environment_is_not_used_until_its_credentials_expire(bench: Any) -> None:
    spec = bench.function(
        "import uuid\nme = uuid.uuid4().hex\ndef handler(e, c):\n    return me\n",
        credentials_valid_s=60.0,
    )
    assert await bench.call(spec) != await bench.call(spec)


async def test_slow_initialisation_is_repeated_within_the_time_out(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudlet.compute.starting.INIT_LIMIT_S", 0.2)
    source = "import time\ntime.sleep(0.6)\ndef handler(e, c):\n    return 'up'\n"
    assert await bench.call(bench.function(source, timeout_s=5.0)) == "up"
    assert any(
        re.fullmatch(r"INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\tStatus: timeout", text)
        for text in bench.log.texts
    )
    late = await bench.call(bench.function(source, "late", timeout_s=0.4))
    assert late["errorType"] == "Sandbox.Timedout"


async def test_failed_initialisation_is_repeated_as_aws_does(bench: Any) -> None:
    answer = await bench.call(bench.function("import nowhere\n"))
    assert answer["errorType"] == "Runtime.ImportModuleError"
    reports = [text for text in bench.log.texts if text.startswith("INIT_REPORT")]
    assert [text.split("\t")[1:] for text in reports] == [
        [f"Phase: {phase}", "Status: error", "Error Type: Runtime.ImportModuleError"]
        for phase in ("init", "invoke")
    ]


@pytest.mark.parametrize("namespaces", [pytest.param(True, marks=needs_namespaces), False])
async def test_layers_and_import_path(make_bench: Any, namespaces: bool) -> None:
    bench = await make_bench(namespaces=namespaces)
    for name, value in (("a", 1), ("b", 2)):
        folder = bench.code_root / f"a:b,c\\layer-{name}" / "python"
        folder.mkdir(parents=True)
        (folder / "shared.py").write_text(f"value = {value}\n")
        (folder / f"only_{name}.py").write_text("")
    layers = tuple(bench.code_root / f"a:b,c\\layer-{name}" for name in "ab")
    spec = bench.function(
        """
import importlib.util, sys
import boto3, shared, only_a, only_b
def handler(event, context):
    seen = [n for n in event if importlib.util.find_spec(n)]
    return [shared.value, boto3.__file__, seen, sys.path[:4]]
""",
        layers=layers,
    )
    names = ["msgspec", "uvicorn", "cloudlet", "apsw", "typer", "pip", "yaml", "kernel", "zygote"]
    value, boto3, seen, path = await bench.call(spec, names)
    assert (value, seen) == (2, [])
    if namespaces:
        packages = "/opt/python/lib/python3.11/site-packages"
        assert path == ["/var/task", "/opt/python", packages, "/var/runtime"]
        assert boto3 == "/var/runtime/boto3/__init__.py"


async def test_a_functions_own_sdk_comes_before_the_runtimes(bench: Any) -> None:
    spec = bench.function("import boto3\ndef handler(e, c):\n    return boto3.mine\n")
    (spec.code / "boto3").mkdir()
    (spec.code / "boto3" / "__init__.py").write_text("mine = True\n")
    assert await bench.call(spec) is True


async def test_what_is_not_the_functions_fault_is_raised(bench: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeUnavailable, match=r"ruby3\.3 is not supported"):
        await bench.invoke(bench.function(ECHO, runtime="ruby3.3"))
    with pytest.raises(SandboxFailed, match="not under the code root"):
        await bench.invoke(bench.function(ECHO, "outside", code=tmp_path))

    async def refuse() -> dict[str, str]:
        raise RuntimeError("no credentials")

    with pytest.raises(SandboxFailed, match="no credentials"):
        await bench.invoke(bench.function(ECHO, "refused", credentials=refuse))
    assert await bench.call(bench.function(ECHO, "after"), 1) == 1


async def test_stop_fails_what_is_in_flight_and_leaves_no_process(make_bench: Any) -> None:
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    others = set(children.read_text().split())
    bench = await make_bench()
    spec = bench.function("import time\ndef handler(e, c):\n    time.sleep(60)\n")
    caller = asyncio.ensure_future(bench.invoke(spec))
    await until(lambda: [s.status for s in bench.compute.snapshot()] == ["busy"])
    await bench.compute.stop()
    with pytest.raises(ComputeStopped):
        await caller
    assert set(children.read_text().split()) <= others
    with pytest.raises(ComputeStopped):
        await bench.invoke(spec)


def turn_of(bench: Any) -> float:
    """The length of the turns that the only environment takes, in the kernel's unit."""
    (sandbox,) = bench.compute._alive
    lines = Path(f"/proc/{min(sandbox.meter.pids())}/sched").read_text().splitlines()
    found = [float(line.split(":")[1]) for line in lines if "se.slice" in line]
    return found[0] if found else pytest.skip("the kernel does not say")


async def test_who_answers_soon_takes_short_turns_until_it_does_not(make_bench: Any) -> None:
    bench = await make_bench()
    source = "import time\ndef handler(event, context):\n    time.sleep(event)\n"
    turns = []
    for duration_s in (0.01, 0.0, 0.01):
        await bench.call(bench.function(source), duration_s)
        await asyncio.sleep(0.1)
        turns.append(turn_of(bench))
    assert turns[0] > turns[1] < turns[2]
