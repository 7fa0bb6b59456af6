"""Telemetry's way to an extension: buffered, in batches, over HTTP or TCP to a port that a process
of the same environment listens on ("Configuring memory usage and buffering", AWS Lambda Developer
Guide).

Nothing waits here: a slow, silent or absent listener costs records, of which it is told.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: UP031
from __future__ import annotations

import json
import select
import socket
import time
from typing import Any

peers: Any = None
telemetry: Any = None

_ATTEMPT_S = 5.0
_BACKOFF_S = (0.1, 2.0)  # first, most
_ANSWER = 64 * 1024
_FALLEN_BEHIND = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."


class Subscriber:
    """One extension's subscription: what waits for it, and the batch on its way."""

    def __init__(self, server: Any, name: str, wanted: Any) -> None:
        self.server, self.name, self.wanted = server, name, wanted
        self.waiting: list[bytes] = []
        self.waiting_bytes = 0
        self.oldest = 0.0  # when the first of those came
        self.batch: list[bytes] = []  # on its way, until it is acknowledged
        self.batch_bytes = 0
        self.dropped = [0, 0]  # records, bytes
        self.backoff_s = 0.0
        self.attempt: Attempt | None = None
        self.ending = False

    def put(self, event: dict[str, Any]) -> None:
        """Buffer an event, if it is wanted; drop it where too many wait already."""
        for form in render(event, self.wanted):
            data = json.dumps(form, separators=(",", ":"), ensure_ascii=False)
            encoded = data.encode("utf-8", "replace")
            held = self.waiting_bytes + self.batch_bytes
            if held + len(encoded) > 2 * self.wanted.max_bytes:
                self.dropped[0] += 1
                self.dropped[1] += len(encoded)
                continue
            if not self.waiting:
                self.oldest = time.monotonic()
                self.server.later(self.wanted.timeout_ms / 1000, self.look)
            self.waiting.append(encoded)
            self.waiting_bytes += len(encoded)
        self.look()

    @property
    def empty(self) -> bool:
        """Whether all has arrived."""
        return not self.waiting and not self.batch

    def flush(self) -> None:
        """Send what there is, from now on at once."""
        self.ending = True
        self.look()

    def look(self) -> None:
        """Send a batch, if one is due and none is on its way."""
        if self.attempt is not None or (self.backoff_s and self.batch):
            return
        if not self.batch and self.waiting:
            age_ms = (time.monotonic() - self.oldest) * 1000
            wanted = self.wanted
            full = len(self.waiting) >= wanted.max_items or self.waiting_bytes >= wanted.max_bytes
            if full or self.ending or age_ms >= wanted.timeout_ms:
                self.batch, self.batch_bytes = self.waiting, self.waiting_bytes
                self.waiting, self.waiting_bytes = [], 0
        if self.batch:
            self.attempt = Attempt(self)

    def ended(self, *, acknowledged: bool) -> None:
        """The attempt is over."""
        self.attempt = None
        if acknowledged:
            self.batch, self.batch_bytes, self.backoff_s = [], 0, 0.0
            self._own_up()
            if self.waiting:
                self.look()
                if self.attempt is None:
                    due = self.oldest + self.wanted.timeout_ms / 1000 - time.monotonic()
                    self.server.later(max(0.0, due), self.look)
            self.server.telemetry.arrived()
            return
        self.backoff_s = min(_BACKOFF_S[1], self.backoff_s * 2 or _BACKOFF_S[0])
        self.server.later(self.backoff_s, self._again)

    def _again(self) -> None:
        if self.batch and self.attempt is None:
            self.attempt = Attempt(self)

    def _own_up(self) -> None:
        """Tell of what was dropped."""
        records, size = self.dropped
        if records:
            self.dropped = [0, 0]
            record = {
                "droppedBytes": size,
                "droppedRecords": records,
                "reason": _FALLEN_BEHIND,
            }
            now = telemetry.moment(time.time())
            self.put({"time": now, "type": "platform.logsDropped", "record": record})


