"""What an environment writes to its standard output and error, from its pipe to its log."""

from __future__ import annotations

import asyncio
import os
from time import perf_counter

from cloudlet.compute.log import EnvironmentLog
from cloudlet.compute.readiness import readiness

# Read at once: so many bytes, or fewer where lines are so short that there would be more of them.
_CHUNK, _CHUNK_LINES, _LEAST = 8 * 1024, 512, 512
_LINE_COST = 100  # a line costs more than its bytes
_DRAIN_BYTES, _DRAIN_LINES = 72 * 1024, 4000  # a pipe holds 64 KB
_BYTES_A_SECOND = 4 * 1024 * 1024
_PAUSE_S = 0.05
_NOTHING, _END = -1, -2


class LogPipe:
    """Reads the log no faster than it may grow: a full pipe makes the function wait."""

    def __init__(self, fd: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._fd = fd
        self._poll = readiness(fd)
        self._log: EnvironmentLog | None = None
        self._size, self._taken = _CHUNK, 0
        self._allowance = float(_BYTES_A_SECOND)
        self._checked = perf_counter()

    def start(self, log: EnvironmentLog) -> None:
        """Begin to read into `log`."""
        self._log = log
        self._loop.add_reader(self._fd, self._on_readable)

    def drain(self) -> None:
        """What was written before the answer belongs before END; a flood of it may come after."""
        if self._log is None:
            return
        events, enough = 0, self._taken + _DRAIN_BYTES
        while self._poll(0) and (read := self._read()) >= 0:
            events += read
            if events > _DRAIN_LINES or self._taken > enough:
                break
        self._log.flush()

    def close(self) -> None:
        """Read what there is, and let go of the pipe."""
        if self._fd < 0:
            return
        self.drain()
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._fd = -1

    def _on_readable(self) -> None:
        now = perf_counter()
        grown = self._allowance + (now - self._checked) * _BYTES_A_SECOND
        self._allowance, self._checked = min(float(_BYTES_A_SECOND), grown), now
        if self._read() == _END:
            self._loop.remove_reader(self._fd)
        elif self._allowance < 0:
            self._loop.remove_reader(self._fd)
            self._loop.call_later(_PAUSE_S, self._resume)

    def _resume(self) -> None:
        if self._fd >= 0:
            self._loop.add_reader(self._fd, self._on_readable)

    def _read(self) -> int:
        """The number of events read; `_NOTHING` when there is nothing now, or `_END`."""
        if self._fd < 0:
            return _NOTHING
        try:
            data = os.read(self._fd, self._size)
        except BlockingIOError:
            return _NOTHING
        if not data:
            return _END
        events = self._log.output(data) if self._log is not None else 0
        size = len(data)
        self._taken += size
        self._size = max(_LEAST, min(_CHUNK, _CHUNK_LINES * size // max(1, events)))
        self._allowance -= size + _LINE_COST * events
        return events
