"""The website endpoint of a live server, made with boto3 and visited over plain HTTP."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest
from tests.clients.live import Live

pytestmark = pytest.mark.clients

BUCKET = "a-website"


@pytest.fixture(scope="module")
def site(server: Live) -> str:
    s3 = server.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_public_access_block(
        Bucket=BUCKET,
        PublicAccessBlockConfiguration={"BlockPublicPolicy": False, "RestrictPublicBuckets": False},
    )
    statement = {
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    s3.put_bucket_website(
        Bucket=BUCKET,
        WebsiteConfiguration={
            "IndexDocument": {"Suffix": "index.html"},
            "ErrorDocument": {"Key": "error.html"},
        },
    )
    for key in ("index.html", "error.html", "docs/index.html"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode(), ContentType="text/html")
    return BUCKET


def visit(server: Live, host: str, path: str, method: str = "GET") -> tuple[Any, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        connection.request(method, path, headers={"Host": host})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "host",
    [
        "{}.s3-website.localhost:4566",
        "{}.s3-website-us-east-1.amazonaws.com",
        "{}.s3-website.us-east-1.localhost.localstack.cloud",
    ],
)
@pytest.mark.parametrize(
    ("path", "status", "text"),
    [("/", 200, b"index.html"), ("/docs/", 200, b"docs/index.html"), ("/no", 403, b"error.html")],
)
def test_pages(server: Live, site: str, host: str, path: str, status: int, text: bytes) -> None:
    response, body = visit(server, host.format(site), path)
    assert (response.status, body) == (status, text)
    assert response.headers["Content-Type"] == "text/html"


def test_the_plain_path_form(server: Live, site: str) -> None:
    base = f"/_aws/s3-website/{site}"
    assert visit(server, "127.0.0.1", f"{base}/")[1] == b"index.html"
    response, _ = visit(server, "127.0.0.1", f"{base}/docs")
    assert (response.status, response.headers["Location"]) == (302, f"{base}/docs/")


def test_the_rest_endpoint_of_the_same_bucket(server: Live, site: str) -> None:
    response, body = visit(server, f"{site}.s3.amazonaws.com", "/docs/index.html")
    assert (response.status, body) == (200, b"docs/index.html")
    response, body = visit(server, "127.0.0.1", f"/{site}/")
    assert response.status == 403  # listing is not public
    assert b"<Code>AccessDenied</Code>" in body


def test_a_head_has_no_body(server: Live, site: str) -> None:
    response, body = visit(server, f"{site}.s3-website.localhost", "/", "HEAD")
    assert (response.status, body) == (200, b"")
    assert response.headers["Content-Length"] == "10"
