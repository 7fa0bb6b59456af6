from __future__ import annotations

import base64

import pytest

from cloudlet.services.lambda_.function_url import answer

JSON = ("Content-Type", "application/json")


@pytest.mark.parametrize(
    ("payload", "status", "headers", "body"),
    [
        (b'"Hello, world!"', 200, [JSON], b'"Hello, world!"'),
        (b'{"message": 1}', 200, [JSON], b'{"message": 1}'),
        (b"null", 200, [JSON], b"null"),
        (b"[1]", 200, [JSON], b"[1]"),
        (b'{"statusCode": 204}', 204, [JSON], b""),
        (
            (
                b'{"statusCode": "201", "cookies": ["a=1", "b=2"], "body": "ok",'
                b' "headers": {"content-type": "text/plain", "X-N": 1, "X-T": true}}'
            ),
            201,
            [
                ("content-type", "text/plain"),
                ("X-N", "1"),
                ("X-T", "true"),
                ("Set-Cookie", "a=1"),
                ("Set-Cookie", "b=2"),
            ],
            b"ok",
        ),
        (
            b'{"statusCode": 200, "isBase64Encoded": true, "body": "%s"}'
            % base64.b64encode(b"\0\xff"),
            200,
            [JSON],
            b"\0\xff",
        ),
        (b'{"statusCode": 200, "body": {"a": 1}}', 200, [JSON], b'{"a":1}'),
        (b'{"statusCode": 200, "headers": {"content-length": "9"}}', 200, [JSON], b""),
    ],
)
def test_answers_are_inferred_or_as_structured(payload, status, headers, body):
    response = answer.buffered(payload)
    assert (response.status, response.headers, response.body) == (status, headers, body)


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b'{"statusCode": "x"}',
        b'{"statusCode": 99}',
        b'{"statusCode": 200, "headers": []}',
        b'{"statusCode": 200, "cookies": "a"}',
        b'{"statusCode": 200, "body": "?", "isBase64Encoded": true}',
    ],
)
def test_what_is_no_http_response_is_malformed(payload: bytes):
    with pytest.raises(answer.Malformed):
        answer.buffered(payload)
