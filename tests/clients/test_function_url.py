"""Function URLs as HTTP clients and browsers see them."""

from __future__ import annotations

import http.client
import json
import time
import urllib.request
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.clients.functions import Functions, package, unique
from tests.clients.live import Live
from tests.needs import needs_node

pytestmark = pytest.mark.clients

ECHO = "def handler(event, context): return event"
STREAM = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream = awslambda.HttpResponseStream.from(stream, {
    statusCode: 201, headers: { 'Content-Type': 'text/plain', 'X-Mine': 'yes' }, cookies: ['a=1'] })
  stream.write('first,')
  await new Promise((resolve) => setTimeout(resolve, 400))
  stream.write('second')
  stream.end()
})
"""


@pytest.fixture
def functions(server: Live) -> Functions:
    return Functions(server)


class Url:
    """A function's URL, reached by its name below localhost, as clients do."""

    def __init__(self, functions: Functions, name: str, **given: Any) -> None:
        client = functions.client
        made = client.create_function_url_config(
            FunctionName=name, **({"AuthType": "NONE"} | given)
        )
        self.url = made["FunctionUrl"]
        self.live = functions.live
        self.host = f"{urlsplit(self.url).netloc.split('.')[0]}.lambda-url.localhost"

    def make_public(self, functions: Functions, name: str) -> Url:
        for statement, given in (
            ("url", {"Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"}),
            ("invoke", {"Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True}),
        ):
            functions.client.add_permission(
                FunctionName=name, StatementId=statement, Principal="*", **given
            )
        return self

    def ask(
        self, method: str = "GET", path: str = "/", body: bytes = b"", **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.live.port)
        try:
            wanted = {"Host": f"{self.host}:{self.live.port}", **headers}
            connection.request(method, path, body=body or None, headers=wanted)
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def signed(self, credentials: Credentials, path: str = "/") -> tuple[int, bytes]:
        request = AWSRequest("GET", f"http://{self.host}:{self.live.port}{path}")
        SigV4Auth(credentials, "lambda", "us-east-1").add_auth(request)
        response, body = self.ask("GET", path, b"", **dict(request.headers))
        return response.status, body


def test_a_public_url_answers_anybody(functions: Functions) -> None:
    name = functions.create(
        "def handler(event, context):\n"
        "    return {'statusCode': 202, 'cookies': ['a=1', 'b=2'], 'body': event['rawPath'],\n"
        "            'headers': {'Content-Type': 'text/plain'}}"
    )
    url = Url(functions, name)
    assert url.url.endswith(".lambda-url.us-east-1.on.aws/")
    assert url.ask()[0].status == 403
    url.make_public(functions, name)
    response, body = url.ask("GET", "/books/1?x=1")
    assert (response.status, body) == (202, b"/books/1")
    assert response.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert response.headers["content-type"] == "text/plain"
    plain = url.host.partition(".")[0]
    response, body = url.ask("GET", f"/_aws/lambda-url/{plain}/by/path", Host="127.0.0.1")
    assert (response.status, body) == (202, b"/by/path")


def test_a_result_without_a_status_is_the_body(functions: Functions) -> None:
    name = functions.create(ECHO)
    url = Url(functions, name).make_public(functions, name)
    response, body = url.ask("POST", "/", b'{"a": 1}', **{"Content-Type": "application/json"})
    assert (response.status, response.headers["content-type"]) == (200, "application/json")
    event = json.loads(body)
    assert (event["body"], event["requestContext"]["http"]["method"]) == ('{"a": 1}', "POST")
    function = functions.client.get_function_url_config(FunctionName=name)
    assert function["FunctionUrl"] == url.url


def test_a_url_with_iam_knows_the_signer(functions: Functions) -> None:
    name = functions.create(ECHO)
    url = Url(functions, name, AuthType="AWS_IAM")
    live = functions.live.describe
    key, secret = str(live["access_key_id"]), str(live["secret_access_key"])
    assert url.ask()[0].status == 403
    assert url.signed(Credentials(key, "wrong"))[0] == 403
    status, body = url.signed(Credentials(key, secret), "/a?b=c")
    assert status == 200
    iam = json.loads(body)["requestContext"]["authorizer"]["iam"]
    assert (iam["accessKey"], iam["userArn"]) == (key, "arn:aws:iam::000000000000:root")
    stranger = Credentials("222222222222", "test")
    assert url.signed(stranger)[0] == 403
    for action, given in (
        ("lambda:InvokeFunctionUrl", {"FunctionUrlAuthType": "AWS_IAM"}),
        ("lambda:InvokeFunction", {}),
    ):
        functions.client.add_permission(
            FunctionName=name,
            StatementId=action.partition(":")[2],
            Principal="222222222222",
            Action=action,
            **given,
        )
    assert url.signed(stranger)[0] == 200


@needs_node
def test_a_stream_arrives_while_it_is_made(functions: Functions) -> None:
    name = functions.create(
        "",
        Runtime="nodejs20.x",
        Handler="index.handler",
        Code={"ZipFile": package({"index.js": STREAM})},
    )
    url = Url(functions, name, InvokeMode="RESPONSE_STREAM").make_public(functions, name)
    connection = http.client.HTTPConnection("127.0.0.1", functions.live.port)
    connection.request("GET", "/", headers={"Host": url.host})
    response = connection.getresponse()
    assert (response.status, response.headers["x-mine"]) == (201, "yes")
    assert response.headers["set-cookie"] == "a=1"
    first = response.read1()
    begun = time.monotonic()
    assert first == b"first,"
    assert response.read() == b"second"
    assert time.monotonic() - begun > 0.2
    connection.close()


def test_browsers_get_cors_headers(functions: Functions) -> None:
    name = functions.create(ECHO)
    url = Url(
        functions, name, Cors={"AllowOrigins": ["*"], "AllowMethods": ["PUT"], "MaxAge": 5}
    ).make_public(functions, name)
    response, _ = url.ask(
        "OPTIONS",
        "/",
        b"",
        Origin="https://a.example",
        **{"Access-Control-Request-Method": "PUT"},
    )
    assert response.status == 200
    assert response.headers["access-control-allow-methods"] == "PUT"
    response, _ = url.ask("PUT", "/", Origin="https://a.example")
    assert response.headers["access-control-allow-origin"] == "*"


TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: index.handler
      InlineCode: "def handler(event, context): return 'from a template'"
      FunctionUrlConfig:
        AuthType: NONE
        Cors: {AllowOrigins: ["*"]}
Outputs:
  Url:
    Value: !GetAtt FunctionUrl.FunctionUrl
"""


def test_a_template_makes_a_url(functions: Functions) -> None:
    client, name = functions.live.client("cloudformation"), unique("stack")
    client.create_stack(
        StackName=name,
        TemplateBody=TEMPLATE,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    (output,) = client.describe_stacks(StackName=name)["Stacks"][0]["Outputs"]
    id_ = urlsplit(output["OutputValue"]).netloc.partition(".")[0]
    with urllib.request.urlopen(f"{functions.live.endpoint}/_aws/lambda-url/{id_}/") as answer:
        assert answer.read() == b'"from a template"'
    client.delete_stack(StackName=name)
    client.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
