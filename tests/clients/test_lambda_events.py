"""Streamed answers, destinations, recursive loops and settings, as boto3 sees them."""

from __future__ import annotations

import base64
import json
import time

import pytest
from botocore.exceptions import ClientError
from tests.clients.functions import Functions, package, unique
from tests.clients.live import Live
from tests.needs import needs_node

pytestmark = pytest.mark.clients

FULL = "arn:aws:iam::aws:policy/AWSLambda_FullAccess"


@pytest.fixture
def functions(server: Live) -> Functions:
    return Functions(server)


@needs_node
def test_an_answer_is_streamed(functions: Functions) -> None:
    source = (
        "exports.handler = awslambda.streamifyResponse(async (event, stream) => {\n"
        "  for (const part of event.parts) stream.write(part)\n"
        "  if (event.fail) throw new Error('half way')\n"
        "  stream.end()\n"
        "})"
    )
    name = functions.create(
        "",
        Runtime="nodejs20.x",
        Handler="index.handler",
        Code={"ZipFile": package({"index.js": source})},
    )
    answer = functions.client.invoke_with_response_stream(
        FunctionName=name, Payload=json.dumps({"parts": ["a", "b"]}), LogType="Tail"
    )
    events = list(answer["EventStream"])
    chunks = [e["PayloadChunk"]["Payload"] for e in events if "PayloadChunk" in e]
    assert b"".join(chunks) == b"ab"
    assert list(events[-1]["InvokeComplete"]) == ["LogResult"]
    answer = functions.client.invoke_with_response_stream(
        FunctionName=name, Payload=json.dumps({"parts": ["a"], "fail": True})
    )
    complete = list(answer["EventStream"])[-1]["InvokeComplete"]
    assert complete["ErrorCode"]
    assert "half way" in complete["ErrorDetails"]


def test_a_buffered_function_streams_its_answer_at_once(functions: Functions) -> None:
    name = functions.create("def handler(event, context): return {'n': event}")
    answer = functions.client.invoke_with_response_stream(FunctionName=name, Payload=b"7")
    events = list(answer["EventStream"])
    assert json.loads(events[0]["PayloadChunk"]["Payload"]) == {"n": 7}


def test_a_record_goes_to_a_function_and_to_a_bucket(functions: Functions) -> None:
    role = functions.role(policy="arn:aws:iam::aws:policy/AdministratorAccess")
    s3, bucket = functions.live.client("s3"), unique("records")
    s3.create_bucket(Bucket=bucket)
    listener = functions.create(
        "import json\ndef handler(event, context): print('record', json.dumps(event))", Role=role
    )
    arn = functions.client.get_function_configuration(FunctionName=listener)["FunctionArn"]
    name = functions.create(
        "def handler(event, context):\n"
        "    if event['fail']: raise ValueError('no')\n"
        "    return 'done'",
        Role=role,
    )
    functions.client.put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=0,
        DestinationConfig={
            "OnSuccess": {"Destination": arn},
            "OnFailure": {"Destination": f"arn:aws:s3:::{bucket}"},
        },
    )
    for fail in (False, True):
        functions.client.invoke(
            FunctionName=name, InvocationType="Event", Payload=json.dumps({"fail": fail})
        )
    (line,) = functions.lines(listener, '"record "')
    record = json.loads(line.removeprefix("record "))
    assert (record["requestContext"]["condition"], record["responsePayload"]) == ("Success", "done")
    deadline = time.monotonic() + 10
    found: list[dict[str, str]] = []
    while not found and time.monotonic() < deadline:
        found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        time.sleep(0.02)
    assert found[0]["Key"].startswith(f"aws/lambda/async/{name}/")
    record = json.loads(s3.get_object(Bucket=bucket, Key=found[0]["Key"])["Body"].read())
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "no"


def test_a_function_that_invokes_itself_is_stopped(functions: Functions) -> None:
    name = functions.create(
        "import boto3\n"
        "def handler(event, context):\n"
        "    print('round')\n"
        "    boto3.client('lambda').invoke(\n"
        "        FunctionName=context.function_name, InvocationType='Event')",
        Role=functions.role(policy="arn:aws:iam::aws:policy/AdministratorAccess"),
        Timeout=30,
        MemorySize=512,
    )
    functions.client.invoke(FunctionName=name, InvocationType="Event")
    functions.lines(name, "round", count=16)
    time.sleep(0.3)
    assert len(functions.lines(name, "round", count=16)) == 16
    functions.client.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    shown = functions.client.get_function_recursion_config(FunctionName=name)
    assert shown["RecursiveLoop"] == "Allow"


