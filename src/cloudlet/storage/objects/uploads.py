"""Multipart uploads in the index."""

from __future__ import annotations

import secrets
import time

import apsw

from cloudlet.storage.objects.model import (
    BucketMissing,
    Part,
    Upload,
    decode_attributes,
    decode_checksums,
    encode,
)

#: How long a completed upload is remembered.
REMEMBERED_MS = 24 * 3600 * 1000


def new_id() -> str:
    """An upload id that nobody can guess."""
    return secrets.token_urlsafe(48)


def insert(connection: apsw.Connection, upload: Upload) -> None:
    """Add an upload; `BucketMissing` if its bucket has gone."""
    row = connection.execute("SELECT id FROM bucket WHERE name=?", (upload.bucket,)).fetchone()
    if row is None:
        raise BucketMissing(upload.bucket)
    connection.execute(
        "INSERT INTO upload (id, bucket, key, created_ms, attributes) VALUES (?,?,?,?,?)",
        (upload.id, row[0], upload.key, upload.created_ms, encode(upload.attributes)),
    )


def find(connection: apsw.Connection, id_: str) -> Upload | None:
    """The upload, or None."""
    row = connection.execute(
        "SELECT b.name, u.key, u.created_ms, u.attributes, u.completed FROM upload u"
        " JOIN bucket b ON b.id=u.bucket WHERE u.id=?",
        (id_,),
    ).fetchone()
    if row is None:
        return None
    bucket, key, created_ms, attributes, completed = row
    return Upload(id_, bucket, key, created_ms, decode_attributes(attributes), completed)


def parts(connection: apsw.Connection, id_: str, after: int, limit: int) -> list[Part]:
    """The parts with numbers above `after`, in order."""
    rows = connection.execute(
        "SELECT number, size, etag, modified_ms, checksums, file FROM part"
        " WHERE upload=? AND number>? ORDER BY number LIMIT ?",
        (id_, after, limit),
    )
    return [
        Part(number, size, etag, modified_ms, decode_checksums(checksums), file)
        for number, size, etag, modified_ms, checksums, file in rows
    ]


def put_part(connection: apsw.Connection, id_: str, part: Part) -> str | None:
    """Add a part; gives the file of the one that it replaces."""
    row = connection.execute(
        "SELECT file FROM part WHERE upload=? AND number=?", (id_, part.number)
    ).fetchone()
    if row is not None:
        connection.execute("DELETE FROM file WHERE name=?", row)
    connection.execute(
        "INSERT OR REPLACE INTO part VALUES (?,?,?,?,?,?,?)",
        (id_, part.number, part.size, part.etag, part.modified_ms, encode(part.checksums),
         part.file),
    )  # fmt: skip
    connection.execute("INSERT INTO file VALUES (?)", (part.file,))
    return None if row is None else str(row[0])


def _drop_parts(connection: apsw.Connection, id_: str, kept: set[str]) -> list[str]:
    rows = connection.execute("SELECT file FROM part WHERE upload=?", (id_,)).fetchall()
    gone = [str(name) for (name,) in rows if name not in kept]
    connection.execute("DELETE FROM part WHERE upload=?", (id_,))
    connection.executemany("DELETE FROM file WHERE name=?", [(name,) for name in gone])
    return gone


def complete(connection: apsw.Connection, id_: str, etag: str, kept: set[str]) -> list[str]:
    """Mark the upload completed, so that a repeated completion finds its answer for a day.

    Gives the files of the parts that were not `kept`. `created_ms` is then when it was completed.
    """
    now = time.time_ns() // 1_000_000
    connection.execute(
        "DELETE FROM upload WHERE completed IS NOT NULL AND created_ms<?", (now - REMEMBERED_MS,)
    )
    connection.execute("UPDATE upload SET completed=?, created_ms=? WHERE id=?", (etag, now, id_))
    return _drop_parts(connection, id_, kept)


def drop(connection: apsw.Connection, id_: str) -> list[str]:
    """Delete the upload; gives its parts' files."""
    connection.execute("DELETE FROM upload WHERE id=?", (id_,))
    return _drop_parts(connection, id_, set())
