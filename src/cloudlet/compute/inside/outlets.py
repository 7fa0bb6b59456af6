"""What the processes of an environment print: through the launcher to the platform's log, and to
the extensions that subscribed to it.
"""

# For any Python from 3.8 on.
from __future__ import annotations

import os
import select
from typing import Any

_PIECE = 64 * 1024
_DRAIN_PIECES = 4  # a pipe holds 64 KB
_LINE = 256 * 1024  # longer ones are cut, as the platform does


class Outlet:
    """One source, `function` or `extension`; whole lines of several do not mix."""

    def __init__(self, outlets: Any, kind: str, fd: int) -> None:
        self.outlets, self.kind, self.fd = outlets, kind, fd
        self.rest = b""

    def on_readable(self, _: int) -> None:
        """Take what came."""
        self.read()

    def read(self) -> bool:
        """Read once; False when there is nothing now."""
        if self.fd < 0:
            return False
        try:
            data = os.read(self.fd, _PIECE)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.finish_line()
            self.outlets.close(self)
            return False
        data = self.rest + data
        end = data.rfind(b"\n") + 1
        if end == 0 and len(data) >= _LINE:
            end = len(data)
        self.rest = data[end:]
        if end:
            self.outlets.write(self.kind, data[:end])
        return True

    def finish_line(self) -> None:
        """Let go of an unfinished last line."""
        if self.rest:
            rest, self.rest = self.rest, b""
            self.outlets.write(self.kind, rest + b"\n")


class Outlets:
    """All of an environment's."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.open: list[Outlet] = []

    def make(self, kind: str) -> int:
        """A descriptor for a child to print to; the caller closes it after the fork."""
        read, write = os.pipe()
        os.set_blocking(read, False)
        outlet = Outlet(self, kind, read)
        self.open.append(outlet)
        self.server.attach(read, select.POLLIN, outlet.on_readable)
        return write

    def write(self, kind: str, lines: bytes) -> None:
        """Pass lines on; waits while the platform's log is full, as the source would have."""
        left = memoryview(lines)
        while left:
            left = left[os.write(1, left) :]
        self.server.telemetry.lines(kind, lines)

    def drain(self) -> None:
        """What was printed up to now goes before what happens next."""
        for outlet in list(self.open):
            for _ in range(_DRAIN_PIECES):
                if not outlet.read():
                    break
            outlet.finish_line()

    def close(self, outlet: Outlet) -> None:
        """The last holder of the other end is gone."""
        self.server.detach(outlet.fd)
        os.close(outlet.fd)
        outlet.fd = -1
        self.open.remove(outlet)
