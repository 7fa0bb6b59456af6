"""Whether there is something to read, asked without reading: a third of what the exception takes
with which an empty pipe answers.
"""

from __future__ import annotations

import select
from collections.abc import Callable


def readiness(fd: int) -> Callable[[int], list[tuple[int, int]]]:
    """A poll of one descriptor, to be called with the milliseconds that it may wait: nothing where
    nothing came, also true at the other end's close.
    """
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return poll.poll
