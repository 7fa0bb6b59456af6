"""Reading an opened object's bytes by ranges, on threads, a block ahead of the reader."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator

from cloudlet.storage.objects.files import Files
from cloudlet.storage.objects.model import Opened

#: Bytes that a thread reads at a time.
BLOCK = 512 * 1024

#: Bytes that are handed on at a time, so that no single hand-over holds the loop.
SLICE = 128 * 1024


class Reading(AsyncIterator[bytes]):
    """The bytes `start:stop` of an object. Its files stay until this is read, closed or dropped."""

    def __init__(
        self, files: Files, opened: Opened, start: int, stop: int, release: Callable[[], None]
    ) -> None:
        self._files = files
        self._release: Callable[[], None] | None = release
        self._content = opened.content
        self._slices: Iterator[bytes] = iter(())
        self._blocks = iter(()) if opened.content is not None else _blocks(opened, start, stop)
        self._next: asyncio.Future[bytes] | None = None
        self._descriptor = -1
        self._name = ""
        if opened.content is not None:
            self._slices = iter((opened.content[start:stop],) if stop > start else ())
            self.close()
        else:
            self._read_ahead()

    def __aiter__(self) -> Reading:
        return self

    async def __anext__(self) -> bytes:
        piece = next(self._slices, None)
        while piece is None:
            if self._next is None:
                self.close()
                raise StopAsyncIteration
            block = await self._next
            self._read_ahead()
            view = memoryview(block)
            self._slices = (bytes(view[i : i + SLICE]) for i in range(0, len(view), SLICE))
            piece = next(self._slices, None)
        return piece

    def close(self) -> None:
        """Let the object's files go."""
        release, self._release = self._release, None
        if release is not None:
            release()

    def __del__(self) -> None:
        if self._next is not None and not self._next.done():
            # A thread is still reading: the descriptor may not be closed under it.
            descriptor, release = self._descriptor, self._release
            self._release = None
            self._next.add_done_callback(lambda _: _let_go(descriptor, release))
            return
        _let_go(self._descriptor, self._release)

    def _read_ahead(self) -> None:
        wanted = next(self._blocks, None)
        if wanted is None:
            self._next = None
            return
        self._next = asyncio.ensure_future(self._files.run(self._read, *wanted))

    def _read(self, name: str, offset: int, length: int) -> bytes:
        if name != self._name:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
            self._descriptor = os.open(self._files.path(name), os.O_RDONLY)
            self._name = name
        block = os.pread(self._descriptor, length, offset)
        if len(block) != length:
            raise OSError(f"content file {name} is shorter than the index says")
        return block


def _let_go(descriptor: int, release: Callable[[], None] | None) -> None:
    if descriptor >= 0:
        os.close(descriptor)
    if release is not None:
        release()


def _blocks(opened: Opened, start: int, stop: int) -> Iterator[tuple[str, int, int]]:
    """The (file, offset, length) to read for the bytes `start:stop`."""
    position = 0
    for segment in opened.segments:
        low, high = max(start - position, 0), min(stop - position, segment.size)
        while low < high:
            length = min(BLOCK, high - low)
            yield segment.file, low, length
            low += length
        position += segment.size
        if position >= stop:
            return
