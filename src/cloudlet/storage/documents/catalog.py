"""Buckets, scopes and collections: their records, and the manifests clients read."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable
from typing import Any, Final

import apsw
import msgspec

from cloudlet.storage.documents.clock import HybridClock
from cloudlet.storage.documents.collection import Collection, Engine
from cloudlet.storage.documents.ephemeral import EphemeralCollection

DEFAULT_NAME: Final = "_default"

#: The first id given to a scope or collection that somebody made; 0 to 7 are the server's.
_FIRST_UID: Final = 8

_BUCKET_NAME: Final = re.compile(r"[A-Za-z0-9_.%-]{1,100}\Z")
_PART_NAME: Final = re.compile(r"[A-Za-z0-9-][A-Za-z0-9_%-]{0,250}\Z")


class CatalogError(Exception):
    """A bucket, scope or collection cannot be made, changed or found; the text says why."""


class NameTakenError(CatalogError):
    """There is one of that name already."""


class NotThereError(CatalogError):
    """There is none of that name."""


class BadNameError(CatalogError):
    """Couchbase does not allow the name."""


#: The levels of durability by their names.
DURABILITY_LEVELS: Final = ("none", "majority", "majorityAndPersistActive", "persistToMajority")


class BucketSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a bucket was made with, in the management interface's terms."""

    bucket_type: str = "membase"
    ram_quota_mb: int = 100
    replica_number: int = 0
    flush_enabled: bool = False
    max_expiry_s: int = 0
    compression_mode: str = "passive"
    eviction_policy: str = "valueOnly"
    conflict_resolution_type: str = "seqno"
    durability_min_level: str = "none"
    storage_backend: str = "couchstore"
    replica_index: bool = False
    history_default: bool = True
    history_seconds: int = 0
    history_bytes: int = 0


class Scope:
    """A named set of collections."""

    def __init__(self, uid: int, name: str) -> None:
        self.uid = uid
        self.name = name
        self.collections: dict[str, Collection] = {}


class Bucket:
    """A bucket's scopes and collections, its clock and its sequence of mutations."""

    def __init__(self, ident: int, name: str, uuid_hex: str, settings: BucketSettings) -> None:
        self.id = ident
        self.name = name
        self.uuid = uuid_hex
        self.apply(settings)
        self.manifest_uid = 0
        #: Names the history of mutations in their tokens; new with every bucket, and after a
        #: crash or (ephemeral buckets) a restart, where sequence numbers may be given again.
        self.vbucket_uuid = int(uuid_hex[:12], 16)
        #: The histories that led here: their names and the sequence number each began at.
        self.failovers: list[tuple[int, int]] = [(self.vbucket_uuid, 0)]
        self.high_seqno = 0
        self.persisted_seqno = 0
        self.clock = HybridClock()
        self.scopes: dict[str, Scope] = {}
        #: Collections by the id that keys carry on the wire.
        self.collections: dict[int, Collection] = {}
        #: False once the bucket was dropped.
        self.live = True

    def apply(self, settings: BucketSettings) -> None:
        """Have these settings from now on."""
        self.settings = settings
        self.max_expiry_s = settings.max_expiry_s
        self.minimum_durability = DURABILITY_LEVELS.index(settings.durability_min_level)
        #: Whether its documents are in memory only.
        self.ephemeral = settings.bucket_type == "ephemeral"

    @property
    def used_bytes(self) -> int:
        """Memory that its documents take."""
        used = 0
        for collection in self.collections.values():
            used += collection.cached_bytes
        return used

    def begin_history(self) -> None:
        """Name what follows anew: an earlier run's last mutations may be lost."""
        self.vbucket_uuid = int.from_bytes(os.urandom(6), "big") | 1
        self.failovers.insert(0, (self.vbucket_uuid, self.high_seqno))

    @property
    def default_collection(self) -> Collection | None:
        """`_default._default`, unless somebody dropped it."""
        return self.collections.get(0)

    def collection(self, scope: str, name: str) -> Collection | None:
        """A collection by its names."""
        found = self.scopes.get(scope)
        return found.collections.get(name) if found is not None else None

    @property
    def items(self) -> int:
        """Live documents in all collections."""
        return sum(collection.items for collection in self.collections.values())


