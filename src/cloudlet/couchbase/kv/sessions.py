"""The verbs that set a connection up: HELLO, SASL, the error map, the bucket, collections."""

from __future__ import annotations

import struct
from typing import Any, Final

import msgspec

from cloudlet.couchbase.cluster.topology import VERSION
from cloudlet.couchbase.kv.connection import Connection
from cloudlet.couchbase.kv.errors import error_map
from cloudlet.couchbase.kv.frame import Request, StatusError, response
from cloudlet.couchbase.kv.protocol import SERVED_FEATURES, Feature, Status
from cloudlet.couchbase.kv.scram import MECHANISMS, ScramError, ScramServer, username
from cloudlet.storage.documents import Bucket

#: The most that a client asks for in HELLO: many times what there is.
_FEATURES_BYTES: Final = 2048

_MECHANISMS: Final = b"SCRAM-SHA512 SCRAM-SHA256 SCRAM-SHA1 PLAIN"


def hello(connection: Connection, request: Request) -> bytes:
    """Acknowledge those of the features asked for that are served."""
    if len(request.value) % 2 or len(request.value) > _FEATURES_BYTES:
        raise StatusError(Status.INVALID)
    asked = [feature for (feature,) in struct.iter_unpack(">H", request.value)]
    granted = [feature for feature in dict.fromkeys(asked) if feature in SERVED_FEATURES]
    connection.collections = Feature.COLLECTIONS in granted
    connection.json = Feature.JSON in granted
    connection.xerror = Feature.XERROR in granted
    connection.mutation_tokens = Feature.MUTATION_SEQNO in granted
    connection.snappy = Feature.SNAPPY in granted
    connection.durations = Feature.TRACING in granted
    connection.map_push = Feature.CLUSTERMAP_CHANGE in granted and Feature.DUPLEX in granted
    return response(request, value=struct.pack(f">{len(granted)}H", *granted))


def list_mechanisms(connection: Connection, request: Request) -> bytes:
    """The SASL mechanisms, strongest first."""
    del connection
    return response(request, value=_MECHANISMS)


def authenticate(connection: Connection, request: Request) -> bytes:
    """Begin SCRAM, or check a PLAIN password."""
    connection.scram = None
    mechanism = request.key.decode("latin-1")
    if mechanism == "PLAIN":
        return _plain(connection, request)
    hash_name = MECHANISMS.get(mechanism)
    if hash_name is None:
        raise StatusError(Status.AUTH_ERROR)
    try:
        user = username(request.value)
        verifier = connection.service.users.verifier(user, hash_name)
        exchange = ScramServer(hash_name, user, verifier)
        challenge = exchange.first(request.value)
    except ScramError:
        raise StatusError(Status.AUTH_ERROR) from None
    connection.scram = exchange
    return response(request, Status.AUTH_CONTINUE, value=challenge)


def step(connection: Connection, request: Request) -> bytes:
    """Check the client's proof."""
    exchange, connection.scram = connection.scram, None
    if exchange is None:
        raise StatusError(Status.AUTH_ERROR)
    try:
        proof = exchange.final(request.value)
    except ScramError:
        raise StatusError(Status.AUTH_ERROR) from None
    _accept(connection, exchange.user)
    return response(request, value=proof)


def _plain(connection: Connection, request: Request) -> bytes:
    parts = request.value.split(b"\0")
    if len(parts) != 3:
        raise StatusError(Status.AUTH_ERROR)
    name, password = parts[1].decode(errors="replace"), parts[2].decode(errors="replace")
    if connection.service.users.check(name, password) is None:
        raise StatusError(Status.AUTH_ERROR)
    _accept(connection, name)
    return response(request, value=b"Authenticated")


def _accept(connection: Connection, name: str) -> None:
    principal = connection.service.users.principal(name)
    # Clients of 2016 never select a bucket: authenticating as one selects it.
    buckets = connection.service.store.catalog.buckets
    connection.enter(principal, buckets.get(principal.bucket) if principal.bucket else None)


