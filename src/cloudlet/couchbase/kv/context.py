"""What all connections of the key-value service share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudlet.couchbase.cluster.topology import Topology
from cloudlet.couchbase.cluster.users import Users
from cloudlet.couchbase.kv.protocol import VBUCKETS
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
        self.vbuckets = VBUCKETS
        self.connections: set[Connection] = set()
        store.catalog.listeners.append(self._bucket_changed)

    def config(self, bucket: Bucket | None) -> bytes:
        """The cluster configuration a connection to `bucket` (or to none) is given."""
        return self.topology.config(bucket)

    def _bucket_changed(self, bucket: Bucket) -> None:
        """Close the connections of a dropped bucket, as the server does."""
        self.topology.changed(bucket)
        if bucket.live:
            return
        for connection in list(self.connections):
            if connection.bucket is bucket:
                connection.close()
