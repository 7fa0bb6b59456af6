"""From an HTTP request to an answer, as each protocol has it."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any
from xml.etree import ElementTree

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.aws.standin import StandIn, request_of

from cloudlet.aws.body import Body
from cloudlet.aws.endpoint import Endpoint
from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Request, Response

HOST = "http://localhost:4566"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def cloud() -> StandIn:
    return StandIn("iam", "sts", "logs", "s3", "lambda", "apigateway", "cloudformation")


def signed(
    service: str,
    method: str,
    url: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    secret: str = "test",
) -> Request:
    request = AWSRequest(method, HOST + url, headers=headers or {}, data=body)
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(Credentials("test", secret), service, "eu-west-1").add_auth(request)
    prepared = request.prepare()
    given = {k: v.decode() if isinstance(v, bytes) else v for k, v in prepared.headers.items()}
    return request_of(method, prepared.url, given, body)


def target(name: str) -> dict[str, str]:
    return {"X-Amz-Target": name, "Content-Type": "application/x-amz-json-1.1"}


def header(response: Response, name: str) -> str | None:
    return next((v for k, v in response.headers if k.lower() == name.lower()), None)


def text(response: Response) -> str:
    assert isinstance(response.body, bytes)
    return response.body.decode()


def code(response: Response) -> str:
    """The error's code, wherever the protocol has it."""
    found = header(response, "x-amzn-errortype")
    if found is None:
        found = ElementTree.fromstring(text(response)).findtext(".//{*}Code")
    assert found is not None
    return found


async def ask(cloud: StandIn, request: Request) -> Response:
    return await Endpoint(cloud)(request)


async def test_the_scope_decides_region_and_service(cloud: StandIn) -> None:
    async def who(ctx: Any, req: Any) -> dict[str, str]:
        return {"Account": ctx.account, "Arn": ctx.region, "UserId": ctx.principal.arn}

    cloud.serve("sts", "GetCallerIdentity", who)
    body = b"Action=GetCallerIdentity&Version=2011-06-15"
    response = await ask(cloud, signed("sts", "POST", "/", body, FORM))
    assert response.status == 200
    assert "<Arn>eu-west-1</Arn>" in text(response)
    assert "<UserId>arn:aws:iam::000000000000:root</UserId>" in text(response)
    assert f"<RequestId>{header(response, 'x-amzn-RequestId')}</RequestId>" in text(response)


async def test_streams_go_in_and_out(cloud: StandIn) -> None:
    async def put(ctx: Any, req: Any) -> dict[str, str]:
        assert isinstance(req.body, Body)
        assert (req.bucket, req.key, req.metadata) == ("b", "a/ü", {"n": "v"})
        return {"ETag": (await req.body.read()).decode()}

    async def get(ctx: Any, req: Any) -> dict[str, Any]:
        return {"Body": b"hello", "ContentRange": "bytes 0-4/9", "ContentLength": 5}

    cloud.serve("s3", "PutObject", put)
    cloud.serve("s3", "GetObject", get)
    headers = {"x-amz-meta-n": "v"}
    response = await ask(cloud, signed("s3", "PUT", "/b/a/%C3%BC", b"content", headers))
    assert header(response, "etag") == "content"
    response = await ask(cloud, signed("s3", "GET", "/b/a/%C3%BC"))
    assert (response.status, header(response, "content-length")) == (206, "5")
    assert isinstance(response.body, Body)
    assert await response.body.read() == b"hello"


