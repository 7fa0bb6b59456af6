"""The hybrid logical clock that gives every mutation its CAS."""

from __future__ import annotations

from time import time_ns
from typing import Final

#: The low 16 bits count mutations within one tick of the wall clock (65,536 ns), as in Couchbase.
_TICKS: Final = -1 << 16


class HybridClock:
    """CAS values that only ever rise, near the wall clock in nanoseconds.

    Guaranteed above every value given to `observe`, which a restart does with the highest
    that is on disk: a wall clock set back never makes a CAS go back.
    """

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def observe(self, cas: int) -> None:
        """Never again give a value up to `cas`."""
        self.last = max(self.last, cas)

    def next(self) -> int:
        """A CAS above all earlier ones."""
        cas = time_ns() & _TICKS
        if cas <= self.last:
            cas = self.last + 1
        self.last = cas
        return cas
