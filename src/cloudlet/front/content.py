"""The body of a request as it arrives on its connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from cloudlet.aws import chunked

#: Bytes that wait for their reader before the client is held back.
HIGH_WATER = 256 * 1024


class Content:
    """What has arrived of a body, an iterator for one reader.

    `wanted` is called when a reader first waits, with nothing there yet: a client that asked for
    it is then told to continue. `hold` and `release` stop and start the reading of the socket. A
    client that goes away before the end is an `IncompleteBody`.
    """

    __slots__ = ("_held", "_hold", "_parts", "_release", "_size", "_waiter", "_wanted", "asked",
                 "dropped", "ended", "lost")  # fmt: skip

    def __init__(
        self,
        wanted: Callable[[], None],
        hold: Callable[[], None],
        release: Callable[[], None],
    ) -> None:
        self.asked = self.ended = self.lost = self.dropped = self._held = False
        self._wanted, self._hold, self._release = wanted, hold, release
        self._parts: deque[bytes] = deque()
        self._size = 0
        self._waiter: asyncio.Future[None] | None = None

    def feed(self, data: bytes) -> None:
        """Take a part from the wire."""
        if self.dropped:
            return
        self._parts.append(data)
        self._size += len(data)
        if self._size > HIGH_WATER and not self._held:
            self._held = True
            self._hold()
        self._wake()

    def end(self) -> None:
        """The body is whole."""
        self.ended = True
        self._wake()

    def lose(self) -> None:
        """The client has gone."""
        self.lost = True
        self._wake()

    def drop(self) -> None:
        """Nobody reads any more: what still comes is thrown away."""
        self.dropped = True
        self._parts.clear()
        self._size = 0
        self._let_go()

    def __aiter__(self) -> Content:
        return self

    async def __anext__(self) -> bytes:
        self.asked = True
        while not self._parts:
            if self.ended:
                raise StopAsyncIteration
            if self.lost:
                raise chunked.incomplete()
            self._wanted()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        part = self._parts.popleft()
        self._size -= len(part)
        if self._size <= HIGH_WATER // 2:
            self._let_go()
        return part

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _let_go(self) -> None:
        if self._held:
            self._held = False
            self._release()


class Nothing:
    """The body of a request without one."""

    __slots__ = ()

    def __aiter__(self) -> Nothing:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


NOTHING = Nothing()
