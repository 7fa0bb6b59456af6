"""URLs that boto3 presigns by default in the older regions."""

from __future__ import annotations

import time
from typing import Any

import boto3
import pytest
from tests.aws.standin import USER, Keys, request_of

from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Request
from cloudlet.aws.sigv4 import VERSION_2, claim_of, verify_url


def presigned(operation: str, expires: int = 60, **parameters: Any) -> str:
    client = boto3.client(
        "s3",
        endpoint_url="http://localhost:4566",
        aws_access_key_id="AKID",
        aws_secret_access_key="secret",
        region_name="us-east-1",
    )
    given = {"Bucket": "bucket", "Key": "a b/ü+", **parameters}
    url: str = client.generate_presigned_url(operation, Params=given, ExpiresIn=expires)
    assert "AWSAccessKeyId" in url
    return url


def check(request: Request, **more: Any) -> Any:
    keys = Keys()
    keys.add("AKID", "secret", principal=USER)
    claim = claim_of(request)
    assert claim is not None
    assert claim.algorithm == VERSION_2
    return verify_url(request, claim, keys, "us-east-1", **more).principal


@pytest.mark.parametrize(
    ("operation", "method", "parameters"),
    [
        ("get_object", "GET", {}),
        ("get_object", "GET", {"VersionId": "v/1", "ResponseContentType": "text/a b"}),
        ("put_object", "PUT", {"ContentType": "text/plain", "Metadata": {"b": "1", "a": "2"}}),
        ("upload_part", "PUT", {"PartNumber": 3, "UploadId": "x+y"}),
    ],
)
def test_what_boto3_presigns_is_verified(operation: str, method: str, parameters: Any) -> None:
    assert check(request_of(method, presigned(operation, **parameters))) is USER


def test_a_changed_key_does_not_match() -> None:
    url = presigned("get_object").replace("/bucket/", "/other/")
    with pytest.raises(AWSError) as caught:
        check(request_of("GET", url))
    assert caught.value.code == "SignatureDoesNotMatch"


def test_an_expired_url_is_refused() -> None:
    with pytest.raises(AWSError, match="Request has expired"):
        check(request_of("GET", presigned("get_object")), now=time.time() + 61)
