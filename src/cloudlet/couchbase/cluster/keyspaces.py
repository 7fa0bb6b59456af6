"""Scopes and collections over HTTP."""

from __future__ import annotations

from cloudlet.couchbase.cluster.http import Answer, HttpError, Request, Routes
from cloudlet.couchbase.kv.sessions import manifest
from cloudlet.storage.documents import Bucket, DocumentStore, NotThereError


class ScopesAndCollections:
    """The scopes and collections of all buckets; a change answers the manifest's new uid."""

    def __init__(self, store: DocumentStore) -> None:
        self._catalog = store.catalog

    def route(self, routes: Routes) -> None:
        """Serve these paths."""
        scopes = "/pools/default/buckets/{}/scopes"
        collections = scopes + "/{}/collections"
        routes.add("GET", scopes, self.list)
        routes.add("POST", scopes, self.create_scope)
        routes.add("DELETE", scopes + "/{}", self.drop_scope)
        routes.add("POST", collections, self.create_collection)
        routes.add("PATCH", collections + "/{}", self.change_collection)
        routes.add("DELETE", collections + "/{}", self.drop_collection)

    def _bucket(self, request: Request) -> Bucket:
        bucket = self._catalog.buckets.get(request.names[0])
        if bucket is None:
            raise HttpError(404, "Requested resource not found.\r\n")
        return bucket

    @staticmethod
    def _changed(bucket: Bucket) -> Answer:
        return Answer({"uid": f"{bucket.manifest_uid:x}"})

    async def list(self, request: Request) -> Answer:
        """The manifest."""
        return Answer(manifest(self._bucket(request)))

    async def create_scope(self, request: Request) -> Answer:
        """Make a scope."""
        bucket = self._bucket(request)
        await self._catalog.create_scope(bucket, _name(request))
        return self._changed(bucket)

    async def drop_scope(self, request: Request) -> Answer:
        """Drop a scope with its collections."""
        bucket = self._bucket(request)
        await self._catalog.drop_scope(bucket, request.names[1])
        return self._changed(bucket)

    async def create_collection(self, request: Request) -> Answer:
        """Make a collection."""
        bucket = self._bucket(request)
        await self._catalog.create_collection(
            bucket,
            request.names[1],
            _name(request),
            max_expiry_s=_max_expiry(request),
            history=_history(request, bucket),
        )
        return self._changed(bucket)

    async def change_collection(self, request: Request) -> Answer:
        """Change a collection's maximum expiry, or whether it keeps its history."""
        bucket = self._bucket(request)
        scope = self._catalog.scope(bucket, request.names[1])
        collection = scope.collections.get(request.names[2])
        if collection is None:
            raise NotThereError(
                f'Collection with name "{request.names[2]}" in scope "{scope.name}" is not found'
            )
        await self._catalog.change_collection(
            collection,
            max_expiry_s=_max_expiry(request) if "maxTTL" in request.form else None,
            history=_history(request, bucket) if "history" in request.form else None,
        )
        return self._changed(bucket)

    async def drop_collection(self, request: Request) -> Answer:
        """Drop a collection with its documents."""
        bucket = self._bucket(request)
        await self._catalog.drop_collection(bucket, request.names[1], request.names[2])
        return self._changed(bucket)


def _name(request: Request) -> str:
    name = request.form.get("name")
    if not name:
        raise HttpError(400, {"errors": {"name": "The value must be supplied"}})
    return name


def _max_expiry(request: Request) -> int:
    text = request.form.get("maxTTL", "0")
    if not text.lstrip("-").isdigit() or not -1 <= int(text) <= 0x7FFFFFFF:
        raise HttpError(
            400, {"errors": {"maxTTL": "The value must be an integer between -1 and 2147483647"}}
        )
    return int(text)


def _history(request: Request, bucket: Bucket) -> bool:
    text = request.form.get("history")
    if text not in (None, "true", "false"):
        raise HttpError(400, {"errors": {"history": "The value must be one of: true, false"}})
    if text == "true" and bucket.settings.storage_backend != "magma":
        raise HttpError(
            400, {"errors": {"history": "Not allowed on this type of bucket: it needs magma"}}
        )
    if text is None:
        return bucket.settings.storage_backend == "magma" and bucket.settings.history_default
    return text == "true"
