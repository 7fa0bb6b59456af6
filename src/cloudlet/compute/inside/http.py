"""Just enough HTTP/1.1 for the APIs that an environment serves to its own processes.

Single-threaded, never blocking on a client: a slow, silent or broken one costs a descriptor.
The server of inside/api.py gives each request's parts to its handlers.
"""

# Plain old forms: for any Python from 3.8 on.
# ruff: noqa: UP031
from __future__ import annotations

import json
import socket
from typing import Any

MAX_HEAD = 64 * 1024
MAX_LINE = 1024
REASONS = {
    100: "Continue", 200: "OK", 202: "Accepted", 400: "Bad Request", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 413: "Request Entity Too Large",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
}  # fmt: skip


class BadRequest(Exception):
    """The bytes are not HTTP as we know it; the connection is lost after the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Request:
    """One request; `sink` takes the body's parts where somebody wants them as they come."""

    __slots__ = ("body", "headers", "limit", "method", "oversized", "path", "sink", "trailers")

    def __init__(self, method: str, path: str, headers: dict[str, str]) -> None:
        self.method, self.path, self.headers = method, path, headers
        self.body = bytearray()
        self.trailers: dict[str, str] = {}
        self.limit = 1024 * 1024
        self.oversized = False
        self.sink: Any = None

    def take(self, data: bytes) -> None:
        """A part of the body; what is over the limit is counted and dropped."""
        if self.sink is not None:
            self.sink(data)
        elif self.oversized or len(self.body) + len(data) > self.limit:
            self.oversized = True
            self.body.clear()
        else:
            self.body += data


class Connection:
    """One client: reads requests one at a time, answers each before it reads the next."""

    def __init__(self, sock: socket.socket, server: Any) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.server = sock, server
        self.request: Request | None = None  # whose body comes, or which awaits its answer
        self.answering = False
        self.closed = False
        self.close_after = False
        self._in = bytearray()
        self._out = bytearray()
        self._left = 0  # bytes of the body or of the chunk; -1: a chunk's size is next
        self._chunked = False
        self._in_trailers = False

    # --- the event loop's side ------------------------------------------------------------
    def on_readable(self) -> None:
        """Take what came."""
        try:
            data = self.sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        if self.answering and len(self._in) > MAX_HEAD:  # pipelines more than we care to hold
            self.close()
            return
        self._in += data
        self.advance()

    def on_writable(self) -> None:
        """Send what is left."""
        try:
            sent = self.sock.send(self._out)
        except BlockingIOError:
            return
        except OSError:
            self.close()
            return
        del self._out[:sent]
        if not self._out:
            self.server.watch(self, write=False)
            if self.close_after:
                self.close()

    def close(self) -> None:
        """Let go; the server is told, so that nothing waits on this connection."""
        if not self.closed:
            self.closed = True
            self.server.closed(self)
            self.sock.close()

    # --- reading --------------------------------------------------------------------------
    def advance(self) -> None:
        """Parse as far as the bytes go."""
        try:
            while not self.closed and not self.answering and self._step():
                pass
        except BadRequest as bad:
            self.close_after = True
            self.answer(bad.status, b"", {})
        except (ValueError, UnicodeError):
            self.close_after = True
            self.answer(400, b"", {})

    def _step(self) -> bool:
        """One part: a head, a piece of a body; False when more bytes are needed."""
        if self.request is None:
            return self._head()
        if not self._chunked:
            return self._piece()
        if self._left > 0:
            return self._piece()
        return self._chunk_line()

    def _head(self) -> bool:
        end = self._in.find(b"\r\n\r\n")
        if end < 0:
            if len(self._in) > MAX_HEAD:
                raise BadRequest(431)
            return False
        lines = bytes(self._in[:end]).decode("latin-1").split("\r\n")
        del self._in[: end + 4]
        if not lines[0] and len(lines) > 1:  # a stray line end before a request is allowed
            lines.pop(0)
        method, path, version = lines[0].split(" ")
        if not version.startswith("HTTP/1."):
            raise BadRequest(400)
        request = Request(method, path, fields(lines[1:]))
        headers = request.headers
        self._chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        if "transfer-encoding" in headers and not self._chunked:
            raise BadRequest(501)
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or len(length) > 18:
            raise BadRequest(400)
        self._left = -1 if self._chunked else int(length)
        self._in_trailers = False
        wants = headers.get("connection", "").lower()
        self.close_after = wants == "close" or (version == "HTTP/1.0" and wants != "keep-alive")
        self.request = request
        self.server.begin(request)
        if headers.get("expect", "").lower() == "100-continue":
            self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._left == 0:
            self._complete()
        return True

    def _piece(self) -> bool:
        if not self._in:
            return False
        assert self.request is not None
        data = bytes(self._in[: self._left])
        del self._in[: len(data)]
        self._left -= len(data)
        self.request.take(data)
        if self._left == 0:
            if self._chunked:
                self._left = -2  # the line end after a chunk
            else:
                self._complete()
        return True

    def _chunk_line(self) -> bool:
        end = self._in.find(b"\r\n")
        if end < 0:
            if len(self._in) > MAX_HEAD:
                raise BadRequest(400)
            return False
        line = bytes(self._in[:end])
        del self._in[: end + 2]
        assert self.request is not None
        if self._in_trailers:
            if line:
                self.request.trailers.update(fields([line.decode("latin-1")]))
            else:
                self._complete()
        elif self._left == -2:
            if line:
                raise BadRequest(400)
            self._left = -1
        else:
            digits = line.partition(b";")[0].strip()
            if not 0 < len(digits) <= 12 or not all(d in b"0123456789abcdefABCDEF" for d in digits):
                raise BadRequest(400)
            self._left = int(digits, 16)
            self._in_trailers = self._left == 0
        return True

    def _complete(self) -> None:
        """The request is whole: its handler answers, now or later."""
        self.answering = True
        self.server.handle(self, self.request)

    # --- answering ------------------------------------------------------------------------
    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Answer the request at hand and read on."""
        lines = ["HTTP/1.1 %d %s" % (status, REASONS.get(status, "Status"))]
        lines += ["%s: %s" % item for item in headers.items()]
        lines.append("Content-Length: %d" % len(body))
        if self.close_after:
            lines.append("Connection: close")
        head = "\r\n".join(lines) + "\r\n\r\n"
        self.request, self.answering = None, False
        self._send(head.encode("utf-8", "surrogateescape") + body)
        if self.close_after and not self._out:
            self.close()

    def json(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        """Answer with a JSON document."""
        own = {"Content-Type": "application/json"}
        own.update(headers or {})
        self.answer(status, json.dumps(document).encode(), own)

    def _send(self, data: bytes) -> None:
        if self.closed:
            return
        if not self._out:
            try:
                sent = self.sock.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self.close()
                return
            data = data[sent:]
            if data:
                self.server.watch(self, write=True)
        self._out += data


def fields(lines: list[str]) -> dict[str, str]:
    """Header lines by lower-case name; of a repeated one the last."""
    found = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest(400)
        found[name.lower()] = value.strip()
    return found
