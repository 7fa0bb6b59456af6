"""The rows of objects: what a transaction of the store's writer does with them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import apsw

from cloudlet.storage.objects import uploads
from cloudlet.storage.objects.model import (
    Attributes,
    BucketMissing,
    Segment,
    Summary,
    decode_attributes,
    decode_segments,
    encode,
)

T = TypeVar("T")

#: Looks at the object that a write would replace (None: there is none) and raises to forbid it.
Condition = Callable[[Summary | None], None]

#: Files that a transaction orphaned, with the id of the object that they were of (0: of none).
Orphans: TypeAlias = list[tuple[int, list[str]]]

#: What a transaction gives: its result and the files to remove after it.
Outcome: TypeAlias = tuple[T, Orphans]

COLUMNS = "o.id, o.key, o.size, o.etag, o.modified_ms, o.attributes"


def now_ms() -> int:
    """The time of a write, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def summary(bucket: str, row: Sequence[Any]) -> Summary:
    """The object that a row of COLUMNS tells of."""
    id_, key, size, etag, modified_ms, attributes = row[:6]
    return Summary(id_, bucket, key, size, etag, modified_ms, decode_attributes(attributes))


def find(connection: apsw.Connection, bucket: str, key: str) -> Summary | None:
    """The object of that key, or None."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM object o JOIN bucket b ON b.id=o.bucket"  # noqa: S608
        " WHERE b.name=? AND o.key=?",
        (bucket, key),
    ).fetchone()
    return None if row is None else summary(bucket, row)


def insert(
    connection: apsw.Connection,
    bucket: str,
    key: str,
    size: int,
    etag: str,
    attributes: Attributes,
    content: bytes | None,
    segments: tuple[Segment, ...],
    condition: Condition | None,
    orphans: Orphans,
    *,
    known: bool,
) -> Summary:
    """Write the object's rows; files that it orphans are added to `orphans`.

    `known`: the segments' files are in the index already, as parts.
    """
    row = connection.execute("SELECT id FROM bucket WHERE name=?", (bucket,)).fetchone()
    if row is None:
        raise BucketMissing(bucket)
    found = find(connection, bucket, key)
    if condition is not None:
        condition(found)
    if found is not None:
        orphans.append((found.id, delete(connection, found.id)))
    modified_ms = now_ms()
    connection.execute(
        "INSERT INTO object (bucket, key, size, etag, modified_ms, attributes, segments)"
        " VALUES (?,?,?,?,?,?,?)",
        (row[0], key, size, etag, modified_ms, encode(attributes),
         encode(segments) if segments else None),
    )  # fmt: skip
    id_ = connection.last_insert_rowid()
    if content is not None:
        connection.execute("INSERT INTO content VALUES (?,?)", (id_, content))
    if not known:
        connection.executemany("INSERT INTO file VALUES (?)", [(s.file,) for s in segments])
    return Summary(id_, bucket, key, size, etag, modified_ms, attributes)


def delete(connection: apsw.Connection, id_: int) -> list[str]:
    """Delete an object's rows; gives its files."""
    row = connection.execute("SELECT segments FROM object WHERE id=?", (id_,)).fetchone()
    connection.execute("DELETE FROM object WHERE id=?", (id_,))
    if row is None or row[0] is None:
        connection.execute("DELETE FROM content WHERE id=?", (id_,))
        return []
    files = [segment.file for segment in decode_segments(row[0])]
    connection.executemany("DELETE FROM file WHERE name=?", [(name,) for name in files])
    return files


def drop_bucket(connection: apsw.Connection, name: str) -> Outcome[None]:
    """Delete a bucket with all that it holds."""
    bucket = connection.execute("SELECT id FROM bucket WHERE name=?", (name,)).fetchone()
    if bucket is None:
        return None, []
    ids: list[Any] = connection.execute("SELECT id FROM object WHERE bucket=?", bucket).fetchall()
    orphans: Orphans = [(int(id_), delete(connection, int(id_))) for (id_,) in ids]
    begun = connection.execute("SELECT id FROM upload WHERE bucket=?", bucket).fetchall()
    orphans += [(0, uploads.drop(connection, str(id_))) for (id_,) in begun]
    connection.execute("DELETE FROM bucket WHERE id=?", bucket)
    return None, orphans
