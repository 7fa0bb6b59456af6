"""How many blank environments a zygote keeps ahead of their use, and when it may make one.

The wanted number follows the arrivals: each start counts, and counts half after `_HALF_LIFE_S`.
Blanks are made one at a time and only while the processors have nothing better to do; on a
machine that is never idle at most two a second.
"""

from __future__ import annotations

import math
import os
from time import perf_counter

from cloudlet.compute import kernel_files

_HALF_LIFE_S = 15.0
_FLOOR = 2
# Blanks a core at most: a burst beyond them is bound by the processors. One of Python is two
# megabytes of its own, one of another runtime a whole process.
_CEILING_PYTHON, _CEILING = 8, 2
_STEP_S = 0.02
_PATIENCE_S = 0.5
_STALLED = 0.5  # part of the time in which a runnable task waited for a processor
_PRESSURE = "/proc/pressure/cpu"
_LOAD = "/proc/loadavg"


class Reserve:
    """The wanted number of blanks, at least the floor; `fixed` pins it (0: none)."""

    def __init__(self, fixed: int | None, family: str, *, floor: int = _FLOOR) -> None:
        self._fixed, self._floor = fixed, floor
        each = _CEILING_PYTHON if family == "python" else _CEILING
        self._most = each * (os.cpu_count() or 2)
        self._arrivals = 0.0
        self._counted = perf_counter()

    def arrived(self) -> None:
        """An environment was asked for."""
        self._decay()
        self._arrivals += 1.0

    def wanted(self) -> int:
        """How many there should be now."""
        if self._fixed is not None:
            return self._fixed
        self._decay()
        return min(self._most, max(self._floor, math.ceil(self._arrivals - 0.5)))

    def _decay(self) -> None:
        now = perf_counter()
        self._arrivals *= 0.5 ** ((now - self._counted) / _HALF_LIFE_S)
        self._counted = now


class Idleness:
    """Whether the processors were idle since the last look: by the kernel's pressure figures
    where it has them, else by the number of runnable tasks.
    """

    def __init__(self) -> None:
        self._looked = perf_counter()
        self._stalled_us = _stalled_us()
        self._waited_s = 0.0

    def pause_s(self) -> float:
        """How long to wait before the next look; the longer, the busier the machine has been."""
        return max(_STEP_S, min(_PATIENCE_S / 2, self._waited_s))

    def restart(self) -> None:
        """Count from now."""
        self._looked, self._stalled_us, self._waited_s = perf_counter(), _stalled_us(), 0.0

    def allows(self) -> bool:
        """Whether a blank may be made now."""
        now, stalled_us = perf_counter(), _stalled_us()
        span = max(1e-3, now - self._looked)
        if stalled_us < 0:
            busy = _runnable() > (os.cpu_count() or 2)
        else:
            busy = (stalled_us - self._stalled_us) / 1e6 / span > _STALLED
        self._looked, self._stalled_us = now, stalled_us
        self._waited_s += span
        if busy and self._waited_s < _PATIENCE_S:
            return False
        self._waited_s = 0.0
        return True


def _stalled_us() -> int:
    """Microseconds in which some task waited for a processor; -1 where the kernel does not say."""
    try:
        return int(kernel_files.read(_PRESSURE).split(b"total=", 1)[1].split(None, 1)[0])
    except (OSError, IndexError, ValueError):
        return -1


def _runnable() -> int:
    try:
        return int(kernel_files.read(_LOAD).split()[3].split(b"/")[0])
    except (OSError, IndexError, ValueError):
        return 0
