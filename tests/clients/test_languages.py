"""A function in each language: a line of the log, an error, a time-out, a variable."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.clients.builds import built
from tests.clients.functions import Functions, package
from tests.clients.live import Live

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


def rust() -> bytes:
    command = ["cargo", "build", "--release", "--locked"]
    folder = built(SOURCES / "rust", ["cargo"], command)
    return executable({"bootstrap": (folder / "target/release/bootstrap").read_bytes()})


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
        ("nodejs20.x", "app.handler", lambda: package({"app.js": NODE}), "RangeError"),
        ("provided.al2023", "main", go, "errorString"),
        ("provided.al2023", "main", rust, None),
        ("java17", "example.Greeter", lambda: java("java2016"), "java.lang.IllegalStateException"),
        ("java21", "example.Greeter::handleRequest", lambda: java("javanow"),
         "java.lang.IllegalStateException"),
        ("provided.al2", "example.Greeter::handleRequest", java_with_ric,
         "java.lang.IllegalStateException"),
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
