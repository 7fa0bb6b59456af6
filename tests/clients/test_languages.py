"""A function in each language: a line of the log, an error, a time-out, a variable."""

from __future__ import annotations

import io
import json
import socket
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.clients.builds import built
from tests.clients.functions import Functions, package
from tests.clients.live import Live
from tests.needs import needs_namespaces, needs_node

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]

SOURCES = Path(__file__).parent / "languages"
PYTHON = """
import os, time
def handler(event, context):
    print("a line from Python about", event["name"])
    time.sleep(event.get("sleep", 0) / 1000)
    if event.get("fail"):
        raise ValueError("no " + event["name"])
    return {"hello": event["name"], "colour": os.environ["COLOUR"], "id": context.aws_request_id}
"""
NODE = """
exports.handler = async (event, context) => {
  console.log(`a line from Node about ${event.name}`);
  await new Promise((done) => setTimeout(done, event.sleep ?? 0));
  if (event.fail) throw new RangeError(`no ${event.name}`);
  return { hello: event.name, colour: process.env.COLOUR, id: context.awsRequestId };
};
"""
NODE_STREAM = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  for (let part = 0; part < event.parts; part++) {
    stream.write(`part ${part};`);
    await new Promise((done) => setTimeout(done, 100));
  }
  stream.end();
});
"""
# AWS's own runtime interface client, as a custom runtime.
RIC = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda"
RIC_BOOTSTRAP = f'#!/bin/sh\nexec java -Xmx200m -cp /var/task {RIC} "$_HANDLER"\n'


def executable(files: Mapping[str, bytes]) -> bytes:
    """A zip file of programs, with their mode."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o755 << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def go() -> bytes:
    flags = ["-trimpath", "-tags", "lambda.norpc", "-ldflags", "-s -w", "-o", "bootstrap"]
    folder = built(SOURCES / "go", ["go"], ["env", "CGO_ENABLED=0", "go", "build", *flags, "."])
    return executable({"bootstrap": (folder / "bootstrap").read_bytes()})


def rust(program: str = "bootstrap", path: str = "bootstrap") -> bytes:
    command = ["cargo", "build", "--release", "--locked"]
    folder = built(SOURCES / "rust", ["cargo"], command)
    return executable({path: (folder / "target/release" / program).read_bytes()})


def java(name: str) -> bytes:
    folder = built(SOURCES / name, ["mvn", "java"], ["mvn", "-q", "-B", "package"])
    return (folder / "target/function.jar").read_bytes()


def java_with_ric() -> bytes:
    with zipfile.ZipFile(io.BytesIO(java("javanow"))) as jar:
        files = {name: jar.read(name) for name in jar.namelist() if not name.endswith("/")}
    return executable({**files, "bootstrap": RIC_BOOTSTRAP.encode()})


@pytest.fixture
def functions(server: Live) -> Functions:
    return Functions(server)


