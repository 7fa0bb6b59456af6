from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from tests.compute.extending import layer, line
from tests.needs import LEVEL

from cloudlet.compute.inside import telemetry

# Without mounts of its own an environment does not know the name, but is reached by it.
LISTENER = f"HOST = {'sandbox.localdomain' if LEVEL.namespaces else '127.0.0.1'!r}\n"
LISTENER += """
import http.server
STATUS = []
class Listener(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def take(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = STATUS.pop(0) if STATUS else 200
        if status == 200:
            for event in json.loads(body):
                print("got", self.command, self.path, json.dumps(event), flush=True)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_POST = do_PUT = take
    def log_message(self, *_): pass
def subscribe(path="/2022-07-01/telemetry", **body):
    return request("PUT", path, json.dumps(body).encode(), key)[:2]
def listen():
    server = http.server.ThreadingHTTPServer((HOST, 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]
def follow():
    while next_event()["eventType"] != "SHUTDOWN": pass
    time.sleep(0.3)
"""
SUBSCRIBER = """
register("INVOKE", "SHUTDOWN")
destination = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:%d/in" % listen()}
print(subscribe(schemaVersion="2022-12-13", types=["platform", "function"],
                buffering={"timeoutMs": 25}, destination=destination))
follow()
"""
FUNCTION = """
print("in the beginning")
def handler(event, context):
    print("two\\nlines")
    if event == "fail": raise ValueError("no")
    return event
"""


def telling(bench: Any, source: str, code: str = FUNCTION, **changes: Any) -> Any:
    return bench.function(code, layers=(layer(bench, source=LISTENER + source),), **changes)


def events(bench: Any) -> list[dict[str, Any]]:
    texts = (text for text in bench.log.texts if text.startswith("got "))
    return [json.loads(text.split(" ", 3)[3]) for text in texts]


async def told(bench: Any, kind: str, count: int = 1) -> Any:
    """The record of the last of `count` events of a kind, when it was delivered."""
    for _ in range(500):
        found = [event for event in events(bench) if event["type"] == kind]
        if len(found) >= count:
            return found[count - 1]["record"]
        await asyncio.sleep(0.01)
    raise AssertionError(f"no {kind} in {bench.log.texts}")


async def test_what_happens_is_told_from_the_beginning(bench: Any) -> None:
    spec = telling(bench, SUBSCRIBER)
    await bench.call(spec, 5)
    await bench.call(spec, "fail")
    await bench.compute.retire(spec.key)
    report = await told(bench, "platform.report", 2)
    assert "(200, b'\"OK\"')" in bench.log.texts
    text = "TELEMETRY\tName: watcher\tState: Subscribed\tTypes: [Platform, Function]"
    assert text in bench.log.texts
    kinds = [event["type"] for event in events(bench)]
    assert kinds[0] == "platform.initStart"
    # The extension subscribes while the runtime is initialised already.
    assert set(kinds[1:5]) == {
        "function", "platform.telemetrySubscription", "platform.initRuntimeDone",
        "platform.extension",
    }  # fmt: skip
    assert kinds.index("platform.initRuntimeDone") < kinds.index("platform.extension")
    assert kinds[5] == "platform.initReport"
    assert kinds[6:11] == [
        "platform.start", "function", "function", "platform.runtimeDone", "platform.report",
    ]  # fmt: skip
    assert all(event["time"].endswith("Z") for event in events(bench))
    start = await told(bench, "platform.initStart")
    assert start.pop("runtimeVersion").startswith("python:3.11")
    assert start.pop("runtimeVersionArn").startswith("arn:aws:lambda:eu-west-1::runtime:")
    assert start.pop("instanceId").startswith("20")
    assert start == {
        "initializationType": "on-demand", "phase": "init", "functionName": "fn",
        "functionVersion": "$LATEST", "instanceMaxMemory": 128 << 20,
    }  # fmt: skip
    assert await told(bench, "platform.telemetrySubscription") == {
        "name": "watcher", "state": "Subscribed", "types": ["platform", "function"]}  # fmt: skip
    assert await told(bench, "platform.initRuntimeDone") == {
        "initializationType": "on-demand", "phase": "init", "status": "success"}  # fmt: skip
    assert (await told(bench, "platform.initReport"))["metrics"]["durationMs"] > 0
    assert await told(bench, "platform.extension") == {
        "name": "watcher", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]}  # fmt: skip
    tracing = {"type": "X-Amzn-Trace-Id", "value": "Root=1-0-0"}
    assert await told(bench, "platform.start") == {
        "requestId": "request-1", "version": "$LATEST", "tracing": tracing}  # fmt: skip
    done = await told(bench, "platform.runtimeDone")
    assert (done["status"], done["metrics"]["producedBytes"]) == ("success", 1)
    assert [span["name"] for span in done["spans"]] == ["responseLatency", "responseDuration"]
    done = await told(bench, "platform.runtimeDone", 2)
    assert (done["status"], done["errorType"]) == ("error", "ValueError")
    assert (report["requestId"], report["tracing"]) == ("request-2", tracing)
    assert report["metrics"]["memorySizeMB"] == 128
    first = await told(bench, "platform.report")
    assert first["metrics"]["initDurationMs"] > 0
    assert [event["record"] for event in events(bench) if event["type"] == "function"][:3] == [
        "in the beginning", "two", "lines"]  # fmt: skip


