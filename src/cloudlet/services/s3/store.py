"""S3's state: the records of buckets and the object store."""

from __future__ import annotations

import asyncio
from typing import Any

from cloudlet.aws.policy import Policy
from cloudlet.services.parts import Parts
from cloudlet.services.s3.errors import NoSuchBucket
from cloudlet.services.s3.model import BucketRecord
from cloudlet.services.s3.publicness import is_public
from cloudlet.storage.objects import ObjectStore, Versioning
from cloudlet.storage.records import GLOBAL

#: Buckets that may exist in one account: AWS's default quota.
MAX_BUCKETS = 10_000


class S3:
    """What S3's operations find in `ctx.service`."""

    def __init__(self, parts: Parts) -> None:
        self.cloud = parts.cloud
        self.objects = ObjectStore(parts.data / "objects")
        self._records = parts.records.table("s3.bucket", BucketRecord)
        self._sweep: asyncio.Task[int] | None = None

    async def start(self) -> None:
        """Bring the object store in line with the buckets; sweep what a crash left."""
        await self.objects.keep_buckets(bucket.name for bucket in self.buckets())
        self._sweep = asyncio.create_task(self.objects.sweep())

    async def stop(self) -> None:
        """Finish what is being written."""
        await self.objects.close()
        if self._sweep is not None:
            await asyncio.gather(self._sweep, return_exceptions=True)

    async def reset(self) -> None:
        """Remove every object; the records have gone already."""
        await self.objects.clear()

    def buckets(self) -> list[BucketRecord]:
        """Every bucket of every account, in the order of names."""
        return [record for _, record in self._records.scan("", GLOBAL)]

    def find(self, name: str) -> BucketRecord | None:
        """The bucket, or None."""
        return self._records.get("", GLOBAL, name)

    def bucket(self, name: str) -> BucketRecord:
        """The bucket, or `NoSuchBucket`."""
        found = self.find(name)
        if found is None:
            raise NoSuchBucket(BucketName=name)
        return found

    def versioning(self, name: str) -> Versioning:
        """What the bucket does with versions; "" also for one that is not there."""
        found = self.find(name)
        return "" if found is None else found.versioning

    async def add(self, record: BucketRecord) -> None:
        """Make the bucket; its name is taken from the call on."""
        await self._records.put("", GLOBAL, record.name, record)
        await self.objects.create_bucket(record.name)

    async def remove(self, name: str) -> None:
        """Remove the bucket; `BucketTaken` if it holds objects or versions."""
        await self.objects.delete_bucket(name)
        await self._records.delete("", GLOBAL, name)

    async def change(self, name: str, **changes: Any) -> None:
        """Change parts of a bucket's configuration; durable when it returns."""
        await self._records.put("", GLOBAL, name, self.bucket(name).replace(**changes))

    def policy(self, bucket: BucketRecord, account: str) -> Policy:
        """The bucket's policy as it speaks to callers of `account` ("" for anonymous ones).

        RestrictPublicBuckets takes a public policy's grants from all but the owner's account.
        """
        if not bucket.policy:
            return Policy.none(bucket.account)
        restricted = bucket.public_access is not None and (
            bucket.public_access.restrict_public_buckets
        )
        if restricted and account != bucket.account and is_public(bucket.policy):
            return Policy.none(bucket.account)
        return Policy.parse(bucket.policy, resource_based=True, owner=bucket.account)
