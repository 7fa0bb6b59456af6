"""S3 without a server: a cloud with IAM and S3, called as a service would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from cloudlet.aws.body import Body
from cloudlet.aws.cloud import Cloud
from cloudlet.aws.errors import AWSError
from cloudlet.aws.principal import ANONYMOUS, Principal, root
from cloudlet.compute.pool import Compute
from cloudlet.config import Settings
from cloudlet.services import iam, s3
from cloudlet.services.iam.identities import IdentityStore
from cloudlet.services.parts import Parts
from cloudlet.storage.records import Records

OWNER, OTHER = "111111111111", "222222222222"


class Caller:
    """Calls S3 as one principal."""

    def __init__(self, cloud: Cloud, principal: Principal, region: str = "us-east-1") -> None:
        self.cloud = cloud
        self.principal = principal
        self.region = region

    async def __call__(self, operation: str, **members: Any) -> dict[str, Any]:
        return await self.cloud.call(
            "s3", operation, members, as_=self.principal, region=self.region
        )

    async def error(self, operation: str, **members: Any) -> AWSError:
        """The error that the call must raise."""
        with pytest.raises(AWSError) as caught:
            await self(operation, **members)
        return caught.value

    async def read(self, **members: Any) -> bytes:
        body = (await self("GetObject", **members))["Body"]
        assert isinstance(body, Body)
        return await body.read()


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    settings = Settings(data=tmp_path)
    records = Records(tmp_path / "records.db")
    cloud = Cloud(IdentityStore(records, settings))
    parts = Parts(tmp_path, settings, records, cloud, cast("Compute", None))
    cloud.register(iam.build(parts))
    cloud.register(s3.build(parts))
    service = cloud.services["s3"]
    assert service.start is not None
    assert service.stop is not None
    await service.start()
    yield cloud
    await service.stop()
    records.close()


@pytest.fixture
def owner(cloud: Cloud) -> Caller:
    return Caller(cloud, root(OWNER))


@pytest.fixture
def other(cloud: Cloud) -> Caller:
    return Caller(cloud, root(OTHER))


@pytest.fixture
def anonymous(cloud: Cloud) -> Caller:
    return Caller(cloud, ANONYMOUS)


@pytest.fixture
async def bucket(owner: Caller) -> str:
    await owner("CreateBucket", Bucket="bucket")
    return "bucket"


@pytest.fixture
async def user(cloud: Cloud) -> Caller:
    """A user of the owner's account without any permission."""
    made = await cloud.call(
        "iam", "CreateUser", {"UserName": "ann"}, as_=root(OWNER), region="us-east-1"
    )
    principal = Principal("user", OWNER, made["User"]["Arn"], made["User"]["UserId"], name="ann")
    return Caller(cloud, principal)


def allow(actions: str | list[str], resources: str | list[str], **more: Any) -> str:
    """A policy document of one statement."""
    import json

    statement = {"Effect": "Allow", "Action": actions, "Resource": resources, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


async def permit(cloud: Cloud, document: str) -> None:
    """Give the user this identity policy."""
    await cloud.call(
        "iam",
        "PutUserPolicy",
        {"UserName": "ann", "PolicyName": "p", "PolicyDocument": document},
        as_=root(OWNER),
        region="us-east-1",
    )


async def publish(owner: Caller, bucket: str) -> None:
    """Let everybody read the bucket's objects."""
    await owner("DeletePublicAccessBlock", Bucket=bucket)
    document = allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal="*")
    await owner("PutBucketPolicy", Bucket=bucket, Policy=document)
