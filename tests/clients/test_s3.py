"""S3 by boto3 against a live server."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import random
import threading
import time
import urllib.error
import urllib.request
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from tests.clients.live import Live

pytestmark = pytest.mark.clients

ODD_KEYS = [
    "plain", "with space", "plus+sign", "per%cent", "a//b", "trailing/", "../up", "./dot", "..",
    "ünï/日本", "\U0001f600", "q?uery&x=1#h", "quo\"te'<>&", "tab\there", "star*~!$()=@:,;",
    "back\\slash", "[]{}|^`",
]  # fmt: skip


@pytest.fixture
def s3(server: Live) -> Any:
    return server.client("s3")


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = "t-" + hashlib.md5(request.node.nodeid.encode()).hexdigest()
    s3.create_bucket(Bucket=name)
    return name


def fetch(url: str, method: str = "GET", data: bytes | None = None, **headers: str) -> Any:
    """(status, headers, body) of a plain HTTP request."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=data, method=method, headers=named)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def refused(call: Any, **members: Any) -> tuple[int, str]:
    """(status, code) of the error that the call must raise."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), Metadata={"a": "1"})
    found = s3.get_object(Bucket=bucket, Key=key)
    assert (found["Body"].read(), found["Metadata"]) == (key.encode(), {"a": "1"})
    assert [one["Key"] for one in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key=f"{key}copy", CopySource={"Bucket": bucket, "Key": key})
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": f"{key}copy"})
    assert fetch(url)[2] == key.encode()
    keys = [{"Key": key}, {"Key": f"{key}copy"}]
    assert len(s3.delete_objects(Bucket=bucket, Delete={"Objects": keys})["Deleted"]) == 2
    assert refused(s3.head_object, Bucket=bucket, Key=key)[0] == 404


def test_listing_goes_by_the_bytes_of_keys(s3: Any, bucket: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key), ODD_KEYS))
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": 3}
    )
    found = [one["Key"] for page in pages for one in page["Contents"]]
    assert found == sorted(ODD_KEYS, key=lambda key: key.encode())
    pages = s3.get_paginator("list_objects").paginate(
        Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 2}
    )
    prefixes = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", [])]
    assert prefixes == ["../", "./", "a/", "trailing/", "ünï/"]


def test_ranges_and_conditions(s3: Any, bucket: str) -> None:
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")["ETag"]
    target = {"Bucket": bucket, "Key": "k"}
    found = s3.get_object(**target, Range="bytes=-3")
    assert (found["Body"].read(), found["ContentRange"]) == (b"789", "bytes 7-9/10")
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert refused(s3.get_object, **target, Range="bytes=10-") == (416, "InvalidRange")
    assert refused(s3.get_object, **target, IfNoneMatch=etag)[0] == 304
    assert refused(s3.get_object, **target, IfMatch='"x"') == (412, "PreconditionFailed")
    assert refused(s3.put_object, **target, IfNoneMatch="*") == (412, "PreconditionFailed")
    since = found["LastModified"]
    assert refused(s3.get_object, **target, IfModifiedSince=since)[0] == 304
    s3.get_object(**target, IfUnmodifiedSince=since)
    url = s3.generate_presigned_url("get_object", Params=target)
    assert fetch(url, If_Modified_Since="garbage", If_Unmodified_Since="x")[0] == 200


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
@pytest.mark.parametrize("size", [0, 1000, 3_000_000])
def test_checksums(s3: Any, bucket: str, algorithm: str, size: int) -> None:
    content = random.Random(size).randbytes(size)
    stream = io.BytesIO(content)
    s3.put_object(Bucket=bucket, Key="k", Body=stream, ChecksumAlgorithm=algorithm)
    found = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert found["Body"].read() == content  # boto3 verifies the checksum
    assert found[f"Checksum{algorithm}"]


@pytest.mark.parametrize("kind", ["unsigned", "aws-chunked"])
def test_ways_to_send_a_body(server: Live, bucket: str, kind: str) -> None:
    signing = {"payload_signing_enabled": kind == "aws-chunked", "addressing_style": "path"}
    client = server.client("s3", config=Config(s3=signing))
    content = os.urandom(300_000)
    client.put_object(Bucket=bucket, Key="k", Body=content)
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == content


def test_multipart_with_three_parts(s3: Any, bucket: str) -> None:
    content = random.Random(1).randbytes(20 * 1024**2)
    s3.upload_fileobj(io.BytesIO(content), bucket, "big")
    found = io.BytesIO()
    s3.download_fileobj(bucket, "big", found)
    assert found.getvalue() == content
    about = s3.head_object(Bucket=bucket, Key="big", PartNumber=2)
    assert (about["PartsCount"], about["ContentLength"]) == (3, 8 * 1024**2)
    assert about["ETag"].endswith('-3"')


def test_presigned_urls(s3: Any, bucket: str) -> None:
    params = {"Bucket": bucket, "Key": "a b+c"}
    url = s3.generate_presigned_url("put_object", Params={**params, "ContentType": "text/plain"})
    status, _, body = fetch(url, "PUT", b"hello", Content_Type="text/plain")
    assert (status, body) == (200, b"")
    url = s3.generate_presigned_url(
        "get_object", Params={**params, "ResponseContentDisposition": 'attachment; filename="x"'}
    )
    status, headers, body = fetch(url)
    assert (status, body) == (200, b"hello")
    assert headers["Content-Disposition"] == 'attachment; filename="x"'
    status, _, body = fetch(url.replace("a%20b", "other"))
    assert status == 403
    assert b"SignatureDoesNotMatch" in body
    url = s3.generate_presigned_url("get_object", Params=params, ExpiresIn=1)
    time.sleep(2)
    status, _, body = fetch(url)
    assert status == 403
    assert b"Request has expired" in body


def test_a_tampered_signature(server: Live, bucket: str) -> None:
    client = server.client("s3", aws_secret_access_key="wrong")
    assert refused(client.list_objects_v2, Bucket=bucket) == (403, "SignatureDoesNotMatch")
    client = server.client("s3", aws_access_key_id="AKIAUNKNOWN")
    assert refused(client.list_objects_v2, Bucket=bucket) == (403, "InvalidAccessKeyId")


def test_a_body_that_is_not_what_was_signed(server: Live, s3: Any, bucket: str) -> None:
    def tamper(request: Any, **_: Any) -> None:
        request.body = b"evil!"

    s3.meta.events.register("before-send.s3.PutObject", tamper)
    status, code = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"hello")
    assert status == 400
    assert code in ("XAmzContentSHA256Mismatch", "BadDigest")
    assert refused(server.client("s3").head_object, Bucket=bucket, Key="k")[0] == 404


def test_a_post_of_the_wrong_kind(server: Live, bucket: str) -> None:
    status, _, body = fetch(f"{server.endpoint}/{bucket}", "PATCH")
    assert (status, b"MethodNotAllowed" in body) == (405, True)


def test_tagging(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"", Tagging="a=1&b=x%20y")
    tags = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert tags == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "x y"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags


def test_cors(server: Live, s3: Any, bucket: str) -> None:
    rule = {"AllowedMethods": ["PUT"], "AllowedOrigins": ["http://x.org"], "AllowedHeaders": ["*"]}
    url, origin = f"{server.endpoint}/{bucket}/k", "http://x.org"
    asked: dict[str, Any] = {"Origin": origin, "Access_Control_Request_Method": "PUT"}
    status, _, body = fetch(url, "OPTIONS", **asked)
    assert (status, b"CORS is not enabled" in body) == (403, True)
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == [rule]
    status, headers, _ = fetch(url, "OPTIONS", **asked, Access_Control_Request_Headers="x-amz-a")
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, origin)
    assert headers["Access-Control-Allow-Headers"] == "x-amz-a"
    params = {"Bucket": bucket, "Key": "k", "ContentType": "text/plain"}
    signed = s3.generate_presigned_url("put_object", Params=params)
    status, headers, _ = fetch(signed, "PUT", b"x", Origin=origin, Content_Type="text/plain")
    assert (status, headers["Access-Control-Allow-Origin"]) == (200, origin)


def test_accounts_are_apart(server: Live, s3: Any, bucket: str) -> None:
    other = server.client("s3", aws_access_key_id="333333333333", aws_secret_access_key="test")
    assert refused(other.list_objects_v2, Bucket=bucket) == (403, "AccessDenied")
    assert refused(other.create_bucket, Bucket=bucket) == (409, "BucketAlreadyExists")
    assert bucket not in [one["Name"] for one in other.list_buckets()["Buckets"]]
    assert bucket in [one["Name"] for one in s3.list_buckets()["Buckets"]]


def test_fifty_parallel_puts(s3: Any, bucket: str) -> None:
    contents = {f"k{i:02}": random.Random(i).randbytes(1000 + 4000 * i) for i in range(50)}
    with ThreadPoolExecutor(50) as pool:
        list(pool.map(lambda k: s3.put_object(Bucket=bucket, Key=k, Body=contents[k]), contents))
    for key, content in contents.items():
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == content


def test_an_overwrite_during_a_read(s3: Any, bucket: str) -> None:
    first, second = (bytes([n]) * 12_000_000 for n in (1, 2))
    s3.put_object(Bucket=bucket, Key="k", Body=first)
    stop = threading.Event()

    def overwrite() -> None:
        while not stop.is_set():
            s3.put_object(Bucket=bucket, Key="k", Body=second)
            s3.put_object(Bucket=bucket, Key="k", Body=first)

    writer = threading.Thread(target=overwrite)
    writer.start()
    try:
        for _ in range(5):
            body = s3.get_object(Bucket=bucket, Key="k")["Body"]
            found = body.read(1000)
            time.sleep(0.05)
            found += body.read()
            assert found in (first, second)
    finally:
        stop.set()
        writer.join()


def test_what_was_acknowledged_survives_a_kill(own_server: Live) -> None:
    s3 = own_server.start().client("s3")
    s3.create_bucket(Bucket="durable")
    stored: dict[str, bytes] = {}

    def write() -> None:
        with contextlib.suppress(BotoCoreError):  # until the server has gone
            for i in range(10_000):
                content = bytes([i % 256]) * (100 if i % 3 else 200_000)
                s3.put_object(Bucket="durable", Key=f"k{i}", Body=content)
                stored[f"k{i}"] = content

    writer = threading.Thread(target=write)
    writer.start()
    while len(stored) < 60:
        time.sleep(0.01)
    own_server.kill()
    writer.join()
    s3 = own_server.start().client("s3")
    for key, content in stored.items():
        assert s3.get_object(Bucket="durable", Key=key)["Body"].read() == content
    listed = s3.list_objects_v2(Bucket="durable")["Contents"]
    for one in listed:  # the last may be there though nobody was told; then it is whole
        assert one["Size"] in (100, 200_000)
        found = s3.get_object(Bucket="durable", Key=one["Key"])["Body"].read()
        assert hashlib.md5(found).hexdigest() == one["ETag"].strip('"')


@pytest.mark.parametrize("trailer", ["right", "wrong"])
def test_an_aws_chunked_body_with_a_trailer(
    server: Live, s3: Any, bucket: str, trailer: str
) -> None:
    content = b"x" * 100_000
    value = base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()
    if trailer == "wrong":
        value = "AAAAAA=="
    body = b"%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % (
        len(content), content, value.encode(),
    )  # fmt: skip
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": str(len(content)),
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    url = f"{server.endpoint}/{bucket}/k"
    request = AWSRequest("PUT", url, headers=headers, data=body)
    request.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
    keys = Credentials("test", "test")
    S3SigV4Auth(keys, "s3", "us-east-1").add_auth(request)
    signed = {name.replace("-", "_"): text for name, text in request.headers.items()}
    status, answered, text = fetch(url, "PUT", body, **signed)
    if trailer == "wrong":
        assert (status, b"<Code>BadDigest</Code>" in text) == (400, True)
        assert refused(s3.head_object, Bucket=bucket, Key="k")[0] == 404
        return
    assert (status, answered["x-amz-checksum-crc32"]) == (200, value)
    found = s3.get_object(Bucket=bucket, Key="k")
    assert (found["Body"].read(), "ContentEncoding" in found) == (content, False)


def test_a_checksum_in_a_presigned_url_is_ignored(server: Live, s3: Any, bucket: str) -> None:
    """The SDK for JavaScript signs the checksum of an empty body into the URLs that it makes."""
    url = f"{server.endpoint}/{bucket}/k?x-amz-checksum-crc32=AAAAAA%3D%3D"
    request = AWSRequest("PUT", f"{url}&x-amz-sdk-checksum-algorithm=CRC32")
    keys = Credentials("test", "test")
    S3SigV4QueryAuth(keys, "s3", "us-east-1", expires=60).add_auth(request)
    status, _, text = fetch(request.url, "PUT", b"content", Content_Type="text/plain")
    assert (status, text) == (200, b"")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"content"