class Catalog:
    """All buckets. A change is on disk when its call returns; names are checked as Couchbase's."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.buckets: dict[str, Bucket] = {}
        #: Called with the bucket whose manifest or existence changed.
        self.listeners: list[Callable[[Bucket], None]] = []
        self._load()

    def _load(self) -> None:
        reader = self._engine.database.reader
        by_id: dict[int, Bucket] = {}
        rows: list[tuple[Any, ...]] = reader.execute(
            "SELECT id, name, uuid, settings, manifest_uid, high_seqno, clock FROM buckets"
        ).fetchall()
        for ident, name, uuid_hex, settings, manifest, seqno, clock in rows:
            bucket = Bucket(
                ident, name, uuid_hex, msgspec.json.decode(settings, type=BucketSettings)
            )
            bucket.manifest_uid, bucket.high_seqno = manifest, seqno
            bucket.persisted_seqno = seqno
            bucket.clock.observe(clock)
            by_id[ident] = self.buckets[name] = bucket
        rows = reader.execute("SELECT bucket, uid, name FROM scopes").fetchall()
        for ident, uid, name in rows:
            by_id[ident].scopes[name] = Scope(uid, name)
        rows = reader.execute(
            "SELECT id, bucket, scope, uid, name, max_expiry, history, items FROM collections"
        ).fetchall()
        for row in rows:
            self._attach(by_id[row[1]], row)

    def _attach(self, bucket: Bucket, row: tuple[Any, ...]) -> Collection:
        storage_id, _, scope_uid, uid, name, max_expiry, history, items = row
        scope = next(one for one in bucket.scopes.values() if one.uid == scope_uid)
        kind = EphemeralCollection if bucket.ephemeral else Collection
        collection = kind(
            self._engine,
            bucket,
            storage_id=storage_id,
            scope_uid=scope_uid,
            scope_name=scope.name,
            uid=uid,
            name=name,
            max_expiry_s=max_expiry,
            history=bool(history),
            items=items,
        )
        scope.collections[name] = collection
        bucket.collections[uid] = collection
        return collection

    def _changed(self, bucket: Bucket) -> None:
        for listener in self.listeners:
            listener(bucket)

    def bucket(self, name: str) -> Bucket:
        """A bucket by name; `NotThereError` if there is none."""
        try:
            return self.buckets[name]
        except KeyError:
            raise NotThereError(f"Bucket {name!r} is not found") from None

    def scope(self, bucket: Bucket, name: str) -> Scope:
        """A scope by name; `NotThereError` if there is none."""
        try:
            return bucket.scopes[name]
        except KeyError:
            raise NotThereError(f'Scope with name "{name}" is not found') from None

    async def create_bucket(self, name: str, settings: BucketSettings) -> Bucket:
        """Make a bucket with `_default._default`."""
        if not _BUCKET_NAME.match(name):
            raise BadNameError(
                "Bucket name can only contain characters in range A-Z, a-z, 0-9 as well as"
                " underscore, period, dash & percent"
            )
        if name in self.buckets:
            raise NameTakenError("Bucket with given name already exists")
        uuid_hex = uuid.uuid4().hex

        def write(connection: apsw.Connection) -> tuple[int, int]:
            connection.execute(
                "INSERT INTO buckets (name, uuid, settings) VALUES (?, ?, ?)",
                (name, uuid_hex, msgspec.json.encode(settings)),
            )
            ident = connection.last_insert_rowid()
            connection.execute("INSERT INTO scopes VALUES (?, 0, ?)", (ident, DEFAULT_NAME))
            connection.execute(
                "INSERT INTO collections (bucket, scope, uid, name) VALUES (?, 0, 0, ?)",
                (ident, DEFAULT_NAME),
            )
            return ident, connection.last_insert_rowid()

        try:
            ident, storage_id = await self._engine.database.write(write)
        except apsw.ConstraintError:
            raise NameTakenError("Bucket with given name already exists") from None
        bucket = Bucket(ident, name, uuid_hex, settings)
        bucket.scopes[DEFAULT_NAME] = Scope(0, DEFAULT_NAME)
        self._attach(bucket, (storage_id, ident, 0, 0, DEFAULT_NAME, 0, 0, 0))
        self.buckets[name] = bucket
        self._changed(bucket)
        return bucket

    async def change_bucket(self, bucket: Bucket, settings: BucketSettings) -> None:
        """Give a bucket new settings."""

        def write(connection: apsw.Connection) -> None:
            connection.execute(
                "UPDATE buckets SET settings = ? WHERE id = ?",
                (msgspec.json.encode(settings), bucket.id),
            )

        await self._engine.database.write(write)
        bucket.apply(settings)
        self._changed(bucket)

    async def drop_bucket(self, bucket: Bucket) -> None:
        """Drop a bucket and all that is in it."""
        self.bucket(bucket.name)
        del self.buckets[bucket.name]
        bucket.live = False
        dropped = list(bucket.collections.values())
        self._detach(bucket, dropped)
        bucket.scopes.clear()

        def write(connection: apsw.Connection) -> None:
            _drop_rows(connection, dropped)
            connection.execute("DELETE FROM scopes WHERE bucket = ?", (bucket.id,))
            connection.execute("DELETE FROM buckets WHERE id = ?", (bucket.id,))

        await self._engine.database.write(write)
        self._changed(bucket)

    async def flush_bucket(self, bucket: Bucket) -> None:
        """Remove all documents of a bucket; its scopes and collections stay."""
        old = list(bucket.collections.values())

        def write(connection: apsw.Connection) -> list[tuple[Any, ...]]:
            rows = []
            _drop_rows(connection, old)
            for one in old:
                history = int(one.history)
                connection.execute(
                    "INSERT INTO collections (bucket, scope, uid, name, max_expiry, history)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (bucket.id, one.scope_uid, one.uid, one.name, one.max_expiry_s, history),
                )
                ident = connection.last_insert_rowid()
                rows.append((ident, bucket.id, one.scope_uid, one.uid, one.name,
                             one.max_expiry_s, history, 0))  # fmt: skip
            return rows

        rows = await self._engine.database.write(write)
        self._detach(bucket, old)
        for row in rows:
            self._attach(bucket, row)
        self._changed(bucket)

    async def create_scope(self, bucket: Bucket, name: str) -> Scope:
        """Make an empty scope."""
        _check_part("Scope", name)
        if name in bucket.scopes:
            raise NameTakenError(f'Scope with name "{name}" already exists')
        uid = self._next_uid(bucket)
        manifest = bucket.manifest_uid + 1
        scope = bucket.scopes[name] = Scope(uid, name)
        bucket.manifest_uid = manifest

        def write(connection: apsw.Connection) -> None:
            connection.execute("INSERT INTO scopes VALUES (?, ?, ?)", (bucket.id, uid, name))
            _set_manifest(connection, bucket.id, manifest)

        await self._engine.database.write(write)
        self._changed(bucket)
        return scope

    async def drop_scope(self, bucket: Bucket, name: str) -> None:
        """Drop a scope with its collections."""
        scope = self.scope(bucket, name)
        if name == DEFAULT_NAME:
            raise BadNameError("Deleting _default scope is not allowed")
        dropped = list(scope.collections.values())
        self._detach(bucket, dropped)
        del bucket.scopes[name]
        bucket.manifest_uid = manifest = bucket.manifest_uid + 1

        def write(connection: apsw.Connection) -> None:
            _drop_rows(connection, dropped)
            connection.execute(
                "DELETE FROM scopes WHERE bucket = ? AND uid = ?", (bucket.id, scope.uid)
            )
            _set_manifest(connection, bucket.id, manifest)

        await self._engine.database.write(write)
        self._changed(bucket)

    async def create_collection(
        self, bucket: Bucket, scope_name: str, name: str, *, max_expiry_s: int = 0,
        history: bool = False,
    ) -> Collection:  # fmt: skip
        """Make an empty collection; `max_expiry_s` -1 means never, 0 the bucket's."""
        scope = self.scope(bucket, scope_name)
        if name != DEFAULT_NAME or scope.uid != 0:
            _check_part("Collection", name)
        taken = NameTakenError(
            f'Collection with name "{name}" in scope "{scope_name}" already exists'
        )
        if name in scope.collections:
            raise taken
        uid = 0 if name == DEFAULT_NAME else self._next_uid(bucket)
        bucket.manifest_uid = manifest = bucket.manifest_uid + 1

        def write(connection: apsw.Connection) -> int:
            connection.execute(
                "INSERT INTO collections (bucket, scope, uid, name, max_expiry, history)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (bucket.id, scope.uid, uid, name, max_expiry_s, int(history)),
            )
            ident = connection.last_insert_rowid()
            _set_manifest(connection, bucket.id, manifest)
            return ident

        try:
            storage_id = await self._engine.database.write(write)
        except apsw.ConstraintError:
            raise taken from None
        row = (storage_id, bucket.id, scope.uid, uid, name, max_expiry_s, history, 0)
        collection = self._attach(bucket, row)
        self._changed(bucket)
        return collection

    async def change_collection(
        self,
        collection: Collection,
        *,
        max_expiry_s: int | None = None,
        history: bool | None = None,
    ) -> None:
        """Change what is not None; documents that are there keep their expiry."""
        bucket = collection.bucket
        bucket.manifest_uid = manifest = bucket.manifest_uid + 1
        if max_expiry_s is not None:
            collection.max_expiry_s = max_expiry_s
        if history is not None:
            collection.history = history
        values = (collection.max_expiry_s, int(collection.history), collection.storage_id)

        def write(connection: apsw.Connection) -> None:
            connection.execute(
                "UPDATE collections SET max_expiry = ?, history = ? WHERE id = ?", values
            )
            _set_manifest(connection, bucket.id, manifest)

        await self._engine.database.write(write)
        self._changed(bucket)

    async def drop_collection(self, bucket: Bucket, scope_name: str, name: str) -> None:
        """Drop a collection with its documents."""
        scope = self.scope(bucket, scope_name)
        collection = scope.collections.get(name)
        if collection is None:
            raise NotThereError(
                f'Collection with name "{name}" in scope "{scope_name}" is not found'
            )
        self._detach(bucket, [collection])
        bucket.manifest_uid = manifest = bucket.manifest_uid + 1

        def write(connection: apsw.Connection) -> None:
            _drop_rows(connection, [collection])
            _set_manifest(connection, bucket.id, manifest)

        await self._engine.database.write(write)
        self._changed(bucket)

    def _detach(self, bucket: Bucket, dropped: list[Collection]) -> None:
        """Take collections out of memory; nothing of them is written from here on."""
        for collection in dropped:
            self._engine.journal.forget(collection)
            self._engine.cache.drop(collection)
            collection.live = False
            collection.committing = {}
            bucket.collections.pop(collection.uid, None)
            for scope in bucket.scopes.values():
                if scope.uid == collection.scope_uid:
                    scope.collections.pop(collection.name, None)

    @staticmethod
    def _next_uid(bucket: Bucket) -> int:
        """An id that no scope or collection of the bucket ever had: the manifest only grows."""
        return _FIRST_UID + bucket.manifest_uid


def _check_part(kind: str, name: str) -> None:
    if not _PART_NAME.match(name):
        raise BadNameError(
            f"{kind} name can only contain characters A-Z, a-z, 0-9 and the following symbols _ - %"
            " and must not start with _ or %"
        )


def _drop_rows(connection: apsw.Connection, dropped: list[Collection]) -> None:
    """Forget collections; the pager removes their documents in slices."""
    ids = [(collection.storage_id,) for collection in dropped]
    connection.executemany("DELETE FROM collections WHERE id = ?", ids)
    connection.executemany("INSERT OR IGNORE INTO dropped VALUES (?)", ids)


def _set_manifest(connection: apsw.Connection, bucket: int, manifest: int) -> None:
    connection.execute("UPDATE buckets SET manifest_uid = ? WHERE id = ?", (manifest, bucket))
