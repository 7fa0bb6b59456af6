"""Staying awake where calls follow each other at once.

For a thread to fall asleep and be woken takes some 30 us on a virtual machine (measured), as long
as a short invocation. Where one caller calls again and again, each call would pay that three times:
when its request comes, when its environment gets it, and when the answer comes.
"""

from __future__ import annotations

import asyncio
from time import perf_counter

from cloudlet.compute.corner import Corner
from cloudlet.compute.sandbox import Sandbox

#: An answer that is due within it is waited for in the event loop, without a break.
SHORT_S = 0.00025
#: How long after the last answer somebody has called again at once.
SOON_S = 0.0005
#: How long the event loop stays awake for the next call, and asks the environment to.
LINGER_US = 250
# After an answer that did not come (somebody else has the other processor, so that the environment
# wants ours), or where there is another caller after all: twice as long each time, unless so many
# had come one after the other that it was an accident.
_LEAST_PAUSE_S, _MOST_PAUSE_S = 0.002, 1.0
_STEADY = 200


class Vigil:
    """Stays awake while there is one caller: nobody else waits for the event loop then, and a
    processor is idle. Who comes meanwhile waits for a quarter of a millisecond at most.
    """

    def __init__(self, corner: Corner) -> None:
        self._loop = asyncio.get_running_loop()
        self._corner = corner
        self._off_until, self._pause_s = 0.0, _LEAST_PAUSE_S
        self._is_alone = True
        self._came = 0  # answers, since one did not
        #: Who wait for an outcome.
        self.callers = 0

    def is_due(self, sandbox: Sandbox) -> bool:
        """Whether to wait for the answer of this environment, to which a request is about to go:
        the one before was quick, and it is called again at once.
        """
        if self.callers != 1 or sandbox.duration_s > SHORT_S:
            return False
        now = perf_counter()
        return (
            now - sandbox.idle_since <= SOON_S
            and now >= self._off_until
            and not self._corner.is_narrow()
        )

    def keep(self, sandbox: Sandbox) -> None:
        """Wait for the answer, and then for the next call."""
        now = perf_counter()
        if not self._is_alone or not sandbox.attend(SHORT_S):
            is_accident = self._came > _STEADY
            longer_s = _LEAST_PAUSE_S if is_accident else min(2 * self._pause_s, _MOST_PAUSE_S)
            self._pause_s, self._off_until = longer_s, now + longer_s
            self._is_alone, self._came = True, 0
            return
        self._is_alone = False  # until the loop has gone round
        self._loop.call_soon(self._linger, perf_counter() + LINGER_US / 1e6)

    def _linger(self, until: float) -> None:
        """The loop does not sleep while a callback is due. Who called before it came here was not
        alone: his request had come together with the other's.
        """
        if not self._is_alone:
            self._is_alone = True
            self._came += 1
        if not self.callers and perf_counter() < until:
            self._loop.call_soon(self._linger, until)
