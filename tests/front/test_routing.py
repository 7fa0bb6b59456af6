"""Hosts and paths lead where they should."""

from __future__ import annotations

import pytest

from cloudlet.aws.service import Target
from cloudlet.front.routing import ByHost, by_host, by_path

SUFFIXES = ["localhost", "localhost.localstack.cloud", "amazonaws.com", "cloud.example"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("abc.execute-api", ByHost("execute-api", "abc")),
        ("abc.execute-api.us-east-1", ByHost("execute-api", "abc")),
        ("abc.lambda-url.eu-west-1", ByHost("lambda-url", "abc")),
        ("site.s3-website-us-east-1", ByHost("s3-website", "site")),
        ("site.s3-website.us-east-1", ByHost("s3-website", "site")),
        ("www.example.com.s3-website", ByHost("s3-website", "www.example.com")),
        ("bucket.s3", ByHost(bucket="bucket")),
        ("bucket.s3.us-east-1", ByHost(bucket="bucket")),
        ("bucket.s3-eu-west-1", ByHost(bucket="bucket")),
        ("bucket.s3.dualstack.us-east-1", ByHost(bucket="bucket")),
        ("a.dotted.bucket.s3", ByHost(bucket="a.dotted.bucket")),
        ("an.s3.bucket.s3.us-east-1", ByHost(bucket="an.s3.bucket")),
        ("s3", ByHost()),
        ("s3.us-east-1", ByHost()),
        ("s3-us-west-2", ByHost()),
        ("sts.us-east-1", ByHost()),
    ],
)
def test_hosts(host: str, found: ByHost, suffix: str) -> None:
    assert by_host(f"{host}.{suffix}") == found


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "cloudlet.company.example", "::1", ""])
def test_plain_hosts_say_nothing(host: str) -> None:
    assert by_host(host) == ByHost()


@pytest.mark.parametrize(
    ("path", "door", "target"),
    [
        ("/_aws/execute-api/abc/prod/books/1%2F2", "execute-api",
         Target("abc", "/prod/books/1%2F2", "/_aws/execute-api/abc")),
        ("/_aws/s3-website/site", "s3-website", Target("site", "/", "/_aws/s3-website/site")),
        ("/_aws/s3-website/site/", "s3-website", Target("site", "/", "/_aws/s3-website/site")),
        ("/_aws/lambda-url/abc/x//y", "lambda-url",
         Target("abc", "/x//y", "/_aws/lambda-url/abc")),
        ("/restapis/abc/prod/_user_request_/books/1", "execute-api",
         Target("abc", "/prod/books/1", "/restapis/abc/prod/_user_request_")),
        ("/restapis/abc/prod/_user_request_", "execute-api",
         Target("abc", "/prod", "/restapis/abc/prod/_user_request_")),
    ],
)  # fmt: skip
def test_paths(path: str, door: str, target: Target) -> None:
    assert by_path(path) == (door, target)


@pytest.mark.parametrize("path", ["/", "/_aws/execute-api", "/_aws/execute-api/", "/b/_aws/x",
                                  "/restapis/abc/stages/prod", "/restapis/abc"])  # fmt: skip
def test_other_paths_are_no_doors(path: str) -> None:
    assert by_path(path) is None
