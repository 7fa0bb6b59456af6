from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from tests.services.s3.conftest import OWNER

from cloudlet.aws.cloud import Cloud
from cloudlet.aws.principal import root
from cloudlet.compute.pool import Compute
from cloudlet.config import Settings
from cloudlet.services import s3
from cloudlet.services.iam.identities import IdentityStore
from cloudlet.services.parts import Parts
from cloudlet.services.s3.store import S3
from cloudlet.storage.records import Records


async def opened(data: Path) -> tuple[Cloud, S3, Records]:
    settings = Settings(data=data)
    records = Records(data / "records.db")
    cloud = Cloud(IdentityStore(records, settings))
    service = s3.build(Parts(data, settings, records, cloud, cast("Compute", None)))
    cloud.register(service)
    await service.state.start()
    return cloud, service.state, records


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    cloud, state, records = await opened(tmp_path)
    as_ = root(OWNER)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("CreateBucket", {}),
        ("PutObject", {"Key": "k", "Body": b"content"}),
        ("PutBucketTagging", {"Tagging": {"TagSet": [{"Key": "a", "Value": "1"}]}}),
    ]
    for operation, members in calls:
        await cloud.call(
            "s3", operation, {"Bucket": "bucket", **members}, as_=as_, region="us-east-1"
        )
    before = state.bucket("bucket")
    await state.stop()
    records.close()
    cloud, state, records = await opened(tmp_path)
    assert state.bucket("bucket") == before
    wanted = {"Bucket": "bucket", "Key": "k"}
    found = await cloud.call("s3", "GetObject", wanted, as_=as_, region="us-east-1")
    assert await found["Body"].read() == b"content"
    await state.stop()
    records.close()


async def test_a_half_made_or_half_deleted_bucket_is_put_right(tmp_path: Path) -> None:
    cloud, state, records = await opened(tmp_path)
    as_, members = root(OWNER), {"Bucket": "bucket"}
    await cloud.call("s3", "CreateBucket", members, as_=as_, region="us-east-1")
    await state.objects.delete_bucket("bucket")  # and then the power goes
    await state.objects.create_bucket("stray")
    await state.stop()
    records.close()
    cloud, state, records = await opened(tmp_path)
    put = {**members, "Key": "k", "Body": b""}
    await cloud.call("s3", "PutObject", put, as_=as_, region="us-east-1")
    await state.reset()
    assert state.objects.find("bucket", "k") is None
    await state.stop()
    records.close()
