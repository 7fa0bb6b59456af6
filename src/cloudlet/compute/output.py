"""What a template writes while it initialises a function, on its way into a log."""

from __future__ import annotations

import asyncio
import os

from cloudlet.compute.log import EnvironmentLog

_CHUNK = 8 * 1024
#: Bytes that are kept, a line counting for some more; what comes after is read and dropped.
_MOST, _LINE = 1024 * 1024, 100
#: What a pipe holds, in chunks; a process that goes on writing is not waited for.
_FULL = 9


class Output:
    """A pipe whose end `write` is handed to a process; without a log it is /dev/null."""

    def __init__(self, log: EnvironmentLog | None) -> None:
        self._log, self._read, self._kept = log, -1, 0
        if log is None:
            self.write = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
            return
        self._read, self.write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._read, False)
        asyncio.get_running_loop().add_reader(self._read, self._on_readable)

    def handed(self) -> None:
        """The process has its end: close ours, so that the end of its writing is seen."""
        if self.write >= 0:
            os.close(self.write)
            self.write = -1

    def close(self) -> None:
        """Take what is there and end."""
        self.handed()
        for _ in range(_FULL):
            if self._read < 0 or not self._on_readable():
                break
        self._end()
        if self._log is not None:
            self._log.flush()

    def _on_readable(self) -> bool:
        """Read once; whether there may be more."""
        try:
            data = os.read(self._read, _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._end()
            return False
        self._kept += len(data) + _LINE * data.count(b"\n")
        if self._kept <= _MOST and self._log is not None:
            self._log.output(data)
        return True

    def _end(self) -> None:
        if self._read >= 0:
            asyncio.get_running_loop().remove_reader(self._read)
            os.close(self._read)
            self._read = -1
