from __future__ import annotations

from typing import Any

import pytest
from tests.services.s3.conftest import Caller

RULE: dict[str, Any] = {"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*.example.com"]}


async def test_versioning(owner: Caller, bucket: str) -> None:
    assert await owner("GetBucketVersioning", Bucket=bucket) == {}
    for status in ("Enabled", "Suspended", "Enabled"):
        wanted = {"Status": status}
        await owner("PutBucketVersioning", Bucket=bucket, VersioningConfiguration=wanted)
        assert await owner("GetBucketVersioning", Bucket=bucket) == wanted


@pytest.mark.parametrize(
    ("configuration", "code"),
    [
        ({"Status": "Enabled", "MFADelete": "Enabled"}, "NotImplemented"),
        ({"Status": "Off"}, "MalformedXML"),
        ({}, "MalformedXML"),
    ],
)
async def test_bad_versioning(
    owner: Caller, bucket: str, configuration: dict[str, str], code: str
) -> None:
    error = await owner.error(
        "PutBucketVersioning", Bucket=bucket, VersioningConfiguration=configuration
    )
    assert error.code == code
    assert await owner("GetBucketVersioning", Bucket=bucket) == {}


async def test_encryption(owner: Caller, bucket: str) -> None:
    def rules(algorithm: str) -> dict[str, Any]:
        default = {"SSEAlgorithm": algorithm}
        return {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}

    name = "ServerSideEncryptionConfiguration"
    await owner("PutBucketEncryption", Bucket=bucket, **{name: rules("AES256")})
    found = (await owner("GetBucketEncryption", Bucket=bucket))[name]["Rules"][0]
    assert found["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    error = await owner.error("PutBucketEncryption", Bucket=bucket, **{name: rules("aws:kms:dsse")})
    assert error.code == "NotImplemented"
    await owner("DeleteBucketEncryption", Bucket=bucket)


async def test_cors_rules(owner: Caller, bucket: str) -> None:
    assert (await owner.error("GetBucketCors", Bucket=bucket)).code == "NoSuchCORSConfiguration"
    await owner("PutBucketCors", Bucket=bucket, CORSConfiguration={"CORSRules": [RULE]})
    assert (await owner("GetBucketCors", Bucket=bucket))["CORSRules"] == [RULE]
    await owner("DeleteBucketCors", Bucket=bucket)
    assert (await owner.error("GetBucketCors", Bucket=bucket)).status == 404


@pytest.mark.parametrize(
    "changes",
    [
        {"AllowedMethods": ["PATCH"]},
        {"AllowedOrigins": ["*.*"]},
        {"AllowedHeaders": ["x-*-*"]},
        {"ExposeHeaders": ["*"]},
    ],
)
async def test_bad_cors_rules(owner: Caller, bucket: str, changes: dict[str, Any]) -> None:
    rules = {"CORSRules": [{**RULE, **changes}]}
    error = await owner.error("PutBucketCors", Bucket=bucket, CORSConfiguration=rules)
    assert error.code == "InvalidRequest"


async def test_websites(owner: Caller, bucket: str) -> None:
    error = await owner.error("GetBucketWebsite", Bucket=bucket)
    assert error.code == "NoSuchWebsiteConfiguration"
    site = {
        "IndexDocument": {"Suffix": "index.html"},
        "ErrorDocument": {"Key": "error.html"},
        "RoutingRules": [
            {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}}
        ],
    }
    await owner("PutBucketWebsite", Bucket=bucket, WebsiteConfiguration=site)
    assert await owner("GetBucketWebsite", Bucket=bucket) == site
    await owner("DeleteBucketWebsite", Bucket=bucket)
    assert (await owner.error("GetBucketWebsite", Bucket=bucket)).status == 404


@pytest.mark.parametrize(
    "site",
    [
        {},
        {"IndexDocument": {"Suffix": "a/b"}},
        {"IndexDocument": {"Suffix": "i"}, "RedirectAllRequestsTo": {"HostName": "x"}},
        {
            "IndexDocument": {"Suffix": "i"},
            "RoutingRules": [{"Redirect": {"ReplaceKeyWith": "a", "ReplaceKeyPrefixWith": "b"}}],
        },
        {
            "IndexDocument": {"Suffix": "i"},
            "RoutingRules": [
                {
                    "Condition": {"HttpErrorCodeReturnedEquals": "x"},
                    "Redirect": {"HostName": "example.com"},
                }
            ],
        },
    ],
)
async def test_bad_websites(owner: Caller, bucket: str, site: dict[str, Any]) -> None:
    error = await owner.error("PutBucketWebsite", Bucket=bucket, WebsiteConfiguration=site)
    assert error.status == 400


async def test_configurations_outlive_nothing(owner: Caller, bucket: str) -> None:
    await owner("PutBucketCors", Bucket=bucket, CORSConfiguration={"CORSRules": [RULE]})
    await owner("DeleteBucket", Bucket=bucket)
    await owner("CreateBucket", Bucket=bucket)
    assert (await owner.error("GetBucketCors", Bucket=bucket)).status == 404
