"""Pauses in the middle of synchronous work, so that no evaluation holds the event loop.

The operators of a plan and the expressions in them are plain generators and functions. They run
in a greenlet of their own; `pause`, called wherever work may be long, goes back to the event loop
when the time slice is used up or something has come for the loop, and comes back where it left.
Outside of a running query it does nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Iterator
from itertools import islice
from sys import getrefcount
from time import monotonic
from typing import Any, Final, Protocol, TypeVar

from greenlet import getcurrent, greenlet

from cloudlet.couchbase.sqlpp.tables import Seen, Table

_PAUSED: Final = object()
_DONE: Final = object()

_LONG: Final = 4096

_T = TypeVar("_T")

_Large = set[Any] | dict[Any, Any] | list[Any] | Seen | Table[Any]


class Turns(Protocol):
    """Who gives out the time slices: a request's context."""

    look_at: float

    def over(self, now: float) -> bool:
        """Whether the slice is to end; asked from `look_at` on, which it sets anew if not."""

    async def turn(self) -> None:
        """Let others run if the slice is over; raises where the work is to end."""

    async def rest(self) -> None:
        """Let others run, and begin a new slice."""


class _Worker:
    """An iterator that runs in a greenlet."""

    def __init__(self, items: Iterable[Any], turns: Turns) -> None:
        self.turns = turns
        self.greenlet = greenlet(self._work)
        self._items = items

    def _work(self) -> Any:
        for item in self._items:
            self.out(item)
        return _DONE

    def out(self, item: Any) -> None:
        """Hand something to whoever drives the worker, and wait to be driven on."""
        driver = self.greenlet.parent
        assert driver is not None
        driver.switch(item)

    def advance(self) -> Any:
        """The next item, or that there is a pause, or no more."""
        global _running
        outer = _running
        _running = self
        try:
            return self.greenlet.switch()
        finally:
            _running = outer

    async def close(self) -> None:
        """End the work where it stands; what it holds is let go, with pauses."""
        global _running
        worker = self.greenlet
        leave: Callable[[], Any] = worker.throw
        while worker and not worker.dead:
            outer = _running
            _running = self
            try:
                leave()
            finally:
                _running = outer
            leave = worker.switch
            await self.turns.rest()


_running: _Worker | None = None


def pause() -> None:
    """Let the event loop run if the time slice is used up, or somebody waits for it."""
    worker = _running
    if worker is None or (now := monotonic()) < worker.turns.look_at:
        return
    # Statements are compiled in threads too, beside a query that runs in the loop's.
    if getcurrent() is worker.greenlet and worker.turns.over(now):
        worker.out(_PAUSED)


def pausable() -> bool:
    """Whether a pause would let the event loop run."""
    return _running is not None and getcurrent() is _running.greenlet


class _Awaited:
    """Something to be awaited by the event loop, and what came of it."""

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self.awaitable = awaitable
        self.result: Any = None
        self.error: BaseException | None = None


def wait(awaitable: Coroutine[Any, Any, _T]) -> _T:
    """What a coroutine gives, from the middle of synchronous work in a running query."""
    worker = _running
    if worker is None or getcurrent() is not worker.greenlet:
        awaitable.close()
        raise RuntimeError("there is no running query to wait in")
    awaited = _Awaited(awaitable)
    worker.out(awaited)
    if awaited.error is not None:
        raise awaited.error
    return awaited.result  # type: ignore[no-any-return]


async def driven(items: Iterable[_T], turns: Turns) -> AsyncGenerator[_T, None]:
    """The items of a synchronous iterator, with turns for others in between and inside."""
    worker = _Worker(items, turns)
    try:
        while True:
            item = worker.advance()
            if item is _DONE:
                return
            if isinstance(item, _Awaited):
                try:
                    item.result = await item.awaitable
                except Exception as error:  # it belongs to the work that waits
                    item.error = error
            elif item is not _PAUSED:
                yield item
            await turns.turn()
    finally:
        await worker.close()


def paced(items: Iterable[_T], every: int = 64) -> Iterator[_T]:
    """The items, with a pause after every so many."""
    source = iter(items)
    while True:
        some = list(islice(source, every))
        yield from some
        if len(some) < every:
            return
        pause()


def is_long(value: Any) -> bool:
    """Whether the value would take long to free."""
    return (type(value) is list or type(value) is dict) and len(value) > _LONG


def dissolve(values: list[Any]) -> None:
    """Let go of values little by little, as far as nobody else holds them or their parts."""
    count = 0
    while values:
        value = values.pop()
        kind = type(value)
        if (kind is list or kind is dict) and value and getrefcount(value) == _OURS:
            if kind is dict:
                some = [value.popitem()[1] for _ in range(min(256, len(value)))]
            else:
                some = value[-256:]
                del value[-256:]
            values.append(value)
            values += [one for one in some if type(one) is list or type(one) is dict]
            del some
            pause()
        elif (count := count + 1) % 64 == 0:
            pause()


def _references() -> int:
    value: Any = [[]].pop()
    return getrefcount(value)


#: How often a value counts as referred to that only one variable holds.
_OURS: Final = _references()


class released:  # noqa: N801 - reads as a statement: `with released(table):`
    """Collections that are emptied little by little when the block ends, however it ends."""

    def __init__(self, *collections: _Large) -> None:
        self._collections = collections

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(self, *_error: object) -> None:
        """Empty them."""
        for items in self._collections:
            release(items)


def release(items: _Large) -> None:
    """Empty a large collection little by little: to free it at once would be one long stop."""
    if isinstance(items, (Seen, Table)):
        for part in items.parts:
            release(part)
        return
    if isinstance(items, list):
        while items:
            del items[-256:]
            pause()
        return
    take: Callable[[], Any] = items.popitem if isinstance(items, dict) else items.pop
    while items:
        for _ in range(min(256, len(items))):
            take()
        pause()
