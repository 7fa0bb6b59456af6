"""The log of one environment: bytes from its standard output into events of bounded size."""

from __future__ import annotations

from cloudlet.compute.environment import TAIL_BYTES, LogSink
from cloudlet.compute.report import now_ms

MAX_LINE_BYTES = 256 * 1024
# A bootstrap writes this for a newline inside one event (a traceback, a record of many lines).
INNER_NEWLINE = b"\x1e"


class EnvironmentLog:
    """Splits output into events, keeps the invocation's tail, writes to the sink."""

    __slots__ = (
        "_begun",
        "_begun_ms",
        "_partial",
        "_partial_bytes",
        "_sink",
        "_tail_bytes",
        "group",
        "stream",
        "tail",
    )

    def __init__(self, sink: LogSink, group: str, stream: str) -> None:
        self._sink = sink
        self.group, self.stream = group, stream
        self._partial: list[bytes] = []
        self._partial_bytes = 0
        #: This invocation's lines, at least the last 4 KB of them; never changed in place by the
        #: next invocation.
        self.tail: list[str] = []
        self._tail_bytes = 0
        self._begun: list[str] = []  # the platform's first lines, to leave with the next ones
        self._begun_ms = 0

    def begin(self, lines: list[str]) -> None:
        """Start an invocation's tail with its first lines; they are written with the next ones, or
        by `show_begun`.
        """
        self.show_begun()
        self.tail, self._tail_bytes = list(lines), 0
        self._begun, self._begun_ms = lines, now_ms()

    def show_begun(self) -> None:
        """Write the first lines of an invocation that has written nothing yet."""
        if self._begun:
            self.lines([])

    def output(self, data: bytes) -> int:
        """Take what the function wrote, return the number of events it made; an unfinished line
        waits for its end.
        """
        end = data.rfind(b"\n")
        if end >= 0:
            self._partial.append(data[:end])
            whole = b"".join(self._partial)
            self._keep(data[end + 1 :])
            return self._events(whole)
        self._partial.append(data)
        self._partial_bytes += len(data)
        if self._partial_bytes < MAX_LINE_BYTES:
            return 0
        whole = b"".join(self._partial)
        self._keep(whole[MAX_LINE_BYTES:])
        return self._events(whole[:MAX_LINE_BYTES])

    def _keep(self, rest: bytes) -> None:
        """What of the last line has come so far."""
        self._partial = [rest] if rest else []
        self._partial_bytes = len(rest)

    def flush(self) -> None:
        """Write an unfinished last line."""
        if self._partial:
            partial = b"".join(self._partial)
            self._keep(b"")
            self._events(partial)

    def _events(self, data: bytes) -> int:
        texts = data.decode("utf-8", "replace").split("\n")
        if len(data) > MAX_LINE_BYTES:
            texts = [
                text[start : start + MAX_LINE_BYTES]
                for text in texts
                for start in range(0, len(text) or 1, MAX_LINE_BYTES)
            ]
        if INNER_NEWLINE in data:
            texts = [text.replace("\x1e", "\n") for text in texts]
        self.lines(texts)
        return len(texts)

    def lines(self, texts: list[str]) -> None:
        """Write the platform's own lines."""
        now = now_ms()
        entries = [(now, text) for text in texts]
        if self._begun:
            begun, self._begun = self._begun, []
            entries[:0] = [(self._begun_ms, text) for text in begun]
        self._sink.write(self.group, self.stream, entries)
        self.tail += texts
        self._tail_bytes += sum(map(len, texts)) + len(texts)
        if self._tail_bytes > 16 * TAIL_BYTES:
            last = [text[-TAIL_BYTES:] for text in self.tail[-TAIL_BYTES:]]
            kept = "\n".join(last)[-TAIL_BYTES:]
            self.tail, self._tail_bytes = [kept], len(kept)
