"""What the query service needs of the document store: the two protocols an adapter implements.

Reads are synchronous and come in small batches, so that the executor can slice its time between
them; mutations are awaited until they are acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec


class Meta(Protocol):
    """What META() shows of a document; any record with these attributes serves."""

    @property
    def id(self) -> str:
        """The document's key."""

    @property
    def cas(self) -> int:
        """The document's CAS, an unsigned 64-bit number."""

    @property
    def expiration(self) -> int:
        """Unix time in seconds at which the document expires, 0 for never."""

    @property
    def flags(self) -> int:
        """The client's item flags."""

    @property
    def xattrs(self) -> dict[str, Any]:
        """The document's extended attributes."""


# A document's decoded value and its meta. The value is shared with the store's cache: nobody may
# change it. A document that is not JSON is given as the text "<binary (N b)>", as Couchbase does.
Entry = tuple[Any, Meta]


class Change(NamedTuple):
    """One key's newest state in the change feed; `meta` is None where the key is gone."""

    key: str
    value: Any
    meta: Meta | None


class StagedChange(NamedTuple):
    """One change of a transaction's commit: over the version with this CAS, 0 for none.

    `value` MISSING removes the document; `adopted` ones were staged in its attributes before.
    """

    keyspace: KeyspaceName
    key: str
    value: Any
    cas: int
    expiration: int
    adopted: bool


class KeyspaceName(NamedTuple):
    """A collection's full name."""

    bucket: str
    scope: str
    collection: str

    def path(self) -> str:
        """The name as error messages show it: `default:bucket.scope.collection`."""
        return f"default:{self.bucket}.{self.scope}.{self.collection}"

    def is_default(self) -> bool:
        """Whether this is the bucket's default collection."""
        return self.scope == "_default" and self.collection == "_default"


class IndexDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """An index as CREATE INDEX defined it; keys and condition are canonical SQL++ text."""

    id: str
    name: str
    bucket: str
    scope: str
    collection: str
    is_primary: bool
    keys: tuple[str, ...] = ()
    condition: str | None = None
    #: What PARTITION BY HASH names; one node keeps all partitions, so it changes nothing else.
    partition: tuple[str, ...] = ()
    state: str = "online"


class UnknownKeyspaceError(Exception):
    """No such bucket, scope or collection; `kind` says which one is missing."""

    def __init__(self, kind: str, path: str) -> None:
        super().__init__(path)
        self.kind = kind  # "bucket", "scope" or "collection"
        self.path = path


class AlreadyExistsError(Exception):
    """The scope or collection to be created is there already."""


class KeyExistsError(Exception):
    """An insert found its key taken."""


class KeyNotFoundError(Exception):
    """The document to be replaced or deleted is gone."""


class CasMismatchError(Exception):
    """The document was changed or is locked since it was read."""


class Keyspace(Protocol):
    """One collection of documents."""

    @property
    def name(self) -> KeyspaceName:
        """The full name."""

    @property
    def uid(self) -> str:
        """Changes when the collection is dropped and made again, or flushed."""

    @property
    def high_seqno(self) -> int:
        """The number of the newest mutation in this keyspace; never falls while uid stays."""

    def count(self) -> int:
        """How many documents live here now."""

    def get(self, key: str) -> Entry | None:
        """The document, None where there is none (or it has expired)."""

    def get_many(self, keys: Sequence[str]) -> list[Entry | None]:
        """The documents in the keys' order; called with at most 256 keys at a time."""

    def scan(self, start: str | None = None, end: str | None = None) -> Iterator[Sequence[Entry]]:
        """All documents by ascending key (as UTF-8 bytes), start <= key < end, in batches.

        A batch costs at most about 2 ms. Mutations during the scan may or may not be seen, but
        never stop it or show a key twice.
        """

    def changes(self, since: int) -> Iterator[tuple[int, Sequence[Change]]]:
        """Batches of (seqno reached, changes) after mutation `since`, oldest first.

        Only a key's newest state need be given. `since=0` gives every living document.
        """

    async def insert(self, key: str, value: Any, *, expiration: int = 0) -> Meta:
        """Store a new document; KeyExistsError where the key is taken."""

    async def upsert(self, key: str, value: Any, *, expiration: int = 0) -> Meta:
        """Store a document whatever is there."""

    async def replace(self, key: str, value: Any, *, cas: int, expiration: int | None) -> Meta:
        """Replace the document that has this CAS; expiration None keeps the one it has.

        Raises KeyNotFoundError or CasMismatchError.
        """

    async def delete(self, key: str, *, cas: int) -> None:
        """Remove the document that has this CAS; KeyNotFoundError or CasMismatchError."""


