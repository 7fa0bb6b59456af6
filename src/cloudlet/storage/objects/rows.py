"""The rows of objects: what a transaction of the store's writer does with them.

The table `object` holds what readers of a key get, `version` the versions before it and all delete
markers. A key whose latest version is a delete marker has no row in `object`. Ids grow with time
over both tables, so a key's latest version is the one with the greatest id.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import apsw

from cloudlet.storage.objects import uploads, versions
from cloudlet.storage.objects.model import (
    NULL,
    Attributes,
    BucketMissing,
    Segment,
    Summary,
    Versioning,
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

#: What a delete marker carries.
_BARE = Attributes()

#: Columns of a `Summary` in the table `object` and in the table `version`.
CURRENT = "id, key, size, etag, modified_ms, attributes, version, 0"
KEPT = "id, key, size, etag, modified_ms, attributes, version, marker"

#: Columns that a row keeps when it goes from one of the two tables to the other.
_MOVED = "id, bucket, key, size, etag, modified_ms, attributes, segments, version"


def now_ms() -> int:
    """The time of a write, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def bucket_id(connection: apsw.Connection, name: str) -> int | None:
    """The bucket's row, or None."""
    row = connection.execute("SELECT id FROM bucket WHERE name=?", (name,)).fetchone()
    return None if row is None else int(row[0])


def summary(bucket: str, row: Sequence[Any]) -> Summary:
    """The object or version that a row of CURRENT or KEPT tells of."""
    id_, key, size, etag, modified_ms, attributes, version, marker = row[:8]
    about = decode_attributes(attributes)
    return Summary(id_, bucket, key, size, etag, modified_ms, about, version, bool(marker))


def locate(
    connection: apsw.Connection, bucket: str, key: str, version: str = ""
) -> tuple[Summary, bytes | None] | None:
    """The object of that key, or that version of it, with its encoded segments.

    Without `version` it is what readers get: never a delete marker.
    """
    condition, bindings = "bucket=? AND key=?", [bucket_id(connection, bucket), key]
    if version == NULL:
        condition += " AND version='null'"
    elif version:
        if not versions.is_well_formed(version):
            return None
        condition += " AND id=? AND version=?"
        bindings += [versions.row_of(version), version]
    row = connection.execute(
        f"SELECT {CURRENT}, segments FROM object WHERE {condition}",  # noqa: S608
        bindings,
    ).fetchone()
    if row is None and version:
        row = connection.execute(
            f"SELECT {KEPT}, segments FROM version WHERE {condition}",  # noqa: S608
            bindings,
        ).fetchone()
    return None if row is None else (summary(bucket, row), row[8])


def find(connection: apsw.Connection, bucket: str, key: str, version: str = "") -> Summary | None:
    """The object of that key, or that version of it, or None; see `locate`."""
    found = locate(connection, bucket, key, version)
    return None if found is None else found[0]


def latest_marker(connection: apsw.Connection, bucket: str, key: str) -> Summary | None:
    """The delete marker that hides the key, or None."""
    row = connection.execute(
        f"SELECT {KEPT} FROM version v WHERE bucket=?1 AND key=?2 AND NOT EXISTS"  # noqa: S608
        " (SELECT 1 FROM object WHERE bucket=?1 AND key=?2) ORDER BY id DESC LIMIT 1",
        (bucket_id(connection, bucket), key),
    ).fetchone()
    return None if row is None else summary(bucket, row)


@dataclass(frozen=True, slots=True)
class New:
    """An object to be written. `known`: its files are in the index already, as parts."""

    key: str
    size: int
    etag: str
    attributes: Attributes
    content: bytes | None
    segments: tuple[Segment, ...]
    known: bool = False


def insert(
    connection: apsw.Connection,
    bucket: str,
    new: New,
    versioning: Versioning,
    condition: Condition | None,
    orphans: Orphans,
) -> Summary:
    """Make `new` the object of its key; files that it orphans are added to `orphans`.

    Where versions are kept the object before it becomes one. Else it takes the place of the
    version "null", and only of that.
    """
    owner = bucket_id(connection, bucket)
    if owner is None:
        raise BucketMissing(bucket)
    found = find(connection, bucket, new.key)
    if condition is not None:
        condition(found)
    _make_room(connection, owner, new.key, found, versioning, orphans)
    id_ = _new_id(connection)
    version = versions.name_of(id_) if versioning == "Enabled" else NULL
    modified_ms = now_ms()
    connection.execute(
        f"INSERT INTO object ({_MOVED}) VALUES (?,?,?,?,?,?,?,?,?)",  # noqa: S608
        (id_, owner, new.key, new.size, new.etag, modified_ms, encode(new.attributes),
         encode(new.segments) if new.segments else None, version),
    )  # fmt: skip
    if new.content is not None:
        connection.execute("INSERT INTO content VALUES (?,?)", (id_, new.content))
    if not new.known:
        connection.executemany("INSERT INTO file VALUES (?)", [(s.file,) for s in new.segments])
    return Summary(id_, bucket, new.key, new.size, new.etag, modified_ms, new.attributes, version)


