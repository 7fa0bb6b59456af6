"""STAT: the server's figures by group, one frame each, ended by an empty one."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from typing import Final

from cloudlet.couchbase.cluster.topology import VERSION
from cloudlet.couchbase.kv.connection import Connection
from cloudlet.couchbase.kv.frame import Request, StatusError, response
from cloudlet.couchbase.kv.protocol import VBUCKETS, Status
from cloudlet.storage.documents import Bucket

Figures = dict[str, object]

_STARTED: Final = time.time()

#: A vbucket's number has 16 bits.
_VBUCKET_DIGITS: Final = 5


def stat(connection: Connection, request: Request) -> bytes:
    """A group of figures; `NOT_FOUND` for one that is not kept."""
    group, _, argument = request.key.decode(errors="replace").partition(" ")
    found = _GROUPS.get(group)
    if found is None:
        raise StatusError(Status.NOT_FOUND)
    frames = [
        response(request, key=name.encode(), value=str(value).encode())
        for name, value in found(connection, argument.strip()).items()
    ]
    frames.append(response(request))
    return b"".join(frames)


def _general(connection: Connection, argument: str) -> Figures:
    del argument
    store = connection.service.store
    usage = resource.getrusage(resource.RUSAGE_SELF)
    figures: Figures = {
        "pid": os.getpid(),
        "uptime": int(time.time() - _STARTED),
        "time": int(time.time()),
        "version": VERSION,
        "rusage_user": f"{usage.ru_utime:.6f}",
        "rusage_system": f"{usage.ru_stime:.6f}",
        "curr_connections": len(connection.service.connections),
        "mem_used": store.cache.used_bytes,
        "ep_max_size": store.cache.limit_bytes,
    }
    bucket = connection.bucket
    if bucket is not None:
        figures |= {
            "bucket": bucket.name,
            "ep_bucket_type": "ephemeral" if bucket.ephemeral else "persistent",
            "curr_items": bucket.items,
            "curr_items_tot": bucket.items,
            "uuid": bucket.uuid,
            "vb_active_num": VBUCKETS,
            "vb_replica_num": 0,
            "ep_queue_size": sum(len(one.unsaved) for one in bucket.collections.values()),
        }
    return figures


def _memory(connection: Connection, argument: str) -> Figures:
    del argument
    cache = connection.service.store.cache
    return {
        "mem_used": cache.used_bytes,
        "bytes": cache.used_bytes,
        "ep_kv_size": connection.entered().used_bytes,
        "ep_max_size": cache.limit_bytes,
    }


def _vbuckets(argument: str) -> range:
    if not argument:
        return range(VBUCKETS)
    if not argument.isdecimal() or len(argument) > _VBUCKET_DIGITS:
        raise StatusError(Status.INVALID)
    if int(argument) >= VBUCKETS:
        raise StatusError(Status.NOT_MY_VBUCKET)
    return range(int(argument), int(argument) + 1)


def _vbucket(connection: Connection, argument: str) -> Figures:
    connection.entered()
    return {f"vb_{at}": "active" for at in _vbuckets(argument)}


def _details(connection: Connection, argument: str) -> Figures:
    bucket = connection.entered()
    figures: Figures = {}
    for at in _vbuckets(argument):
        figures |= {
            f"vb_{at}": "active",
            f"vb_{at}:high_seqno": bucket.high_seqno,
            f"vb_{at}:uuid": bucket.vbucket_uuid,
        }
    return figures


def _seqnos(connection: Connection, argument: str) -> Figures:
    bucket = connection.entered()
    figures: Figures = {}
    for at in _vbuckets(argument):
        figures |= {
            f"vb_{at}:high_seqno": bucket.high_seqno,
            f"vb_{at}:abs_high_seqno": bucket.high_seqno,
            f"vb_{at}:last_persisted_seqno": bucket.persisted_seqno,
            f"vb_{at}:purge_seqno": 0,
            f"vb_{at}:uuid": bucket.vbucket_uuid,
        }
    return figures


def _failovers(connection: Connection, argument: str) -> Figures:
    bucket = connection.entered()
    figures: Figures = {}
    for at in _vbuckets(argument):
        figures[f"vb_{at}:num_entries"] = len(bucket.failovers)
        for number, (uuid, began) in enumerate(bucket.failovers):
            figures[f"vb_{at}:{number}:id"] = uuid
            figures[f"vb_{at}:{number}:seq"] = began
    return figures


def _collections(connection: Connection, argument: str) -> Figures:
    bucket = connection.entered()
    figures: Figures = {"manifest_uid": f"0x{bucket.manifest_uid:x}"}
    for one in bucket.collections.values():
        if argument in ("", one.name, f"{one.scope_name}.{one.name}"):
            figures |= {
                f"0x{one.scope_uid:x}:0x{one.uid:x}:name": one.name,
                f"0x{one.scope_uid:x}:0x{one.uid:x}:scope_name": one.scope_name,
                f"0x{one.scope_uid:x}:0x{one.uid:x}:items": one.items,
                f"0x{one.scope_uid:x}:0x{one.uid:x}:mem_used": one.cached_bytes,
                f"0x{one.scope_uid:x}:0x{one.uid:x}:maxTTL": one.max_expiry_s,
            }
    return figures


def _scopes(connection: Connection, argument: str) -> Figures:
    bucket = connection.entered()
    figures: Figures = {"manifest_uid": f"0x{bucket.manifest_uid:x}"}
    for scope in bucket.scopes.values():
        if argument in ("", scope.name):
            figures |= {
                f"0x{scope.uid:x}:name": scope.name,
                f"0x{scope.uid:x}:collections": len(scope.collections),
                f"0x{scope.uid:x}:items": sum(one.items for one in scope.collections.values()),
            }
    return figures


def _uuid(connection: Connection, argument: str) -> Figures:
    del argument
    bucket: Bucket = connection.entered()
    return {"uuid": bucket.uuid}


_GROUPS: Final[dict[str, Callable[[Connection, str], Figures]]] = {
    "": _general,
    "memory": _memory,
    "vbucket": _vbucket,
    "vbucket-details": _details,
    "vbucket-seqno": _seqnos,
    "failovers": _failovers,
    "collections": _collections,
    "scopes": _scopes,
    "uuid": _uuid,
}
