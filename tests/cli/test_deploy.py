from __future__ import annotations

import pytest

from cloudlet.cli.connection import Connection
from cloudlet.cli.deploy import reachable

FOUND = Connection("http://127.0.0.1:4566", "us-east-1", "k", "s", {})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "https://abc.execute-api.us-east-1.amazonaws.com/prod",
            "http://abc.execute-api.localhost:4566/prod",
        ),
        ("http://b.s3-website-us-east-1.amazonaws.com", "http://b.s3-website.localhost:4566"),
        ("http://b.s3-website.eu-central-1.amazonaws.com/", "http://b.s3-website.localhost:4566/"),
        ("https://example.org/x", "https://example.org/x"),
        ("not a url", "not a url"),
    ],
)
def test_aws_urls_are_shown_as_this_machine_reaches_them(value: str, expected: str) -> None:
    assert reachable(FOUND, value) == expected