@pytest.mark.parametrize(
    ("runtime", "handler", "code", "kind"),
    [
        ("python3.11", "app.handler", lambda: package({"app.py": PYTHON}), "ValueError"),
        pytest.param("nodejs20.x", "app.handler", lambda: package({"app.js": NODE}), "RangeError",
                     marks=needs_node),
        ("provided.al2023", "main", go, "errorString"),
        ("provided.al2023", "main", rust, None),
        ("java17", "example.Greeter", lambda: java("java2016"), "java.lang.IllegalStateException"),
        ("java21", "example.Greeter::handleRequest", lambda: java("javanow"),
         "java.lang.IllegalStateException"),
        # The client writes its native part to /tmp.
        pytest.param("provided.al2", "example.Greeter::handleRequest", java_with_ric,
                     "java.lang.IllegalStateException", marks=needs_namespaces),
    ],
    ids=["python", "node", "go", "rust", "java-2016", "java-now", "java-with-ric"],
)  # fmt: skip
def test_a_line_an_error_a_time_out_and_a_variable(
    functions: Functions, runtime: str, handler: str, code: Any, kind: str | None
) -> None:
    name = functions.create(
        "", Runtime=runtime, Handler=handler, Code={"ZipFile": code()}, Timeout=2, MemorySize=512,
        Environment={"Variables": {"COLOUR": "blue"}},
    )  # fmt: skip
    answer = functions.client.invoke(FunctionName=name, Payload=b'{"name": "Ada"}')
    result = json.loads(answer["Payload"].read())
    request_id = answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    assert result == {"hello": "Ada", "colour": "blue", "id": request_id}
    assert any("about Ada" in line for line in functions.lines(name, '"a line from"'))
    failed = functions.client.invoke(FunctionName=name, Payload=b'{"name": "Bo", "fail": true}')
    assert failed["FunctionError"] == "Unhandled"
    document = json.loads(failed["Payload"].read())
    assert document["errorMessage"] == "no Bo"
    assert kind in (None, document["errorType"])
    slow = functions.client.invoke(FunctionName=name, Payload=b'{"name": "Cy", "sleep": 60000}')
    document = json.loads(slow["Payload"].read())
    assert document["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 2.00 seconds" in document["errorMessage"]
    assert functions.invoke(name, {"name": "Di"})["hello"] == "Di"


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def stream(functions: Functions, name: str, event: Any) -> tuple[list[bytes], Any]:
    """The chunks of a streamed answer, and how it ended."""
    answer = functions.client.invoke_with_response_stream(
        FunctionName=name, Payload=json.dumps(event).encode()
    )
    happened = list(answer["EventStream"])
    chunks = [event["PayloadChunk"]["Payload"] for event in happened if "PayloadChunk" in event]
    return chunks, happened[-1]["InvokeComplete"]


@pytest.mark.parametrize(
    ("runtime", "handler", "code"),
    [
        pytest.param(
            "nodejs20.x", "app.handler", lambda: package({"app.js": NODE_STREAM}), marks=needs_node
        ),
        ("provided.al2023", "main", go),
        ("provided.al2023", "main", rust),
    ],
    ids=["node", "go", "rust"],
)
def test_answers_that_are_streamed(
    functions: Functions, runtime: str, handler: str, code: Any
) -> None:
    name = functions.create("", Runtime=runtime, Handler=handler, Code={"ZipFile": code()})
    chunks, end = stream(functions, name, {"name": "Ada", "parts": 3})
    prelude, _, body = b"".join(chunks).rpartition(bytes(8))  # Rust's, for function URLs
    assert body == b"part 0;part 1;part 2;"
    assert len(chunks) == (5 if prelude else 3)
    assert "ErrorCode" not in end
    if handler == "main":  # a buffered invocation of the same function waits for all
        answer = functions.client.invoke(FunctionName=name, Payload=b'{"name": "Ada", "parts": 2}')
        assert answer["Payload"].read().endswith(b"part 0;part 1;")


def test_an_error_in_the_middle_of_a_stream(functions: Functions) -> None:
    name = functions.create("", Runtime="provided.al2023", Handler="x", Code={"ZipFile": go()})
    chunks, end = stream(functions, name, {"name": "Ada", "parts": 1, "fail": True})
    assert chunks == [b"part 0;"]
    assert end["ErrorCode"] == "errorString"
    assert "no Ada" in end["ErrorDetails"]


def test_go_hears_of_its_end(functions: Functions) -> None:
    name = functions.create(
        "", Runtime="provided.al2023", Handler="x", Code={"ZipFile": go()},
        Environment={"Variables": {"COLOUR": "red"}},
    )  # fmt: skip
    assert functions.invoke(name, {"name": "Ada"})["colour"] == "red"
    functions.client.delete_function(FunctionName=name)
    assert functions.lines(name, '"a line from Go at its end"')


@pytest.mark.parametrize("runtime", ["python3.11", pytest.param("nodejs20.x", marks=needs_node)])
def test_an_extension_by_awss_crate(functions: Functions, runtime: str) -> None:
    layer = functions.client.publish_layer_version(
        LayerName="watcher", Content={"ZipFile": rust("watcher", "extensions/watcher")}
    )["LayerVersionArn"]
    code = {"app.js": NODE} if runtime.startswith("node") else {"app.py": PYTHON}
    name = functions.create(
        "", Runtime=runtime, Code={"ZipFile": package(code)}, Layers=[layer],
        Environment={"Variables": {"COLOUR": "blue", "PORT": str(free_port())}},
    )  # fmt: skip
    answer = functions.invoke(name, {"name": "Ada"})
    assert answer["hello"] == "Ada"
    functions.client.delete_function(FunctionName=name)
    assert functions.lines(name, '"watcher: shutdown spindown"')
    assert functions.lines(name, f'"watcher: invoke {answer["id"]}"')
    assert any("about Ada" in line for line in functions.lines(name, '"watcher: said"'))
    assert functions.lines(name, '"watcher: report Success"')
    lines = functions.lines(name, "EXTENSION")
    assert lines[0].rstrip() == (
        "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE, SHUTDOWN]"
    )


S3_RECORD = {
    "awsRegion": "eu-west-1", "eventName": "ObjectCreated:Put", "eventSource": "aws:s3",
    "eventTime": "2020-01-01T00:00:00.000Z", "eventVersion": "2.1",
    "requestParameters": {"sourceIPAddress": "127.0.0.1"},
    "responseElements": {"x-amz-id-2": "a", "x-amz-request-id": "b"},
    "userIdentity": {"principalId": "me"},
    "s3": {"configurationId": "c", "s3SchemaVersion": "1.0",
           "bucket": {"name": "bucket", "arn": "arn", "ownerIdentity": {"principalId": "me"}},
           "object": {"key": "key", "size": 7, "eTag": "e", "versionId": "v", "sequencer": "s"}},
}  # fmt: skip
IMAGE = {"id": {"N": "5"}}
CHANGE = {"NewImage": IMAGE, "ApproximateCreationDateTime": 1577836800.0, "Keys": IMAGE}


@pytest.mark.parametrize(
    ("method", "event", "answer"),
    [
        ("s3", {"Records": [S3_RECORD]}, ["bucket/key 7 1577836800000"]),
        ("sqs", {"Records": [{"messageId": "m", "body": "b", "eventSourceARN": "arn"}]},
         ["m b arn"]),
        ("dynamodb", {"Records": [{"eventName": "INSERT", "dynamodb": CHANGE}]},
         ["INSERT 5 1577836800000"]),
        ("api", {"path": "/a", "httpMethod": "GET", "requestContext": {"stage": "prod"}},
         {"statusCode": 200, "headers": {"x-path": "/a"}, "body": "GET prod"}),
    ],
)  # fmt: skip
def test_classes_of_aws_lambda_java_events(
    functions: Functions, method: str, event: Any, answer: Any
) -> None:
    name = functions.create(
        "", Runtime="java17", Handler=f"example.Events::{method}", MemorySize=512,
        Code={"ZipFile": java("javanow")},
    )  # fmt: skip
    assert functions.invoke(name, event) == answer
