"""Uploads by a browser's form, signed by boto3's generate_presigned_post."""

from __future__ import annotations

import hashlib
import http.client
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.config import Config
from tests.clients.live import Live
from tests.clients.test_s3 import refused

pytestmark = pytest.mark.clients

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"


#: boto3 signs forms by version 2 unless it is told else.
VERSION_4 = Config(signature_version="s3v4", s3={"addressing_style": "path"})


@pytest.fixture
def s3(server: Live) -> Any:
    return server.client("s3", config=VERSION_4)


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = "f-" + hashlib.md5(request.node.nodeid.encode()).hexdigest()
    s3.create_bucket(Bucket=name)
    return name


def form(fields: dict[str, str], content: bytes, filename: str = "photo.jpg") -> bytes:
    """The body that a browser sends."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts.append(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
        "Content-Type: image/jpeg\r\n\r\n".encode()
        + content
        + b"\r\n"
    )
    submit = 'Content-Disposition: form-data; name="submit"'
    parts.append(f"--{BOUNDARY}\r\n{submit}\r\n\r\nUpload\r\n--{BOUNDARY}--\r\n".encode())
    return b"".join(parts)


def post(url: str, body: bytes) -> tuple[int, Any, bytes]:
    """(status, headers, body) of a form that is posted; redirects are not followed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    connection.request("POST", parts.path, body, kind)
    response = connection.getresponse()
    answer = response.status, response.headers, response.read()
    connection.close()
    return answer


@pytest.mark.parametrize("config", [{"config": VERSION_4}, {}], ids=["version 4", "version 2"])
@pytest.mark.parametrize("size", [0, 5, 3_000_000])
def test_a_form_stores_its_file(server: Live, bucket: str, config: Any, size: int) -> None:
    s3 = server.client("s3", **config)
    content = (b"\r\n--" + BOUNDARY[:-1].encode() + bytes(range(256))) * (size // 256) + b"x" * size
    fields = {"Content-Type": "text/plain", "x-amz-meta-a": "1", "acl": "private"}
    conditions = [{name: value} for name, value in fields.items()]
    made = s3.generate_presigned_post(
        bucket, "up/${filename}", fields, [*conditions, ["content-length-range", 0, 10_000_000]]
    )
    status, headers, text = post(made["url"], form(made["fields"], content, "C:\\é photo.jpg"))
    assert (status, text) == (204, b"")
    found = s3.get_object(Bucket=bucket, Key="up/é photo.jpg")
    assert found["Body"].read() == content
    assert (found["ETag"], found["ContentType"]) == (headers["etag"], "text/plain")
    assert found["Metadata"] == {"a": "1"}


def test_what_a_form_is_answered(s3: Any, bucket: str) -> None:
    for told, status in (("200", 200), ("201", 201), ("418", 204)):
        extra = {"success_action_status": told}
        made = s3.generate_presigned_post(bucket, "a&b", extra, [extra])
        answer = post(made["url"], form(made["fields"], b"x"))
        assert answer[0] == status
        assert (b"<Key>a&amp;b</Key>" in answer[2]) is (status == 201)
    extra = {"success_action_redirect": "https://example.com/done?n=1"}
    made = s3.generate_presigned_post(bucket, "k", extra, [extra])
    status, headers, _ = post(made["url"], form(made["fields"], b"x"))
    assert status == 303
    where = parse_qs(urlsplit(headers["location"]).query)
    assert (where["n"], where["bucket"], where["key"]) == (["1"], [bucket], ["k"])


REFUSED: list[tuple[dict[str, str], bytes, int, bytes, bytes]] = [
    ({"key": "other"}, b"12345", 403, b"AccessDenied", b"Policy Condition failed"),
    ({"x-amz-meta-b": "1"}, b"12345", 403, b"AccessDenied", b"Extra input fields: x-amz-meta-b"),
    ({}, b"1234567", 400, b"EntityTooLarge", b"<MaxSizeAllowed>6"),
    ({}, b"1" * 2_000_000, 400, b"EntityTooLarge", b"<MaxSizeAllowed>6"),
    ({}, b"1", 400, b"EntityTooSmall", b"<MinSizeAllowed>2"),
    ({"x-amz-signature": "0" * 64}, b"12345", 403, b"SignatureDoesNotMatch", b""),
    ({"policy": "e30="}, b"12345", 403, b"SignatureDoesNotMatch", b""),
    ({"x-amz-credential": "x"}, b"12345", 400, b"AuthorizationHeaderMalformed", b""),
    ({"x-ignore-me": "1" * 30_000}, b"12345", 400, b"MaxPostPreDataLengthExceeded", b""),
]


@pytest.mark.parametrize(("changes", "content", "status", "code", "text"), REFUSED)
def test_forms_that_are_refused(
    s3: Any, bucket: str, changes: dict[str, str], content: bytes, status: int, code: bytes,
    text: bytes,
) -> None:  # fmt: skip
    made = s3.generate_presigned_post(bucket, "k", None, [["content-length-range", 2, 6]])
    answer = post(made["url"], form({**made["fields"], **changes}, content))
    assert (answer[0], code in answer[2], text in answer[2]) == (status, True, True)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


def test_an_expired_policy(s3: Any, bucket: str) -> None:
    made = s3.generate_presigned_post(bucket, "k", ExpiresIn=-1)
    status, _, text = post(made["url"], form(made["fields"], b"x"))
    assert (status, b"Policy expired" in text) == (403, True)


def test_a_form_without_a_policy_is_anonymous(server: Live, s3: Any, bucket: str) -> None:
    url = f"{server.endpoint}/{bucket}"
    assert post(url, form({"key": "k"}, b"x"))[0] == 403
    s3.delete_public_access_block(Bucket=bucket)
    statement = {
        "Effect": "Allow", "Principal": "*", "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    assert post(url, form({"key": "k"}, b"x"))[0] == 204
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (form({}, b"x"), b"InvalidArgument"),
        (form({"key": "k"}, b"x").rsplit(b"\r\n--", 2)[0], b"MalformedPOSTRequest"),
        (b"nothing of the kind", b"MalformedPOSTRequest"),
        (f"--{BOUNDARY}--\r\n".encode(), b"InvalidArgument"),
        (f"--{BOUNDARY}\r\nContent-Type: x\r\n\r\n".encode(), b"MalformedPOSTRequest"),
    ],
)
def test_malformed_forms(server: Live, s3: Any, bucket: str, body: bytes, code: bytes) -> None:
    s3.delete_public_access_block(Bucket=bucket)
    statement = {
        "Effect": "Allow", "Principal": "*", "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
    }  # fmt: skip
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    status, _, text = post(f"{server.endpoint}/{bucket}", body)
    assert (status, code in text) == (400, True)
    assert refused(s3.head_object, Bucket=bucket, Key="k")[0] == 404