class Attempt:
    """One try to hand a batch over."""

    def __init__(self, subscriber: Subscriber) -> None:
        self.subscriber, self.server = subscriber, subscriber.server
        self.over = False
        self.answer = bytearray()
        wanted = subscriber.wanted
        if wanted.protocol == "TCP":
            self.unsent = memoryview(b"".join(line + b"\n" for line in subscriber.batch))
        else:
            body = b"[" + b",".join(subscriber.batch) + b"]"
            head = (
                "%s %s HTTP/1.1\r\nHost: sandbox.localdomain:%d\r\nConnection: close\r\n"
                "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                % (wanted.method, wanted.path, wanted.port, len(body))
            )
            self.unsent = memoryview(head.encode() + body)
        self.sock = socket.socket()
        self.sock.setblocking(False)
        if not peers.listens(wanted.port):
            # Not now: the caller has yet to note the attempt.
            self.server.later(0.0, lambda: self._end(acknowledged=False))
            return
        self.sock.connect_ex(("127.0.0.1", wanted.port))
        self.server.attach(self.sock.fileno(), select.POLLOUT, self.on_event)
        self.server.later(_ATTEMPT_S, lambda: self._end(acknowledged=False))

    def on_event(self, _: int) -> None:
        """The connection stands, failed, takes more, or has an answer."""
        try:
            if self.unsent:
                self.unsent = self.unsent[self.sock.send(self.unsent) :]
                if not self.unsent:
                    self._sent()
            else:
                self._received(self.sock.recv(_ANSWER))
        except BlockingIOError:
            pass
        except OSError:
            self._end(acknowledged=False)

    def _sent(self) -> None:
        if self.subscriber.wanted.protocol == "TCP":
            self._end(acknowledged=True)
        else:
            self.server.attach(self.sock.fileno(), select.POLLIN, self.on_event)

    def _received(self, data: bytes) -> None:
        """The answer counts when it is whole."""
        self.answer += data
        head, separator, body = bytes(self.answer).partition(b"\r\n\r\n")
        whole = not data or len(self.answer) > _ANSWER
        if separator:
            for line in head.lower().split(b"\r\n"):
                if line.startswith(b"content-length:") and line[15:].strip().isdigit():
                    whole = whole or len(body) >= int(line[15:])
        if whole:
            status = head.split(b" ", 2)[1:2]
            self._end(acknowledged=bool(separator) and status[0][:1] == b"2")

    def _end(self, *, acknowledged: bool) -> None:
        if not self.over:
            self.over = True
            self.server.detach(self.sock.fileno())
            self.sock.close()
            self.subscriber.ended(acknowledged=acknowledged)


def render(event: dict[str, Any], wanted: Any) -> list[dict[str, Any]]:
    """The event as the subscription's API and schema have it; none where it is not wanted."""
    kind: str = event["type"]
    category = kind.partition(".")[0]
    if category not in wanted.types:
        return []
    if wanted.api.name == "Logs":
        return _as_log(event, wanted.schema)
    if category != "platform" and wanted.schema != "2022-07-01" and event["record"][:1] == "{":
        try:
            document = json.loads(event["record"])
        except ValueError:
            return [event]
        return [dict(event, record=document)]
    return [event]


def _as_log(event: dict[str, Any], schema: str) -> list[dict[str, Any]]:
    """The Logs API's older events."""
    kind, record = event["type"], event["record"]
    if kind == "platform.telemetrySubscription":
        return [dict(event, type="platform.logsSubscription")]
    if kind == "platform.report":
        request = {"requestId": record["requestId"]}
        return [
            dict(event, type="platform.end", record=request),
            dict(event, record=dict(request, metrics=record["metrics"])),
        ]
    if kind == "platform.runtimeDone":
        status = {"error": "failure"}.get(record["status"], record["status"])
        record = {"requestId": record["requestId"], "status": status}
        return [dict(event, record=record)] if schema == "2021-03-18" else []
    if kind.startswith("platform.init"):
        return []
    return [event]
