"""How long a task may wait, with one timer for all: a timer each would cost every request two
microseconds, for a deadline that hardly any reaches.
"""

from __future__ import annotations

import asyncio
import itertools

_TICK_S = 0.02


class Deadlines:
    """Deadlines of tasks of one event loop, that of the first; they pass up to 20 ms late.

    At its deadline a task is cancelled; who set it asks `passed` to tell that from other
    cancellations.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._numbers = itertools.count()
        self._pending: dict[int, tuple[float, asyncio.Task[object]]] = {}
        self._passed: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> int:
        """Cancel the current task in `seconds`, unless its deadline is cleared before."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        number = next(self._numbers)
        self._pending[number] = (loop.time() + seconds, task)
        if self._timer is None:
            self._timer = loop.call_later(_TICK_S, self._tick, loop)
        return number

    def clear(self, number: int) -> None:
        """Forget a deadline; each that was set must be."""
        self._pending.pop(number, None)
        self._passed.discard(number)

    def passed(self, number: int) -> bool:
        """Whether the deadline has cancelled the current task, which then goes on."""
        if number not in self._passed:
            return False
        task = asyncio.current_task(self._loop)
        assert task is not None
        task.uncancel()
        return True

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for number, (at, task) in list(self._pending.items()):
            if at <= now:
                del self._pending[number]
                self._passed.add(number)
                task.cancel()
        self._timer = loop.call_later(_TICK_S, self._tick, loop) if self._pending else None
