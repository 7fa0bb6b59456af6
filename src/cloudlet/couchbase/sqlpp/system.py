"""The `system:` keyspaces: what the server knows about itself, as documents to be queried."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from cloudlet.couchbase.sqlpp.keyspace import (
    Change,
    Entry,
    IndexDefinition,
    KeyspaceName,
    Keyspaces,
    Meta,
    UnknownKeyspaceError,
)

SYSTEM_BUCKET: Final = "#system"


class SystemMeta(msgspec.Struct, frozen=True):
    """META() of a system document."""

    id: str
    cas: int = 0
    expiration: int = 0
    flags: int = 0

    @property
    def xattrs(self) -> dict[str, Any]:
        """None."""
        return {}


Documents = Callable[[], Iterable[tuple[str, Any]]]
#: Documents that depend on the user who asks.
OwnDocuments = Callable[[str], Iterable[tuple[str, Any]]]
Remove = Callable[[str], None]


class ReadOnlyError(Exception):
    """A system keyspace was to be changed."""


class SystemKeyspace:
    """A keyspace whose documents are made when they are read."""

    def __init__(self, name: str, documents: Documents, remove: Remove | None) -> None:
        self.name = KeyspaceName(SYSTEM_BUCKET, "_default", name)
        self.uid = name
        self.high_seqno = 0
        self._documents = documents
        self._remove = remove

    def _entries(self) -> list[Entry]:
        return [(value, SystemMeta(key)) for key, value in self._documents()]

    def count(self) -> int:
        """How many documents there are now."""
        return len(self._entries())

    def get(self, key: str) -> Entry | None:
        """The document of that key."""
        return next((entry for entry in self._entries() if entry[1].id == key), None)

    def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        """The documents of those keys."""
        return [self.get(key) for key in keys]

    def scan(self, start: str | None = None, end: str | None = None) -> Iterator[Sequence[Entry]]:
        """All documents by key."""
        found = [
            entry
            for entry in self._entries()
            if (start is None or entry[1].id >= start) and (end is None or entry[1].id < end)
        ]
        yield sorted(found, key=lambda entry: entry[1].id)

    def changes(self, since: int) -> Iterator[tuple[int, Sequence[Change]]]:  # noqa: ARG002
        """System documents have no history."""
        return iter(())

    async def insert(self, key: str, value: Any, *, expiration: int = 0) -> Meta:  # noqa: ARG002
        """Refused."""
        raise ReadOnlyError

    async def upsert(self, key: str, value: Any, *, expiration: int = 0) -> Meta:  # noqa: ARG002
        """Refused."""
        raise ReadOnlyError

    async def replace(self, key: str, value: Any, *, cas: int, expiration: int | None) -> Meta:  # noqa: ARG002
        """Refused."""
        raise ReadOnlyError

    async def delete(self, key: str, *, cas: int) -> None:  # noqa: ARG002
        """End or forget what the document is about, where that is offered."""
        if self._remove is None:
            raise ReadOnlyError
        self._remove(key)


class SystemKeyspaces:
    """The keyspaces of the `system:` namespace by name."""

    def __init__(self, keyspaces: Keyspaces, *, version: str) -> None:
        self._keyspaces = keyspaces
        self._version = version
        #: State and progress of an index, by who builds it.
        self.index_state: Callable[[IndexDefinition], dict[str, Any]] = lambda _index: {}
        self._removes: dict[str, Remove] = {}
        self._own: dict[str, OwnDocuments] = {}
        self._sources: dict[str, Documents] = {
            "datastores": self._datastores,
            "namespaces": self._namespaces,
            "buckets": self._buckets,
            "scopes": self._named_scopes,
            "all_scopes": self._scopes,
            "keyspaces": self._keyspace_documents,
            "all_keyspaces": self._all_keyspaces,
            "keyspaces_info": self._keyspace_counts,
            "indexes": self._indexes,
            "all_indexes": self._indexes,
            "dual": lambda: [("dual", None)],
            "nodes": self._nodes,
            # Nothing gathers statistics (live entries are counted) and no task is scheduled.
            "dictionary": list,
            "dictionary_cache": list,
            "tasks_cache": list,
        }

    def add(self, name: str, documents: Documents, remove: Remove | None = None) -> None:
        """Offer one more keyspace; with `remove` its documents can be deleted."""
        self._sources[name] = documents
        if remove is not None:
            self._removes[name] = remove

    def add_own(self, name: str, documents: OwnDocuments) -> None:
        """Offer one more keyspace, other for each user."""
        self._own[name] = documents

    def keyspace(self, name: str, user: str = "") -> SystemKeyspace:
        """The keyspace of that name as the user sees it."""
        own = self._own.get(name)
        source: Documents | None = self._sources.get(name)
        if own is not None:
            source = partial(own, user)
        if source is None:
            raise UnknownKeyspaceError("collection", f"system:{name}")
        return SystemKeyspace(name, source, self._removes.get(name))

    def _datastores(self) -> Iterator[tuple[str, Any]]:
        yield "local", {"id": "local", "url": "local"}

    def _namespaces(self) -> Iterator[tuple[str, Any]]:
        yield "default", {"datastore_id": "local", "id": "default", "name": "default"}

    def _nodes(self) -> Iterator[tuple[str, Any]]:
        yield "local", {"name": "local", "services": ["kv", "mgmt", "n1ql"],
                        "version": self._version}  # fmt: skip

    def _buckets(self) -> Iterator[tuple[str, Any]]:
        for bucket in self._keyspaces.buckets():
            yield (
                bucket,
                {
                    "datastore_id": "local",
                    "name": bucket,
                    "namespace": "default",
                    "namespace_id": "default",
                    "path": f"default:{bucket}",
                },
            )

    def _scopes(self) -> Iterator[tuple[str, Any]]:
        for bucket in self._keyspaces.buckets():
            for scope in self._keyspaces.scopes(bucket):
                yield (
                    f"default:{bucket}.{scope}",
                    {
                        "bucket": bucket,
                        "datastore_id": "local",
                        "name": scope,
                        "namespace": "default",
                        "namespace_id": "default",
                        "path": f"default:{bucket}.{scope}",
                    },
                )

    def _named_scopes(self) -> Iterator[tuple[str, Any]]:
        """All but the default scopes."""
        return ((key, scope) for key, scope in self._scopes() if scope["name"] != "_default")

    def _all_keyspaces(self) -> Iterator[tuple[str, Any]]:
        """The collections, and the keyspaces of this namespace."""
        yield from self._keyspace_documents()
        for name in sorted({*self._sources, *self._own}):
            yield (
                f"#system:{name}",
                {
                    "datastore_id": "system",
                    "id": name,
                    "name": name,
                    "namespace": "#system",
                    "namespace_id": "#system",
                    "path": f"#system:{name}",
                },
            )

    def _names(self) -> Iterator[KeyspaceName]:
        for bucket in self._keyspaces.buckets():
            for scope in self._keyspaces.scopes(bucket):
                for collection in self._keyspaces.collections(bucket, scope):
                    yield KeyspaceName(bucket, scope, collection)

    def _keyspace_documents(self) -> Iterator[tuple[str, Any]]:
        for name in self._names():
            if name.is_default():
                yield (
                    f"default:{name.bucket}",
                    {
                        "datastore_id": "local",
                        "id": name.bucket,
                        "name": name.bucket,
                        "namespace": "default",
                        "namespace_id": "default",
                        "path": f"default:{name.bucket}",
                    },
                )
            else:
                yield (
                    name.path(),
                    {
                        "bucket": name.bucket,
                        "datastore_id": "local",
                        "id": name.collection,
                        "name": name.collection,
                        "namespace": "default",
                        "namespace_id": "default",
                        "path": name.path(),
                        "scope": name.scope,
                    },
                )

    def _keyspace_counts(self) -> Iterator[tuple[str, Any]]:
        for key, document in self._keyspace_documents():
            bucket = document.get("bucket", document["name"])
            scope = document.get("scope", "_default")
            collection = document["name"] if "scope" in document else "_default"
            count = self._keyspaces.resolve(bucket, scope, collection).count()
            yield key, {**document, "count": count}

    def _indexes(self) -> Iterator[tuple[str, Any]]:
        for index in self._keyspaces.index_definitions():
            yield index.id, {**index_document(index), **self.index_state(index)}


def index_document(index: IndexDefinition) -> dict[str, Any]:
    """An index as `system:indexes` shows it; SDKs need using, name, state and index_key."""
    document: dict[str, Any] = {
        "datastore_id": "local",
        "id": index.id,
        "index_key": list(index.keys),
        "name": index.name,
        "namespace_id": "default",
        "state": index.state,
        "using": "gsi",
    }
    if index.scope == "_default" and index.collection == "_default":
        document["keyspace_id"] = index.bucket
    else:
        document["bucket_id"] = index.bucket
        document["scope_id"] = index.scope
        document["keyspace_id"] = index.collection
    if index.partition:
        document["partition"] = f"HASH({', '.join(index.partition)})"
    if index.condition is not None:
        document["condition"] = index.condition
    if index.is_primary:
        document["is_primary"] = True
    return document
