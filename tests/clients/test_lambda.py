"""Lambda as boto3 sees it."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.clients.functions import Functions, package, unique
from tests.clients.live import Live
from tests.needs import LEVEL, needs_node

pytestmark = pytest.mark.clients

ECHO = "def handler(event, context): return event"


@pytest.fixture
def functions(server: Live) -> Functions:
    return Functions(server)


def _code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_a_function_runs_and_its_log_is_there(functions: Functions) -> None:
    name = functions.create(
        "def handler(event, context):\n"
        "    print('got', event['n'])\n"
        "    return {'twice': 2 * event['n'], 'arn': context.invoked_function_arn}"
    )
    answer = functions.client.invoke(FunctionName=name, Payload=b'{"n": 21}', LogType="Tail")
    result = json.loads(answer["Payload"].read())
    assert result["twice"] == 42
    assert result["arn"].endswith(f":function:{name}")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert "got 21" in tail
    assert "REPORT RequestId" in tail
    assert functions.lines(name, '"got 21"') == ["got 21\n"]


def test_a_function_acts_as_its_role(functions: Functions) -> None:
    name = functions.create(
        "import boto3\n"
        "def handler(event, context):\n"
        "    try:\n"
        "        boto3.client('s3').list_buckets()\n"
        "    except Exception as error:\n"
        "        denied = error.response['Error']['Code']\n"
        "    return [boto3.client('sts').get_caller_identity()['Arn'], denied]",
        Timeout=30,
    )
    arn, denied = functions.invoke(name)
    assert arn.startswith("arn:aws:sts::000000000000:assumed-role/role-")
    assert arn.endswith(f"/{name}")
    assert denied == "AccessDenied"


def test_code_from_s3_runs_and_can_be_downloaded(functions: Functions) -> None:
    content = package({"app.py": ECHO})
    s3, bucket = functions.live.client("s3"), unique("code")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a/code.zip", Body=content)
    name = functions.create("", Code={"S3Bucket": bucket, "S3Key": "a/code.zip"})
    assert functions.invoke(name, [1]) == [1]
    found = functions.client.get_function(FunctionName=name)
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert found["Configuration"]["CodeSha256"] == digest
    location = found["Code"]["Location"]
    with urllib.request.urlopen(location) as answer:
        assert answer.read() == content
    forged = location[:-1] + ("0" if location[-1] != "0" else "1")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(forged)
    assert refused.value.code == 403
    refused.value.close()


def test_an_error_is_the_functions_answer(functions: Functions) -> None:
    name = functions.create("def handler(event, context): raise ValueError('no')")
    answer = functions.client.invoke(FunctionName=name)
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read())["errorMessage"] == "no"


def test_new_code_answers_at_once(functions: Functions) -> None:
    name = functions.create("def handler(event, context): return 1")
    assert functions.invoke(name) == 1
    new = package({"app.py": "def handler(event, context): return 2"})
    functions.client.update_function_code(FunctionName=name, ZipFile=new)
    functions.client.get_waiter("function_updated_v2").wait(FunctionName=name)
    assert functions.invoke(name) == 2
    functions.client.update_function_configuration(
        FunctionName=name, Environment={"Variables": {"COLOUR": "red"}}
    )
    functions.client.get_waiter("function_updated_v2").wait(FunctionName=name)
    environment = functions.client.get_function_configuration(FunctionName=name)["Environment"]
    assert environment == {"Variables": {"COLOUR": "red"}}


def test_versions_and_aliases_run_what_they_name(functions: Functions) -> None:
    name = functions.create("def handler(event, context): return 1")
    first = functions.client.publish_version(FunctionName=name)["Version"]
    new = package({"app.py": "def handler(event, context): return context.function_version"})
    functions.client.update_function_code(FunctionName=name, ZipFile=new, Publish=True)
    functions.client.create_alias(FunctionName=name, Name="live", FunctionVersion=first)
    assert functions.invoke(name, Qualifier="live") == 1
    functions.client.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    assert functions.invoke(f"{name}:live") == "2"
    assert functions.invoke(name) == "$LATEST"


def test_a_layer_is_at_opt(functions: Functions) -> None:
    layer = functions.client.publish_layer_version(
        LayerName=unique("layer"), Content={"ZipFile": package({"python/shared.py": "X = 7"})}
    )
    source = "import shared\ndef handler(event, context): return [shared.X, shared.__file__]"
    name = functions.create(source, Layers=[layer["LayerVersionArn"]])
    value, file = functions.invoke(name)
    assert value == 7
    assert file == "/opt/python/shared.py" if LEVEL.namespaces else file.endswith("/shared.py")


def test_an_event_is_accepted_and_runs(functions: Functions) -> None:
    name = functions.create("def handler(event, context): print('event', event['n'])")
    for n in range(3):
        answer = functions.client.invoke(
            FunctionName=name, InvocationType="Event", Payload=json.dumps({"n": n}).encode()
        )
        assert answer["StatusCode"] == 202
    lines = functions.lines(name, '"event "', count=3)
    assert sorted(lines) == ["event 0\n", "event 1\n", "event 2\n"]


def test_reserved_concurrency_of_zero_throttles(functions: Functions) -> None:
    name = functions.create(ECHO)
    functions.client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as refused:
        functions.client.invoke(FunctionName=name)
    assert _code(refused) == "TooManyRequestsException"
    reason = refused.value.response["Reason"]
    assert reason == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_another_account_needs_the_functions_policy(functions: Functions) -> None:
    name = functions.create(ECHO)
    arn = functions.client.get_function_configuration(FunctionName=name)["FunctionArn"]
    other = functions.live.client(
        "lambda", aws_access_key_id="111111111111", aws_secret_access_key="test"
    )
    with pytest.raises(ClientError) as refused:
        other.invoke(FunctionName=arn)
    assert _code(refused) == "AccessDeniedException"
    functions.client.add_permission(
        FunctionName=name,
        StatementId="other",
        Action="lambda:InvokeFunction",
        Principal="111111111111",
    )
    assert other.invoke(FunctionName=arn)["StatusCode"] == 200
    with pytest.raises(ClientError) as refused:
        other.get_function(FunctionName=arn)
    assert _code(refused) == "AccessDeniedException"


def test_a_role_for_another_service_is_refused(functions: Functions) -> None:
    role = functions.role(service="ec2.amazonaws.com")
    with pytest.raises(ClientError, match="cannot be assumed by Lambda") as refused:
        functions.create(ECHO, Role=role)
    assert _code(refused) == "InvalidParameterValueException"


@pytest.mark.parametrize(
    ("given", "code", "status"),
    [
        ({"Payload": b"{"}, "InvalidRequestContentException", 400),
        ({"Payload": b'"' + b"x" * 6_300_000 + b'"'}, "RequestEntityTooLargeException", 413),
        ({"Qualifier": "9"}, "ResourceNotFoundException", 404),
    ],
)
def test_bad_invocations_have_aws_errors(
    functions: Functions, given: dict[str, Any], code: str, status: int
) -> None:
    name = functions.create(ECHO)
    with pytest.raises(ClientError) as refused:
        functions.client.invoke(FunctionName=name, **given)
    assert _code(refused) == code
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@needs_node
def test_node_runs(functions: Functions) -> None:
    source = "exports.handler = async (event) => ({ twice: 2 * event.n })"
    name = functions.create(
        "",
        Runtime="nodejs20.x",
        Handler="index.handler",
        Code={"ZipFile": package({"index.js": source})},
    )
    assert functions.invoke(name, {"n": 4}) == {"twice": 8}


def test_queued_events_survive_kill_9(own_server: Live) -> None:
    functions = Functions(own_server.start())
    bucket, count = unique("done"), 200
    own_server.client("s3").create_bucket(Bucket=bucket)
    name = functions.create(
        "import boto3\n"
        "s3 = boto3.client('s3')\n"
        "def handler(event, context):\n"
        f"    s3.put_object(Bucket='{bucket}', Key=str(event), Body=b'')",
        Role=functions.role(policy="arn:aws:iam::aws:policy/AmazonS3FullAccess"),
        Timeout=30,
    )
    for n in range(count):
        payload = str(n).encode()
        functions.client.invoke(FunctionName=name, InvocationType="Event", Payload=payload)
    own_server.kill()
    s3 = own_server.start().client("s3")
    wanted = {str(n) for n in range(count)}
    done: set[str] = set()
    deadline = time.monotonic() + 60
    while done != wanted and time.monotonic() < deadline:
        done = {item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])}
        time.sleep(0.1)
    assert done == wanted
