from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.services.lambda_.world import World, outcome

from cloudlet.aws.body import Body
from cloudlet.aws.http import Headers, Request, Response
from cloudlet.aws.service import Target

ANYBODY: list[dict[str, Any]] = [
    {"StatementId": "url", "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
    {"StatementId": "invoke", "Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
]

FAILED = b"Internal Server Error"


async def _url(world: World, public: bool = True, **given: Any) -> str:
    await world.create()
    wanted = {"FunctionName": "f", "AuthType": "NONE"} | given
    made = await world.call("CreateFunctionUrlConfig", **wanted)
    for permission in ANYBODY if public else ():
        await world.call("AddPermission", FunctionName="f", Principal="*", **permission)
    return str(made["FunctionUrl"]).removeprefix("https://").partition(".")[0]


async def _ask(
    world: World, id_: str, method: str = "GET", path: str = "/", body: bytes = b"", **given: Any
) -> Response:
    headers = [("host", f"{id_}.lambda-url.localhost:1"), *given.get("headers", [])]
    request = Request(
        method=method,
        raw_path=path,
        raw_query=given.get("raw_query", ""),
        headers=Headers(headers),
        body=Body.of(body),
        host=f"{id_}.lambda-url.localhost",
        scheme="http",
        source_ip="127.0.0.1",
        endpoint="http://localhost:1",
        query=given.get("query", []),
    )
    return await world.service.doors["lambda-url"](request, Target(id_, path))


async def _body(response: Response) -> bytes:
    if isinstance(response.body, bytes):
        return response.body
    return b"".join([chunk async for chunk in response.body])


async def test_the_event_has_payload_format_2(world: World):
    id_ = await _url(world)
    response = await _ask(
        world,
        id_,
        "POST",
        "/a%20b",
        b'{"x": 1}',
        headers=[("content-type", "application/json"), ("cookie", "a=1; b=2"), ("x-m", "1"),
                 ("x-m", "2")],
        raw_query="q=1&q=2",
        query=[("q", "1"), ("q", "2")],
    )  # fmt: skip
    assert response.status == 200
    event = json.loads(await _body(response))
    assert (event["version"], event["rawPath"], event["routeKey"]) == ("2.0", "/a%20b", "$default")
    assert event["cookies"] == ["a=1", "b=2"]
    assert event["headers"]["x-m"] == "1,2"
    assert "cookie" not in event["headers"]
    assert event["queryStringParameters"] == {"q": "1,2"}
    assert (event["body"], event["isBase64Encoded"]) == ('{"x": 1}', False)
    context = event["requestContext"]
    assert (context["accountId"], context["apiId"], context["domainPrefix"]) == (
        "anonymous", id_, id_)  # fmt: skip
    assert context["http"]["method"] == "POST"


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/x-www-form-urlencoded"])
async def test_other_bodies_are_base64(world: World, kind: str):
    id_ = await _url(world)
    response = await _ask(world, id_, "POST", "/", b"\0a", headers=[("content-type", kind)])
    event = json.loads(await _body(response))
    assert (event["body"], event["isBase64Encoded"]) == ("AGE=", True)


@pytest.mark.parametrize("missing", [0, 1])
async def test_both_public_permissions_are_needed(world: World, missing: int):
    id_ = await _url(world, public=False)
    await world.call("AddPermission", FunctionName="f", Principal="*", **ANYBODY[1 - missing])
    response = await _ask(world, id_)
    assert response.status == 403
    assert b"Forbidden" in await _body(response)
    assert world.compute.invocations == []
    await world.call("AddPermission", FunctionName="f", Principal="*", **ANYBODY[missing])
    assert (await _ask(world, id_)).status == 200


async def test_a_url_with_iam_wants_a_signature(world: World):
    id_ = await _url(world, AuthType="AWS_IAM")
    assert (await _ask(world, id_)).status == 403
    assert (await _ask(world, "unknown")).status == 403
    assert world.compute.invocations == []


@pytest.mark.parametrize(
    ("given", "status"), [(outcome(b"{}", "Unhandled"), 502), (outcome(b'{"statusCode":"?"}'), 502)]
)
async def test_a_failure_is_a_bad_gateway(world: World, given: Any, status: int):
    id_ = await _url(world)

    async def answer(_invocation: Any) -> Any:
        return given

    world.compute.answer = answer
    response = await _ask(world, id_)
    assert (response.status, await _body(response)) == (status, b"Internal Server Error")


async def test_a_throttled_function_answers_429(world: World):
    id_ = await _url(world)
    await world.call("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=0)
    assert (await _ask(world, id_)).status == 429


async def test_cors_is_answered_for_the_function(world: World):
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "MaxAge": 60,
            "AllowHeaders": ["x-h"], "ExposeHeaders": ["x-e"],
            "AllowCredentials": True}  # fmt: skip
    id_ = await _url(world, Cors=cors)
    origin = ("origin", "https://a.example")
    asked = ("access-control-request-method", "GET")
    preflight = await _ask(world, id_, "OPTIONS", headers=[origin, asked])
    assert world.compute.invocations == []
    found = dict(preflight.headers)
    assert found["Access-Control-Allow-Origin"] == "https://a.example"
    assert found["Access-Control-Allow-Methods"] == "GET"
    assert (found["Access-Control-Max-Age"], found["Access-Control-Allow-Headers"]) == ("60", "x-h")
    found = dict((await _ask(world, id_, headers=[origin])).headers)
    assert found["Access-Control-Expose-Headers"] == "x-e"
    assert found["Access-Control-Allow-Credentials"] == "true"
    other = await _ask(world, id_, headers=[("origin", "https://b.example")])
    assert "Access-Control-Allow-Origin" not in dict(other.headers)


@pytest.mark.parametrize(
    ("streamed", "status", "kind", "body"),
    [
        (("text/plain", [b"a", b"b"], outcome()), 200, "text/plain", b"ab"),
        ((None, [b'{"a":1}'], outcome()), 200, "application/octet-stream", b'{"a":1}'),
        (
            (
                "application/vnd.awslambda.http-integration-response",
                [b'{"statusCode":201,"headers":{"Content-Type":"x/y"},', b'"cookies":[]}\0\0\0',
                 b"\0\0\0\0\0b", b"c"],
                outcome(),
            ),
            201,
            "x/y",
            b"bc",
        ),
        ((None, [], outcome(b"{}", "Unhandled")), 502, "application/json", FAILED),
        (
            ("application/vnd.awslambda.http-integration-response", [b"{}"], outcome()),
            502,
            "application/json",
            FAILED,
        ),
    ],
)  # fmt: skip
async def test_streams_go_through(world: World, streamed: Any, status: int, kind: str, body: bytes):
    id_ = await _url(world, InvokeMode="RESPONSE_STREAM")
    world.compute.streamed = streamed
    response = await _ask(world, id_)
    assert (response.status, dict(response.headers)["Content-Type"]) == (status, kind)
    assert await _body(response) == body
    await asyncio.sleep(0)
    assert world.state.targets.of(
        "arn:aws:lambda:us-east-1:000000000000:function:f"
    ).concurrency.running == 0  # fmt: skip
