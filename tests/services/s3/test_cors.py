from __future__ import annotations

from typing import Any

import pytest
from tests.services.s3.conftest import Caller

from cloudlet.aws.body import Body
from cloudlet.aws.cloud import Cloud
from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Headers, Request, Response
from cloudlet.services.s3.cors import Cors

RULES = [
    {
        "AllowedMethods": ["GET", "PUT"],
        "AllowedOrigins": ["https://*.example.com"],
        "AllowedHeaders": ["content-type", "X-Amz-*"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 600,
    },
    {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]},
]


def request(method: str, path: str, **headers: str) -> Request:
    items = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Request(
        method, path, "", Headers(items), Body.of(b""), "127.0.0.1", "http", "127.0.0.1",
        "http://127.0.0.1",
    )  # fmt: skip


@pytest.fixture
async def cors(cloud: Cloud, owner: Caller, bucket: str) -> Cors:
    await owner("PutBucketCors", Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    return Cors(cloud.services["s3"].state)


def preflight(path: str, origin: str, method: str, headers: str = "") -> Request:
    named: dict[str, Any] = {"origin": origin, "access_control_request_method": method}
    if headers:
        named["access_control_request_headers"] = headers
    return request("OPTIONS", path, **named)


def test_a_preflight_is_allowed(cors: Cors) -> None:
    asked = preflight("/bucket/k", "https://a.example.com", "PUT", "Content-Type, x-amz-date")
    answer = cors.preflight(asked)
    assert answer is not None
    found = dict(answer.headers)
    assert answer.status == 200
    assert found["Access-Control-Allow-Origin"] == "https://a.example.com"
    assert found["Access-Control-Allow-Methods"] == "GET, PUT"
    assert found["Access-Control-Allow-Headers"] == "content-type, x-amz-date"
    assert found["Access-Control-Max-Age"] == "600"
    assert found["Access-Control-Allow-Credentials"] == "true"


def test_the_first_rule_that_fits_counts(cors: Cors) -> None:
    answer = cors.preflight(preflight("/bucket/k", "https://elsewhere.org", "GET"))
    assert answer is not None
    found = dict(answer.headers)
    assert found["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in found


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (preflight("/bucket/k", "https://elsewhere.org", "PUT"), 403),
        (preflight("/bucket/k", "https://a.example.com", "DELETE"), 403),
        (preflight("/bucket/k", "https://a.example.com", "PUT", "authorization"), 403),
        (preflight("/nowhere/k", "https://a.example.com", "PUT"), 403),
        (request("OPTIONS", "/bucket/k"), 400),
        (request("OPTIONS", "/bucket/k", origin="https://a.example.com"), 400),
    ],
)
def test_a_preflight_is_refused(cors: Cors, asked: Request, status: int) -> None:
    with pytest.raises(AWSError) as caught:
        cors.preflight(asked)
    assert caught.value.status == status


def test_other_requests_are_no_preflights(cors: Cors) -> None:
    assert cors.preflight(request("GET", "/bucket/k", origin="https://a.example.com")) is None


@pytest.mark.parametrize(
    ("method", "origin", "allowed"),
    [
        ("GET", "https://a.example.com", "https://a.example.com"),
        ("GET", "https://elsewhere.org", "*"),
        ("PUT", "https://elsewhere.org", None),
        ("GET", "", None),
    ],
)
def test_answers_carry_the_headers(
    cors: Cors, method: str, origin: str, allowed: str | None
) -> None:
    response = Response()
    asked = request(method, "/bucket/k", **({"origin": origin} if origin else {}))
    cors.finish(asked, response)
    assert dict(response.headers).get("Access-Control-Allow-Origin") == allowed