class IndexEntries(Protocol):
    """Where entries of indexes are kept on disk."""

    def reached(self, index_id: str) -> tuple[str, int] | None:
        """The keyspace's uid and the mutation up to which the saved entries are complete."""

    def page(self, index_id: str, after: str, limit: int) -> list[tuple[str, bytes]]:
        """Documents after one, in order, with what was saved for them."""

    async def begin(self, index_id: str, uid: str) -> None:
        """Forget what was saved; it is complete again after `reach`."""

    async def save(self, index_id: str, changes: Sequence[tuple[str, bytes | None]]) -> None:
        """Save some documents' entries, not before the mutations they come of; None removes."""

    async def reach(self, index_id: str, seqno: int) -> None:
        """All that came of mutations up to `seqno` is saved."""

    async def keep_only(self, index_ids: Sequence[str]) -> None:
        """Remove what was saved for other indexes."""


class Keyspaces(Protocol):
    """Every collection of the server, and where index definitions are kept."""

    def resolve(self, bucket: str, scope: str, collection: str) -> Keyspace:
        """The collection of that name; UnknownKeyspaceError where there is none."""

    def buckets(self) -> Iterable[str]:
        """The buckets' names."""

    def scopes(self, bucket: str) -> Iterable[str]:
        """The names of a bucket's scopes, `_default` among them."""

    def collections(self, bucket: str, scope: str) -> Iterable[str]:
        """The names of a scope's collections."""

    async def create_scope(self, bucket: str, scope: str) -> None:
        """Make a scope; AlreadyExistsError or UnknownKeyspaceError."""

    async def drop_scope(self, bucket: str, scope: str) -> None:
        """Drop a scope with its collections; UnknownKeyspaceError."""

    async def create_collection(
        self, bucket: str, scope: str, collection: str, *, max_expiry_s: int = 0
    ) -> None:
        """Make a collection; AlreadyExistsError or UnknownKeyspaceError.

        Its documents live `max_expiry_s` at most: 0 is the bucket's, -1 for ever.
        """

    async def drop_collection(self, bucket: str, scope: str, collection: str) -> None:
        """Drop a collection with its documents; UnknownKeyspaceError."""

    def index_definitions(self) -> Iterable[IndexDefinition]:
        """All index definitions whose keyspace still exists."""

    async def save_index(self, index: IndexDefinition) -> None:
        """Keep a definition (replacing the one with the same id); durable when it returns."""

    async def drop_index(self, index_id: str) -> None:
        """Forget a definition; durable when it returns."""

    async def commit(self, changes: Sequence[StagedChange]) -> None:
        """Make all changes, in one group on disk, or none.

        Raises CasMismatchError, KeyExistsError or KeyNotFoundError with the key that is not as
        the change expects it.
        """

    def staged_content(self, name: KeyspaceName, key: str, cas: int) -> Any:
        """What a client's transaction staged in a document's attributes; MISSING for a removal.

        CasMismatchError where nothing is staged under this CAS.
        """

    async def unstage(self, changes: Sequence[StagedChange]) -> None:
        """Take what was staged out of the documents' attributes."""

    def index_entries(self) -> IndexEntries | None:
        """Where indexes' entries are kept; None where they live in memory only."""

    def definitions(self, kind: str) -> Iterable[tuple[str, bytes]]:
        """The names and data of all definitions of a kind ("function", "sequence")."""

    async def save_definition(self, kind: str, name: str, data: bytes) -> None:
        """Keep a definition (replacing the one of that name); durable when it returns."""

    async def drop_definition(self, kind: str, name: str) -> None:
        """Forget a definition; durable when it returns."""
