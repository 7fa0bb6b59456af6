"""Buckets over HTTP: list, create, change, drop, flush, and the configurations of each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec

from cloudlet.couchbase.cluster.http import Answer, HttpError, Request, Routes
from cloudlet.couchbase.cluster.pools import node
from cloudlet.couchbase.cluster.topology import Topology
from cloudlet.storage.documents import Bucket, BucketSettings, DocumentStore

_MEGABYTE: Final = 1024 * 1024

#: A form's choices and what they become.
_TYPES: Final = {"couchbase": "membase", "membase": "membase", "ephemeral": "ephemeral"}
_DURABILITY: Final = ("none", "majority", "majorityAndPersistActive", "persistToMajority")
_EVICTION: Final = {
    "membase": ("valueOnly", "fullEviction"),
    "ephemeral": ("noEviction", "nruEviction"),
}


class _Form:
    """Reads parameters and gathers what is wrong with them."""

    def __init__(self, form: dict[str, str]) -> None:
        self.form = form
        self.errors: dict[str, str] = {}

    def whole(self, name: str, default: int, least: int, most: int) -> int:
        text = self.form.get(name)
        if text is None:
            return default
        if not text.lstrip("-").isdigit() or not least <= int(text) <= most:
            self.errors[name] = f"{name} must be an integer between {least} and {most}"
            return default
        return int(text)

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        value = self.form.get(name, default)
        if value not in choices:
            self.errors[name] = f"{name} must be one of: {', '.join(choices)}"
        return value

    def flag(self, name: str, default: bool) -> bool:
        text = self.form.get(name)
        if text is None:
            return default
        if text not in ("0", "1", "true", "false"):
            self.errors[name] = f"{name} must be 0 or 1"
        return text in ("1", "true")

    def raise_errors(self) -> None:
        if self.errors:
            raise HttpError(400, {"errors": self.errors, "summaries": {}})


def read_settings(form: dict[str, str], old: BucketSettings | None) -> BucketSettings:
    """A bucket's settings from a form; 400 with an error by parameter.

    A change keeps what the form does not name, and the type for ever.
    """
    known = old or BucketSettings()
    reader = _Form(form)
    kind = known.bucket_type
    if old is None:
        asked = form.get("bucketType", "membase")
        kind = _TYPES.get(asked, "")
        if asked == "memcached":
            reader.errors["bucketType"] = "memcached buckets are not supported"
        elif not kind:
            reader.errors["bucketType"] = "invalid bucket type"
        if "ramQuotaMB" not in form:
            reader.errors["ramQuota"] = (
                "The RAM Quota must be specified and must be a positive integer."
            )
    eviction = _EVICTION.get(kind, ("valueOnly",))
    settings = BucketSettings(
        bucket_type=kind,
        ram_quota_mb=reader.whole("ramQuotaMB", known.ram_quota_mb, 100, 1 << 30),
        replica_number=reader.whole("replicaNumber", known.replica_number, 0, 3),
        flush_enabled=reader.flag("flushEnabled", known.flush_enabled),
        max_expiry_s=reader.whole("maxTTL", known.max_expiry_s, 0, 0x7FFFFFFF),
        compression_mode=reader.choice(
            "compressionMode", known.compression_mode, ("off", "passive", "active")
        ),
        eviction_policy=reader.choice(
            "evictionPolicy", known.eviction_policy if old else eviction[0], eviction
        ),
        conflict_resolution_type=reader.choice(
            "conflictResolutionType", known.conflict_resolution_type, ("seqno", "lww", "custom")
        ),
        durability_min_level=reader.choice(
            "durabilityMinLevel", known.durability_min_level, _DURABILITY
        ),
        storage_backend=reader.choice(
            "storageBackend", known.storage_backend, ("couchstore", "magma")
        ),
        replica_index=reader.flag("replicaIndex", known.replica_index),
        history_default=reader.flag("historyRetentionCollectionDefault", known.history_default),
        history_seconds=reader.whole("historyRetentionSeconds", known.history_seconds, 0, 1 << 62),
        history_bytes=reader.whole("historyRetentionBytes", known.history_bytes, 0, 1 << 62),
    )
    reader.raise_errors()
    return settings


class Buckets:
    """The buckets of the cluster."""

    def __init__(self, store: DocumentStore, topology: Topology) -> None:
        self._store = store
        self._topology = topology

    def route(self, routes: Routes) -> None:
        """Serve these paths."""
        routes.add("GET", "/pools/default/buckets", self.list)
        routes.add("POST", "/pools/default/buckets", self.create)
        routes.add("GET", "/pools/default/buckets/{}", self.get)
        routes.add("POST", "/pools/default/buckets/{}", self.change)
        routes.add("DELETE", "/pools/default/buckets/{}", self.drop)
        routes.add("POST", "/pools/default/buckets/{}/controller/doFlush", self.flush)
        routes.add("GET", "/pools/default/buckets/{}/ddocs", self.views)
        routes.add("GET", "/pools/default/b/{}", self.config)
        routes.add("GET", "/pools/default/bs/{}", self.stream)
        routes.add("GET", "/pools/default/bucketsStreaming/{}", self.stream)

    def _bucket(self, request: Request) -> Bucket:
        bucket = self._store.catalog.buckets.get(request.names[0])
        if bucket is None:
            raise HttpError(404, "Requested resource not found.\r\n")
        return bucket

    async def views(self, request: Request) -> Answer:
        """There are no views: what SDKs ask this port about them is answered as without them."""
        self._bucket(request)
        raise HttpError(503, {"error": "service_not_available", "reason": "views are not served"})

    async def list(self, request: Request) -> Answer:
        """All buckets."""
        del request
        return Answer([self._describe(one) for one in self._store.catalog.buckets.values()])

    async def get(self, request: Request) -> Answer:
        """One bucket."""
        return Answer(self._describe(self._bucket(request)))

    async def create(self, request: Request) -> Answer:
        """Make a bucket."""
        name = request.form.get("name", "")
        if name in self._store.catalog.buckets:
            raise HttpError(400, {"errors": {"name": "Bucket with given name already exists"}})
        settings = read_settings(request.form, None)
        await self._store.catalog.create_bucket(name, settings)
        return Answer(status=202)

    async def change(self, request: Request) -> Answer:
        """Change a bucket's settings."""
        bucket = self._bucket(request)
        settings = read_settings(request.form, bucket.settings)
        await self._store.catalog.change_bucket(bucket, settings)
        return Answer()

    async def drop(self, request: Request) -> Answer:
        """Drop a bucket with its documents."""
        await self._store.catalog.drop_bucket(self._bucket(request))
        return Answer()

    async def flush(self, request: Request) -> Answer:
        """Remove a bucket's documents, where its settings allow that."""
        bucket = self._bucket(request)
        if not bucket.settings.flush_enabled:
            raise HttpError(400, {"_": "Flush is disabled for the bucket"})
        await self._store.catalog.flush_bucket(bucket)
        return Answer()

    async def config(self, request: Request) -> Answer:
        """The configuration clients of this bucket use."""
        bucket = self._bucket(request)
        return Answer(msgspec.Raw(self._topology.config(bucket)))

    async def stream(self, request: Request) -> Answer:
        """The configuration, and again whenever it changes; each ended by four newlines."""
        bucket = self._bucket(request)
        return Answer(chunks=self._configurations(bucket))

    async def _configurations(self, bucket: Bucket) -> AsyncIterator[bytes]:
        while bucket.live:
            revision = self._topology.revision
            yield self._topology.config(bucket) + b"\n\n\n\n"
            while bucket.live and self._topology.revision == revision:
                await self._topology.next_revision()

    def _describe(self, bucket: Bucket) -> dict[str, Any]:
        settings = bucket.settings
        name = bucket.name
        quota = settings.ram_quota_mb * _MEGABYTE
        controllers = {"compactAll": f"/pools/default/buckets/{name}/controller/compactBucket"}
        if settings.flush_enabled:
            controllers["flush"] = f"/pools/default/buckets/{name}/controller/doFlush"
        cached = sum(one.cached_bytes for one in bucket.collections.values())
        config = self._topology.describe(bucket)
        return config | {
            "nodes": [node(self._topology) | config["nodes"][0]],
            "bucketType": settings.bucket_type,
            "authType": "sasl",
            "proxyPort": 0,
            "quota": {"ram": quota, "rawRAM": quota},
            "replicaNumber": settings.replica_number,
            "replicaIndex": settings.replica_index,
            "maxTTL": settings.max_expiry_s,
            "compressionMode": settings.compression_mode,
            "evictionPolicy": settings.eviction_policy,
            "conflictResolutionType": settings.conflict_resolution_type,
            "durabilityMinLevel": settings.durability_min_level,
            "storageBackend": settings.storage_backend,
            "historyRetentionCollectionDefault": settings.history_default,
            "historyRetentionSeconds": settings.history_seconds,
            "historyRetentionBytes": settings.history_bytes,
            "controllers": controllers,
            "stats": {"uri": f"/pools/default/buckets/{name}/stats"},
            "basicStats": {
                "itemCount": bucket.items,
                "memUsed": cached,
                "dataUsed": cached,
                "diskUsed": cached,
                "opsPerSec": 0,
                "diskFetches": 0,
                "quotaPercentUsed": 100 * cached / quota,
            },
        }
