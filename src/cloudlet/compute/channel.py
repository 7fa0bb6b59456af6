"""The platform's end of the two pipes over which it speaks with an environment, in frames: u32
length of what follows (little endian), one byte kind, body.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable
from time import perf_counter

from cloudlet.compute.readiness import readiness
from cloudlet.compute.report import MAX_RESPONSE_BYTES

_FRAME_LIMIT = MAX_RESPONSE_BYTES + 1024 * 1024
_READ_BYTES = 1 << 16  # a pipe holds no more; a larger buffer is a system call of its own


class Channel:
    """Sends frames, and hands on those that come.

    `broken` is called when the other end keeps no protocol, `ended` when it has closed. All
    methods belong to the event loop; nothing waits.
    """

    def __init__(
        self,
        requests: int,
        answers: int,
        frame: Callable[[bytes, bytes], None],
        broken: Callable[[], None],
        ended: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._requests, self._answers = requests, answers
        self._frame, self._broken, self._ended = frame, broken, ended
        self._buffer = bytearray()
        self._large: tuple[bytes, io.BytesIO] | None = None  # a frame of many reads: kind, body
        self._lacking = 0  # bytes of it
        self._unsent = memoryview(b"")
        self._is_paused = self._is_at_end = False
        self._loop.add_reader(answers, self._on_readable)
        self._poll = readiness(answers)

    def send(self, kind: bytes, body: bytes) -> None:
        """Send a frame, now or as the pipe takes it."""
        data = (len(body) + 1).to_bytes(4, "little") + kind + body
        if self._unsent:  # a frame is still leaving: the environment broke the protocol
            self._broken()
            return
        try:
            written = os.write(self._requests, data)
        except BlockingIOError:
            written = 0
        except BrokenPipeError:
            return  # its end is on the way
        if written < len(data):
            self._unsent = memoryview(data)[written:]
            self._loop.add_writer(self._requests, self._on_writable)

    def _on_writable(self) -> None:
        try:
            written = os.write(self._requests, self._unsent)
        except BlockingIOError:
            return
        except BrokenPipeError:
            written = len(self._unsent)
        self._unsent = self._unsent[written:]
        if not self._unsent:
            self._loop.remove_writer(self._requests)

    def _on_readable(self) -> None:
        self.read()

    def read(self) -> bool:
        """Read once and hand on what is whole; False when there is nothing more now."""
        if self._answers < 0 or self._is_at_end:
            return False
        try:
            data = os.read(self._answers, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:  # the process is ending, or has closed its end and shall
            self._is_at_end = True
            self._loop.remove_reader(self._answers)
            self._ended()
            return False
        if self._large is not None:
            return self._continue(data)
        if not self._buffer and int.from_bytes(data[:4], "little") + 4 == len(data) > 4:
            self._frame(data[4:5], data[5:])
            return True
        self._buffer += data
        return self._hand_on()

    def attend(self, seconds: float) -> None:
        """Look again and again for so long, until something came, and hand it on."""
        until = perf_counter() + seconds
        while not (self._poll(0) and self.read()) and perf_counter() < until:
            pass

    def _hand_on(self) -> bool:
        """The frames that are whole; False when the channel is not read any more."""
        while len(self._buffer) >= 5:
            size = 4 + int.from_bytes(self._buffer[:4], "little")
            if not 5 <= size <= _FRAME_LIMIT:
                self.distrust()
                return False
            if len(self._buffer) < size:
                if size > _READ_BYTES:
                    self._begin_large(size)
                break
            kind = bytes(self._buffer[4:5])
            with memoryview(self._buffer) as view:
                body = bytes(view[5:size])
            del self._buffer[:size]
            self._frame(kind, body)
            if self._answers < 0:
                return False
        return True

    def _begin_large(self, size: int) -> None:
        """Gather a frame where it grows in place: a copy of megabytes, when it is whole, would
        hold up the event loop for a millisecond.
        """
        body = io.BytesIO()
        with memoryview(self._buffer) as view:
            body.write(view[5:])
        self._large, self._lacking = (bytes(self._buffer[4:5]), body), size - len(self._buffer)
        self._buffer.clear()

    def _continue(self, data: bytes) -> bool:
        assert self._large is not None
        kind, body = self._large
        rest = data[self._lacking :]
        body.write(data[: self._lacking] if rest else data)
        self._lacking -= len(data) - len(rest)
        if not self._lacking:
            self._large = None
            self._frame(kind, body.getvalue())
            self._buffer += rest
            return self._answers >= 0 and self._hand_on()
        return True

    def distrust(self) -> None:
        """Read no more: the function wrote here, or the bootstrap keeps no protocol."""
        self._buffer.clear()
        self._large = None
        if self._answers >= 0:
            self._loop.remove_reader(self._answers)
        self._broken()

    def pause(self) -> None:
        """Read no more until `resume`, so that the other end has to wait."""
        self._is_paused = True
        self._loop.remove_reader(self._answers)

    def resume(self) -> None:
        """Go on reading, where it was paused."""
        if self._is_paused and self._answers >= 0:
            self._is_paused = False
            self._loop.add_reader(self._answers, self._on_readable)

    def close(self) -> None:
        """Let go of both pipes."""
        if self._answers < 0:
            return
        self._loop.remove_reader(self._answers)
        self._loop.remove_writer(self._requests)
        os.close(self._requests)
        os.close(self._answers)
        self._requests = self._answers = -1
