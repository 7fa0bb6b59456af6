"""The Runtime API of one environment, served by its first process to the others.

AWS's HTTP interface for runtimes on one side ("Using the Lambda runtime API for custom
runtimes"), the platform's frames on the other. It listens on a free port of 127.0.0.1 and serves
the processes of its own environment only (see peers.py). What a client gets wrong, its own
environment bears; the platform sees frames, never HTTP. Built-in runtimes speak frames here too
(see framed.py); their environments have this server for the sake of extensions.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: UP031
from __future__ import annotations

import base64
import json
import os
import select
import signal
import socket
import time
from typing import Any

http: Any = None
peers: Any = None
extensions: Any = None
telemetry: Any = None
outlets: Any = None

MAX_RESPONSE = 6 * 1024 * 1024 + 100
_PIECE = 256 * 1024
_CONNECTIONS = 128
_RUNTIME = "/2018-06-01/runtime/"
_OK = {"status": "OK"}
_MODE = "lambda-runtime-function-response-mode"
_UNSAFE = {10: " ", 13: " ", 0: " "}


class Invocation:
    """The request that the environment works on."""

    def __init__(self, frame: bytes) -> None:
        size = 5 + int.from_bytes(frame[1:5], "little")
        self.head = frame[:size]
        self.header: dict[str, Any] = json.loads(frame[5:size])
        self.payload = frame[size:]
        self.id: str = self.header["id"]
        self.started = time.monotonic()
        self.state = "waiting"  # "running" once the runtime has it, then "streaming", "answered"

    def headers(self) -> dict[str, str]:
        """As the runtime gets them."""
        found = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.id,
            "Lambda-Runtime-Deadline-Ms": str(self.header["deadline"]),
            "Lambda-Runtime-Invoked-Function-Arn": self.header["arn"],
        }
        if self.header["trace"]:
            found["Lambda-Runtime-Trace-Id"] = self.header["trace"].translate(_UNSAFE)
        if self.header["client"]:
            found["Lambda-Runtime-Client-Context"] = self.header["client"].translate(_UNSAFE)
        return found


class Server:
    """The event loop of an environment's first process."""

    def __init__(self, channel: Any, spec: dict[str, Any]) -> None:
        self.channel, self.spec = channel, spec
        self.initialised = False
        self.runtime_ready = False
        self.failed = False
        self.invocation: Invocation | None = None
        self.waiting: list[Any] = []  # connections in /invocation/next
        self.connections: dict[int, Any] = {}
        self.poll = select.poll()
        self.timers: list[tuple[float, Any]] = []
        self.handlers: dict[int, Any] = {}  # of descriptors other than connections
        self.result: tuple[bytes, bytes] | None = None  # of a runtime that is done
        self.extensions = extensions.Extensions(self)
        self.telemetry = telemetry.Telemetry(self)
        self.outlets = outlets.Outlets(self)
        self.address = ""
        self.start_runtime: Any = None  # returns the pid
        self.runtime_pid = 0
        self.framed: Any = None  # the runtime, where it speaks frames

    def listen(self) -> str:
        """Take a port; returns host:port."""
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(_CONNECTIONS)
        self.listener.setblocking(False)
        self.own = self.listener.getsockname()
        self.address = "%s:%d" % self.own
        return self.address

    # --- the loop -------------------------------------------------------------------------
    def run(self) -> None:
        """Serve until the runtime or the platform ends."""
        wake, write = os.pipe()
        for fd in (wake, write):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(write)
        for fd in (wake, self.channel.fd, self.listener.fileno()):
            self.poll.register(fd, select.POLLIN)
        self.telemetry.init_start()
        self.extensions.start()
        if not self.extensions.starting:
            self.begin_runtime()
        while True:
            for fd, events in self.poll.poll(self._patience()):
                if fd == wake:
                    os.read(wake, 4096)
                    self._reap()
                elif fd == self.channel.fd:
                    self._on_frame(self.channel.receive())
                    while self.channel.buffer:
                        self._on_frame(self.channel.receive())
                elif fd == self.listener.fileno():
                    self._accept()
                elif fd in self.handlers:
                    self.handlers[fd](events)
                else:
                    self._on_connection(self.connections.get(fd), events)
            self._fire()

    def begin_runtime(self) -> None:
        """Every external extension has registered: start the runtime."""
        if not self.runtime_pid and not self.failed:
            self.runtime_pid = self.start_runtime()

    def attach(self, fd: int, flags: int, handler: Any) -> None:
        """Call the handler with what happens to a descriptor; again to change the flags."""
        self.handlers[fd] = handler
        self.poll.register(fd, flags)

    def detach(self, fd: int) -> None:
        """No longer."""
        if self.handlers.pop(fd, None) is not None:
            self.poll.unregister(fd)

    def later(self, seconds: float, action: Any) -> None:
        """Run the action after this time."""
        self.timers.append((time.monotonic() + seconds, action))

    def _patience(self) -> int | None:
        if not self.timers:
            return None
        first = min(timer[0] for timer in self.timers)
        return max(0, int((first - time.monotonic()) * 1000) + 1)

    def _fire(self) -> None:
        if self.timers:
            now = time.monotonic()
            due = [timer for timer in self.timers if timer[0] <= now]
            self.timers = [timer for timer in self.timers if timer[0] > now]
            for _, action in due:
                action()

    def _reap(self) -> None:
        """The runtime's end is the environment's; an extension's too."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.runtime_pid:
                self.runtime_pid = -1
                self.extensions.runtime_ended(status)
            else:
                self.extensions.ended(pid, status)

    # --- connections ----------------------------------------------------------------------
    def _accept(self) -> None:
        try:
            sock, peer = self.listener.accept()
        except OSError:
            return
        if len(self.connections) >= _CONNECTIONS or not peers.is_ours(peer, self.own):
            sock.close()
            return
        self.connections[sock.fileno()] = http.Connection(sock, self)
        self.poll.register(sock.fileno(), select.POLLIN)

    def _on_connection(self, connection: Any, events: int) -> None:
        if connection is None:
            return
        if events & select.POLLOUT:
            connection.on_writable()
        if not connection.closed and events & ~select.POLLOUT:
            connection.on_readable()

    def watch(self, connection: Any, *, write: bool) -> None:
        """Wait for room to write, or no longer."""
        flags = select.POLLIN | (select.POLLOUT if write else 0)
        self.poll.modify(connection.sock.fileno(), flags)

    def closed(self, connection: Any) -> None:
        """A client is gone."""
        fd = connection.sock.fileno()
        self.poll.unregister(fd)
        del self.connections[fd]
        if connection in self.waiting:
            self.waiting.remove(connection)
        self.extensions.left(connection)
        request, invocation = connection.request, self.invocation
        cut_off = request is not None and request.sink is not None and not connection.answering
        if cut_off and invocation is not None and invocation.state == "streaming":
            self._fail("Runtime.TruncatedResponse", "The response stream was cut off")

    # --- requests -------------------------------------------------------------------------
    def begin(self, request: Any) -> None:
        """A request's head has come: say how much of a body is welcome, or stream it on."""
        action = self._action(request)
        if action[1:] == ["response"]:
            request.limit = MAX_RESPONSE
            if self._running(action[0]) and self._streams(request):
                self._begin_stream(request)
        elif action[1:] == ["error"]:
            request.limit = MAX_RESPONSE

    @staticmethod
    def _action(request: Any) -> list[str]:
        """[request id, "response" | "error"] of a path below /invocation/, else []."""
        start = _RUNTIME + "invocation/"
        words: list[str] = request.path[len(start) :].split("/")
        return words if request.path.startswith(start) and len(words) == 2 else []

    def _streams(self, request: Any) -> bool:
        """A response is passed on as it comes where the caller wants that, as on AWS whatever the
        runtime says of it (aws-lambda-go says nothing), or where the runtime does.
        """
        assert self.invocation is not None
        mode = request.headers.get(_MODE, "").lower()
        return bool(mode == "streaming" or (mode == "" and self.invocation.header["stream"]))

    def _running(self, name: str) -> bool:
        invocation = self.invocation
        return invocation is not None and invocation.id == name and invocation.state == "running"

    def handle(self, connection: Any, request: Any) -> None:
        """Answer a whole request."""
        path = request.path.split("?")[0]
        if not path.startswith(_RUNTIME):
            served = self.extensions.handle(connection, request, path)
            if not served and not self.telemetry.handle(connection, request, path):
                connection.answer(404, b"404 page not found\n", {"Content-Type": "text/plain"})
            return
        name = path[len(_RUNTIME) :]
        action = self._action(request)
        if name in ("invocation/next", "restore/next"):
            self._only(connection, request, "GET", self._next if name[0] == "i" else self._restore)
        elif name in ("init/error", "restore/error"):
            self._only(connection, request, "POST", self._init_error)
        elif action and action[1] in ("response", "error"):
            self._only(connection, request, "POST", self._result)
        else:
            connection.answer(404, b"404 page not found\n", {"Content-Type": "text/plain"})

    @staticmethod
    def _only(connection: Any, request: Any, method: str, serve: Any) -> None:
        if request.method == method:
            serve(connection, request)
        else:
            connection.answer(405, b"", {"Allow": method})

    def _refuse(self, connection: Any, to: str) -> None:
        state = "Started" if not self.runtime_ready else "Running" if self.invocation else "Ready"
        connection.json(403, {
            "errorMessage": "State transition from Runtime%s to Runtime%s failed for runtime. "
            "Error: State transition is not allowed" % (state, to),
            "errorType": "InvalidStateTransition",
        })  # fmt: skip

    def _next(self, connection: Any, _: Any) -> None:
        if self.invocation is not None and self.invocation.state in ("running", "streaming"):
            self._refuse(connection, "Ready")
            return
        if self.invocation is not None and self.invocation.state == "answered":
            self.invocation = None
        self.waiting.append(connection)
        self.ready()

    def ready(self) -> None:
        """The runtime waits for an invocation."""
        if not self.runtime_ready:
            self.runtime_ready = True
            self.telemetry.init_runtime_done("success")
        self.settle()

    def settle(self) -> None:
        """Say so once everybody is ready for the first time; then hand the invocation out."""
        if self.failed or not self.extensions.ready or not self.runtime_ready:
            return
        if not self.initialised:
            self.initialised = True
            self.outlets.drain()
            self.telemetry.init_report("success")
            self.channel.send(b"I", b"")
        invocation = self.invocation
        if invocation is None:
            return
        if invocation.state == "waiting" and (self.waiting or self.framed is not None):
            invocation.state = "running"
            payload, invocation.payload = invocation.payload, b""
            if self.framed is not None:
                self.framed.deliver(invocation.head + payload)
            else:
                self.waiting.pop(0).answer(200, payload, invocation.headers())

    def _restore(self, connection: Any, _: Any) -> None:
        """Without a snapshot the restoration follows at once on the initialisation."""
        if self.spec["environ"].get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
            self._refuse(connection, "RestoreReady")
        else:
            connection.answer(200, b"", {})

    def _init_error(self, connection: Any, request: Any) -> None:
        if self.runtime_ready:
            self._refuse(connection, "InitError")
            return
        connection.json(202, _OK)
        self.fail_initialisation(self._document(request, bytes(request.body)))

    def fail_initialisation(self, document: bytes) -> None:
        """Tell the platform; it ends the environment."""
        if not self.failed and not self.initialised:
            self.failed = True
            self.outlets.drain()
            if not self.runtime_ready:
                self.telemetry.init_runtime_done("error", document)
            self.telemetry.init_report("error", document)
            self.channel.send(b"F", document)

    def _result(self, connection: Any, request: Any) -> None:
        name, kind = self._action(request)
        invocation = self.invocation
        if invocation is None or invocation.id != name or invocation.state == "waiting":
            connection.json(400, {"errorMessage": "Invalid request ID",
                                  "errorType": "InvalidRequestID"})  # fmt: skip
        elif request.sink is not None:
            self._end_response(connection, request, b"")
        elif kind == "response" and request.headers.get(_MODE, "").lower() not in ("", "streaming"):
            document = {"errorType": "Runtime.InvalidResponseModeHeader", "errorMessage": ""}
            self.answered(b"E", json.dumps(document).encode())
            connection.json(400, {"errorMessage": "Invalid function response mode",
                                  "errorType": "InvalidFunctionResponseMode"})  # fmt: skip
        elif invocation.state != "running":
            self._refuse(connection, "InvocationResponse")
        elif request.oversized:
            self.answered(b"O", b"")
            connection.json(413, {
                "errorMessage": "Exceeded maximum allowed payload size (%d bytes)." % MAX_RESPONSE,
                "errorType": "RequestEntityTooLarge",
            })  # fmt: skip
        else:
            body = bytes(request.body)
            if kind == "response":
                self._end_response(connection, request, body)
            else:
                self.answered(b"E", self._document(request, body))
                connection.json(202, _OK)

    def answered(self, kind: bytes, body: bytes) -> None:
        """The runtime is done with the invocation."""
        assert self.invocation is not None
        self.invocation.state = "answered"
        self.outlets.drain()
        self.telemetry.runtime_done(self.invocation, kind, body)
        self.result = kind, body
        self.conclude()

    def conclude(self) -> None:
        """Tell the platform of the invocation's end, once every extension is done with it."""
        if self.result is not None and self.extensions.ready:
            kind, body = self.result
            self.result = None
            self.outlets.drain()
            self.channel.send(kind, body)

    @staticmethod
    def _document(request: Any, body: bytes) -> bytes:
        """An error as the caller gets it: what the runtime wrote, if that is JSON."""
        try:
            json.loads(body)
        except ValueError:
            kind = request.headers.get("lambda-runtime-function-error-type", "Runtime.Unknown")
            return json.dumps({"errorType": kind, "errorMessage": ""}).encode()
        return body

    # --- streamed responses ---------------------------------------------------------------
    def _begin_stream(self, request: Any) -> None:
        kind = request.headers.get("content-type", "application/octet-stream")
        self.stream(b"B", kind.encode("latin-1", "replace"))

        def take(data: bytes) -> None:
            for start in range(0, len(data), _PIECE):
                self.stream(b"C", data[start : start + _PIECE])

        request.sink = take

    def stream(self, kind: bytes, body: bytes) -> None:
        """A streamed response begins, or goes on."""
        assert self.invocation is not None
        self.invocation.state = "streaming"
        self.telemetry.streamed(kind, body)
        self.channel.send(kind, body)

    def _end_response(self, connection: Any, request: Any, body: bytes) -> None:
        """It is whole, with `body` where that was not streamed, unless the trailers tell of an
        error.
        """
        kind = request.trailers.get("lambda-runtime-function-error-type")
        if not kind:
            self.answered(b"R", body)
        else:
            try:
                text = request.trailers.get("lambda-runtime-function-error-body", "")
                document = base64.b64decode(text, validate=True)
                json.loads(document)
            except ValueError:
                document = json.dumps({"errorType": kind, "errorMessage": ""}).encode()
            self.answered(b"E", document)
        connection.json(202, _OK)

    def _fail(self, kind: str, message: str) -> None:
        self.answered(b"E", json.dumps({"errorType": kind, "errorMessage": message}).encode())

    # --- the platform ---------------------------------------------------------------------
    def _on_frame(self, frame: bytes) -> None:
        if frame[:1] == b"Q":
            self.invocation = Invocation(frame)
            self.telemetry.start(self.invocation)
            self.extensions.invoke(self.invocation.header)
            self.settle()
        elif frame[:1] == b"T":
            self.telemetry.report(json.loads(frame[1:]))
        elif frame[:1] == b"Z":
            reason = frame[1:].decode()
            if reason == "timeout":
                self.telemetry.timed_out(self.invocation)
            self.extensions.shut_down(reason)
