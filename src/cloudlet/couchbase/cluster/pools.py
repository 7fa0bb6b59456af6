"""`/pools` and what describes the cluster and its one node."""

from __future__ import annotations

import os
import platform
import time
from typing import Any

from cloudlet.couchbase.cluster.http import Answer, Request, Routes
from cloudlet.couchbase.cluster.topology import VERSION, Topology
from cloudlet.storage.documents import DocumentStore

_STARTED = time.monotonic()


def node(topology: Topology) -> dict[str, Any]:
    """The one node, with every key that the C++ core insists on."""
    address = f"{topology.host}:{topology.management_port}"
    return {
        "hostname": address,
        "configuredHostname": address,
        "otpNode": f"ns_1@{topology.host}",
        "nodeUUID": topology.uuid,
        "thisNode": True,
        "version": VERSION,
        "os": f"{platform.machine()}-pc-linux-gnu",
        "status": "healthy",
        "clusterMembership": "active",
        "recoveryType": "none",
        "cpuCount": os.cpu_count() or 1,
        "clusterCompatibility": 458758,
        "uptime": str(int(time.monotonic() - _STARTED)),
        "services": ["kv", "n1ql"],
        "ports": {"direct": topology.kv_port, "distTCP": 0, "distTLS": 0, "httpsMgmt": 0},
        "addressFamily": "inet",
        "externalListeners": [],
        "nodeEncryption": False,
    }


class Pools:
    """The cluster as a whole."""

    def __init__(self, store: DocumentStore, topology: Topology) -> None:
        self._store = store
        self._topology = topology

    def route(self, routes: Routes) -> None:
        """Serve these paths."""
        routes.add("GET", "/", self.root)
        routes.add("GET", "/versions", self.pools)
        routes.add("GET", "/pools", self.pools)
        routes.add("GET", "/pools/default", self.cluster)
        routes.add("GET", "/pools/nodes", self.nodes)
        routes.add("GET", "/nodes/self", self.this_node)
        routes.add("GET", "/pools/default/nodeServices", self.services)
        routes.add("GET", "/pools/default/terseClusterInfo", self.terse)
        routes.add("GET", "/pools/default/tasks", self.tasks)
        routes.add("GET", "/settings/developerPreview", self.preview)

    async def root(self, request: Request) -> Answer:
        """Who is here; SDKs ping it."""
        del request
        return Answer("cloudlet document server: management interface of Couchbase\n")

    async def pools(self, request: Request) -> Answer:
        """The entry: version and where the one pool is."""
        del request
        return Answer(
            {
                "isAdminCreds": True,
                "isEnterprise": True,
                "implementationVersion": VERSION,
                "uuid": self._topology.uuid,
                "componentsVersion": {"ns_server": VERSION},
                "pools": [
                    {
                        "name": "default",
                        "uri": f"/pools/default?uuid={self._topology.uuid}",
                        "streamingUri": f"/poolsStreaming/default?uuid={self._topology.uuid}",
                    }
                ],
            }
        )

    async def cluster(self, request: Request) -> Answer:
        """The pool: nodes, buckets, memory."""
        del request
        cache = self._store.cache
        return Answer(
            {
                "name": "default",
                "clusterName": "cloudlet",
                "nodes": [node(self._topology)],
                "bucketNames": [
                    {"bucketName": bucket.name, "uuid": bucket.uuid}
                    for bucket in self._store.catalog.buckets.values()
                ],
                "buckets": {"uri": "/pools/default/buckets"},
                "balanced": True,
                "rebalanceStatus": "none",
                "memoryQuota": cache.limit_bytes // (1024 * 1024),
                "storageTotals": {
                    "ram": {
                        "quotaTotal": cache.limit_bytes,
                        "quotaUsed": cache.used_bytes,
                        "used": cache.used_bytes,
                        "total": cache.limit_bytes,
                    }
                },
            }
        )

    async def nodes(self, request: Request) -> Answer:
        """The nodes alone."""
        del request
        return Answer({"name": "default", "nodes": [node(self._topology)]})

    async def this_node(self, request: Request) -> Answer:
        """This node."""
        del request
        return Answer(node(self._topology))

    async def services(self, request: Request) -> Answer:
        """The node's ports by service."""
        del request
        return Answer(self._topology.describe(None))

    async def terse(self, request: Request) -> Answer:
        """The cluster's identity."""
        del request
        return Answer({"clusterUUID": self._topology.uuid, "orchestrator": "", "isBalanced": True})

    async def tasks(self, request: Request) -> Answer:
        """Nothing is ever rebalanced."""
        del request
        return Answer([{"type": "rebalance", "status": "notRunning"}])

    async def preview(self, request: Request) -> Answer:
        """Whether unfinished features are on: no."""
        del request
        return Answer({"enabled": False})
