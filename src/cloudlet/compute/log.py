"""The log of one environment: bytes from its standard output into events of bounded size."""

from __future__ import annotations

from cloudlet.compute.environment import LogSink
from cloudlet.compute.report import now_ms

MAX_LINE_BYTES = 256 * 1024
TAIL_BYTES = 4096
# A bootstrap writes this for a newline inside one event (a traceback, a record of many lines).
INNER_NEWLINE = b"\x1e"


class EnvironmentLog:
    """Splits output into events, keeps the invocation's tail, writes to the sink."""

    __slots__ = ("_partial", "_sink", "_tail", "_tail_bytes", "group", "stream")

    def __init__(self, sink: LogSink, group: str, stream: str) -> None:
        self._sink = sink
        self.group, self.stream = group, stream
        self._partial = b""
        self._tail: list[str] = []
        self._tail_bytes = 0

    def begin(self, line: str) -> None:
        """Start an invocation's tail with its START line."""
        self._tail, self._tail_bytes = [], 0
        self.lines([line])

    def output(self, data: bytes) -> None:
        """Take what the function wrote; an unfinished line waits for its end."""
        data = self._partial + data
        *whole, self._partial = data.split(b"\n")
        while len(self._partial) > MAX_LINE_BYTES:
            whole.append(self._partial[:MAX_LINE_BYTES])
            self._partial = self._partial[MAX_LINE_BYTES:]
        if whole:
            self._events(whole)

    def flush(self) -> None:
        """Write an unfinished last line."""
        if self._partial:
            partial, self._partial = self._partial, b""
            self._events([partial])

    def _events(self, raw: list[bytes]) -> None:
        texts: list[str] = []
        for line in raw:
            for start in range(0, len(line) or 1, MAX_LINE_BYTES):
                piece = line[start : start + MAX_LINE_BYTES].replace(INNER_NEWLINE, b"\n")
                texts.append(piece.decode("utf-8", "replace"))
        self.lines(texts)

    def lines(self, texts: list[str]) -> None:
        """Write the platform's own lines."""
        now = now_ms()
        self._sink.write(self.group, self.stream, [(now, text) for text in texts])
        self._tail += texts
        self._tail_bytes += sum(map(len, texts)) + len(texts)
        if self._tail_bytes > 16 * TAIL_BYTES:
            kept = "\n".join(self._tail)[-TAIL_BYTES:]
            self._tail, self._tail_bytes = [kept], len(kept)

    def tail(self) -> bytes:
        """The last 4 KB of this invocation's log."""
        return ("\n".join(self._tail) + "\n").encode()[-TAIL_BYTES:]