@pytest.mark.parametrize(
    ("schema", "record"), [("2022-07-01", '{"a": 1}'), ("2025-01-29", {"a": 1})]
)
async def test_records_of_json_by_schema(bench: Any, schema: str, record: Any) -> None:
    source = SUBSCRIBER.replace("2022-12-13", schema)
    spec = telling(bench, source, "def handler(*_): print('{\"a\": 1}')")
    await bench.call(spec)
    await bench.compute.retire(spec.key)
    assert await told(bench, "function") == record


async def test_a_time_out_and_an_end_are_told(bench: Any) -> None:
    code = "import os, time\ndef handler(event, _): os._exit(1) if event else time.sleep(60)"
    spec = telling(bench, SUBSCRIBER, code, timeout_s=0.4)
    await bench.call(spec, None)
    done = await told(bench, "platform.runtimeDone")
    assert (done["requestId"], done["status"]) == ("request-1", "timeout")
    await bench.call(spec, 1)
    done = await told(bench, "platform.runtimeDone", 2)
    assert (done["status"], done["errorType"]) == ("failure", "Runtime.ExitError")


async def test_extensions_hear_each_other(bench: Any) -> None:
    spec = telling(
        bench,
        'register("INVOKE", "SHUTDOWN")\nport = listen()\n'
        'subscribe(schemaVersion="2022-07-01", types=["extension"], buffering={"timeoutMs": 25},'
        'destination={"protocol": "HTTP", "URI": "http://sandbox:%d" % port})\nfollow()',
    )
    other = layer(bench, "other", 'register("INVOKE")\nwhile True:\n  print("I say", next_event()'
                                  '["requestId"])')  # fmt: skip
    spec = bench.function(FUNCTION, layers=(*spec.layers, other))
    await bench.call(spec, 1)
    await bench.compute.retire(spec.key)
    assert await told(bench, "extension") == "I say request-1"


async def test_the_older_logs_api(bench: Any) -> None:
    source = SUBSCRIBER.replace('(schemaVersion="2022-12-13"', '(schemaVersion="2021-03-18"')
    source = source.replace("subscribe(", 'subscribe("/2020-08-15/logs", ')
    source = source.replace("destination = {", 'destination = {"method": "PUT", ')
    spec = telling(bench, source)
    await bench.call(spec, "fail")
    await bench.compute.retire(spec.key)
    report = await told(bench, "platform.report")
    assert set(report) == {"requestId", "metrics"}
    kinds = [event["type"] for event in events(bench)]
    assert {"function", "platform.logsSubscription"} <= set(kinds[:3])
    assert kinds[-3:] == ["platform.runtimeDone", "platform.end", "platform.report"]
    assert await told(bench, "platform.runtimeDone") == {
        "requestId": "request-1", "status": "failure"}  # fmt: skip
    assert any(text.startswith("got PUT /in ") for text in bench.log.texts)
    assert any(text.startswith("LOGS\tName: watcher") for text in bench.log.texts)


async def test_newline_delimited_json_over_tcp(bench: Any) -> None:
    spec = telling(
        bench,
        """
register("INVOKE", "SHUTDOWN")
listener = socket.create_server(("127.0.0.1", 0))
def take():
    while True:
        for text in listener.accept()[0].makefile():
            print("got TCP x", text, end="", flush=True)
threading.Thread(target=take, daemon=True).start()
subscribe(schemaVersion="2022-12-13", types=["platform"], buffering={"timeoutMs": 25},
          destination={"protocol": "TCP",
                       "URI": "tcp://sandbox.localdomain:%d" % listener.getsockname()[1]})
follow()
""",
    )
    await bench.call(spec, 1)
    await bench.compute.retire(spec.key)
    assert (await told(bench, "platform.report"))["status"] == "success"


