"""AWS::S3::Bucket.

`WebsiteURL` is `http://<bucket>.s3-website.localhost:<port>`, which a browser on this machine
reaches; AWS's own form would name a host that is not cloudlet.
"""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cloudlet.aws.errors import AWSError
from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task, changed
from cloudlet.services.cloudformation.resources.schema import (
    BOOLEAN,
    INTEGER,
    JSON,
    STRING,
    TAGS,
    Property,
    Update,
    listing,
    properties,
    refused,
    replaces,
    required,
    structure,
)

_REDIRECT = structure(HostName=required(STRING), Protocol=STRING)
_ROUTING_RULE = structure(
    RedirectRule=required(
        structure(
            HostName=STRING,
            HttpRedirectCode=STRING,
            Protocol=STRING,
            ReplaceKeyPrefixWith=STRING,
            ReplaceKeyWith=STRING,
        )
    ),
    RoutingRuleCondition=structure(HttpErrorCodeReturnedEquals=STRING, KeyPrefixEquals=STRING),
)
_WEBSITE = structure(
    ErrorDocument=STRING,
    IndexDocument=STRING,
    RedirectAllRequestsTo=_REDIRECT,
    RoutingRules=listing(_ROUTING_RULE),
)
_CORS_RULE = structure(
    AllowedHeaders=listing(STRING),
    AllowedMethods=required(listing(STRING)),
    AllowedOrigins=required(listing(STRING)),
    ExposedHeaders=listing(STRING),
    Id=STRING,
    MaxAge=INTEGER,
)
_ENCRYPTION = structure(
    ServerSideEncryptionConfiguration=required(
        listing(
            structure(
                BucketKeyEnabled=BOOLEAN,
                ServerSideEncryptionByDefault=structure(
                    SSEAlgorithm=required(STRING), KMSMasterKeyID=STRING
                ),
            )
        )
    )
)
_ACCESS_BLOCK = structure(
    BlockPublicAcls=BOOLEAN,
    BlockPublicPolicy=BOOLEAN,
    IgnorePublicAcls=BOOLEAN,
    RestrictPublicBuckets=BOOLEAN,
)
_LATER = "cloudlet's S3 has no such setting yet"


class Bucket(ResourceType):
    """A bucket with its settings. Deleting one that holds objects fails, as on AWS."""

    name = "AWS::S3::Bucket"
    named = "BucketName"
    tagged = "list"
    attributes = frozenset(
        {"Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL"}
    )
    properties = properties(
        BucketName=replaces(STRING),
        AccessControl=STRING,
        BucketEncryption=_ENCRYPTION,
        CorsConfiguration=structure(CorsRules=required(listing(_CORS_RULE))),
        OwnershipControls=structure(
            Rules=required(listing(structure(ObjectOwnership=STRING)))
        ),
        PublicAccessBlockConfiguration=_ACCESS_BLOCK,
        Tags=TAGS,
        VersioningConfiguration=structure(Status=required(STRING)),
        WebsiteConfiguration=_WEBSITE,
        ObjectLockEnabled=Property(JSON, update=Update.REPLACE, refused=_LATER),
        **{
            name: refused(_LATER)
            for name in (
                "AccelerateConfiguration", "AnalyticsConfigurations",
                "IntelligentTieringConfigurations", "InventoryConfigurations",
                "LifecycleConfiguration", "LoggingConfiguration", "MetadataConfiguration",
                "MetadataTableConfiguration", "MetricsConfigurations", "NotificationConfiguration",
                "ObjectLockConfiguration", "ReplicationConfiguration",
            )
        },
    )  # fmt: skip

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        return str(properties.get("BucketName") or task.generated_name(63, lower=True))

    async def exists(self, task: Task, physical_id: str, properties: Mapping[str, Any]) -> bool:
        try:
            return await task.try_call("s3", "HeadBucket", Bucket=physical_id) is not None
        except AWSError as error:
            if error.status == 403:  # somebody else's
                return True
            raise

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        location = None
        if task.region != "us-east-1":
            location = {"LocationConstraint": task.region}
        await task.call(
            "s3", "CreateBucket", Bucket=physical_id, CreateBucketConfiguration=location
        )
        await task.initiated(physical_id)
        await _configure(task, physical_id, {}, properties)
        return _made(task, physical_id, properties)

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        await _configure(task, made.physical_id, made.properties, properties)
        return _made(task, made.physical_id, properties)

    async def delete(self, task: Task, made: Made) -> None:
        await task.try_call("s3", "DeleteBucket", Bucket=made.physical_id)


def _made(task: Task, bucket: str, properties: dict[str, Any]) -> Made:
    port = urlsplit(task.cloud.endpoint).port
    return Made(
        bucket,
        properties,
        {
            "Arn": f"arn:aws:s3:::{bucket}",
            "DomainName": f"{bucket}.s3.amazonaws.com",
            "DualStackDomainName": f"{bucket}.s3.dualstack.{task.region}.amazonaws.com",
            "RegionalDomainName": f"{bucket}.s3.{task.region}.amazonaws.com",
            "WebsiteURL": f"http://{bucket}.s3-website.localhost" + (f":{port}" if port else ""),
        },
    )


