"""Who is at the other end of a connection, in which bucket, and what it may reach there."""

from __future__ import annotations

from typing import Final

from cloudlet.couchbase.cluster.users import Access, Principal
from cloudlet.couchbase.kv.context import Service
from cloudlet.couchbase.kv.frame import Request, StatusError, read_uleb128
from cloudlet.couchbase.kv.protocol import VBUCKETS, Status
from cloudlet.storage.documents import KEY_LIMIT, Bucket, Collection

#: The durability level from which a mutation is seen by nobody before it is on disk.
PERSISTING: Final = 2


class Client:
    """A user, once it has authenticated, and the bucket that it has selected."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.principal: Principal | None = None
        self.bucket: Bucket | None = None
        #: What it asked for by HELLO: collections, and JSON in errors.
        self.collections = self.json = False
        self._unrestricted = False
        self._access: dict[Collection, Access] = {}

    def collection(self, request: Request, writes: bool = False) -> Collection:
        """The collection of the request's key, which loses its collection id.

        Refuses a request outside a bucket, of an unknown vbucket or collection, and one that
        the user's roles do not allow.
        """
        bucket = self.bucket
        if bucket is None or not bucket.live:
            raise StatusError(Status.NO_BUCKET)
        if request.vbucket >= VBUCKETS:
            raise StatusError(Status.NOT_MY_VBUCKET, self.service.config(bucket))
        if not self.collections:
            found = bucket.collections.get(0)
        else:
            key = request.key
            if key and key[0] < 0x80:
                uid = key[0]
                request.key = key[1:]
            else:
                uid, size = read_uleb128(key)
                request.key = key[size:]
            found = bucket.collections.get(uid)
        if found is None:
            raise self._unknown(bucket)
        if not request.key or len(request.key) > KEY_LIMIT:
            raise StatusError(Status.INVALID)
        if not self._unrestricted:
            self._authorise(found, writes=writes)
        if request.durability >= PERSISTING and writes and bucket.ephemeral:
            raise StatusError(Status.DURABILITY_INVALID_LEVEL)
        return found

    def collection_of(self, request: Request, uid: int) -> Collection:
        """The collection of an id in a request that has no key; refusals as of `collection`."""
        bucket = self.entered(request.vbucket)
        found = bucket.collections.get(uid)
        if found is None:
            raise self._unknown(bucket)
        if not self._unrestricted:
            self._authorise(found, writes=False)
        return found

    def entered(self, vbucket: int = 0) -> Bucket:
        """The connection's bucket, which has the vbucket."""
        bucket = self.bucket
        if bucket is None or not bucket.live:
            raise StatusError(Status.NO_BUCKET)
        if vbucket >= VBUCKETS:
            raise StatusError(Status.NOT_MY_VBUCKET, self.service.config(bucket))
        return bucket

    def _unknown(self, bucket: Bucket) -> StatusError:
        return StatusError(
            Status.UNKNOWN_COLLECTION,
            b'{"manifest_uid":"%x"}' % bucket.manifest_uid,
            datatype=1 if self.json else 0,
        )

    def _authorise(self, collection: Collection, *, writes: bool) -> None:
        access = self._access.get(collection)
        if access is None:
            assert self.principal is not None
            scope = collection.scope_name
            access = self.principal.access(collection.bucket.name, scope, collection.name)
            self._access[collection] = access
        if not (access.writes if writes else access.reads):
            raise StatusError(Status.NO_ACCESS)

    def enter(self, principal: Principal, bucket: Bucket | None) -> None:
        """Be this user in this bucket from here on."""
        self.principal = principal
        self.bucket = bucket
        self._unrestricted = principal.is_administrator
        self._access = {}
