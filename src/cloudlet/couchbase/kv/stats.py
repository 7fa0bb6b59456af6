"""STAT: the server's figures, one frame each, ended by an empty one."""

from __future__ import annotations

import os

from cloudlet.couchbase.cluster.topology import VERSION
from cloudlet.couchbase.kv.connection import Connection
from cloudlet.couchbase.kv.frame import Request, StatusError, response
from cloudlet.couchbase.kv.protocol import Status


def stat(connection: Connection, request: Request) -> bytes:
    """The general group of figures; other groups are not kept."""
    if request.key:
        raise StatusError(Status.NOT_FOUND)
    store = connection.service.store
    figures: dict[str, object] = {
        "pid": os.getpid(),
        "version": VERSION,
        "curr_connections": len(connection.service.connections),
        "mem_used": store.cache.used_bytes,
        "ep_max_size": store.cache.limit_bytes,
    }
    bucket = connection.bucket
    if bucket is not None:
        figures |= {
            "bucket": bucket.name,
            "curr_items": bucket.items,
            "uuid": bucket.uuid,
            "vb_active_num": connection.service.vbuckets,
        }
    frames = [
        response(request, key=name.encode(), value=str(value).encode())
        for name, value in figures.items()
    ]
    frames.append(response(request))
    return b"".join(frames)
