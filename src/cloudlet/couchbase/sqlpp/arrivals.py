"""Whether something has come for the event loop while work holds it."""

from __future__ import annotations

import asyncio
import select


class Arrivals:
    """Looks at the file that the running loop itself waits with, in half a microsecond.

    It is readable when a connection or its data has come, or another thread has called. Timers
    and what the loop has taken up already are not seen; a loop without such a file shows nothing.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        # uvloop's, then asyncio's own; neither has a public name.
        number = getattr(loop, "_get_backend_id", getattr(loop, "_selector", None))
        poll = select.poll()
        if number is not None:
            poll.register(number() if callable(number) else number, select.POLLIN)
        self._poll = poll.poll

    def waiting(self) -> bool:
        """Whether the loop would have something to do."""
        return bool(self._poll(0))
