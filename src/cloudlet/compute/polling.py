"""Limits of environments, and what they use, where no control group can be had: by watching."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from time import perf_counter
from typing import Literal

from cloudlet.compute.corner import Corner, allowed, corner
from cloudlet.compute.processes import (
    anonymous_bytes,
    children_of,
    last_pid_of_all,
    move,
    private_bytes,
    threads_of,
    times_of,
    weigh_session,
)
from cloudlet.compute.processors import MB_A_PROCESSOR, MOST_IN_KERNEL

Excess = Literal["memory", "processes"]

MOST_THREADS, MOST_PROCESSES = 256, 64  # of an environment
LOOK_S = 0.05  # between two looks at one that works
SOON_S = 0.01  # and as soon as that, where processes multiply
_COUNTING_S = 0.001
_CROWD_LOOK_S = 0.5  # at the memory of many processes, which takes a thread milliseconds
_COUNTED_AT_ONCE = 16  # threads, which takes 0.2 ms
_FEW_THREADS = 64  # that may be walked over at once
_STIR = 16  # processes and threads that anybody began since the last look
#: In which one that is beyond its right holds up others; and of how few it may have all.
_MOST_PROCESSORS, _NEARLY_ALL = 1.5, 0.9
_MANY = 16  # processes for which an environment is put into the corner, where no group weighs it
_LOOKED_AT = 32  # processes, whose memory is counted
_BETWEEN_S = 0.002  # two close looks of many


class Census:
    """A walk over processes, from those that are `pending` to their descendants."""

    def __init__(self, pending: list[int]) -> None:
        self._pending = pending
        self._unvisited: list[tuple[int, int]] = []  # threads of the last process found
        self.pids: list[int] = []
        self.threads = 0

    @property
    def is_over(self) -> bool:
        """Whether all were found."""
        return not self._pending and not self._unvisited

    @property
    def processes(self) -> int:
        """How many were found so far."""
        return len(self.pids)

    def go_on(self, most: int, *, to_corner: bool = False) -> None:
        """Visit so many threads at most, and move these `to_corner`."""
        for _ in range(most):
            while self._pending and not self._unvisited:
                self._find(self._pending.pop())
            if not self._unvisited:
                break
            pid, thread = self._unvisited.pop()
            if to_corner:
                move([thread], corner())
            self._pending += children_of(pid, thread)

    def _find(self, pid: int) -> None:
        self._unvisited = [(pid, thread) for thread in threads_of([pid])]
        self.threads += len(self._unvisited)
        if self._unvisited:
            self.pids.append(pid)


class PolledMeter:
    """Without control groups: what the kernel says of the process and its descendants.

    The event loop reads only what takes no lock of theirs, which one that is short of processor
    time may hold for seconds: resident pages, those shared with the zygote among them. When they
    exceed the limit, a thread looks at what is theirs alone. At most `_LOOKED_AT` are looked at.
    """

    def __init__(self, pid: int, place: Corner, keeper: int = 0) -> None:
        """`keeper` is the process whose grandchildren in the pid namespace of `pid` count too."""
        self._pid, self._keeper = pid, keeper
        self._corner, self._key = place, ""
        self._cornered = self._is_weighed = False
        self._on = allowed()
        self._looked, self._last_pid = 0.0, 0
        self._right = 1.0  # processors
        #: At the last look: what of it, and the time that they had been at work, and in the kernel.
        self._used: tuple[list[int], float, float] = ([], 0.0, 0.0)
        self._census: Census | None = None
        self._counted = [pid]  # by the last census
        self._is_large = False  # too large to be walked over at once
        self._peak = 0
        self._private = 0
        self._looking: threading.Thread | None = None

    def limit(self, memory_mb: int, tmp_mb: int, key: str = "") -> None:
        """RLIMIT_DATA is set inside."""
        del tmp_mb
        self._right = memory_mb / MB_A_PROCESSOR
        self._key = key
        self._on = self.processors
        self._weigh_session()

    @property
    def processors(self) -> list[int]:
        """Those that the environment may use."""
        return self._corner.processors_for(self._key)

    def resume(self, *, gives_way: bool = False) -> bool:  # noqa: ARG002
        """An invocation begins: it stays out of the corner while there is work in it. False:
        without groups it cannot give way.
        """
        self._weigh_session()
        processors = self.processors
        if processors == allowed():
            processors = self._corner.left()
        if processors != self._on:
            self._on, self._cornered = processors, False
            move(threads_of(self.pids()), processors)
        return False

    def _weigh_session(self) -> None:
        """Until it was done; `confinement.begin_session` is refused where many begin at once."""
        self._is_weighed = self._is_weighed or weigh_session(self._pid)

    def retire(self) -> None:
        """It ends: have its first process, whose threads are most of it, leave the other
        processors to all others.
        """
        self._corner.occupy()
        if corner() != allowed():
            move(threads_of([self._pid]), corner())

    def used_bytes(self) -> int:
        """Resident memory without files, summed over the processes."""
        return self._weigh(self._known())

    def _known(self) -> list[int]:
        """Its processes: of many, or of many threads, those that the last census found."""
        return self._counted if self._is_large or self._cornered else self.pids()

    def _weigh(self, pids: list[int]) -> int:
        total = sum(map(anonymous_bytes, pids))
        self._peak = max(self._peak, total)
        return total

    def pids(self) -> list[int]:
        """The processes of the environment, at most `_LOOKED_AT`."""
        census = self._begin_census()
        while not census.is_over and census.processes < _LOOKED_AT:
            census.go_on(1)
        return census.pids

    def look(self, limit_bytes: int) -> Excess | None:
        """What it has too much of. A look is cheap where the last one was a moment ago and hardly
        any process was begun since, by anybody.
        """
        now, last_pid = perf_counter(), last_pid_of_all()
        since_s = now - self._looked
        is_due = since_s >= (_CROWD_LOOK_S if len(self._counted) > _MANY else LOOK_S)
        if self._census is None and not is_due and 0 <= last_pid - self._last_pid < _STIR:
            return None
        self._last_pid = last_pid
        if self.crowded():
            return "processes"
        if is_due:
            self._looked = now
            self._weigh_session()
            pids = self._known()
            if self._holds_up(pids, since_s):
                self._retreat()
            if self._exceeds(pids, limit_bytes):
                return "memory"
        return None

    def _holds_up(self, pids: list[int], since_s: float) -> bool:
        """Whether it was in the kernel, where others have to wait for it, most of the time, or had
        more than its right of several processors, or of all that it may use.
        """
        (before, used_s, kernel_s), times = self._used, [times_of(pid) for pid in pids]
        self._used = pids, sum(used for used, _ in times), sum(kernel for _, kernel in times)
        if before != pids or corner() == allowed():
            return False
        most = max(self._right, min(_MOST_PROCESSORS, _NEARLY_ALL * len(self._on)))
        return (
            self._used[1] - used_s > most * since_s
            or self._used[2] - kernel_s > MOST_IN_KERNEL * since_s
        )

    def _retreat(self) -> None:
        """Leave the other processors to all others: all of it follows at the next looks."""
        self._corner.send(self._key)
        if not self._cornered:
            self._cornered, self._on = True, corner()
            self._census = self._begin_census()

    def _begin_census(self) -> Census:
        return Census([self._pid, *self._adopted()])

    def crowded(self) -> bool:
        """Whether it has more than `MOST_PROCESSES` or `MOST_THREADS`. Many processes, which may
        soon be more, go to the corner meanwhile.

        Counted over several looks, `pause_s` apart: to walk over hundreds takes milliseconds.
        """
        census = self._census = self._census or self._begin_census()
        census.go_on(_COUNTED_AT_ONCE, to_corner=self._cornered)
        self._is_large = self._is_large or census.threads > _FEW_THREADS
        if census.processes > _MANY and (census.is_over or not self._cornered):
            self._retreat()
        if census.is_over and self._census is census:
            self._census, self._counted = None, census.pids[:_LOOKED_AT]
            self._is_large = census.threads > _FEW_THREADS
        return census.processes > MOST_PROCESSES or census.threads > MOST_THREADS

    @property
    def pause_s(self) -> float:
        """How long to wait until the next look."""
        return SOON_S if self._census is None else _COUNTING_S

    def _adopted(self) -> list[int]:
        """The children that a template forked into this environment."""
        if not self._keeper:
            return []
        try:
            own = Path(f"/proc/{self._pid}/ns/pid").readlink()
        except OSError:
            return []
        found = []
        for child in children_of(self._keeper, self._keeper):
            for pid in children_of(child, child):
                with contextlib.suppress(OSError):
                    if Path(f"/proc/{pid}/ns/pid").readlink() == own:
                        found.append(pid)
        return found

    def over(self, limit_bytes: int) -> bool:
        """Whether the function's own memory exceeded the limit at the last look in a thread."""
        return self._exceeds(self._known(), limit_bytes)

    def _exceeds(self, pids: list[int], limit_bytes: int) -> bool:
        if self._weigh(pids) <= limit_bytes:
            return False
        if self._looking is None or not self._looking.is_alive():
            self._looking = threading.Thread(target=self._look, args=(pids,), daemon=True)
            self._looking.start()
        return self._private > limit_bytes

    def _look(self, pids: list[int]) -> None:
        total = 0
        for pid in pids:
            total += private_bytes(pid)
            if len(pids) > _MANY:
                time.sleep(_BETWEEN_S)
        self._private = total

    def peak_bytes(self) -> int:
        """The most that was seen; now included, unless that is to look at many processes."""
        if len(self._counted) <= _MANY:
            self.used_bytes()
        return self._peak

    def ran_out(self) -> bool:
        """Nobody but the watcher kills here."""
        return False

    async def remove(self) -> None:
        """There is nothing to remove."""
