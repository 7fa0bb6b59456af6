"""The Extensions API: processes of /opt/extensions and threads of the runtime that follow an
environment's life ("Using the Lambda Extensions API to create extensions").
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
_LIMIT_S = {"spindown": 2.0, "timeout": 2.0, "failure": 2.0}


class Extension:
    """One registered extension."""

    def __init__(self, name: str, events: set[str], pid: int) -> None:
        self.name, self.events = name, events
        self.pid = pid  # 0: internal, a part of the runtime
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
        self.telemetry: Any = None
        self.ending = False

    def start(self) -> None:
        """Start the external ones."""
        for path in self.server.spec.get("extensions", ()):
            name = os.path.basename(path)
            self.starting.add(name)
            self.pids[self.launch(path)] = name

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
            if not self.pids:
                os._exit(0)
            return
        reason = "exit status %d" % (status >> 8)
        if os.WIFSIGNALED(status):
            reason = "signal: %s" % signal.Signals(os.WTERMSIG(status)).name
        self.fail("Extension.Crash", "Extension %s exited: %s" % (name, reason))

    def fail(self, kind: str, message: str) -> None:
        """The environment is lost."""
        document = json.dumps({"errorType": kind, "errorMessage": message}).encode()
        if self.server.initialised:
            self.server.channel.send(b"D", document)
        else:
            self.server.fail_initialisation(document)

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

    def shut_down(self, reason: str) -> None:
        """The environment ends: the runtime first, then the extensions, in two seconds."""
        self.ending = True
        limit_s = _LIMIT_S.get(reason, 2.0)
        event = {
            "eventType": "SHUTDOWN",
            "shutdownReason": reason,
            "deadlineMs": int((time.time() + limit_s) * 1000),
        }
        for extension in self.registered.values():
            if "SHUTDOWN" in extension.events:
                extension.push(event)
        self.server.later(limit_s, lambda: os._exit(0))

    # --- requests -------------------------------------------------------------------------
    def handle(self, connection: Any, request: Any, path: str) -> bool:
        """Serve the extension's and the telemetry's paths; False for others."""
        if path.startswith("/2022-07-01/telemetry") and self.telemetry is not None:
            if request.method != "PUT":
                connection.answer(405, b"", {"Allow": "PUT"})
            elif (extension := self._known(connection, request)) is not None:
                self.telemetry.subscribe(connection, request, extension)
            return True
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

    def _known(self, connection: Any, request: Any) -> Extension | None:
        """The extension that speaks; answers where it is none."""
        identifier = request.headers.get("lambda-extension-identifier")
        extension = self.registered.get(identifier) if identifier else None
        if identifier is None:
            _refuse(connection, 403, "MissingHeader", "Missing Lambda-Extension-Identifier header")
        elif extension is None:
            _refuse(connection, 403, "UnknownExtensionIdentifier", "Unknown extension %s"
                    % identifier)  # fmt: skip
        return extension

    def _register(self, connection: Any, request: Any) -> None:
        name = request.headers.get("lambda-extension-name")
        if not name:
            _refuse(connection, 403, "InvalidExtensionName", "Empty extension name")
            return
        try:
            document = json.loads(request.body)
            events = document.get("events") or []
            if not isinstance(events, list):
                raise ValueError
        except (ValueError, AttributeError):
            connection.json(400, {"errorMessage": "Invalid request format",
                                  "errorType": "InvalidRequestFormat"})  # fmt: skip
            return
        external = name in self.pids.values()
        allowed = {"INVOKE", "SHUTDOWN"} if external else {"INVOKE"}
        wrong = [event for event in events if event not in allowed]
        if wrong:
            reason = "ShutdownEventNotSupportedForInternalExtension"
            reason = reason if wrong[0] == "SHUTDOWN" else "unknown event"
            _refuse(connection, 400, "InvalidEventType", "%s: %s" % (wrong[0], reason))
        elif self.server.initialised or (external and name not in self.starting):
            _refuse(connection, 403, "RegistrationClosed", "Extension registration closed already")
        elif len(self.registered) >= _MAX_EXTENSIONS:
            _refuse(connection, 403, "TooManyExtensions", "Extension limit (10) reached")
        else:
            self._accept(connection, request, name, set(events), external=external)

    def _accept(
        self, connection: Any, request: Any, name: str, events: set[str], *, external: bool
    ) -> None:
        pid = next((pid for pid, known in self.pids.items() if known == name), 0)
        extension = Extension(name, events, pid if external else 0)
        self.registered[extension.id] = extension
        environ = self.server.spec["environ"]
        document = {
            "functionName": environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
            "functionVersion": environ.get("AWS_LAMBDA_FUNCTION_VERSION", ""),
            "handler": environ.get("_HANDLER", ""),
        }
        features = request.headers.get("lambda-extension-accept-feature", "")
        if "accountId" in [feature.strip() for feature in features.split(",")]:
            document["accountId"] = self.server.spec.get("account", "")
        connection.json(200, document, {"Lambda-Extension-Identifier": extension.id})
        self.starting.discard(name)
        if not self.starting:
            self.server.begin_runtime()

    def _next(self, connection: Any, request: Any) -> None:
        extension = self._known(connection, request)
        if extension is not None:
            extension.ready = True
            extension.connection = connection
            extension.deliver()
            self.server.settle()

    def _init_error(self, connection: Any, request: Any) -> None:
        self._error(connection, request, "Extension.InitError")

    def _exit_error(self, connection: Any, request: Any) -> None:
        self._error(connection, request, "Extension.ExitError")

    def _error(self, connection: Any, request: Any, kind: str) -> None:
        """The extension says that it cannot go on: the environment is lost."""
        extension = self._known(connection, request)
        if extension is None:
            return
        named = request.headers.get("lambda-extension-function-error-type")
        if not named:
            _refuse(connection, 400, "MissingHeader",
                    "Missing Lambda-Extension-Function-Error-Type header")  # fmt: skip
            return
        connection.json(202, {"status": "OK"})
        self.fail(kind, "Extension %s: %s" % (extension.name, named))


def _refuse(connection: Any, status: int, kind: str, message: str) -> None:
    connection.json(status, {"errorMessage": message, "errorType": "Extension." + kind})
