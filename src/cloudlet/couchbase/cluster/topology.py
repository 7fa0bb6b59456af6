"""The cluster configuration: one node, its ports, and each bucket's vbuckets on it."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec

from cloudlet.couchbase.kv.protocol import VBUCKETS
from cloudlet.couchbase.options import Ports
from cloudlet.storage.documents import Bucket

#: The release whose behaviour SDKs may count on.
VERSION: Final = "7.6.2-3721-enterprise"

_BUCKET_CAPABILITIES: Final = [
    "collections",
    "durableWrite",
    "tombstonedUserXAttrs",
    "couchapi",
    "subdoc.ReplaceBodyWithXattr",
    "subdoc.DocumentMacroSupport",
    "subdoc.ReviveDocument",
    "dcp",
    "cbhello",
    "touch",
    "cccp",
    "nodesExt",
    "xattr",
    "preserveExpiry",
    "rangeScan",
    "querySystemCollection",
    "mobileSystemCollection",
]


def _capabilities(bucket: Bucket) -> list[str]:
    """What SDKs may use of a bucket; collections keep a history in buckets of magma only."""
    if bucket.settings.storage_backend == "magma":
        return [*_BUCKET_CAPABILITIES, "nonDedupedHistory"]
    return _BUCKET_CAPABILITIES


class Topology:
    """Configurations as JSON, made once for every revision.

    No host name is in `nodesExt`, so that a client goes on using the address it dialled.
    """

    def __init__(self, host: str, ports: Ports, uuid: str) -> None:
        self.host = host
        self.ports = ports
        self.kv_port = ports.kv
        self.management_port = ports.management
        self.uuid = uuid
        self.epoch = 1
        self.revision = 1
        self._configs: dict[str | None, bytes] = {}
        self._waiting: list[asyncio.Future[None]] = []

    def changed(self, bucket: Bucket) -> None:
        """Begin a new revision: a bucket was made, changed or dropped."""
        del bucket
        self.revision += 1
        self._configs.clear()
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def next_revision(self) -> None:
        """Return when the configuration has changed."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def config(self, bucket: Bucket | None) -> bytes:
        """The configuration for one bucket, or for a connection without one."""
        name = bucket.name if bucket is not None else None
        found = self._configs.get(name)
        if found is None:
            found = self._configs[name] = msgspec.json.encode(self.describe(bucket))
        return found

    def describe(self, bucket: Bucket | None) -> dict[str, Any]:
        """The configuration as a value."""
        config: dict[str, Any] = {
            "rev": self.revision,
            "revEpoch": self.epoch,
            "nodesExt": [
                {
                    "services": self._services(),
                    "thisNode": True,
                }
            ],
            "clusterCapabilitiesVer": [1, 0],
            "clusterCapabilities": {"n1ql": ["enhancedPreparedStatements"]},
            "clusterUUID": self.uuid,
            "clusterName": "cloudlet",
        }
        if bucket is not None:
            config |= self._bucket_part(bucket)
        return config

    def _services(self) -> dict[str, int]:
        ports = self.ports
        services = {"kv": ports.kv, "mgmt": ports.management, "n1ql": ports.query}
        if ports.kv_tls:
            services |= {
                "kvSSL": ports.kv_tls,
                "mgmtSSL": ports.management_tls,
                "n1qlSSL": ports.query_tls,
            }
        return services

    def _bucket_part(self, bucket: Bucket) -> dict[str, Any]:
        name = bucket.name
        return {
            "name": name,
            "uuid": bucket.uuid,
            "uri": f"/pools/default/buckets/{name}?bucket_uuid={bucket.uuid}",
            "streamingUri": f"/pools/default/bucketsStreaming/{name}?bucket_uuid={bucket.uuid}",
            "nodeLocator": "vbucket",
            "bucketCapabilitiesVer": "",
            "bucketCapabilities": _capabilities(bucket),
            "collectionsManifestUid": f"{bucket.manifest_uid:x}",
            "ddocs": {"uri": f"/pools/default/buckets/{name}/ddocs"},
            "nodes": [
                {
                    "couchApiBase": f"http://{self.host}:8092/{name}",
                    "hostname": f"{self.host}:{self.management_port}",
                    "ports": {"direct": self.kv_port},
                }
            ],
            "vBucketServerMap": {
                "hashAlgorithm": "CRC",
                "numReplicas": 0,
                "serverList": [f"{self.host}:{self.kv_port}"],
                "vBucketMap": [[0]] * VBUCKETS,
            },
        }
