"""Receiving a content: small ones stay in memory, larger ones are hashed and written by threads."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass

from cloudlet.storage.objects.digests import Digests
from cloudlet.storage.objects.files import Files

#: Contents up to this many bytes live in the index and cost one commit, no file.
INLINE_LIMIT = 32 * 1024

#: Bytes that are gathered before a thread hashes and writes them.
BLOCK = 1 << 20

#: Bytes after which what was written is sent to the disk while the rest still arrives.
FLUSH = 16 << 20


@dataclass(frozen=True, slots=True)
class Received:
    """A content that has arrived but belongs to no object yet: `content` or `file` holds it."""

    size: int
    md5: str
    checksums: dict[str, str]
    content: bytes | None = None
    file: str | None = None


class Intake:
    """Takes one content. Memory use is bounded by three blocks, whatever the size."""

    def __init__(self, files: Files, algorithms: Iterable[str], inline_limit: int) -> None:
        self._files = files
        self._digests = Digests(algorithms)
        self._inline_limit = inline_limit
        self._name = files.new_name()
        self._descriptor = -1
        self._unflushed = 0
        self._flushing: asyncio.Future[None] | None = None

    async def take(self, chunks: AsyncIterable[bytes]) -> Received:
        """Read `chunks` to the end. A larger content is on the disk, not yet kept, on return."""
        waiting: list[bytes] = []
        size = gathered = 0
        working: asyncio.Future[None] | None = None
        try:
            async for chunk in chunks:
                waiting.append(chunk)
                gathered += len(chunk)
                size += len(chunk)
                if gathered >= BLOCK:
                    if working is not None:
                        await working
                    working = asyncio.ensure_future(self._files.run(self._absorb, waiting))
                    waiting, gathered = [], 0
                    self._flush()
            if working is None and size <= self._inline_limit:
                content = b"".join(waiting)
                self._digests.update(content)
                return Received(size, self._digests.md5(), self._digests.checksums(), content)
            if working is not None:
                await working
            if self._flushing is not None:
                await self._flushing
            working = asyncio.ensure_future(self._files.run(self._finish, waiting))
            await asyncio.shield(working)
            md5, checksums = self._digests.md5(), self._digests.checksums()
            return Received(size, md5, checksums, file=self._name)
        except BaseException:
            await self._abandon(working)
            raise

    def _absorb(self, waiting: list[bytes]) -> None:
        if self._descriptor < 0:
            self._descriptor = self._files.create(self._name)
        data = waiting[0] if len(waiting) == 1 else b"".join(waiting)
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]
        self._unflushed += len(data)
        self._digests.update(data)

    def _flush(self) -> None:
        """Start writing back what has gathered, so that the last sync has little left to do."""
        if self._unflushed < FLUSH or (self._flushing is not None and not self._flushing.done()):
            return
        self._unflushed = 0
        self._flushing = asyncio.ensure_future(self._files.run(os.fdatasync, self._descriptor))

    def _finish(self, waiting: list[bytes]) -> None:
        self._absorb(waiting or [b""])
        os.fsync(self._descriptor)
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)

    async def _abandon(self, working: asyncio.Future[None] | None) -> None:
        """Undo; waits for the threads so that none writes to a closed descriptor."""
        running = [task for task in (working, self._flushing) if task is not None]
        if running:
            await asyncio.shield(asyncio.gather(*running, return_exceptions=True))
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._files.discard(self._name)