def get_error_map(connection: Connection, request: Request) -> bytes:
    """The statuses and what they mean for a client."""
    del connection
    if len(request.value) != 2:
        raise StatusError(Status.INVALID)
    (version,) = struct.unpack(">H", request.value)
    if version < 1:
        raise StatusError(Status.INVALID)
    return response(request, value=error_map(version), datatype=1)


def select_bucket(connection: Connection, request: Request) -> bytes:
    """Use a bucket from here on; one that is not there reads as one without access."""
    bucket = connection.service.store.catalog.buckets.get(request.key.decode(errors="replace"))
    principal = connection.principal
    if bucket is None or principal is None or not principal.enters(bucket.name):
        raise StatusError(Status.NO_ACCESS)
    connection.enter(principal, bucket)
    return response(request)


def get_cluster_config(connection: Connection, request: Request) -> bytes:
    """The configuration of the connection's bucket, or of the cluster without one."""
    bucket = connection.bucket
    return response(request, value=connection.service.config(bucket), datatype=_json(connection))


def _json(connection: Connection) -> int:
    return 1 if connection.json else 0


def noop(connection: Connection, request: Request) -> bytes:
    """An answer."""
    del connection
    return response(request)


def quit_connection(connection: Connection, request: Request) -> bytes:
    """Close after this answer."""
    connection.close_after_answers()
    return response(request)


def version(connection: Connection, request: Request) -> bytes:
    """The release whose protocol is served."""
    del connection
    return response(request, value=VERSION.encode())


def _bucket(connection: Connection) -> Bucket:
    if connection.bucket is None or not connection.bucket.live:
        raise StatusError(Status.NO_BUCKET)
    return connection.bucket


def manifest(bucket: Bucket) -> dict[str, Any]:
    """A bucket's scopes and collections, as clients and the management interface see them."""
    return {
        "uid": f"{bucket.manifest_uid:x}",
        "scopes": [
            {
                "name": scope.name,
                "uid": f"{scope.uid:x}",
                "collections": [
                    {
                        "name": one.name,
                        "uid": f"{one.uid:x}",
                        "history": one.history,
                        **({"maxTTL": one.max_expiry_s} if one.max_expiry_s else {}),
                    }
                    for one in scope.collections.values()
                ],
            }
            for scope in bucket.scopes.values()
        ],
    }


def get_collections_manifest(connection: Connection, request: Request) -> bytes:
    """The bucket's scopes and collections."""
    value = msgspec.json.encode(manifest(_bucket(connection)))
    return response(request, value=value, datatype=_json(connection))


def _path(request: Request) -> tuple[str, str]:
    text = (request.value or request.key).decode(errors="replace")
    scope, _, name = text.partition(".")
    return scope or "_default", name or "_default"


def _unknown(connection: Connection, bucket: Bucket, status: int) -> StatusError:
    return StatusError(
        status, b'{"manifest_uid":"%x"}' % bucket.manifest_uid, datatype=_json(connection)
    )


def get_collection_id(connection: Connection, request: Request) -> bytes:
    """The id that keys of `scope.collection` carry, with the manifest's uid."""
    bucket = _bucket(connection)
    scope_name, name = _path(request)
    scope = bucket.scopes.get(scope_name)
    if scope is None:
        raise _unknown(connection, bucket, Status.UNKNOWN_SCOPE)
    found = scope.collections.get(name)
    if found is None:
        raise _unknown(connection, bucket, Status.UNKNOWN_COLLECTION)
    return response(request, extras=struct.pack(">QI", bucket.manifest_uid, found.uid))


def get_scope_id(connection: Connection, request: Request) -> bytes:
    """The id of a scope, with the manifest's uid."""
    bucket = _bucket(connection)
    scope = bucket.scopes.get(_path(request)[0])
    if scope is None:
        raise _unknown(connection, bucket, Status.UNKNOWN_SCOPE)
    return response(request, extras=struct.pack(">QI", bucket.manifest_uid, scope.uid))