async def test_handlers_see_nothing_of_chunks(cloud: StandIn) -> None:
    async def put(ctx: Any, req: Any) -> dict[str, str]:
        assert (req.content_encoding, req.content_length, req.body.length) == ("gzip", 5, 5)
        assert await req.body.read() == b"hello"
        assert req.body.trailers == {"x-amz-checksum-crc32": "NhCmhg=="}
        return {}

    cloud.serve("s3", "PutObject", put)
    headers = {
        "content-encoding": "gzip,aws-chunked",
        "content-length": "50",
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "5",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    body = b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n"
    assert (await ask(cloud, request_of("PUT", f"{HOST}/b/k", headers, body))).status == 200


async def test_a_changed_body_is_refused_when_it_is_read(cloud: StandIn) -> None:
    async def put(ctx: Any, req: Any) -> dict[str, str]:
        await req.body.read()
        return {}

    cloud.serve("s3", "PutObject", put)
    request = signed("s3", "PUT", "/b/k", b"content")
    request.body = Body.of(b"CONTENT")
    assert code(await ask(cloud, request)) == "XAmzContentSHA256Mismatch"


REFUSED = [
    (signed("sts", "POST", "/", b"Action=Nonsense&Version=x", FORM), 400, "InvalidAction"),
    (signed("sts", "POST", "/", b"Version=x", FORM), 400, "MissingAction"),
    (signed("iam", "POST", "/", b"Action=ListUsers&MaxItems=x", FORM), 501, "NotImplemented"),
    (signed("sts", "POST", "/", b"Action=GetCallerIdentity", FORM, "no"), 403,
     "SignatureDoesNotMatch"),
    (request_of("POST", HOST, FORM, b"Action=GetCallerIdentity"), 403,
     "MissingAuthenticationToken"),
    (signed("logs", "POST", "/", b"{}", target("Logs_20140328.Nope")), 400,
     "UnknownOperationException"),
    (signed("logs", "POST", "/", b"{}", target("Logs_20140328.GetLogEvents")), 501,
     "NotImplemented"),
    (request_of("POST", HOST, target("Logs_20140328.GetLogEvents"), b"{}"), 400,
     "MissingAuthenticationTokenException"),
    (signed("lambda", "GET", "/2015-03-31/nothing"), 404, "UnknownOperationException"),
    (signed("lambda", "GET", "/2015-03-31/functions/", secret="no"), 403,
     "InvalidSignatureException"),
    (signed("s3", "PATCH", "/b/k"), 405, "MethodNotAllowed"),
    (signed("s3", "GET", "/b/%FF"), 400, "InvalidURI"),
    (signed("dynamodb", "POST", "/", b"{}", target("DynamoDB_20120810.ListTables")), 501,
     "NotImplemented"),
    (request_of("GET", f"{HOST}/b?AWSAccessKeyId=a&Signature=b&Expires=1"), 403, "AccessDenied"),
    (request_of("GET", f"{HOST}/b", {"authorization": "AWS a:b"}), 400, "InvalidRequest"),
    (request_of("GET", f"{HOST}/b", {"authorization":
        "AWS4-HMAC-SHA256 Credential=test/20260101/r/s3/aws4_request,SignedHeaders=host,"
        "Signature=0"}), 400, "InvalidRequest"),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "status", "expected"), REFUSED)
async def test_what_cannot_be_done_is_refused_in_the_services_words(
    cloud: StandIn, request_: Request, status: int, expected: str
) -> None:
    response = await ask(cloud, request_)
    assert (response.status, code(response)) == (status, expected)


