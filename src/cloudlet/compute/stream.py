"""The way of a streamed response from its environment to whoever reads it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from cloudlet.compute.environment import Outcome

MAX_STREAMED_BYTES = 200 * 1024 * 1024  # "Lambda quotas": invocation payload, streamed response
_HELD_BYTES = 1024 * 1024


class ResponseStream:
    """Chunks in order, at most about a megabyte of them held: then the function must wait.

    A reader that leaves lets the function finish; what it still says is dropped. All methods
    belong to the event loop.
    """

    def __init__(self, resume: Callable[[], None] = lambda: None) -> None:
        """`resume` is called when there is room again after `put` returned False."""
        self.begun: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self.resume = resume
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._full = False
        self._ended = False
        self._left = False
        self._wake: asyncio.Future[None] | None = None

    def begin(self, content_type: str) -> None:
        """The function started to answer."""
        if not self.begun.done():
            self.begun.set_result(content_type)

    def put(self, chunk: bytes) -> bool:
        """Take a chunk; False when no more should come until `resume`."""
        if self._left or not chunk:
            return True
        self._chunks.append(chunk)
        self._held += len(chunk)
        self._full = self._held > _HELD_BYTES
        self._notify()
        return not self._full

    def finish(self, future: asyncio.Future[Outcome]) -> None:
        """The invocation is over; a response that was not streamed is one chunk."""
        error = None if future.cancelled() else future.exception()
        if not self.begun.done():
            if error is not None:
                self.begun.set_exception(error)
            else:
                self.begun.set_result(None)
                if not future.cancelled() and future.result().error is None:
                    self.put(future.result().payload)
        self._ended = True
        self._notify()

    async def next(self) -> bytes | None:
        """The next chunk, None after the last."""
        while not self._chunks:
            if self._ended or self._left:
                return None
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        chunk = self._chunks.popleft()
        self._held -= len(chunk)
        self._release()
        return chunk

    def leave(self) -> None:
        """Drop what there is and what comes."""
        self._left = True
        self._chunks.clear()
        self._held = 0
        self._release()
        self._notify()

    def _release(self) -> None:
        if self._full and self._held <= _HELD_BYTES // 2:
            self._full = False
            self.resume()

    def _notify(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


class StreamReader:
    """The reader's side: an asynchronous iterator; closing or forgetting it is leaving."""

    def __init__(self, stream: ResponseStream) -> None:
        self._stream = stream

    def __aiter__(self) -> StreamReader:
        """Itself."""
        return self

    async def __anext__(self) -> bytes:
        """The next chunk."""
        chunk = await self._stream.next()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Nobody reads any more."""
        self._stream.leave()

    def __del__(self) -> None:
        self._stream.leave()