def mark_deleted(
    connection: apsw.Connection,
    bucket: str,
    key: str,
    versioning: Versioning,
    condition: Condition | None,
    orphans: Orphans,
) -> Summary:
    """Hide the key behind a delete marker, which takes a place as `insert` says."""
    owner = bucket_id(connection, bucket)
    if owner is None:
        raise BucketMissing(bucket)
    found = find(connection, bucket, key)
    if condition is not None:
        condition(found)
    _make_room(connection, owner, key, found, versioning, orphans)
    id_ = _new_id(connection)
    version = versions.name_of(id_) if versioning == "Enabled" else NULL
    modified_ms = now_ms()
    connection.execute(
        f"INSERT INTO version ({_MOVED}, marker) VALUES (?,?,?,0,'',?,?,NULL,?,1)",  # noqa: S608
        (id_, owner, key, modified_ms, encode(_BARE), version),
    )
    return Summary(id_, bucket, key, 0, "", modified_ms, _BARE, version, is_marker=True)


def remove_version(connection: apsw.Connection, found: Summary, orphans: Orphans) -> None:
    """Delete a version for good. If readers got it, they get the one before it."""
    owner = bucket_id(connection, found.bucket)
    orphans.append((found.id, delete(connection, found.id)))
    if connection.execute(
        "SELECT 1 FROM object WHERE bucket=? AND key=?", (owner, found.key)
    ).fetchone():
        return
    row = connection.execute(
        "SELECT id, marker FROM version WHERE bucket=? AND key=? ORDER BY id DESC LIMIT 1",
        (owner, found.key),
    ).fetchone()
    if row is None or row[1]:
        return
    connection.execute(
        f"INSERT INTO object ({_MOVED}) SELECT {_MOVED} FROM version WHERE id=?",  # noqa: S608
        (row[0],),
    )
    connection.execute("DELETE FROM version WHERE id=?", (row[0],))


def delete(connection: apsw.Connection, id_: int) -> list[str]:
    """Delete the rows of an object or a version; gives its files."""
    row = None
    for table in ("object", "version"):
        row = connection.execute(
            f"DELETE FROM {table} WHERE id=? RETURNING segments",  # noqa: S608
            (id_,),
        ).fetchone()
        if row is not None:
            break
    if row is None or row[0] is None:
        connection.execute("DELETE FROM content WHERE id=?", (id_,))
        return []
    files = [segment.file for segment in decode_segments(row[0])]
    connection.executemany("DELETE FROM file WHERE name=?", [(name,) for name in files])
    return files


def set_attributes(connection: apsw.Connection, found: Summary, attributes: Attributes) -> None:
    """Give an object or a version other attributes."""
    for table in ("object", "version"):
        connection.execute(
            f"UPDATE {table} SET attributes=? WHERE id=?",  # noqa: S608
            (encode(attributes), found.id),
        )


def _make_room(
    connection: apsw.Connection,
    owner: int,
    key: str,
    found: Summary | None,
    versioning: Versioning,
    orphans: Orphans,
) -> None:
    """Take the object `found` out of the way of the next one of its key."""
    keeps = versioning == "Enabled"
    if found is not None and (keeps or found.version != NULL):
        connection.execute(
            f"INSERT INTO version ({_MOVED}, marker) SELECT {_MOVED}, 0 FROM object"  # noqa: S608
            " WHERE id=?",
            (found.id,),
        )
        connection.execute("DELETE FROM object WHERE id=?", (found.id,))
    elif found is not None:
        orphans.append((found.id, delete(connection, found.id)))
        return
    if keeps:
        return
    row = connection.execute(
        "SELECT id FROM version WHERE bucket=? AND key=? AND version='null'", (owner, key)
    ).fetchone()
    if row is not None:
        orphans.append((int(row[0]), delete(connection, int(row[0]))))


def _new_id(connection: apsw.Connection) -> int:
    """An id greater than every one before, for either table."""
    row: Any = connection.execute(
        "UPDATE sqlite_sequence SET seq=seq+1 WHERE name='object' RETURNING seq"
    ).fetchone()
    return int(row[0])


def drop_bucket(connection: apsw.Connection, name: str) -> Outcome[None]:
    """Delete a bucket with all that it holds."""
    bucket = connection.execute("SELECT id FROM bucket WHERE name=?", (name,)).fetchone()
    if bucket is None:
        return None, []
    ids: list[Any] = connection.execute(
        "SELECT id FROM object WHERE bucket=?1 UNION ALL SELECT id FROM version WHERE bucket=?1",
        bucket,
    ).fetchall()
    orphans: Orphans = [(int(id_), delete(connection, int(id_))) for (id_,) in ids]
    begun = connection.execute("SELECT id FROM upload WHERE bucket=?", bucket).fetchall()
    orphans += [(0, uploads.drop(connection, str(id_))) for (id_,) in begun]
    connection.execute("DELETE FROM bucket WHERE id=?", bucket)
    return None, orphans
