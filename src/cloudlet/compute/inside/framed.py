"""A built-in runtime behind the launcher: the frames of its bootstrap, taken from its pipes to the
Runtime API's server and back.
"""

# Plain os calls: for any Python from 3.8 on.
from __future__ import annotations

import os
import select
import signal
from typing import Any

_PIECE = 256 * 1024
_LIMIT = 8 * 1024 * 1024  # more than any response


class FramedRuntime:
    """The launcher's ends of the runtime's two pipes."""

    def __init__(self, server: Any, requests: int, answers: int) -> None:
        self.server, self.requests, self.answers = server, requests, answers
        self.unsent = memoryview(b"")
        self.buffer = bytearray()
        for fd in (requests, answers):
            os.set_blocking(fd, False)
        server.attach(answers, select.POLLIN, self.on_readable)

    def deliver(self, body: bytes) -> None:
        """Hand an invocation out."""
        self.unsent = memoryview(len(body).to_bytes(4, "little") + body)
        self.on_writable(0)

    def on_writable(self, _: int) -> None:
        """Send what is left."""
        try:
            self.unsent = self.unsent[os.write(self.requests, self.unsent) :]
        except BlockingIOError:
            pass
        except OSError:  # its end is on the way
            self.unsent = memoryview(b"")
        if self.unsent:
            if self.requests not in self.server.handlers:
                self.server.attach(self.requests, select.POLLOUT, self.on_writable)
        else:
            self.server.detach(self.requests)

    def on_readable(self, _: int) -> None:
        """Take frames."""
        try:
            data = os.read(self.answers, _PIECE)
        except BlockingIOError:
            return
        if not data:
            self.server.detach(self.answers)
            return
        self.buffer += data
        while len(self.buffer) >= 5:
            size = 4 + int.from_bytes(self.buffer[:4], "little")
            if not 5 <= size <= _LIMIT:
                self._garbage()
                return
            if len(self.buffer) < size:
                return
            kind, body = bytes(self.buffer[4:5]), bytes(self.buffer[5:size])
            del self.buffer[:size]
            self._frame(kind, body)

    def _frame(self, kind: bytes, body: bytes) -> None:
        server = self.server
        busy = server.invocation is not None and server.invocation.state in ("running", "streaming")
        if busy and kind in (b"R", b"E", b"O"):
            server.answered(kind, body)
        elif busy and kind in (b"B", b"C"):
            server.stream(kind, body)
        elif kind == b"D" and server.initialised:  # an error that the runtime does not survive
            server.outlets.drain()
            server.channel.send(kind, body)
            server.extensions.shut_down("failure")
        elif kind == b"I" and not server.runtime_ready:
            server.ready()
        elif kind == b"F" and not server.runtime_ready:
            server.fail_initialisation(body)
        elif kind == b"X" and not server.runtime_ready:
            server.channel.send(kind, body)
        else:
            self._garbage()

    def _garbage(self) -> None:
        """The function wrote on the control channel: its runtime ends."""
        self.server.detach(self.answers)
        if self.server.runtime_pid > 0:
            os.kill(self.server.runtime_pid, signal.SIGKILL)
