"""Listing in the byte order of keys, with prefixes rolled up; the cost is that of what is given."""

from __future__ import annotations

from dataclasses import dataclass, field

import apsw

from cloudlet.storage.objects.model import Summary, Upload, decode_attributes

#: Rows that a query is asked for at once: most ask for a page, which is at most 1000.
BATCH = 1001


@dataclass(slots=True)
class Page:
    """One page: `entries` and rolled-up `prefixes`, each in order.

    `last` is the last key or prefix given, `last_is_prefix` says which, for the next page.
    """

    entries: list[Summary] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: str = ""
    last_is_prefix: bool = False
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
    row = connection.execute("SELECT id FROM bucket WHERE name=?", (bucket,)).fetchone()
    if row is None:
        return page
    operator, start = _start(prefix, after, after_is_prefix)
    end = after_prefix(prefix)
    while True:
        jump = _scan(connection, int(row[0]), bucket, page, operator, start, end,
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
    rows = connection.execute(
        "SELECT id, key, size, etag, modified_ms, attributes FROM object"  # noqa: S608
        f" WHERE bucket=? AND key{operator}? {upper} ORDER BY key LIMIT {BATCH}",
        bindings,
    )
    key, count = start, 0
    for id_, key, size, etag, modified_ms, attributes in rows:
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
        page.entries.append(
            Summary(id_, bucket, key, size, etag, modified_ms, decode_attributes(attributes))
        )
        page.last, page.last_is_prefix = key, False
    return (">", key) if count == BATCH else None


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
    rows = connection.execute(
        "SELECT u.id, u.key, u.created_ms, u.attributes FROM upload u JOIN bucket b"
        " ON b.id=u.bucket WHERE b.name=? AND u.key>=? AND u.completed IS NULL"
        " ORDER BY u.key, u.created_ms, u.id",
        (bucket, max(prefix, after)),
    )
    for id_, key, created_ms, attributes in rows:
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