INVALID = [
    ("iam", signed("iam", "POST", "/", b"Action=CreateUser&UserName=a%20b", FORM), "CreateUser",
     "ValidationError", ("1 validation error detected: Value 'a b' at 'userName' failed to satisfy "
     "constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]+")),
    ("iam", signed("iam", "POST", "/", b"Action=ListUsers&MaxItems=x", FORM), "ListUsers",
     "MalformedQueryString", "x is not a valid value for MaxItems"),
    ("logs", signed("logs", "POST", "/", b"{}", target("Logs_20140328.CreateLogGroup")),
     "CreateLogGroup", "InvalidParameterException", ("1 validation error detected: Value null at "
     "'logGroupName' failed to satisfy constraint: Member must not be null")),
    ("logs", signed("logs", "POST", "/", b"{", target("Logs_20140328.CreateLogGroup")),
     "CreateLogGroup", "SerializationException", None),
    ("logs", signed("logs", "POST", "/", b'{"logGroupName":1}',
     target("Logs_20140328.CreateLogGroup")), "CreateLogGroup", "SerializationException",
     "NUMBER_VALUE can not be converted to a String"),
    ("lambda", signed("lambda", "POST", "/2015-03-31/functions", b'{"Code":{}}'), "CreateFunction",
     "ValidationException", ("2 validation errors detected: Value null at 'functionName' failed to "
     "satisfy constraint: Member must not be null; Value null at 'role' failed to satisfy "
     "constraint: Member must not be null")),
    ("s3", signed("s3", "PUT", "/b?versioning", b"<VersioningConfiguration"),
     "PutBucketVersioning", "MalformedXML", None),
    ("s3", signed("s3", "PUT", "/b?versioning",
     b"<VersioningConfiguration><Status>No</Status></VersioningConfiguration>"),
     "PutBucketVersioning", "MalformedXML", None),
    ("s3", signed("s3", "PUT", "/b?versioning",
     b'<!DOCTYPE a [<!ENTITY b "c">]><VersioningConfiguration/>'),
     "PutBucketVersioning", "MalformedXML", None),
    ("s3", signed("s3", "PUT", "/b?versioning", b""), "PutBucketVersioning",
     "MissingRequestBodyError", "Request Body is empty"),
    ("s3", signed("s3", "GET", "/b?list-type=2&max-keys=x"), "ListObjectsV2", "InvalidArgument",
     "Provided max-keys not an integer or within integer range"),
    ("s3", signed("s3", "POST", "/b?delete",
     b"<Delete><Object><Key>a</Key></Object></Delete>"), "DeleteObjects", "InvalidRequest",
     "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"),
    ("s3", signed("s3", "POST", "/b?delete", b"<Delete/>",
     {"x-amz-checksum-crc32": "AAAAAA=="}), "DeleteObjects", "BadDigest", None),
]  # fmt: skip


@pytest.mark.parametrize(("service", "request_", "operation", "expected", "message"), INVALID)
async def test_invalid_input_is_refused_in_the_services_words(
    cloud: StandIn, service: str, request_: Request, operation: str, expected: str, message: Any
) -> None:
    async def never(ctx: Any, req: Any) -> None:
        pytest.fail("the handler was called")

    cloud.serve(service, operation, never)
    response = await ask(cloud, request_)
    assert (response.status, code(response)) == (400, expected)
    if message is not None:
        assert message in said(response)


def said(response: Response) -> str:
    """The error's message, wherever the protocol has it."""
    if text(response).startswith("{"):
        document = json.loads(text(response))
        return str(document.get("message") or document.get("Message"))
    return str(ElementTree.fromstring(text(response)).findtext(".//{*}Message"))


async def test_s3_errors_carry_resource_and_ids(cloud: StandIn) -> None:
    async def get(ctx: Any, req: Any) -> None:
        raise AWSError("No <such> key", code="NoSuchKey", status=404, Key=req.key)

    cloud.serve("s3", "GetObject", get)
    cloud.serve("s3", "HeadObject", get)
    response = await ask(cloud, signed("s3", "GET", "/b/k"))
    document = ElementTree.fromstring(text(response))
    found = {child.tag: child.text for child in document}
    assert found["Code"] == "NoSuchKey"
    assert found["Message"] == "No <such> key"
    assert (found["Key"], found["Resource"]) == ("k", "/b/k")
    assert found["RequestId"] == header(response, "x-amz-request-id")
    assert found["HostId"] == header(response, "x-amz-id-2")
    response = await ask(cloud, signed("s3", "HEAD", "/b/k"))
    assert (response.status, response.body) == (404, b"")