async def test_delivery_is_repeated_until_it_succeeds(bench: Any) -> None:
    source = SUBSCRIBER.replace("destination = ", "STATUS[:] = [500, 503]\ndestination = ")
    spec = telling(bench, source, "import time\ndef handler(*_): time.sleep(0.5)")
    await bench.call(spec)
    await bench.compute.retire(spec.key)
    await told(bench, "platform.report")
    kinds = [event["type"] for event in events(bench)]
    assert len(kinds) == len(set(kinds))
    assert kinds[0] == "platform.initStart"


async def test_who_cannot_follow_loses_records_and_is_told(bench: Any) -> None:
    source = SUBSCRIBER.replace("destination = ", "STATUS[:] = [500] * 3\ndestination = ")
    code = """
import time
def handler(event, _):
    for _ in range(80): print("x" * 10000)
    time.sleep(1.2)
"""
    spec = telling(bench, source, code)
    await bench.call(spec)
    await bench.compute.retire(spec.key)
    dropped = await told(bench, "platform.logsDropped")
    assert dropped["droppedRecords"] > 20
    assert dropped["droppedBytes"] > dropped["droppedRecords"] * 10000 - 10000
    assert dropped["reason"].startswith("Consumer seems to have fallen behind")


HTTP = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080"}
GOOD: dict[str, Any] = {"schemaVersion": "2022-12-13", "types": ["platform"], "destination": HTTP}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"types": [], "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain"}},
         "types should not be empty; URI port is not provided"),
        ({"schemaVersion": None},
         "schemaVersion should be one of [2022-07-01, 2022-12-13, 2025-01-29]"),
        ({"types": ["platform", "x"]}, 'unknown type "x" in types'),
        ({"buffering": {"maxItems": 999}}, "maxItems should be between 1000 and 10000"),
        ({"buffering": {"maxBytes": 1048577}}, "maxBytes should be between 262144 and 1048576"),
        ({"buffering": {"timeoutMs": 24}}, "timeoutMs should be between 25 and 30000"),
        ({"destination": None}, "destination is not provided"),
        ({"destination": {"protocol": "UDP"}}, "destination protocol should be HTTP or TCP"),
        ({"destination": HTTP | {"URI": "https://sandbox.localdomain:8080"}},
         "URI scheme should be http"),
        ({"destination": HTTP | {"URI": "http://example.com:8080"}},
         "URI host should be sandbox.localdomain"),
        ({"destination": HTTP | {"URI": "http://sandbox:9001"}}, "URI port 9001 is reserved"),
        ({"destination": HTTP | {"URI": "http://sandbox:80/a b"}}, "URI path is invalid"),
    ],
)  # fmt: skip
def test_subscriptions_that_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(telemetry.Invalid, match=f"^{re.escape(message)}$"):
        telemetry.Subscription(telemetry.APIS[0], GOOD | changes)


async def test_answers_to_subscriptions(bench: Any) -> None:
    spec = telling(
        bench,
        f"""
good = {GOOD!r}
print(request("PUT", "/2022-07-01/telemetry", b"{{}}")[:2])
register("INVOKE", "SHUTDOWN")
print(subscribe(types=[]))
print(request("POST", "/2022-07-01/telemetry", b"{{}}", key)[0])
print(subscribe(**good))
print(subscribe(**good))
print(subscribe("/2020-08-15/logs", **dict(good, schemaVersion="2020-08-15")))
next_event()
print(subscribe(**good))
follow()
""",
    )
    await bench.call(spec, 1)
    await line(bench, "SubscriptionClosed")
    answers = [text for text in bench.log.texts if text.startswith(("(", "405"))]
    assert "Extension.MissingExtensionIdentifier" in answers[0]
    assert answers[1].startswith('(400, b\'{"errorType": "ValidationError"')
    assert answers[2:5] == ["405", "(200, b'\"OK\"')", "(200, b'\"OK\"')"]
    assert "Logs.ValidationError" in answers[5]
    assert "already subscribed to the Telemetry API" in answers[5]
    assert answers[6] == (
        '(403, b\'{"errorMessage": "Telemetry API subscription is closed already", '
        '"errorType": "Telemetry.SubscriptionClosed"}\')'
    )


async def test_records_go_to_listeners_of_the_same_environment_only(make_bench: Any) -> None:
    """The port belongs to a process of ours, outside."""
    bench = await make_bench(reserve=1, network="host")
    taken: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(await reader.read(10))
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    source = SUBSCRIBER.replace("listen()", str(port))
    spec = telling(bench, source, "import time\ndef handler(*_): time.sleep(0.4)")
    await bench.call(spec)
    server.close()
    await server.wait_closed()
    assert taken == []
