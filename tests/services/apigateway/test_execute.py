from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cloudlet.aws.body import Body
from cloudlet.aws.context import Context
from cloudlet.aws.errors import AccessDenied
from cloudlet.aws.functions import EventSource, Functions
from cloudlet.aws.http import Headers, Request, Response
from cloudlet.aws.models import apigateway as types
from cloudlet.aws.principal import root
from cloudlet.aws.service import Target
from cloudlet.compute.environment import Outcome
from cloudlet.services.apigateway.api import deployments, rest_apis
from cloudlet.services.apigateway.execute import Execution
from cloudlet.services.apigateway.store import ApiGateway
from cloudlet.services.parts import Parts
from cloudlet.storage.records import Records

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:books"
URI = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"


class FakeFunctions:
    """Answers with what the test sets, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: Any = {"statusCode": 200, "body": "ok"}
        self.raw: bytes | None = None
        self.error: str | None = None
        self.raises: Exception | None = None
        self.delay_s = 0.0
        self.events: list[dict[str, Any]] = []
        self.sources: list[EventSource] = []

    async def invoke(
        self, arn: str, payload: bytes, source: EventSource, trace_id: str = ""
    ) -> Outcome:
        assert arn == FUNCTION
        self.events.append(json.loads(payload))
        self.sources.append(source)
        await asyncio.sleep(self.delay_s)
        if self.raises:
            raise self.raises
        content = self.raw if self.raw is not None else json.dumps(self.answer).encode()
        return Outcome(content, self.error, [], "", 1.0, 1, None, 1)

    async def invoke_async(self, arn: str, payload: bytes, source: EventSource) -> str:
        raise NotImplementedError


def document(**more: Any) -> bytes:
    proxy = {"type": "aws_proxy", "httpMethod": "POST", "uri": URI}
    slow = {**proxy, "timeoutInMillis": 50}
    cors = {
        "type": "mock",
        "requestTemplates": {"application/json": '{"statusCode": 200}'},
        "responses": {
            "default": {
                "statusCode": "200",
                "responseParameters": {"method.response.header.Access-Control-Allow-Origin": "'*'"},
            }
        },
    }
    key = "x-amazon-apigateway-integration"
    paths = {
        "/books": {"get": {key: proxy}, "post": {key: proxy}, "options": {key: cors}},
        "/books/{id}": {"get": {key: proxy}},
        "/slow": {"get": {key: slow}},
    }
    return json.dumps({"swagger": "2.0", "info": {"title": "t"}, "paths": paths, **more}).encode()


class Gateway:
    def __init__(self, path: Path) -> None:
        self.functions = FakeFunctions()
        parts: Any = Parts.__new__(Parts)
        parts.records, parts.offers = Records(path / "records.db"), {}
        parts.offer(Functions, self.functions)
        self.store = ApiGateway(parts)
        self.door = Execution(self.store)
        self.ctx: Any = Context(
            service=self.store,
            cloud=SimpleNamespace(),  # type: ignore[arg-type]
            service_name="apigateway",
            operation="",
            account="000000000000",
            region="us-east-1",
            principal=root("000000000000"),
            request_id="r",
            endpoint="http://127.0.0.1:4566",
        )

    async def deploy(self, body: bytes) -> str:
        api = await rest_apis.import_rest_api(self.ctx, types.ImportRestApiRequest(body=body))
        assert api.id
        request = types.CreateDeploymentRequest(rest_api_id=api.id, stage_name="prod")
        await deployments.create_deployment(self.ctx, request)
        return api.id

    async def send(
        self, api: str, method: str, path: str, body: bytes = b"", **headers: str
    ) -> Response:
        path, _, query = path.partition("?")
        pairs = [(k.replace("_", "-"), v) for k, v in headers.items()]
        request = Request(
            method=method,
            raw_path=path,
            raw_query=query,
            headers=Headers([("host", f"{api}.execute-api.localhost:4566"), *pairs]),
            body=Body.of(body),
            host=f"{api}.execute-api.localhost",
            scheme="http",
            source_ip="127.0.0.1",
            endpoint="http://localhost:4566",
            query=[tuple(p.split("=")) for p in query.split("&") if p],  # type: ignore[misc]
        )
        return await self.door(request, Target(api, path))


@pytest.fixture
def gateway(tmp_path: Path) -> Any:
    made = Gateway(tmp_path)
    yield made
    made.store.parts.records.close()


async def test_the_event_of_a_proxy_integration(gateway: Gateway) -> None:
    api = await gateway.deploy(document())
    path = "/prod/books/a%20b?tag=x&tag=y"
    response = await gateway.send(api, "GET", path, content_type="text/plain")
    assert (response.status, response.body) == (200, b"ok")
    event = gateway.functions.events[0]
    assert event["resource"] == "/books/{id}"
    assert event["path"] == "/books/a b"
    assert event["pathParameters"] == {"id": "a b"}
    assert event["queryStringParameters"] == {"tag": "y"}
    assert event["multiValueQueryStringParameters"] == {"tag": ["x", "y"]}
    assert event["headers"]["Content-Type"] == "text/plain"
    assert event["body"] is None
    assert event["requestContext"]["path"] == "/prod/books/a b"
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    source = gateway.functions.sources[0]
    assert source.principal == "apigateway.amazonaws.com"
    assert source.source_arn.endswith(f":{api}/prod/GET/books/{{id}}")


async def test_a_snapshot_is_served_until_the_next_deployment(gateway: Gateway) -> None:
    api = await gateway.deploy(document())
    fresh = document(
        paths={"/other": {"get": {"x-amazon-apigateway-integration": {"type": "mock"}}}}
    )
    put = types.PutRestApiRequest(rest_api_id=api, mode="overwrite", body=fresh)
    await rest_apis.put_rest_api(gateway.ctx, put)
    assert (await gateway.send(api, "GET", "/prod/books")).status == 200


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/prod/nowhere", 403, "Missing Authentication Token"),
        ("/nostage/books", 403, "Forbidden"),
    ],
)
async def test_unknown_paths_and_stages(
    gateway: Gateway, path: str, status: int, message: str
) -> None:
    api = await gateway.deploy(document())
    response = await gateway.send(api, "GET", path)
    assert response.status == status
    assert json.loads(response.body) == {"message": message}  # type: ignore[arg-type]


async def test_cors_is_answered_without_a_function(gateway: Gateway) -> None:
    api = await gateway.deploy(document())
    response = await gateway.send(api, "OPTIONS", "/prod/books", content_type="application/json")
    assert response.status == 200
    assert ("Access-Control-Allow-Origin", "*") in response.headers
    assert gateway.functions.events == []


@pytest.mark.parametrize(
    "raw",
    [b"", b"7", b'"text"', b"[]", b'{"body": "x"}', b'{"statusCode": "x"}', b'{"statusCode": 700}',
     b'{"statusCode": true}', b'{"statusCode": 200, "body": {}}',
     b'{"statusCode": 200, "headers": {"X": "a\\r\\nY: b"}}'],
)  # fmt: skip
async def test_a_malformed_answer_is_a_bad_gateway(gateway: Gateway, raw: bytes) -> None:
    api = await gateway.deploy(document())
    gateway.functions.raw = raw
    response = await gateway.send(api, "GET", "/prod/books")
    assert response.status == 502
    assert json.loads(response.body) == {"message": "Internal server error"}  # type: ignore[arg-type]


async def test_missing_permission_is_a_500_with_the_reason_in_the_log(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    api = await gateway.deploy(document())
    gateway.functions.raises = AccessDenied("Invalid permissions on Lambda function")
    response = await gateway.send(api, "GET", "/prod/books")
    assert response.status == 500
    assert json.loads(response.body) == {"message": "Internal server error"}  # type: ignore[arg-type]
    assert "Invalid permissions on Lambda function" in caplog.text


async def test_the_integration_timeout_is_a_504(gateway: Gateway) -> None:
    api = await gateway.deploy(document())
    gateway.functions.delay_s = 0.3
    response = await gateway.send(api, "GET", "/prod/slow")
    assert response.status == 504
    assert json.loads(response.body) == {"message": "Endpoint request timed out"}  # type: ignore[arg-type]


async def test_binary_bodies_are_base64_both_ways(gateway: Gateway) -> None:
    api = await gateway.deploy(document(**{"x-amazon-apigateway-binary-media-types": ["image/*"]}))
    content = bytes(range(256))
    gateway.functions.answer = {
        "statusCode": 200,
        "isBase64Encoded": True,
        "headers": {"Content-Type": "image/png"},
        "body": base64.b64encode(content).decode(),
    }
    headers = {"content_type": "image/png", "accept": "image/png"}
    response = await gateway.send(api, "POST", "/prod/books", content, **headers)
    event = gateway.functions.events[0]
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == content
    assert response.body == content


async def test_headers_of_an_answer(gateway: Gateway) -> None:
    api = await gateway.deploy(document())
    gateway.functions.answer = {
        "statusCode": 201,
        "headers": {"X-One": 1, "Server": "mine"},
        "multiValueHeaders": {"Set-Cookie": ["a=1", "b=2"]},
    }
    response = await gateway.send(api, "GET", "/prod/books")
    assert response.status == 201
    headers = response.headers
    assert ("X-One", "1") in headers
    assert ("x-amzn-Remapped-Server", "mine") in headers
    assert [value for name, value in headers if name == "Set-Cookie"] == ["a=1", "b=2"]
    assert ("Content-Type", "application/json") in headers


async def test_a_body_over_the_limit_is_refused(gateway: Gateway) -> None:
    api = await gateway.deploy(document())
    response = await gateway.send(api, "POST", "/prod/books", b"x" * (10 * 1024 * 1024 + 1))
    assert response.status == 413
    assert gateway.functions.events == []


async def test_the_apis_own_gateway_responses(gateway: Gateway) -> None:
    own = {
        "DEFAULT_4XX": {
            "responseParameters": {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"},
            "responseTemplates": {"application/json": '{"error": $context.error.messageString}'},
        }
    }
    api = await gateway.deploy(document(**{"x-amazon-apigateway-gateway-responses": own}))
    response = await gateway.send(api, "GET", "/prod/nowhere")
    assert ("Access-Control-Allow-Origin", "*") in response.headers
    assert json.loads(response.body) == {"error": "Missing Authentication Token"}  # type: ignore[arg-type]
