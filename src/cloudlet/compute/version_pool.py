"""The environments of one version of a function, and who waits for one."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, field
from time import perf_counter

from cloudlet.compute.environment import EnvironmentSpec
from cloudlet.compute.job import Job
from cloudlet.compute.sandbox import Sandbox

#: A function that mostly answers faster than this is brisk: those who wait for it are served by the
#: environments it has sooner than by a new one.
BRISK_S = 0.002
#: How long a brisk function may be silent until it counts as slow, and its new environments wait.
PATIENCE_S = 0.01
#: How long somebody has waited for a brisk function when it gets one more, if processors are idle.
OVERDUE_S = 0.025
#: Environments at work for a brisk function: four a processor. Two cost a sixth of the rate at 64
#: connections, since the event loop serves many calls in a turn; 60 cost more than a third.
ENOUGH = 4 * (os.cpu_count() or 2)
_WEIGHT = 0.05  # of the last answer in the part of slow ones
# Many are slow where the processors are busy, whatever the function: a few fast ones tell.
_MOSTLY = 0.75
_LATE = 4.0


@dataclass(slots=True)
class VersionPool:
    """The environments of one key."""

    key: str
    idle: list[Sandbox] = field(default_factory=list)  # the most recently used last
    waiting: deque[Job] = field(default_factory=deque)
    all: set[Sandbox] = field(default_factory=set)
    starting: int = 0
    is_hungry: bool = False  # held back by a limit, until there is room
    is_watched: bool = False  # will be looked at again, since it was brisk
    wanted: int = 0  # environments that are kept ready: provisioned concurrency
    spec: EnvironmentSpec | None = None  # of those
    failure: str = ""  # why they are not
    _slow: float = 0.5  # the part of the answers that were slow
    _answered: float = 0.0
    _is_silent: bool = True  # nothing was answered yet, or for a while though somebody waited

    def empty(self) -> bool:
        """Whether nothing is here, and nothing is wanted."""
        return not (self.all or self.waiting or self.starting or self.wanted)

    def ready(self) -> int:
        """Environments that can serve or do."""
        return sum(sandbox.status in ("idle", "busy") for sandbox in self.all)

    def lacking(self) -> int:
        """Environments to start: for those who wait, or to have those that are wanted."""
        return max(len(self.waiting), self.wanted - self.ready())

    def spare(self) -> list[Sandbox]:
        """The idle ones that may end, the longest idle first."""
        return self.idle[: max(0, len(self.all) - self.wanted)]

    def first_request_id(self) -> str:
        """Of who waits longest, "" where nobody does."""
        return self.waiting[0].invocation.request_id if self.waiting else ""

    def answered(self, duration_s: float) -> None:
        """An invocation has ended."""
        self._answered = perf_counter()
        self._is_silent = False
        self._slow += _WEIGHT * ((duration_s > BRISK_S) - self._slow)

    def listen(self, late_s: float) -> None:
        """Whether it still answers, asked `late_s` later than meant: answers may be there that
        the event loop had no time to read.
        """
        self._is_silent = perf_counter() - self._answered > PATIENCE_S + _LATE * late_s

    def is_brisk(self) -> bool:
        """Whether those who wait should go on waiting.

        More environments than the processors can run at a time make short invocations slower: the
        same function took four times the processor time in 64 environments as in two.
        """
        return len(self.all) >= self._enough() and self._slow < _MOSTLY and not self._is_silent

    def is_full(self) -> bool:
        """Whether as many are at work as a brisk function gets, even if others are idle."""
        return len(self.all) - len(self.idle) >= self._enough() and self.is_brisk()

    def _enough(self) -> int:
        return max(ENOUGH, self.wanted)

    def is_overdue(self) -> bool:
        """Whether somebody has waited for long."""
        return bool(self.waiting) and perf_counter() - self.waiting[0].queued > OVERDUE_S
