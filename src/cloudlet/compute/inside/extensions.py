"""The Extensions API: processes of /opt/extensions and threads of the runtime that follow an
environment's life ("Using the Lambda Extensions API to create extensions").

Errors and the order of a shutdown are those of AWS's own runtime interface emulator, where the
guide leaves them open.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH119, UP031
from __future__ import annotations

import json
import os
import signal
import time
import uuid
from typing import Any

_BASE = "/2020-01-01/extension/"
_MAX_EXTENSIONS = 10
# The guide's limits of a shutdown with internal extensions only, and with external ones; of the
# latter the runtime may have so much, with an internal extension or without.
_INTERNAL_MS, _EXTERNAL_MS = 500, 2000
_RUNTIME_S = 0.3
# "Extensions can access the function's environment variables, except for ..."
_RUNTIMES_OWN = (
    "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT", "_HANDLER",
)  # fmt: skip


def environ(spec: dict[str, Any]) -> dict[str, str]:
    """The variables of an external extension."""
    return {n: value for n, value in spec["environ"].items() if n not in _RUNTIMES_OWN}


class Extension:
    """One registered extension."""

    def __init__(self, name: str, events: list[str], *, external: bool) -> None:
        self.name, self.events, self.external = name, events, external
        self.id = str(uuid.uuid4())
        self.ready = False  # has asked for its next event
        self.connection: Any = None  # that waits for one
        self.queue: list[dict[str, Any]] = []

    def push(self, event: dict[str, Any]) -> None:
        """Deliver an event, now or when it is asked for."""
        self.queue.append(event)
        self.deliver()

    def deliver(self) -> None:
        """Answer the poll."""
        if self.connection is not None and self.queue:
            connection, self.connection = self.connection, None
            headers = {"Lambda-Extension-Event-Identifier": str(uuid.uuid4())}
            connection.json(200, self.queue.pop(0), headers)


class Extensions:
    """All of an environment's extensions."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.launch: Any = None  # starts an external one by its path, returns the pid
        self.pids: dict[int, str] = {}  # the external ones: name by pid
        self.starting: set[str] = set()  # names of those yet to register
        self.registered: dict[str, Extension] = {}  # by id
        self.ending = ""  # the reason
        self.deadline = 0.0

    def start(self) -> None:
        """Start the external ones."""
        paths = self.server.spec.get("extensions", ())
        if len(paths) > _MAX_EXTENSIONS:
            self.fail("Extension.LaunchError", "Extension limit (%d) reached" % _MAX_EXTENSIONS)
            return
        for path in paths:
            name = os.path.basename(path)
            self.starting.add(name)
            try:
                self.pids[self.launch(path)] = name
            except OSError as error:
                self.fail("Extension.LaunchError", "fork/exec %s: %s" % (path, error.strerror))
                return

    @property
    def ready(self) -> bool:
        """Whether all have registered and asked for their next event."""
        return not self.starting and all(e.ready for e in self.registered.values())

    def ended(self, pid: int, status: int) -> None:
        """A child exited: an extension that does fails the environment."""
        name = self.pids.pop(pid, None)
        if name is None:
            return
        if self.ending:
            if not self.pids and self.server.runtime_pid <= 0:
                self._leave()
            return
        reason = "exit code %d" % (status >> 8)
        if status >> 8:
            reason = "exit status %d" % (status >> 8)
        if os.WIFSIGNALED(status):
            reason = "signal: %s" % signal.Signals(os.WTERMSIG(status)).name
        self.fail("Extension.Crash", reason)

    def fail(self, kind: str, message: str) -> None:
        """The environment is lost."""
        server = self.server
        running = server.invocation.id if server.invocation else server.spec["request_id"]
        message = "RequestId: %s Error: %s" % (running, message)
        os.write(1, ("%s\n%s\n" % (message, kind)).encode())
        document = json.dumps({"errorType": kind, "errorMessage": message}).encode()
        if server.initialised:
            server.channel.send(b"D", document)
            self.shut_down("failure")
        else:
            server.fail_initialisation(document)

    def left(self, connection: Any) -> None:
        """A connection closed."""
        for extension in self.registered.values():
            if extension.connection is connection:
                extension.connection = None

    # --- events ---------------------------------------------------------------------------
    def invoke(self, header: dict[str, Any]) -> None:
        """An invocation begins."""
        event = {
            "eventType": "INVOKE",
            "deadlineMs": header["deadline"],
            "requestId": header["id"],
            "invokedFunctionArn": header["arn"],
            "tracing": {"type": "X-Amzn-Trace-Id", "value": header["trace"]},
        }
        for extension in self.registered.values():
            if "INVOKE" in extension.events:
                extension.ready = False
                extension.push(event)

    # --- the end --------------------------------------------------------------------------
    def runtime_ended(self, status: int) -> None:
        """The runtime's end is the environment's."""
        server = self.server
        if self.ending:
            self._shut_down_extensions()
            return
        server.outlets.drain()
        server.channel.send(b"W", status.to_bytes(4, "little"))
        if not self.registered:
            os._exit(1 if os.WIFSIGNALED(status) else status >> 8)
        server.telemetry.runtime_exited(server.invocation)
        server.channel.send(b"G", b"")
        self.shut_down("failure")

    def shut_down(self, reason: str) -> None:
        """The environment ends: the runtime first, then the extensions, in the guide's time."""
        if self.ending:
            return
        self.ending = reason
        if not self.registered:
            self._leave()
        external = any(extension.external for extension in self.registered.values())
        limit_s = (_EXTERNAL_MS if external else _INTERNAL_MS) / 1000
        self.deadline = time.time() + limit_s
        self.server.later(limit_s, self._leave)
        pid = self.server.runtime_pid
        if pid <= 0:
            self._shut_down_extensions()
            return
        internal = any(not extension.external for extension in self.registered.values())
        os.kill(pid, signal.SIGTERM)
        self.server.later(_INTERNAL_MS / 1000 if internal else _RUNTIME_S, self._kill_runtime)

    def _kill_runtime(self) -> None:
        if self.server.runtime_pid > 0:
            os.kill(self.server.runtime_pid, signal.SIGKILL)

    def _shut_down_extensions(self) -> None:
        """Let telemetry arrive, then tell those that registered for it, and end the others."""
        if not self.pids:
            self._leave()
        self.server.telemetry.flush(self._tell)

    def _tell(self) -> None:
        told = {e.name: e for e in self.registered.values() if "SHUTDOWN" in e.events}
        for pid, name in self.pids.items():
            if name not in told:
                os.kill(pid, signal.SIGKILL)
                continue
            event = {
                "eventType": "SHUTDOWN",
                "shutdownReason": self.ending,
                "deadlineMs": int(self.deadline * 1000),
            }
            told[name].push(event)

    def _leave(self) -> None:
        """All that is left ends with this process."""
        self.server.outlets.drain()
        os._exit(0)

    # --- requests -------------------------------------------------------------------------
    def handle(self, connection: Any, request: Any, path: str) -> bool:
        """Serve the extensions' paths; False for others."""
        routes = {
            "register": ("POST", self._register),
            "event/next": ("GET", self._next),
            "init/error": ("POST", self._init_error),
            "exit/error": ("POST", self._exit_error),
        }
        route = routes.get(path[len(_BASE) :]) if path.startswith(_BASE) else None
        if route is None:
            return False
        method, serve = route
        if request.method == method:
            serve(connection, request)
        else:
            connection.answer(405, b"", {"Allow": method})
        return True

    def known(self, connection: Any, request: Any) -> Extension | None:
        """The extension that speaks; answers where it is none."""
        identifier = request.headers.get("lambda-extension-identifier")
        extension = self.registered.get(identifier) if identifier else None
        if not identifier:
            _refuse(connection, "MissingExtensionIdentifier",
                    "Missing Lambda-Extension-Identifier header")  # fmt: skip
        elif extension is None:
            try:
                uuid.UUID(identifier)
            except ValueError:
                _refuse(connection, "InvalidExtensionIdentifier",
                        "Invalid Lambda-Extension-Identifier")  # fmt: skip
            else:
                _refuse(connection, "UnknownExtensionIdentifier", "Unknown extension %s"
                        % identifier)  # fmt: skip
        return extension

    def _register(self, connection: Any, request: Any) -> None:
        name = request.headers.get("lambda-extension-name")
        if not name:
            _refuse(connection, "InvalidExtensionName", "Empty extension name")
            return
        try:
            document = json.loads(request.body)
            events = document.get("events") or []
            if not isinstance(events, list):
                raise ValueError
        except (ValueError, AttributeError):
            connection.json(403, {"errorMessage": "Invalid request format",
                                  "errorType": "InvalidRequestFormat"})  # fmt: skip
            return
        external = name in self.pids.values()
        allowed = {"INVOKE", "SHUTDOWN"} if external else {"INVOKE"}
        wrong = [event for event in events if event not in allowed]
        if wrong:
            reason = "ShutdownEventNotSupportedForInternalExtension"
            reason = reason if wrong[0] == "SHUTDOWN" else "ErrorInvalidEventType"
            _refuse(connection, "InvalidEventType", "%s: %s" % (wrong[0], reason))
        elif external and name not in self.starting:
            _refuse(connection, "InvalidExtensionState", "State transition from Registered to "
                    "Registered failed for extension %s. Error: State transition is not allowed"
                    % name)  # fmt: skip
        elif self.server.runtime_ready or self.server.failed:
            _refuse(connection, "RegistrationClosed", "Extension registration closed already")
        elif any(extension.name == name for extension in self.registered.values()):
            _refuse(connection, "InvalidExtensionState",
                    "Extension with this name already registered")  # fmt: skip
        elif len(self.registered) >= _MAX_EXTENSIONS:
            _refuse(connection, "TooManyExtensions", "Extension limit (10) reached")
        else:
            events = [event for event in ("INVOKE", "SHUTDOWN") if event in events]
            self._accept(connection, request, Extension(name, events, external=external))

    def _accept(self, connection: Any, request: Any, extension: Extension) -> None:
        self.registered[extension.id] = extension
        limit_ms = _EXTERNAL_MS if extension.external else _INTERNAL_MS
        self.server.channel.send(b"A", str(limit_ms).encode())
        values = self.server.spec["environ"]
        document = {
            "functionName": values.get("AWS_LAMBDA_FUNCTION_NAME", ""),
            "functionVersion": values.get("AWS_LAMBDA_FUNCTION_VERSION", ""),
            "handler": values.get("_HANDLER", ""),
        }
        features = request.headers.get("lambda-extension-accept-feature", "")
        if "accountId" in [feature.strip() for feature in features.split(",")]:
            document["accountId"] = self.server.spec.get("account", "")
        connection.json(200, document, {"Lambda-Extension-Identifier": extension.id})
        self.starting.discard(extension.name)
        if not self.starting:
            self.server.begin_runtime()

    def _next(self, connection: Any, request: Any) -> None:
        extension = self.known(connection, request)
        if extension is not None:
            extension.ready = True
            extension.connection = connection
            extension.deliver()
            self.server.settle()
            self.server.conclude()

    def _init_error(self, connection: Any, request: Any) -> None:
        self._error(connection, request, "Extension.InitError")

    def _exit_error(self, connection: Any, request: Any) -> None:
        self._error(connection, request, "Extension.ExitError")

    def _error(self, connection: Any, request: Any, kind: str) -> None:
        """The extension says that it cannot go on: the environment is lost."""
        extension = self.known(connection, request)
        if extension is None:
            return
        named = request.headers.get("lambda-extension-function-error-type")
        if not named:
            _refuse(connection, "MissingHeader",
                    "Missing Lambda-Extension-Function-Error-Type header")  # fmt: skip
            return
        connection.json(202, {"status": "OK"})
        if not self.ending:
            self.fail(kind, named)


def _refuse(connection: Any, kind: str, message: str) -> None:
    connection.json(403, {"errorMessage": message, "errorType": "Extension." + kind})
