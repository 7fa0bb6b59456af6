"""Secondary indexes: sorted entries in memory, kept in step with the documents' changes.

`entries` is the order and the sorted collection, `data` one index's entries and how they follow
its keyspace, `building` the tasks that build indexes and keep them on disk.
"""

from __future__ import annotations

from cloudlet.couchbase.sqlpp.indexes.data import IndexData, KeyPart

__all__ = ["IndexData", "KeyPart"]