def test_code_must_be_signed_where_that_is_enforced(functions: Functions) -> None:
    profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/v"
    config = functions.client.create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": [profile]},
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"},
    )["CodeSigningConfig"]
    arn = config["CodeSigningConfigArn"]
    name = functions.create("def handler(event, context): return 1")
    functions.client.put_function_code_signing_config(FunctionName=name, CodeSigningConfigArn=arn)
    with pytest.raises(ClientError) as refused:
        functions.client.update_function_code(FunctionName=name, ZipFile=package({"app.py": ""}))
    assert refused.value.response["Error"]["Code"] == "CodeVerificationFailedException"
    functions.client.delete_function_code_signing_config(FunctionName=name)
    functions.client.delete_code_signing_config(CodeSigningConfigArn=arn)


def test_another_account_uses_a_layer_that_is_shared(functions: Functions) -> None:
    layer, name = functions.client, unique("layer")
    made = layer.publish_layer_version(
        LayerName=name, Content={"ZipFile": package({"python/shared.py": ""})}
    )
    other = functions.live.client(
        "lambda", aws_access_key_id="333333333333", aws_secret_access_key="test"
    )
    with pytest.raises(ClientError) as refused:
        other.get_layer_version_by_arn(Arn=made["LayerVersionArn"])
    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    layer.add_layer_version_permission(
        LayerName=name,
        VersionNumber=1,
        StatementId="all",
        Action="lambda:GetLayerVersion",
        Principal="*",
    )
    assert other.get_layer_version_by_arn(Arn=made["LayerVersionArn"])["Version"] == 1
    policy = json.loads(layer.get_layer_version_policy(LayerName=name, VersionNumber=1)["Policy"])
    assert policy["Statement"][0]["Sid"] == "all"
    layer.remove_layer_version_permission(LayerName=name, VersionNumber=1, StatementId="all")


def test_provisioned_environments_are_ready_before_they_are_asked_for(functions: Functions) -> None:
    name = functions.create(
        "import os\n"
        "def handler(event, context): return os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']"
    )
    version = functions.client.publish_version(FunctionName=name)["Version"]
    wanted = {"FunctionName": name, "Qualifier": version}
    made = functions.client.put_provisioned_concurrency_config(
        **wanted, ProvisionedConcurrentExecutions=2
    )
    assert made["Status"] == "IN_PROGRESS"
    deadline = time.monotonic() + 20
    found = made
    while found["Status"] != "READY" and time.monotonic() < deadline:
        found = functions.client.get_provisioned_concurrency_config(**wanted)
        time.sleep(0.02)
    assert found["AvailableProvisionedConcurrentExecutions"] == 2
    assert functions.invoke(name, Qualifier=version) == "provisioned-concurrency"
    listed = functions.client.list_provisioned_concurrency_configs(FunctionName=name)
    assert len(listed["ProvisionedConcurrencyConfigs"]) == 1
    functions.client.delete_provisioned_concurrency_config(**wanted)
    with pytest.raises(ClientError):
        functions.client.get_provisioned_concurrency_config(**wanted)


def test_logs_in_json_have_levels(functions: Functions) -> None:
    name = functions.create(
        "import logging\n"
        "log = logging.getLogger('mine')\n"
        "def handler(event, context):\n"
        "    log.info('quiet')\n"
        "    log.warning('loud %s', 1, extra={'book': 7})\n"
        "    print('plain')\n"
        "    raise ValueError('no')",
        LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "LogGroup": "/mine/a"},
    )
    shown = functions.client.get_function_configuration(FunctionName=name)["LoggingConfig"]
    assert (shown["LogFormat"], shown["SystemLogLevel"]) == ("JSON", "INFO")
    answer = functions.client.invoke(FunctionName=name, LogType="Tail")
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert "plain" in lines
    found = [json.loads(line) for line in lines if line.startswith("{")]
    kinds = [one["type"] for one in found if "type" in one]
    assert kinds == ["platform.start", "platform.report"]
    own = [one for one in found if "level" in one]
    assert [(one["level"], one["message"]) for one in own] == [
        ("WARNING", "loud 1"),
        ("ERROR", "[ERROR] ValueError: no"),
    ]
    assert (own[0]["book"], own[0]["logger"]) == (7, "mine")
    assert own[1]["errorType"] == "ValueError"
    assert own[0]["requestId"] == answer["ResponseMetadata"]["RequestId"]
