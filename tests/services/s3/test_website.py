from __future__ import annotations

from typing import Any

import pytest
from tests.services.s3.conftest import Caller, allow, publish

from cloudlet.aws.body import Body
from cloudlet.aws.cloud import Cloud
from cloudlet.aws.http import Headers, Request, Response
from cloudlet.aws.service import Target

SITE: dict[str, Any] = {
    "IndexDocument": {"Suffix": "index.html"},
    "ErrorDocument": {"Key": "error.html"},
    "RoutingRules": [
        {
            "Condition": {"KeyPrefixEquals": "old/"},
            "Redirect": {"ReplaceKeyPrefixWith": "new/", "HttpRedirectCode": "302"},
        },
        {
            "Condition": {"HttpErrorCodeReturnedEquals": "404", "KeyPrefixEquals": "lost/"},
            "Redirect": {"HostName": "example.com", "Protocol": "https", "ReplaceKeyWith": "found"},
        },
    ],
}
PAGES = {
    "index.html": "home", "error.html": "sorry", "docs/index.html": "docs", "a b/é.txt": "odd",
}  # fmt: skip


@pytest.fixture
async def site(owner: Caller, bucket: str) -> str:
    await publish(owner, bucket)
    await owner("PutBucketWebsite", Bucket=bucket, WebsiteConfiguration=SITE)
    for key, text in PAGES.items():
        await owner(
            "PutObject", Bucket=bucket, Key=key, Body=text.encode(), ContentType="text/html"
        )
    return bucket


async def visit(
    cloud: Cloud, bucket: str, path: str, method: str = "GET", base: str = "", **headers: str
) -> tuple[Response, dict[str, str], bytes]:
    items = [("host", "site.localhost:4566"), *headers.items()]
    items = [(name.replace("_", "-"), value) for name, value in items]
    request = Request(
        method, path, "", Headers(items), Body.of(b""), "site.localhost", "http", "127.0.0.1",
        "http://site.localhost:4566",
    )  # fmt: skip
    door = cloud.services["s3"].doors["s3-website"]
    response = await door(request, Target(bucket, path, base))
    content = response.body
    if isinstance(content, Body):
        content = await content.read()
    assert isinstance(content, bytes)
    return response, dict(response.headers), content


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/", 200, b"home"),
        ("/index.html", 200, b"home"),
        ("/docs/", 200, b"docs"),
        ("/a%20b/%C3%A9.txt", 200, b"odd"),
        ("/none", 403, b"sorry"),  # who may not list learns no more
        ("/none/", 403, b"sorry"),
    ],
)
async def test_pages(cloud: Cloud, site: str, path: str, status: int, text: bytes) -> None:
    response, headers, content = await visit(cloud, site, path)
    assert (response.status, content) == (status, text)
    assert headers["Content-Type"] == "text/html"
    response, headers, content = await visit(cloud, site, path, "HEAD")
    assert (response.status, content) == (status, b"")
    assert headers["Content-Length"] == str(len(text))


async def test_a_missing_page_is_a_404_where_listing_is_allowed(
    cloud: Cloud, owner: Caller, site: str
) -> None:
    resources = [f"arn:aws:s3:::{site}", f"arn:aws:s3:::{site}/*"]
    document = allow(["s3:GetObject", "s3:ListBucket"], resources, Principal="*")
    await owner("PutBucketPolicy", Bucket=site, Policy=document)
    response, _, content = await visit(cloud, site, "/none")
    assert (response.status, content) == (404, b"sorry")
    response, headers, _ = await visit(cloud, site, "/lost/x")
    assert (response.status, headers["Location"]) == (301, "https://example.com/found")
    await owner("DeleteObject", Bucket=site, Key="error.html")
    response, headers, content = await visit(cloud, site, "/<none>")
    assert response.status == 404
    assert headers["Content-Type"].startswith("text/html")
    assert b"<li>Code: NoSuchKey</li>" in content
    assert b"<li>Key: &lt;none&gt;</li>" in content
    assert b"Custom Error Document" in content


async def test_a_folder_gets_its_slash(cloud: Cloud, site: str) -> None:
    response, headers, _ = await visit(cloud, site, "/docs")
    assert (response.status, headers["Location"]) == (302, "/docs/")
    _, headers, _ = await visit(cloud, site, "/docs", base="/_aws/s3-website/bucket")
    assert headers["Location"] == "/_aws/s3-website/bucket/docs/"


async def test_routing_rules(cloud: Cloud, site: str) -> None:
    response, headers, _ = await visit(cloud, site, "/old/x%20y")
    assert response.status == 302
    assert headers["Location"] == "http://site.localhost:4566/new/x%20y"


async def test_an_object_may_redirect(cloud: Cloud, owner: Caller, site: str) -> None:
    await owner("PutObject", Bucket=site, Key="go", Body=b"", WebsiteRedirectLocation="/docs/")
    response, headers, _ = await visit(cloud, site, "/go")
    assert (response.status, headers["Location"]) == (301, "/docs/")


async def test_redirect_all(cloud: Cloud, owner: Caller, site: str) -> None:
    everything = {"RedirectAllRequestsTo": {"HostName": "example.com", "Protocol": "https"}}
    await owner("PutBucketWebsite", Bucket=site, WebsiteConfiguration=everything)
    response, headers, _ = await visit(cloud, site, "/a/b")
    assert (response.status, headers["Location"]) == (301, "https://example.com/a/b")


async def test_validators_and_ranges(cloud: Cloud, site: str) -> None:
    _, headers, _ = await visit(cloud, site, "/")
    response, _, _ = await visit(cloud, site, "/", if_none_match=headers["ETag"])
    assert response.status == 304
    response, headers, content = await visit(cloud, site, "/", range="bytes=1-2")
    assert (response.status, content) == (206, b"om")
    assert headers["Content-Range"] == "bytes 1-2/4"


async def test_other_methods(cloud: Cloud, site: str) -> None:
    response, headers, content = await visit(cloud, site, "/", "PUT")
    assert (response.status, headers["Allow"]) == (405, "GET, HEAD")
    assert b"MethodNotAllowed" in content


@pytest.mark.parametrize(
    ("bucket_name", "code"),
    [("bucket", b"NoSuchWebsiteConfiguration"), ("nowhere", b"NoSuchBucket")],
)
async def test_no_site(cloud: Cloud, bucket: str, bucket_name: str, code: bytes) -> None:
    assert bucket == "bucket"
    response, _, content = await visit(cloud, bucket_name, "/")
    assert response.status == 404
    assert code in content


async def test_a_private_bucket_gives_nothing(cloud: Cloud, owner: Caller, bucket: str) -> None:
    await owner("PutBucketWebsite", Bucket=bucket, WebsiteConfiguration=SITE)
    await owner("PutObject", Bucket=bucket, Key="index.html", Body=b"secret")
    response, _, content = await visit(cloud, bucket, "/")
    assert response.status == 403
    assert b"secret" not in content


async def test_cors_applies(cloud: Cloud, owner: Caller, site: str) -> None:
    rules = [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]
    await owner("PutBucketCors", Bucket=site, CORSConfiguration={"CORSRules": rules})
    _, headers, _ = await visit(cloud, site, "/", origin="https://x.org")
    assert headers["Access-Control-Allow-Origin"] == "*"
    response, _, _ = await visit(
        cloud, site, "/", "OPTIONS", origin="https://x.org", access_control_request_method="GET"
    )
    assert response.status == 200
