"""REST APIs made with boto3, answered by real functions."""

from __future__ import annotations

import json
from typing import Any

import pytest
import urllib3
from tests.clients.functions import Functions
from tests.clients.live import Live

pytestmark = pytest.mark.clients

ECHO = """
import base64, json
def handler(event, context):
    if event["path"] == "/fails":
        raise ValueError("no")
    if event["path"] == "/binary":
        content = base64.b64decode(event["body"])[::-1]
        return {"statusCode": 200, "isBase64Encoded": True,
                "headers": {"Content-Type": "image/png"},
                "body": base64.b64encode(content).decode()}
    return {"statusCode": 200, "body": json.dumps(event)}
"""


@pytest.fixture(scope="module")
def functions(server: Live) -> Functions:
    return Functions(server)


@pytest.fixture(scope="module")
def function(functions: Functions) -> str:
    name = functions.create(ECHO, FunctionName="apigw-echo")
    arn: str = functions.client.get_function(FunctionName=name)["Configuration"]["FunctionArn"]
    return arn


class Api:
    """An API with one greedy proxy, made resource by resource as Terraform and CDK do."""

    def __init__(self, server: Live, function: str) -> None:
        self.server = server
        self.client = server.client("apigateway")
        made = self.client.create_rest_api(name="proxy", binaryMediaTypes=["image/*"])
        self.id = made["id"]
        resource = self.client.create_resource(
            restApiId=self.id, parentId=made["rootResourceId"], pathPart="{proxy+}"
        )
        place = {"restApiId": self.id, "resourceId": resource["id"], "httpMethod": "ANY"}
        self.client.put_method(**place, authorizationType="NONE")
        path = f"lambda:path/2015-03-31/functions/{function}/invocations"
        self.client.put_integration(
            **place,
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            uri=f"arn:aws:apigateway:us-east-1:{path}",
        )
        self.client.create_deployment(restApiId=self.id, stageName="v1", variables={"a": "1"})

    def send(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> urllib3.BaseHTTPResponse:
        return urllib3.request(
            method,
            f"{self.server.endpoint}/v1{path}",
            headers={"Host": f"{self.id}.execute-api.localhost:{self.server.port}", **headers},
            body=body,
            timeout=30,
        )


@pytest.fixture(scope="module")
def api(server: Live, functions: Functions, function: str) -> Api:
    made = Api(server, function)
    refused = made.send("GET", "/before/permission")
    assert (refused.status, refused.json()) == (500, {"message": "Internal server error"})
    account = server.describe["account"]
    server.client("lambda").add_permission(
        FunctionName="apigw-echo",
        StatementId=f"api-{made.id}",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:{account}:{made.id}/*/*/{{proxy+}}",
    )
    return made


def test_the_event_that_a_function_gets(api: Api) -> None:
    answer = api.send("POST", "/a/b%20c?x=1&x=2", b'{"k": 1}', **{"Content-Type": "a/b"})
    event = answer.json()
    assert answer.status == 200
    assert event["pathParameters"] == {"proxy": "a/b c"}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"]}
    assert event["body"] == '{"k": 1}'
    assert event["stageVariables"] == {"a": "1"}
    assert event["headers"]["Content-Type"] == "a/b"
    assert event["requestContext"]["apiId"] == api.id
    assert event["requestContext"]["stage"] == "v1"


def test_the_reason_of_a_missing_permission_is_in_the_log(api: Api) -> None:
    assert "is not authorized" in api.server.log() or "Invalid permissions" in api.server.log()


@pytest.mark.parametrize(
    "form", ["/_aws/execute-api/{id}/v1/x", "/restapis/{id}/v1/_user_request_/x"]
)
def test_the_plain_paths(api: Api, form: str) -> None:
    answer = urllib3.request("GET", api.server.endpoint + form.format(id=api.id))
    assert answer.status == 200
    assert answer.json()["path"] == "/x"


def test_binary_bodies(api: Api) -> None:
    content = bytes(range(256)) * 100
    headers = {"Content-Type": "image/png", "Accept": "image/png"}
    answer = api.send("POST", "/binary", content, **headers)
    assert answer.data == content[::-1]
    assert answer.headers["content-type"] == "image/png"


def test_a_failing_function_is_a_bad_gateway(api: Api) -> None:
    answer = api.send("GET", "/fails")
    assert (answer.status, answer.json()) == (502, {"message": "Internal server error"})


def test_stages_serve_snapshots(server: Live, api: Api) -> None:
    client = api.client
    before = client.get_stage(restApiId=api.id, stageName="v1")["deploymentId"]
    resources = client.get_resources(restApiId=api.id, embed=["methods"])["items"]
    proxy = next(r for r in resources if r["path"] == "/{proxy+}")
    assert proxy["resourceMethods"]["ANY"]["methodIntegration"]["type"] == "AWS_PROXY"
    client.delete_resource(restApiId=api.id, resourceId=proxy["id"])
    assert api.send("GET", "/still/there").status == 200
    with pytest.raises(client.exceptions.BadRequestException, match="doesn't contain any methods"):
        client.create_deployment(restApiId=api.id)
    with pytest.raises(client.exceptions.BadRequestException, match="Active stages"):
        client.delete_deployment(restApiId=api.id, deploymentId=before)
    patch: list[dict[str, Any]] = [{"op": "replace", "path": "/variables/a", "value": "2"}]
    client.update_stage(restApiId=api.id, stageName="v1", patchOperations=patch)
    assert api.send("GET", "/x").json()["stageVariables"] == {"a": "2"}
    client.delete_stage(restApiId=api.id, stageName="v1")
    gone = api.send("GET", "/x")
    assert (gone.status, gone.json()) == (403, {"message": "Forbidden"})


def test_unknown_apis_are_named(server: Live) -> None:
    client = server.client("apigateway")
    with pytest.raises(client.exceptions.NotFoundException, match="Invalid API identifier"):
        client.get_rest_api(restApiId="nothere")


def test_an_import_is_served_as_it_is_put(server: Live) -> None:
    client = server.client("apigateway")
    mock = {
        "type": "mock",
        "requestTemplates": {"application/json": '{"statusCode": 204}'},
        "responses": {"default": {"statusCode": "204"}},
    }
    paths = {"/ping": {"get": {"x-amazon-apigateway-integration": mock}}}
    body = {"openapi": "3.0.1", "info": {"title": "imported", "version": "7"}, "paths": paths}
    made = client.import_rest_api(body=json.dumps(body).encode())
    assert (made["name"], made["version"]) == ("imported", "7")
    client.create_deployment(restApiId=made["id"], stageName="s")
    answer = urllib3.request("GET", f"{server.endpoint}/_aws/execute-api/{made['id']}/s/ping")
    assert answer.status == 204
    tags = {"team": "books"}
    arn = f"arn:aws:apigateway:us-east-1::/restapis/{made['id']}"
    client.tag_resource(resourceArn=arn, tags=tags)
    assert client.get_tags(resourceArn=arn)["tags"] == tags
    client.delete_rest_api(restApiId=made["id"])
    gone = urllib3.request("GET", f"{server.endpoint}/_aws/execute-api/{made['id']}/s/ping")
    assert gone.status == 403
