"""The corner: the processors for what nobody waits for.

Where the kernel cannot be interrupted (a fork, a process's end) it takes up to a millisecond, and
the scheduler sends who wakes to a processor where only such work is as to a free one. So that
work has a quarter of the processors, and while there is any, those whom somebody waits for stay
out of them. While our main thread is at work nearly all the time, the corner is its own.
"""

from __future__ import annotations

import asyncio
import os
import threading
from functools import cache
from time import perf_counter, thread_time

from cloudlet.compute.processes import children_of, move, threads_of

_LATELY_S = 3.0
_OCCUPIED_S = 0.5  # by one start or end: that of a Java virtual machine takes so long
_MOST_KEYS = 1024
_BUSY_LOOK_S = 0.05
_GO_S = 0.005  # the scheduler may have moved it since
_BUSY, _STILL_BUSY = 0.8, 0.6  # parts of the time


@cache
def allowed() -> list[int]:
    """The processors that the platform might use when it began."""
    return sorted(os.sched_getaffinity(os.getpid()))


@cache
def corner() -> list[int]:
    """Those of them for what nobody waits for: a quarter, at least one."""
    processors = allowed()
    return processors[-max(1, len(processors) // 4) :]


@cache
def elsewhere() -> list[int]:
    """The others, where there are any; else all."""
    return allowed()[: -len(corner())] or allowed()


def _stays_out(pid: int) -> bool:
    try:
        return sorted(os.sched_getaffinity(pid)) == elsewhere()
    except OSError:  # it has ended
        return False


class Corner:
    """Who has to be in the corner, and whether there is work in it."""

    def __init__(self) -> None:
        self._sent: dict[str, float] = {}  # by key: when
        self._last_sent = -_LATELY_S
        self._until = 0.0
        self._is_busy = False  # our main thread
        self._looked = self._used_s = 0.0  # when, and what it had used by then
        self._went = 0.0  # when it was sent to the corner
        self._timer: asyncio.TimerHandle | None = None

    def send(self, key: str) -> None:
        """An environment of this key holds up others, and so might the next: for three seconds
        those begin there, and all others elsewhere.
        """
        if len(self._sent) >= _MOST_KEYS:
            self._sent.clear()
        self._last_sent = self._sent[key] = perf_counter()
        self.occupy(_LATELY_S)

    def processors_for(self, key: str) -> list[int]:
        """Where an environment of this key begins."""
        now = perf_counter()
        if now - self._sent.get(key, -_LATELY_S) < _LATELY_S:
            return corner()
        return elsewhere() if now - self._last_sent < _LATELY_S else allowed()

    def occupy(self, seconds: float = _OCCUPIED_S) -> None:
        """Work begins or ends there, which may take so long: our main thread stays out of it, and
        so do environments from their next invocation on. To be called in the event loop.
        """
        if elsewhere() == allowed():
            return
        now = perf_counter()
        self._until = max(self._until, now + seconds)
        if not self._is_ours(now):
            move([threading.get_native_id()], elsewhere())
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def left(self) -> list[int]:
        """The processors for environments within their right: not the corner while there is work in
        it, or our main thread is, on which all of them wait. To be called in that thread.
        """
        now = perf_counter()
        if now - self._looked > _BUSY_LOOK_S:
            used_s = thread_time()
            part = (used_s - self._used_s) / (now - self._looked)
            self._is_busy = part > (_STILL_BUSY if self._is_busy else _BUSY)
            self._looked, self._used_s = now, used_s
        if now - self._went > _GO_S and self._is_ours(now):
            self._went = now
            move([threading.get_native_id()], corner())
            move([threading.get_native_id()], allowed())  # what it starts is not restricted
        return elsewhere() if self._is_busy or now < self._until else allowed()

    def is_narrow(self) -> bool:
        """Whether one processor is left to our main thread and to environments together."""
        now = perf_counter()
        is_out = now < self._until and not self._is_ours(now)
        return len(elsewhere() if is_out else allowed()) == 1

    def _is_ours(self, now: float) -> bool:
        """Whether our main thread, at work nearly all the time, has it: the scheduler would leave
        it where it is, by turns with environments. A start or an end holds it up once; not so an
        environment that was sent here.
        """
        return self._is_busy and now - self._last_sent > _LATELY_S

    def _look(self) -> None:
        left_s = self._until - perf_counter()
        if left_s > 0:
            self._timer = asyncio.get_running_loop().call_later(left_s, self._look)
        else:
            self.close()

    def close(self) -> None:
        """Let our threads run everywhere again, with what was begun meanwhile."""
        self._until = 0.0
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        own = os.getpid()
        for thread in list(threads_of([own])):
            move([thread], allowed())
            restricted = [pid for pid in children_of(own, thread) if _stays_out(pid)]
            move(threads_of(restricted), allowed())
