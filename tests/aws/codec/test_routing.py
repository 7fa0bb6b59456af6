"""REST operations are found by method, path, query string and headers, on the raw path."""

from __future__ import annotations

import pytest
from tests.aws.codec.everything import complete
from tests.aws.standin import request_of

from cloudlet.aws.codec.routing import Routes

S3 = Routes(complete("s3"))
LAMBDA = Routes(complete("lambda"))
GATEWAY = Routes(complete("apigateway"))


def find(
    routes: Routes, method: str, url: str, headers: dict[str, str] | None = None
) -> tuple[str, dict[str, str]] | None:
    request = request_of(method, f"http://localhost{url}", headers)
    found = routes.find(request.method, request.raw_path, request.query, request.headers)
    return found and (found[0].name, found[1])


@pytest.mark.parametrize(
    ("method", "url", "operation"),
    [
        ("GET", "/", "ListBuckets"),
        ("GET", "/b", "ListObjects"),
        ("GET", "/b/", "ListObjects"),
        ("GET", "/b?list-type=2&prefix=x", "ListObjectsV2"),
        ("GET", "/b?list-type=1", "ListObjects"),
        ("GET", "/b?versions", "ListObjectVersions"),
        ("GET", "/b?uploads=", "ListMultipartUploads"),
        ("GET", "/b?lifecycle", "GetBucketLifecycleConfiguration"),
        ("PUT", "/b?notification", "PutBucketNotificationConfiguration"),
        ("GET", "/b?analytics", "ListBucketAnalyticsConfigurations"),
        ("GET", "/b?analytics&id=x", "GetBucketAnalyticsConfiguration"),
        ("PUT", "/b", "CreateBucket"),
        ("HEAD", "/b", "HeadBucket"),
        ("POST", "/b?delete", "DeleteObjects"),
        ("GET", "/b/k", "GetObject"),
        ("GET", "/b/k?x-id=GetObject&partNumber=1", "GetObject"),
        ("GET", "/b/k?uploadId=u", "ListParts"),
        ("GET", "/b/k?acl", "GetObjectAcl"),
        ("PUT", "/b/k", "PutObject"),
        ("PUT", "/b/k?partNumber=1&uploadId=u", "UploadPart"),
        ("POST", "/b/k?uploads", "CreateMultipartUpload"),
        ("POST", "/b/k?uploadId=u", "CompleteMultipartUpload"),
        ("DELETE", "/b/k?uploadId=u", "AbortMultipartUpload"),
        ("DELETE", "/b/k", "DeleteObject"),
    ],
)
def test_s3_operations(method: str, url: str, operation: str) -> None:
    found = find(S3, method, url)
    assert found is not None
    assert found[0] == operation


def test_copies_are_told_by_their_header() -> None:
    source = {"x-amz-copy-source": "/b/k"}
    copy = find(S3, "PUT", "/b/k", source)
    part = find(S3, "PUT", "/b/k?partNumber=1&uploadId=u", source)
    assert copy is not None
    assert part is not None
    assert (copy[0], part[0]) == ("CopyObject", "UploadPartCopy")


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("a/b", "a/b"),
        ("/a//b/", "/a//b/"),
        ("a%2Fb", "a/b"),
        ("a+b%20c", "a+b c"),
        ("./../x", "./../x"),
        ("%C3%BC", "ü"),
        ("%25", "%"),
    ],
)
def test_keys_survive_as_they_are(raw: str, key: str) -> None:
    assert find(S3, "GET", f"/b/{raw}") == ("GetObject", {"Bucket": "b", "Key": key})


def test_a_key_that_is_not_utf8_is_an_error() -> None:
    with pytest.raises(ValueError):
        find(S3, "GET", "/b/%FF")


@pytest.mark.parametrize(
    ("routes", "method", "url", "operation", "labels"),
    [
        (LAMBDA, "GET", "/2015-03-31/functions/", "ListFunctions", {}),
        (LAMBDA, "GET", "/2015-03-31/functions", "ListFunctions", {}),
        (LAMBDA, "POST", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Ax/invocations", "Invoke",
         {"FunctionName": "arn:aws:lambda:x"}),
        (LAMBDA, "GET", "/2018-10-31/layers?find=LayerVersion&Arn=x", "GetLayerVersionByArn", {}),
        (LAMBDA, "GET", "/2018-10-31/layers", "ListLayers", {}),
        (LAMBDA, "GET", "/2017-03-31/tags/a%2Fb", "ListTags", {"Resource": "a/b"}),
        (GATEWAY, "POST", "/restapis?mode=import", "ImportRestApi", {}),
        (GATEWAY, "POST", "/restapis", "CreateRestApi", {}),
        (GATEWAY, "GET", "/restapis/a/stages/b", "GetStage",
         {"restapi_id": "a", "stage_name": "b"}),
    ],
)  # fmt: skip
def test_rest_json_operations(
    routes: Routes, method: str, url: str, operation: str, labels: dict[str, str]
) -> None:
    assert find(routes, method, url) == (operation, labels)


@pytest.mark.parametrize("url", ["/nothing", "/2015-03-31/functions//x", "//"])
def test_no_operation(url: str) -> None:
    assert find(LAMBDA, "GET", url) is None
