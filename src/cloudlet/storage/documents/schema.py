"""The tables of the document store, and a row's form."""

from __future__ import annotations

import struct
import zlib
from typing import Any, Final

from cloudlet.storage.documents.model import CorruptDocumentError, Document

MIGRATIONS: Final = (
    """
    CREATE TABLE buckets (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        uuid TEXT NOT NULL,
        settings BLOB NOT NULL,
        manifest_uid INTEGER NOT NULL DEFAULT 0,
        high_seqno INTEGER NOT NULL DEFAULT 0,
        clock INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE scopes (
        bucket INTEGER NOT NULL,
        uid INTEGER NOT NULL,
        name TEXT NOT NULL,
        PRIMARY KEY (bucket, name)
    );
    CREATE TABLE collections (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        bucket INTEGER NOT NULL,
        scope INTEGER NOT NULL,
        uid INTEGER NOT NULL,
        name TEXT NOT NULL,
        max_expiry INTEGER NOT NULL DEFAULT 0,
        history INTEGER NOT NULL DEFAULT 0,
        items INTEGER NOT NULL DEFAULT 0,
        UNIQUE (bucket, scope, name)
    );
    CREATE TABLE dropped (collection INTEGER PRIMARY KEY);
    CREATE TABLE documents (
        id INTEGER PRIMARY KEY,
        collection INTEGER NOT NULL,
        key BLOB NOT NULL,
        value BLOB NOT NULL,
        xattrs BLOB NOT NULL,
        flags INTEGER NOT NULL,
        datatype INTEGER NOT NULL,
        cas INTEGER NOT NULL,
        expiry INTEGER NOT NULL,
        revision INTEGER NOT NULL,
        seqno INTEGER NOT NULL,
        deleted INTEGER NOT NULL,
        checksum INTEGER NOT NULL,
        UNIQUE (collection, key)
    );
    CREATE INDEX documents_seqno ON documents (collection, seqno);
    CREATE INDEX documents_expiry ON documents (expiry) WHERE expiry > 0;
    CREATE INDEX documents_deleted ON documents (cas) WHERE deleted = 1;
    CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL);
    """,
    """
    CREATE TABLE index_builds (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        index_id TEXT NOT NULL UNIQUE,
        collection INTEGER NOT NULL,
        seqno INTEGER NOT NULL
    );
    CREATE TABLE index_entries (
        build INTEGER NOT NULL,
        document TEXT NOT NULL,
        keys BLOB NOT NULL,
        PRIMARY KEY (build, document)
    ) WITHOUT ROWID;
    """,
)

_COLUMNS: Final = (
    "collection, key, value, xattrs, flags, datatype, cas, expiry, revision, seqno, deleted,"
    " checksum"
)
_ROW: Final = "(?,?,?,?,?,?,?,?,?,?,?,?)"
_ON_CONFLICT: Final = (
    " ON CONFLICT (collection, key) DO UPDATE SET value=excluded.value, xattrs=excluded.xattrs,"
    " flags=excluded.flags, datatype=excluded.datatype, cas=excluded.cas, expiry=excluded.expiry,"
    " revision=excluded.revision, seqno=excluded.seqno, deleted=excluded.deleted,"
    " checksum=excluded.checksum"
)


def upsert_statement(rows: int) -> str:
    """One statement that writes `rows` documents, so that a group is one step of SQLite."""
    values = ",".join([_ROW] * rows)
    return f"INSERT INTO documents ({_COLUMNS}) VALUES {values}{_ON_CONFLICT}"  # noqa: S608


SELECT_ONE: Final = (
    "SELECT value, xattrs, flags, datatype, cas, expiry, revision, seqno, deleted, checksum"
    " FROM documents WHERE collection = ? AND key = ?"
)


#: Flags, datatype, CAS, expiry, revision, sequence number, deleted.
_FIELDS: Final = struct.Struct(">QQQQQQ?")

#: Set in checksums of every field; those of early releases are of key, value, xattrs and CAS.
_WHOLE: Final = 1 << 32


def _checksum(key: bytes, one: Document) -> int:
    """CRC-32 of a row, so that a reader notices whatever the disk has changed."""
    fields = _FIELDS.pack(
        one.flags, one.datatype, one.cas, one.expiry_s, one.revision, one.seqno, one.deleted
    )
    start = zlib.crc32(fields + key)
    return zlib.crc32(one.value, zlib.crc32(one.xattrs, start) if one.xattrs else start) | _WHOLE


def _early_checksum(key: bytes, one: Document) -> int:
    return zlib.crc32(one.value, zlib.crc32(one.xattrs, zlib.crc32(key, one.cas & 0xFFFFFFFF)))


def to_row(collection: int, key: bytes, document: Document) -> tuple[Any, ...]:
    """The columns of one document."""
    return (
        collection,
        key,
        document.value,
        document.xattrs,
        document.flags,
        document.datatype,
        document.cas,
        document.expiry_s,
        document.revision,
        document.seqno,
        document.deleted,
        _checksum(key, document),
    )


def from_row(key: bytes, row: tuple[Any, ...]) -> Document:
    """The document of a `SELECT_ONE` row; `CorruptDocumentError` if its checksum is wrong."""
    value, xattrs, flags, datatype, cas, expiry, revision, seqno, deleted, stored = row
    document = Document(value, flags, datatype, cas, expiry, revision, seqno, xattrs, bool(deleted))
    try:
        check = _checksum if stored & _WHOLE else _early_checksum
        whole = check(key, document) == stored
    except (TypeError, struct.error):
        whole = False
    if not whole:
        raise CorruptDocumentError(f"document {key!r} does not have its checksum")
    return document
