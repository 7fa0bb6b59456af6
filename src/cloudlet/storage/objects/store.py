"""The object store: an ordered index in SQLite with the contents beside it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw

from cloudlet.storage.database import Database
from cloudlet.storage.objects import listing, rows, uploads
from cloudlet.storage.objects.digests import Digests
from cloudlet.storage.objects.files import Files
from cloudlet.storage.objects.intake import INLINE_LIMIT, Intake, Received
from cloudlet.storage.objects.model import (
    MIGRATIONS,
    Attributes,
    BucketTaken,
    Opened,
    Part,
    Segment,
    Summary,
    Upload,
    Versioning,
    decode_segments,
)
from cloudlet.storage.objects.reading import Reading
from cloudlet.storage.objects.rows import Condition, Orphans, Outcome

T = TypeVar("T")


class ObjectStore:
    """Objects by (bucket, key), under one directory.

    Every write is on the disk when its awaitable is done, and visible from then on whole or not
    at all. A reader keeps the object that it opened, whatever is written meanwhile. Small contents
    cost one (group) commit; larger ones a file of their own.
    """

    def __init__(self, root: Path, inline_limit: int = INLINE_LIMIT) -> None:
        self._database = Database(root / "objects.db", MIGRATIONS)
        self._files = Files(root)
        self._inline_limit = inline_limit
        self._readers: Counter[int] = Counter()  # by object id
        self._doomed: dict[int, list[str]] = {}  # files to remove when their last reader is done
        self._tasks: set[asyncio.Task[Any]] = set()

    # Buckets

    async def create_bucket(self, name: str) -> None:
        """Add a bucket; one that is there stays as it is."""
        await self._database.write(
            lambda c: c.execute("INSERT OR IGNORE INTO bucket (name) VALUES (?)", (name,))
        )

    async def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket with its unfinished uploads.

        `BucketTaken` if it holds objects, versions or delete markers.
        """

        def write(connection: apsw.Connection) -> Outcome[None]:
            bucket = connection.execute("SELECT id FROM bucket WHERE name=?", (name,)).fetchone()
            if bucket is None:
                return None, []
            for table in ("object", "version"):
                held = f"SELECT 1 FROM {table} WHERE bucket=? LIMIT 1"  # noqa: S608
                if connection.execute(held, bucket).fetchone():
                    raise BucketTaken(name)
            ids = connection.execute("SELECT id FROM upload WHERE bucket=?", bucket).fetchall()
            orphans: Orphans = [(0, uploads.drop(connection, str(id_))) for (id_,) in ids]
            connection.execute("DELETE FROM bucket WHERE id=?", bucket)
            return None, orphans

        await self._write(write)

    async def keep_buckets(self, names: Iterable[str]) -> None:
        """Make the buckets be exactly `names`; contents of others go. For the start."""
        wanted = set(names)
        found = self._database.reader.execute("SELECT name FROM bucket").fetchall()
        there = {str(name) for (name,) in found}
        for name in wanted - there:
            await self.create_bucket(name)
        for name in there - wanted:
            await self._write(partial(rows.drop_bucket, name=name))

    # Writing

    async def receive(self, chunks: AsyncIterable[bytes], algorithms: Iterable[str]) -> Received:
        """Take a content in; it must then be given to `put`, `put_part` or `discard`."""
        return await Intake(self._files, algorithms, self._inline_limit).take(chunks)

    async def receive_part(
        self, chunks: AsyncIterable[bytes], algorithms: Iterable[str]
    ) -> Received:
        """As `receive`, for a part, which is always a file."""
        return await Intake(self._files, algorithms, -1).take(chunks)

    def discard(self, received: Received) -> None:
        """Drop a content that is not wanted after all."""
        if received.file is not None:
            self._files.submit(self._files.discard, received.file)

    async def put(
        self,
        bucket: str,
        key: str,
        received: Received,
        attributes: Attributes,
        condition: Condition | None = None,
        versioning: Versioning = "",
    ) -> Summary:
        """Make `received` the object of that key, in the place that `rows.insert` says.

        `condition` runs in the transaction that writes, so nothing comes between.
        """
        segments: tuple[Segment, ...] = ()
        if received.file is not None:
            await self._keep(received.file)
            segments = (Segment(received.file, received.size, received.checksums),)
        new = rows.New(key, received.size, received.md5, attributes, received.content, segments)
        return await self._insert(bucket, new, versioning, condition)

    async def copy(
        self,
        source: Opened,
        bucket: str,
        key: str,
        attributes: Attributes,
        condition: Condition | None = None,
        versioning: Versioning = "",
        etag: str = "",
    ) -> Summary:
        """Make an object with the content of `source`, which must be open, without copying bytes.

        Its ETag is the source's unless another is given: that of a multipart object will not do.
        """
        segments: list[Segment] = []
        for segment in source.segments:
            name = await self._files.run(self._files.link, segment.file)
            segments.append(Segment(name, segment.size, segment.checksums))
        about = source.about
        new = rows.New(
            key, about.size, etag or about.etag, attributes, source.content, tuple(segments)
        )
        return await self._insert(bucket, new, versioning, condition)

    async def change(
        self, bucket: str, key: str, change: Callable[[Attributes], Attributes], version: str = ""
    ) -> Summary | None:
        """Replace the attributes of an object, or a version, by `change` of them.

        Gives what was found: None, or a delete marker, which stays as it is.
        """

        def write(connection: apsw.Connection) -> Outcome[Summary | None]:
            found = rows.find(connection, bucket, key, version)
            if found is not None and not found.is_marker:
                rows.set_attributes(connection, found, change(found.attributes))
            return found, []

        return await self._write(write)

    async def delete(
        self,
        bucket: str,
        key: str,
        condition: Condition | None = None,
        versioning: Versioning = "",
    ) -> Summary | None:
        """Delete the object. On the disk when it returns.

        Gives the delete marker that hides it, or, in a bucket that never kept versions, what was
        there.
        """

        def write(connection: apsw.Connection) -> Outcome[Summary | None]:
            orphans: Orphans = []
            if versioning:
                return rows.mark_deleted(
                    connection, bucket, key, versioning, condition, orphans
                ), orphans
            found = rows.find(connection, bucket, key)
            if condition is not None:
                condition(found)
            if found is not None:
                rows.remove_version(connection, found, orphans)
            return found, orphans

        return await self._write(write)

    async def delete_version(
        self, bucket: str, key: str, version: str, condition: Condition | None = None
    ) -> Summary | None:
        """Delete a version, or a delete marker, for good; gives what it was."""

        def write(connection: apsw.Connection) -> Outcome[Summary | None]:
            found = rows.find(connection, bucket, key, version)
            if condition is not None:
                condition(found)
            orphans: Orphans = []
            if found is not None:
                rows.remove_version(connection, found, orphans)
            return found, orphans

        return await self._write(write)

    # Reading

    def find(self, bucket: str, key: str, version: str = "") -> Summary | None:
        """The object as the index knows it, or None; with `version` maybe a delete marker."""
        return rows.find(self._database.reader, bucket, key, version)

    def latest_marker(self, bucket: str, key: str) -> Summary | None:
        """The delete marker that hides the key, or None."""
        return rows.latest_marker(self._database.reader, bucket, key)

    def open(self, bucket: str, key: str, version: str = "") -> Opened | None:
        """The object with its content held; the caller must `release` it exactly once.

        With `version` it may be a delete marker, which has no content. Runs on the event loop's
        thread only: that is what makes finding and holding one step.
        """
        reader = self._database.reader
        with reader:
            found = rows.locate(reader, bucket, key, version)
            if found is None:
                return None
            about, encoded = found
            if encoded is not None:
                self._readers[about.id] += 1
                return Opened(about, None, decode_segments(encoded))
            row = reader.execute("SELECT bytes FROM content WHERE id=?", (about.id,)).fetchone()
        return Opened(about, b"" if row is None else row[0])

    def release(self, opened: Opened) -> None:
        """Let go of an opened object; its files go if it was replaced or deleted meanwhile."""
        if not opened.segments:
            return
        id_ = opened.about.id
        self._readers[id_] -= 1
        if self._readers[id_] <= 0:
            del self._readers[id_]
            doomed = self._doomed.pop(id_, None)
            if doomed:
                self._files.submit(self._files.remove, doomed)

    def read(self, opened: Opened, start: int, stop: int) -> Reading:
        """The bytes `start:stop`; takes over the duty to release `opened`."""
        return Reading(self._files, opened, start, stop, lambda: self.release(opened))

    async def digest(self, opened: Opened, algorithms: Iterable[str]) -> tuple[str, dict[str, str]]:
        """MD5 and checksums of the whole content, computed on a thread; `opened` stays open."""
        digests = Digests(algorithms)

        def work() -> None:
            if opened.content is not None:
                digests.update(opened.content)
            for segment in opened.segments:
                with self._files.path(segment.file).open("rb") as file:
                    while block := file.read(1 << 20):
                        digests.update(block)

        await self._files.run(work)
        return digests.md5(), digests.checksums()

    async def list_keys(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        after: str = "",
        after_is_prefix: bool = False,
        limit: int = 1000,
    ) -> listing.Page:
        """One page of keys and common prefixes; see `listing.list_keys`."""
        return await self._database.read(
            lambda c: listing.list_keys(
                c, bucket, prefix=prefix, delimiter=delimiter, after=after,
                after_is_prefix=after_is_prefix, limit=limit,
            )
        )  # fmt: skip

    async def list_versions(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        after: str = "",
        after_version: str = "",
        after_is_prefix: bool = False,
        limit: int = 1000,
    ) -> listing.Page:
        """One page of versions, delete markers and common prefixes; see `listing.list_versions`."""
        return await self._database.read(
            lambda c: listing.list_versions(
                c, bucket, prefix=prefix, delimiter=delimiter, after=after,
                after_version=after_version, after_is_prefix=after_is_prefix, limit=limit,
            )
        )  # fmt: skip

    # Multipart uploads

    async def create_upload(self, bucket: str, key: str, attributes: Attributes) -> Upload:
        """Begin a multipart upload of `key`."""
        upload = Upload(uploads.new_id(), bucket, key, rows.now_ms(), attributes)
        await self._database.write(lambda c: uploads.insert(c, upload))
        return upload

    def find_upload(self, id_: str) -> Upload | None:
        """The upload, unfinished or just completed, or None."""
        return uploads.find(self._database.reader, id_)

    async def put_part(self, upload: str, number: int, received: Received) -> Part | None:
        """Store a part, replacing the one of that number; None if the upload has gone."""
        assert received.file is not None, "a part is received by receive_part"
        file = received.file
        await self._keep(file)
        part = Part(number, received.size, received.md5, rows.now_ms(), received.checksums, file)

        def write(connection: apsw.Connection) -> Outcome[Part | None]:
            found = uploads.find(connection, upload)
            if found is None or found.completed is not None:
                return None, [(0, [file])]
            replaced = uploads.put_part(connection, upload, part)
            return part, [(0, [replaced])] if replaced else []

        return await self._write(write)

    async def parts(self, upload: str, after: int = 0, limit: int = 10_000) -> list[Part]:
        """The parts with numbers above `after`, in order."""
        return await self._database.read(lambda c: uploads.parts(c, upload, after, limit))

    async def complete_upload(
        self,
        upload: str,
        chosen: Sequence[Part],
        etag: str,
        attributes: Attributes,
        condition: Condition | None = None,
        versioning: Versioning = "",
    ) -> Summary | None:
        """Make the object of the `chosen` parts, in one step; None if the upload has gone.

        The other parts are removed. The bytes are not touched.
        """

        def write(connection: apsw.Connection) -> Outcome[Summary | None]:
            found = uploads.find(connection, upload)
            if found is None or found.completed is not None:
                return None, []
            stored = {p.number: p.file for p in uploads.parts(connection, upload, 0, 10_000)}
            if any(stored.get(part.number) != part.file for part in chosen):
                return None, []  # a part was replaced since it was chosen
            segments = tuple(Segment(p.file, p.size, p.checksums, p.number) for p in chosen)
            orphans: Orphans = []
            kept = {part.file for part in chosen}
            size = sum(part.size for part in chosen)
            new = rows.New(found.key, size, etag, attributes, None, segments, known=True)
            summary = rows.insert(connection, found.bucket, new, versioning, condition, orphans)
            orphans.append((0, uploads.complete(connection, upload, etag, kept)))
            return summary, orphans

        return await self._write(write)

    async def abort_upload(self, upload: str) -> bool:
        """Forget an unfinished upload and its parts; False if there is none."""

        def write(connection: apsw.Connection) -> Outcome[bool]:
            found = uploads.find(connection, upload)
            if found is None or found.completed is not None:
                return False, []
            return True, [(0, uploads.drop(connection, upload))]

        return await self._write(write)

    async def list_uploads(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        after: str = "",
        after_id: str = "",
        limit: int = 1000,
    ) -> listing.Uploads:
        """One page of unfinished uploads; see `listing.list_uploads`."""
        return await self._database.read(
            lambda c: listing.list_uploads(
                c, bucket, prefix=prefix, delimiter=delimiter, after=after, after_id=after_id,
                limit=limit,
            )
        )  # fmt: skip

    # The whole

    async def sweep(self) -> int:
        """Remove files that no object and no part has, left by a crash; returns how many."""
        return await self._files.run(self._files.sweep, self._known)

    async def clear(self) -> None:
        """Remove everything."""

        def write(connection: apsw.Connection) -> None:
            for table in ("bucket", "object", "version", "content", "upload", "part", "file"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - names from the line above

        await self._database.write(write)
        await self._files.run(self._files.clear)

    async def close(self) -> None:
        """Finish what is being written and close the files."""
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self._files.close)
        self._database.close()

    async def _keep(self, file: str) -> None:
        try:
            await asyncio.shield(asyncio.ensure_future(self._files.run(self._files.keep, file)))
        except BaseException:
            self._files.submit(self._files.discard, file)
            raise

    async def _insert(
        self, bucket: str, new: rows.New, versioning: Versioning, condition: Condition | None
    ) -> Summary:
        """Write an object; if that fails, its files go."""

        def write(connection: apsw.Connection) -> Outcome[Summary]:
            orphans: Orphans = []
            summary = rows.insert(connection, bucket, new, versioning, condition, orphans)
            return summary, orphans

        try:
            return await self._write(write)
        except Exception:
            self._files.submit(self._files.remove, [segment.file for segment in new.segments])
            raise

    async def _write(self, write: Callable[[apsw.Connection], Outcome[T]]) -> T:
        """Commit, then remove the files that it orphaned, even if the caller has gone."""

        async def work() -> T:
            result, orphans = await self._database.write(write)
            for id_, files in orphans:
                if self._readers.get(id_):
                    self._doomed[id_] = files
                elif files:
                    self._files.submit(self._files.remove, files)
            return result

        task = asyncio.ensure_future(work())
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; if nobody does any more, it is nobody's

    def _known(self, names: list[str]) -> set[str]:
        reader = self._database.reader
        return {
            name
            for name in names
            if reader.execute("SELECT 1 FROM file WHERE name=?", (name,)).fetchone()
        }
