"""What the object store keeps of an object, and its index's schema."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import msgspec

ChecksumType = Literal["FULL_OBJECT", "COMPOSITE"]

MIGRATIONS = [
    """
    CREATE TABLE bucket (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE object (
        id INTEGER PRIMARY KEY AUTOINCREMENT, bucket INTEGER NOT NULL, key TEXT NOT NULL,
        size INTEGER NOT NULL, etag TEXT NOT NULL, modified_ms INTEGER NOT NULL,
        attributes BLOB NOT NULL, segments BLOB,
        UNIQUE (bucket, key)
    );
    CREATE TABLE content (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
    CREATE TABLE upload (
        id TEXT PRIMARY KEY, bucket INTEGER NOT NULL, key TEXT NOT NULL,
        created_ms INTEGER NOT NULL, attributes BLOB NOT NULL, completed TEXT
    ) WITHOUT ROWID;
    CREATE INDEX upload_key ON upload (bucket, key, created_ms, id);
    CREATE INDEX upload_completed ON upload (created_ms) WHERE completed IS NOT NULL;
    CREATE TABLE part (
        upload TEXT NOT NULL, number INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL,
        modified_ms INTEGER NOT NULL, checksums BLOB NOT NULL, file TEXT NOT NULL,
        PRIMARY KEY (upload, number)
    ) WITHOUT ROWID;
    CREATE TABLE file (name TEXT PRIMARY KEY) WITHOUT ROWID;
    """,
    # Versions: `object` goes on to hold what a key's readers get. The sequence of its ids, which
    # grow with time, is shared: an object keeps its id when it becomes a row of `version`.
    """
    ALTER TABLE object ADD COLUMN version TEXT NOT NULL DEFAULT 'null';
    CREATE TABLE version (
        id INTEGER PRIMARY KEY, bucket INTEGER NOT NULL, key TEXT NOT NULL,
        size INTEGER NOT NULL, etag TEXT NOT NULL, modified_ms INTEGER NOT NULL,
        attributes BLOB NOT NULL, segments BLOB, version TEXT NOT NULL, marker INTEGER NOT NULL
    );
    CREATE INDEX version_key ON version (bucket, key, id DESC);
    CREATE UNIQUE INDEX version_null ON version (bucket, key) WHERE version='null';
    INSERT INTO sqlite_sequence SELECT 'object', 0
        WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name='object');
    """,
]

#: The version that is written while a bucket keeps none.
NULL = "null"

#: Whether a bucket keeps versions: never asked to, yes, or no longer.
Versioning = Literal["", "Enabled", "Suspended"]


class BucketMissing(Exception):
    """The bucket is not (or no longer) in the store."""


class BucketTaken(Exception):
    """The bucket still holds objects or versions, so it cannot go."""


class Attributes(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an object carries besides its bytes.

    `headers` are HTTP's (`Content-Type` and the like), `checksums` base64 by algorithm, and
    `algorithm` the one that the writer of an upload chose.
    """

    headers: dict[str, str] = {}
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    checksums: dict[str, str] = {}
    checksum_type: ChecksumType = "FULL_OBJECT"
    algorithm: str = ""
    storage_class: str = "STANDARD"
    redirect: str = ""
    encryption: str = ""  # "": with the store's own keys

    def replace(self, **changes: object) -> Attributes:
        """A copy with `changes`."""
        return msgspec.structs.replace(self, **changes)


class Segment(msgspec.Struct, frozen=True, array_like=True):
    """One file of an object's content; a multipart object has one a part."""

    file: str
    size: int
    checksums: dict[str, str] = {}
    number: int = 1  # of the part


@dataclass(frozen=True, slots=True)
class Summary:
    """An object, or one of its versions, as the index knows it."""

    id: int
    bucket: str
    key: str
    size: int
    etag: str  # hexadecimal MD5, or that of the parts' with "-<number of parts>"; no quotes
    modified_ms: int
    attributes: Attributes
    version: str = NULL
    is_marker: bool = False  # a delete marker, which has neither bytes nor attributes

    @property
    def modified_s(self) -> int:
        """When it was written, in the whole seconds that HTTP's dates have."""
        return self.modified_ms // 1000


@dataclass(frozen=True, slots=True)
class Opened:
    """An object whose bytes stay readable until `ObjectStore.release`, whatever happens to it."""

    about: Summary
    content: bytes | None
    segments: tuple[Segment, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an unfinished multipart upload."""

    number: int
    size: int
    etag: str
    modified_ms: int
    checksums: dict[str, str]
    file: str


@dataclass(frozen=True, slots=True)
class Upload:
    """An unfinished multipart upload; `completed` is the etag of one that was just completed."""

    id: str
    bucket: str
    key: str
    created_ms: int
    attributes: Attributes
    completed: str | None = None


_attributes = msgspec.msgpack.Decoder(Attributes)
_segments = msgspec.msgpack.Decoder(tuple[Segment, ...])
_checksums = msgspec.msgpack.Decoder(dict[str, str])
encode = msgspec.msgpack.encode
decode_attributes = _attributes.decode
decode_segments = _segments.decode
decode_checksums = _checksums.decode