async def _configure(
    task: Task, bucket: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Bring the bucket's settings from `before` to `after`."""
    if changed(before, after, "OwnershipControls"):
        controls = after.get("OwnershipControls")
        if controls:
            await task.call(
                "s3", "PutBucketOwnershipControls", Bucket=bucket, OwnershipControls=controls
            )
        else:
            await task.call("s3", "DeleteBucketOwnershipControls", Bucket=bucket)
    if changed(before, after, "PublicAccessBlockConfiguration"):
        await _block_public_access(task, bucket, after.get("PublicAccessBlockConfiguration"))
    if changed(before, after, "AccessControl"):
        await task.call("s3", "PutBucketAcl", Bucket=bucket, ACL=_canned(after))
    if changed(before, after, "BucketEncryption"):
        await _encrypt(task, bucket, after.get("BucketEncryption"))
    if changed(before, after, "VersioningConfiguration"):
        status = after.get("VersioningConfiguration", {}).get("Status", "Suspended")
        await task.call(
            "s3", "PutBucketVersioning", Bucket=bucket, VersioningConfiguration={"Status": status}
        )
    if changed(before, after, "CorsConfiguration"):
        await _allow_origins(task, bucket, after.get("CorsConfiguration"))
    if changed(before, after, "WebsiteConfiguration"):
        await _serve(task, bucket, after.get("WebsiteConfiguration"))
    if changed(before, after, "Tags"):
        tags = after.get("Tags")
        if tags:
            await task.call("s3", "PutBucketTagging", Bucket=bucket, Tagging={"TagSet": tags})
        else:
            await task.call("s3", "DeleteBucketTagging", Bucket=bucket)


def _canned(properties: Mapping[str, Any]) -> str:
    """CloudFormation's `PublicRead` as S3's `public-read`."""
    text = str(properties.get("AccessControl", "Private"))
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in text).removeprefix("-")


async def _block_public_access(
    task: Task, bucket: str, configuration: dict[str, bool] | None
) -> None:
    if configuration is None:
        await task.call("s3", "DeletePublicAccessBlock", Bucket=bucket)
        return
    await task.call(
        "s3",
        "PutPublicAccessBlock",
        Bucket=bucket,
        PublicAccessBlockConfiguration=configuration,
    )


async def _encrypt(task: Task, bucket: str, configuration: dict[str, Any] | None) -> None:
    if configuration is None:
        await task.call("s3", "DeleteBucketEncryption", Bucket=bucket)
        return
    rules = [
        {
            "BucketKeyEnabled": rule.get("BucketKeyEnabled"),
            "ApplyServerSideEncryptionByDefault": rule.get("ServerSideEncryptionByDefault"),
        }
        for rule in configuration["ServerSideEncryptionConfiguration"]
    ]
    await task.call(
        "s3",
        "PutBucketEncryption",
        Bucket=bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{k: v for k, v in rule.items() if v is not None} for rule in rules]
        },
    )


async def _allow_origins(task: Task, bucket: str, configuration: dict[str, Any] | None) -> None:
    if configuration is None:
        await task.call("s3", "DeleteBucketCors", Bucket=bucket)
        return
    names = {
        "AllowedHeaders": "AllowedHeaders",
        "AllowedMethods": "AllowedMethods",
        "AllowedOrigins": "AllowedOrigins",
        "ExposedHeaders": "ExposeHeaders",
        "Id": "ID",
        "MaxAge": "MaxAgeSeconds",
    }
    rules = [{names[k]: v for k, v in rule.items()} for rule in configuration["CorsRules"]]
    await task.call("s3", "PutBucketCors", Bucket=bucket, CORSConfiguration={"CORSRules": rules})


async def _serve(task: Task, bucket: str, website: dict[str, Any] | None) -> None:
    if website is None:
        await task.call("s3", "DeleteBucketWebsite", Bucket=bucket)
        return
    configuration: dict[str, Any] = {}
    if "IndexDocument" in website:
        configuration["IndexDocument"] = {"Suffix": website["IndexDocument"]}
    if "ErrorDocument" in website:
        configuration["ErrorDocument"] = {"Key": website["ErrorDocument"]}
    if "RedirectAllRequestsTo" in website:
        configuration["RedirectAllRequestsTo"] = website["RedirectAllRequestsTo"]
    rules = []
    for rule in website.get("RoutingRules", []):
        made = {"Redirect": rule["RedirectRule"]}
        if "RoutingRuleCondition" in rule:
            made["Condition"] = rule["RoutingRuleCondition"]
        rules.append(made)
    if rules:
        configuration["RoutingRules"] = rules
    await task.call("s3", "PutBucketWebsite", Bucket=bucket, WebsiteConfiguration=configuration)
