"""Listing in the byte order of keys, with prefixes rolled up; the cost is that of what is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import apsw

from cloudlet.storage.objects import rows, versions
from cloudlet.storage.objects.model import NULL, Summary, Upload, decode_attributes

#: Rows that a query is asked for at once: most ask for a page, which is at most 1000.
BATCH = 1001


@dataclass(slots=True)
class Page:
    """One page: `entries` and rolled-up `prefixes`, each in order.

    `last` is the last key or prefix given, `last_is_prefix` says which, for the next page. In a
    page of versions `last_version` is the version of that key, and `latest` has the ids of the
    entries that are their keys' latest.
    """

    entries: list[Summary] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str = ""
    last_is_prefix: bool = False
    last_version: str = ""
    latest: set[int] = field(default_factory=set)
    is_truncated: bool = False

    @property
    def count(self) -> int:
        """How many entries and prefixes it holds."""
        return len(self.entries) + len(self.prefixes)


@dataclass(slots=True)
class Uploads:
    """One page of unfinished uploads, in the order of keys and then of their creation."""

    entries: list[Upload] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str = ""
    last_id: str = ""
    is_truncated: bool = False


def after_prefix(prefix: str) -> str | None:
    """The least string that is greater than every string starting with `prefix`, if there is one.

    Strings compare by code points, which is the order of their UTF-8 bytes.
    """
    for index in range(len(prefix) - 1, -1, -1):
        point = ord(prefix[index]) + 1
        if point == 0xD800:
            point = 0xE000
        if point <= 0x10FFFF:
            return prefix[:index] + chr(point)
    return None


def roll_up(key: str, prefix: str, delimiter: str) -> str | None:
    """The common prefix that `key` is rolled up into, or None."""
    if not delimiter:
        return None
    found = key.find(delimiter, len(prefix))
    return None if found < 0 else key[: found + len(delimiter)]


def _start(prefix: str, after: str, skip: bool) -> tuple[str, str]:
    """Where a listing starts, as (operator, key)."""
    if skip and after:
        follower = after_prefix(after)
        if follower is None:
            return "<", ""  # nothing can follow
        return (">=", max(follower, prefix))
    if after >= prefix and after:
        return (">", after)
    return (">=", prefix)


def list_keys(
    connection: apsw.Connection,
    bucket: str,
    *,
    prefix: str = "",
    delimiter: str = "",
    after: str = "",
    after_is_prefix: bool = False,
    limit: int = 1000,
) -> Page:
    """The page of at most `limit` keys and common prefixes that follow `after`.

    With `after_is_prefix`, every key that starts with `after` is behind it.
    """
    page = Page()
    if limit <= 0:
        return page
    bucket_id = rows.bucket_id(connection, bucket)
    if bucket_id is None:
        return page
    operator, start = _start(prefix, after, after_is_prefix)
    end = after_prefix(prefix)
    while True:
        jump = _scan(connection, bucket_id, bucket, page, operator, start, end,
                     prefix, delimiter, limit)  # fmt: skip
        if jump is None:
            return page
        operator, start = jump


def _scan(
    connection: apsw.Connection,
    bucket_id: int,
    bucket: str,
    page: Page,
    operator: str,
    start: str,
    end: str | None,
    prefix: str,
    delimiter: str,
    limit: int,
) -> tuple[str, str] | None:
    """Add rows to `page` until it is full, the rows end, or a prefix is to be jumped over."""
    upper = "" if end is None else "AND key<?"
    bindings: tuple[object, ...] = (bucket_id, start) if end is None else (bucket_id, start, end)
    found = connection.execute(
        f"SELECT {rows.CURRENT} FROM object"  # noqa: S608
        f" WHERE bucket=? AND key{operator}? {upper} ORDER BY key LIMIT {BATCH}",
        bindings,
    )
    key, count = start, 0
    for row in found:
        key = row[1]
        count += 1
        if page.count >= limit:
            page.is_truncated = True
            return None
        rolled = roll_up(key, prefix, delimiter)
        if rolled is not None:
            page.prefixes.append(rolled)
            page.last, page.last_is_prefix = rolled, True
            follower = after_prefix(rolled)
            return None if follower is None else (">=", follower)
        page.entries.append(rows.summary(bucket, row))
        page.last, page.last_is_prefix = key, False
    return (">", key) if count == BATCH else None


def list_versions(
    connection: apsw.Connection,
    bucket: str,
    *,
    prefix: str = "",
    delimiter: str = "",
    after: str = "",
    after_version: str = "",
    after_is_prefix: bool = False,
    limit: int = 1000,
) -> Page:
    """The page of at most `limit` versions, delete markers and common prefixes after `after`.

    The versions of a key go from the latest to the first. With `after_version` the page goes on
    behind that version of the key `after`, which may have been deleted meanwhile.
    """
    page = Page()
    bucket_id = rows.bucket_id(connection, bucket)
    if limit <= 0 or bucket_id is None:
        return page
    end = after_prefix(prefix)
    if after_version and after.startswith(prefix) and not roll_up(after, prefix, delimiter):
        id_ = _position(connection, bucket_id, after, after_version)
        found = _versions(connection, "key=:key AND id<:below", bucket_id, after, end, id_)
        _take(page, bucket, found, _latest(connection, bucket_id, after), prefix, "", limit)
    operator, start = _start(prefix, after, after_is_prefix)
    jump: tuple[str, str] | None = (operator, start)
    while jump is not None and not page.is_truncated:
        found = _versions(connection, f"key{jump[0]}:key", bucket_id, jump[1], end, 0)
        jump = _take(page, bucket, found, None, prefix, delimiter, limit)
    return page


def _position(connection: apsw.Connection, bucket_id: int, key: str, version: str) -> int:
    """The id behind which a page goes on. Where "null" has gone nobody knows: from the latest."""
    if version != NULL:
        return versions.row_of(version)
    row = connection.execute(
        "SELECT id FROM object WHERE bucket=?1 AND key=?2 AND version='null' UNION ALL"
        " SELECT id FROM version WHERE bucket=?1 AND key=?2 AND version='null'",
        (bucket_id, key),
    ).fetchone()
    return (1 << 63) - 1 if row is None else int(row[0])


def _latest(connection: apsw.Connection, bucket_id: int, key: str) -> int:
    """The id of the latest version of a key."""
    row: Any = connection.execute(
        "SELECT max(id) FROM (SELECT id FROM object WHERE bucket=?1 AND key=?2 UNION ALL"
        " SELECT id FROM version WHERE bucket=?1 AND key=?2)",
        (bucket_id, key),
    ).fetchone()
    return int(row[0] or 0)


def _versions(
    connection: apsw.Connection,
    where: str,
    bucket_id: int,
    key: str,
    end: str | None,
    below: int,
) -> apsw.Cursor:
    """The rows of objects and versions, merged lazily; `where` speaks of :key and :below."""
    condition = f"bucket=:bucket AND {where}" + ("" if end is None else " AND key<:end")
    return connection.execute(
        f"SELECT {rows.CURRENT} FROM object WHERE {condition} UNION ALL"  # noqa: S608
        f" SELECT {rows.KEPT} FROM version WHERE {condition} ORDER BY key, id DESC",
        {"bucket": bucket_id, "end": end, "key": key, "below": below},
    )


def _take(
    page: Page,
    bucket: str,
    found: apsw.Cursor,
    latest: int | None,
    prefix: str,
    delimiter: str,
    limit: int,
) -> tuple[str, str] | None:
    """Add rows to `page` until it is full, the rows end, or a prefix is to be jumped over.

    `latest` is the latest version's id where the rows are of one key and may not start with it.
    """
    previous = None
    for row in found:
        id_, key = row[0], row[1]
        if page.count >= limit:
            page.is_truncated = True
            return None
        rolled = roll_up(key, prefix, delimiter)
        if rolled is not None:
            page.prefixes.append(rolled)
            page.last, page.last_version, page.last_is_prefix = rolled, "", True
            follower = after_prefix(rolled)
            return None if follower is None else (">=", follower)
        page.entries.append(rows.summary(bucket, row))
        page.last, page.last_version, page.last_is_prefix = key, row[6], False
        if id_ == latest or (latest is None and key != previous):
            page.latest.add(id_)
        previous = key
    return None


def list_uploads(
    connection: apsw.Connection,
    bucket: str,
    *,
    prefix: str = "",
    delimiter: str = "",
    after: str = "",
    after_id: str = "",
    limit: int = 1000,
) -> Uploads:
    """The unfinished uploads that follow the key `after` (and, of that key, the id `after_id`)."""
    page = Uploads()
    seen: set[str] = set()
    passed = False
    found = connection.execute(
        "SELECT u.id, u.key, u.created_ms, u.attributes FROM upload u JOIN bucket b"
        " ON b.id=u.bucket WHERE b.name=? AND u.key>=? AND u.completed IS NULL"
        " ORDER BY u.key, u.created_ms, u.id",
        (bucket, max(prefix, after)),
    )
    for id_, key, created_ms, attributes in found:
        if not key.startswith(prefix):
            break
        if after and key == after and not passed:
            passed = bool(after_id) and id_ == after_id
            continue
        rolled = roll_up(key, prefix, delimiter)
        if rolled is not None and (rolled in seen or rolled == after):
            continue
        if len(page.entries) + len(page.prefixes) >= limit:
            page.is_truncated = limit > 0
            break
        if rolled is not None:
            seen.add(rolled)
            page.prefixes.append(rolled)
            page.last, page.last_id = rolled, ""
            continue
        page.entries.append(Upload(id_, bucket, key, created_ms, decode_attributes(attributes)))
        page.last, page.last_id = key, id_
    return page