async def test_anonymous_requests_reach_s3_and_the_unsigned_operations(cloud: StandIn) -> None:
    async def kind(ctx: Any, req: Any) -> dict[str, str]:
        assert ctx.principal.kind == "anonymous"
        return {}

    cloud.serve("s3", "ListObjectsV2", kind)
    assert (await ask(cloud, request_of("GET", f"{HOST}/b?list-type=2"))).status == 200
    cloud.serve("sts", "AssumeRoleWithWebIdentity", kind)
    body = (
        b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::000000000000:"
        b"role/a&RoleSessionName=aa&WebIdentityToken=aaaa"
    )
    assert (await ask(cloud, request_of("POST", HOST, FORM, body))).status == 200


async def test_parameters_of_a_presigned_url_stand_for_headers(cloud: StandIn) -> None:
    async def put(ctx: Any, req: Any) -> dict[str, Any]:
        assert (req.metadata, req.acl) == ({"a": "b"}, "private")
        return {}

    cloud.serve("s3", "PutObject", put)
    request = AWSRequest("PUT", f"{HOST}/b/k?x-amz-meta-a=b&X-Amz-Acl=private")
    from botocore.auth import S3SigV4QueryAuth

    S3SigV4QueryAuth(Credentials("test", "test"), "s3", "us-east-1", expires=9).add_auth(request)
    assert (await ask(cloud, request_of("PUT", request.prepare().url))).status == 200


async def test_unexpected_exceptions_are_logged_and_not_shown(
    cloud: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(ctx: Any, req: Any) -> None:
        raise RuntimeError("the secret reason")

    cloud.serve("logs", "DescribeLogGroups", broken)
    with caplog.at_level(logging.ERROR):
        response = await ask(
            cloud, signed("logs", "POST", "/", b"{}", target("Logs_20140328.DescribeLogGroups"))
        )
    assert (response.status, code(response)) == (500, "InternalFailure")
    assert "secret" not in text(response)
    assert "the secret reason" in caplog.text


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (signed("logs", "POST", "/", b"x" * 11_000_000, target("Logs_20140328.TagResource")),
         "RequestEntityTooLargeException"),
        (signed("s3", "POST", "/b?delete", b"x" * 11_000_000), "MaxMessageLengthExceeded"),
    ],
)  # fmt: skip
async def test_bodies_are_bounded(cloud: StandIn, request_: Request, expected: str) -> None:
    response = await ask(cloud, request_)
    assert (response.status, code(response)) == (413, expected)


async def test_cbor_is_refused_in_cbor(cloud: StandIn) -> None:
    request = request_of("POST", f"{HOST}/service/x", {"smithy-protocol": "rpc-v2-cbor"})
    response = await ask(cloud, request)
    assert header(response, "content-type") == "application/cbor"
    assert isinstance(response.body, bytes)
    assert response.body.startswith(b"\xa2\x79\x00\x06__type\x79\x00\x0eNotImplemented")


async def test_a_preflight_is_answered_before_authentication(cloud: StandIn) -> None:
    service = cloud.services["s3"]
    service.preflight = lambda request: Response(204) if request.method == "OPTIONS" else None
    service.finish = lambda request, response: response.headers.append(("x-done", "1"))
    assert (await ask(cloud, request_of("OPTIONS", f"{HOST}/b/k"))).status == 204
    response = await ask(cloud, signed("s3", "GET", "/b/k", secret="no"))
    assert (response.status, header(response, "x-done")) == (403, "1")


async def test_large_bodies_leave_the_loop_free(cloud: StandIn) -> None:
    async def tag(ctx: Any, req: Any) -> None:
        assert len(req.tags) == 30_000

    cloud.serve("logs", "TagLogGroup", tag)
    tags = {f"key{i}": "x" * 100 for i in range(30_000)}
    body = json.dumps({"logGroupName": "g", "tags": tags}).encode()
    request = signed("logs", "POST", "/", body, target("Logs_20140328.TagLogGroup"))
    longest, last = 0.0, asyncio.get_running_loop().time()

    async def tick() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0)
            now = asyncio.get_running_loop().time()
            longest, last = max(longest, now - last), now

    task = asyncio.create_task(tick())
    response = await ask(cloud, request)
    task.cancel()
    assert response.status == 400  # more tags than may be
    assert longest < 0.1
