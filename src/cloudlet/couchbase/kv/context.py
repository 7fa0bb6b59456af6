"""What all connections of the key-value service share."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from cloudlet.couchbase.cluster.topology import Topology
from cloudlet.couchbase.cluster.users import Users
from cloudlet.couchbase.kv.frame import notification
from cloudlet.couchbase.kv.protocol import CLUSTERMAP_CHANGE
from cloudlet.couchbase.kv.scans import Scans
from cloudlet.storage.documents import Bucket, DocumentStore

if TYPE_CHECKING:
    from cloudlet.couchbase.kv.connection import Connection


class Service:
    """The store, the users, the configuration handed to clients, and the open connections."""

    def __init__(
        self, store: DocumentStore, users: Users, topology: Topology, *, acknowledge_persisted: bool
    ) -> None:
        self.store = store
        self.users = users
        self.topology = topology
        self.acknowledge_persisted = acknowledge_persisted
        self.connections: set[Connection] = set()
        self.scans = Scans()
        store.catalog.listeners.append(self._bucket_changed)

    def config(self, bucket: Bucket | None) -> bytes:
        """The cluster configuration a connection to `bucket` (or to none) is given."""
        return self.topology.config(bucket)

    def _bucket_changed(self, bucket: Bucket) -> None:
        """Close the connections of a dropped bucket, tell those of a changed one."""
        self.topology.changed(bucket)
        for connection in list(self.connections):
            if connection.bucket is not bucket:
                continue
            if not bucket.live:
                connection.close()
            elif connection.map_push:
                connection.push(self._notification(bucket))

    def _notification(self, bucket: Bucket) -> bytes:
        revision = struct.pack(">QQ", self.topology.epoch, self.topology.revision)
        name = bucket.name.encode()
        return notification(CLUSTERMAP_CHANGE, revision, name, self.config(bucket), 1)
