"""The Telemetry API and the older Logs API: extensions subscribe to what the platform, the function
and other extensions do and say ("Lambda Telemetry API reference", "Lambda Telemetry API Event
schema reference", "Lambda Logs API", AWS Lambda Developer Guide).

Subscriptions close with the initialisation. Who subscribes gets what happened in it from its
beginning. Delivery is in delivery.py.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: UP031
from __future__ import annotations

import json
import os
import time
from typing import Any

delivery: Any = None

_TYPES = ("platform", "function", "extension")
_KEPT_BYTES, _KEPT_EVENTS = 256 * 1024, 1000  # of an initialisation, for later subscribers
_RESERVED_PORT = 9001
_FLUSH_S = 1.0
_HOSTS = ("sandbox.localdomain", "sandbox")
# (least, default, most) by the two APIs' references.
_BUFFERING = {"maxBytes": (262144, 262144, 1048576), "timeoutMs": (25, 1000, 30000)}
_ITEMS = (1000, 10000)


class Api:
    """One of the two."""

    def __init__(self, name: str, path: str, schemas: tuple[str, ...], items: int) -> None:
        self.name, self.path, self.schemas = name, path, schemas
        self.default_items = items
        self.errors = "Logs." if name == "Logs" else ""


APIS = (
    Api("Telemetry", "/2022-07-01/telemetry", ("2022-07-01", "2022-12-13", "2025-01-29"), 1000),
    Api("Logs", "/2020-08-15/logs", ("2020-08-15", "2021-03-18"), 10000),
)


class Invalid(Exception):
    """A subscription that is refused; carries each reason."""


class Subscription:
    """What an extension wants, and where to; raises Invalid."""

    def __init__(self, api: Api, document: Any) -> None:
        self.api = api
        self.problems: list[str] = []
        if not isinstance(document, dict):
            raise Invalid("the request body should be a JSON object")
        default = None if api.name == "Telemetry" else api.schemas[0]
        self.schema = document.get("schemaVersion", default)
        if self.schema not in api.schemas:
            self.problems.append("schemaVersion should be one of [%s]" % ", ".join(api.schemas))
        types = document.get("types")
        if not isinstance(types, list) or not types:
            self.problems.append("types should not be empty")
            types = []
        wrong = [kind for kind in types if kind not in _TYPES]
        if wrong:
            self.problems.append("unknown type %s in types" % json.dumps(wrong[0]))
        self.types = [kind for kind in _TYPES if kind in types]
        self._buffering(document.get("buffering"))
        self._destination(document.get("destination"))
        if self.problems:
            raise Invalid("; ".join(self.problems))

    def _buffering(self, given: Any) -> None:
        if given is None:
            given = {}
        if not isinstance(given, dict):
            self.problems.append("buffering should be an object")
            given = {}
        items = (_ITEMS[0], self.api.default_items, _ITEMS[1])
        found = {}
        for name, (least, default, most) in dict(_BUFFERING, maxItems=items).items():
            value = given.get(name)
            if value is None:
                value = default
            elif type(value) is not int or not least <= value <= most:
                self.problems.append("%s should be between %d and %d" % (name, least, most))
            found[name] = value
        self.max_items, self.max_bytes = found["maxItems"], found["maxBytes"]
        self.timeout_ms = found["timeoutMs"]

    def _destination(self, given: Any) -> None:
        self.port, self.path, self.method = 0, "/", "POST"
        self.protocol = given.get("protocol") if isinstance(given, dict) else None
        if not isinstance(given, dict):
            self.problems.append("destination is not provided")
            return
        if self.protocol not in ("HTTP", "TCP"):
            self.problems.append("destination protocol should be HTTP or TCP")
            return
        address = given.get("URI")
        if self.protocol == "TCP" and address is None:
            self._take_port(given.get("port"))
        elif not isinstance(address, str):
            self.problems.append("URI is not provided")
        else:
            self._take_address(address)
        method = given.get("method", "POST")
        allowed = ("POST", "PUT") if self.api.name == "Logs" else ("POST",)
        if method not in allowed:
            self.problems.append("method should be %s" % " or ".join(allowed))
        self.method = method

    def _take_address(self, address: str) -> None:
        scheme, separator, rest = address.partition("://")
        if not separator:
            scheme, rest = "", address
        wanted = "http" if self.protocol == "HTTP" else "tcp"
        if scheme.lower() != wanted and (scheme or self.protocol == "HTTP"):
            self.problems.append("URI scheme should be %s" % wanted)
        authority, slash, path = rest.partition("/")
        host, colon, port = authority.rpartition(":")
        if not colon:
            host = authority
        if host.lower() not in _HOSTS:
            self.problems.append("URI host should be %s" % _HOSTS[0])
        if not all(" " < letter < "\x7f" for letter in path):
            self.problems.append("URI path is invalid")
        self.path = slash + path or "/"
        self._take_port(int(port) if colon and port.isdigit() and len(port) < 6 else None)

    def _take_port(self, port: Any) -> None:
        if port is None:
            self.problems.append("URI port is not provided")
        elif type(port) is not int or not 0 < port < 65536:
            self.problems.append("URI port is invalid")
        elif port == _RESERVED_PORT:
            self.problems.append("URI port %d is reserved" % port)
        else:
            self.port = port


class Telemetry:
    """An environment's events, and who gets them."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.subscribers: list[Any] = []
        self.kept: list[tuple[dict[str, Any], int]] = []  # of the initialisation, with sizes
        self.kept_bytes = 0
        self.closed = False
        self.then: Any = None  # once all is delivered
        self.began = time.monotonic()
        self.tracing: dict[str, Any] = {}
        self.answering_since = 0.0  # of a streamed response
        self.produced = 0

    # --- subscriptions --------------------------------------------------------------------
    def handle(self, connection: Any, request: Any, path: str) -> bool:
        """Serve the subscriptions' paths; False for others."""
        api = next((api for api in APIS if path.rstrip("/") == api.path), None)
        if api is None:
            return False
        if request.method != "PUT":
            connection.answer(405, b"", {"Allow": "PUT"})
            return True
        extension = self.server.extensions.known(connection, request)
        if extension is not None:
            self._subscribe(connection, request, api, extension.name)
        return True

    def _subscribe(self, connection: Any, request: Any, api: Api, name: str) -> None:
        if self.closed:
            message = "%s API subscription is closed already" % api.name
            kind = "%s.SubscriptionClosed" % api.name
            connection.json(403, {"errorMessage": message, "errorType": kind})
            return
        there = next((s for s in self.subscribers if s.name == name), None)
        try:
            try:
                document = json.loads(request.body)
            except ValueError:
                raise Invalid("the request body should be a JSON object") from None
            wanted = Subscription(api, document)
            if there is not None and there.wanted.api is not api:
                raise Invalid("already subscribed to the %s API" % there.wanted.api.name)
        except Invalid as error:
            kind = api.errors + "ValidationError"
            connection.json(400, {"errorType": kind, "errorMessage": str(error)})
            return
        connection.json(200, "OK")
        if there is None:
            self._add(delivery.Subscriber(self.server, name, wanted))

    def _add(self, subscriber: Any) -> None:
        self.subscribers.append(subscriber)
        for event, _ in self.kept:
            subscriber.put(event)
        wanted = subscriber.wanted
        types = ", ".join(kind.capitalize() for kind in wanted.types)
        record = {"name": subscriber.name, "state": "Subscribed", "types": wanted.types}
        label = wanted.api.name.upper()
        self._announce(
            "platform.telemetrySubscription",
            record,
            "%s\tName: %s\tState: Subscribed\tTypes: [%s]" % (label, subscriber.name, types),
        )

    # --- events ---------------------------------------------------------------------------
    def emit(self, kind: str, record: Any) -> None:
        """Let it be known."""
        if self.closed and not self.subscribers:
            return
        event = {"time": moment(time.time()), "type": kind, "record": record}
        if not self.closed:
            size = len(record) if isinstance(record, str) else 200
            if self.kept_bytes + size <= _KEPT_BYTES and len(self.kept) < _KEPT_EVENTS:
                self.kept.append((event, size))
                self.kept_bytes += size
        for subscriber in self.subscribers:
            subscriber.put(event)

    def _announce(self, kind: str, record: dict[str, Any], text: str) -> None:
        """An event that the function's log has too."""
        level = self.server.spec.get("system_log_level", "")
        if level:
            line = {"time": moment(time.time()), "type": kind, "record": record}
            text = json.dumps(line, separators=(",", ":"))
        if level in ("", "DEBUG", "INFO"):
            os.write(1, (text + "\n").encode())
        self.emit(kind, record)

    def lines(self, kind: str, data: bytes) -> None:
        """What a function or an extension printed."""
        if self.closed and not self.subscribers:
            return
        for line in data.decode("utf-8", "replace").splitlines():
            self.emit(kind, line.replace("\x1e", "\n"))

    def flush(self, then: Any) -> None:
        """Send what is buffered: the environment ends. `then` is called when that has arrived, or
        takes too long.
        """
        self.then = then
        for subscriber in self.subscribers:
            subscriber.flush()
        self.server.later(_FLUSH_S, lambda: self.arrived(anyway=True))
        self.arrived()

    def arrived(self, *, anyway: bool = False) -> None:
        """Something did: perhaps all has."""
        if self.then is not None and (anyway or all(s.empty for s in self.subscribers)):
            then, self.then = self.then, None
            then()

    # --- the initialisation ---------------------------------------------------------------
    def _init(self, **more: Any) -> dict[str, Any]:
        start = self.server.spec.get("init") or {}
        return dict({n: start[n] for n in ("initializationType", "phase") if n in start}, **more)

    def init_start(self) -> None:
        """The environment has its function."""
        self.began = time.monotonic()
        self.emit("platform.initStart", self.server.spec.get("init") or {})

    def init_runtime_done(self, status: str, document: bytes = b"") -> None:
        """The runtime asks for its first invocation, or failed."""
        more = {"errorType": error_type(document)} if document else {}
        self.emit("platform.initRuntimeDone", self._init(status=status, **more))

    def init_report(self, status: str, document: bytes = b"") -> None:
        """Everybody is ready, or never will be."""
        for extension in self.server.extensions.registered.values():
            state = "Ready" if extension.ready else "Registered"
            record = {"name": extension.name, "state": state, "events": extension.events}
            self._announce(
                "platform.extension",
                record,
                "EXTENSION\tName: %s\tState: %s\tEvents: [%s]"
                % (extension.name, state, ", ".join(extension.events)),
            )
        more: dict[str, Any] = {"errorType": error_type(document)} if document else {}
        more["metrics"] = {"durationMs": milliseconds(time.monotonic() - self.began)}
        self.emit("platform.initReport", self._init(status=status, **more))
        self.closed = True
        self.kept.clear()

    # --- invocations ----------------------------------------------------------------------
    def start(self, invocation: Any) -> None:
        """An invocation begins."""
        trace = invocation.header["trace"]
        self.tracing = {"tracing": {"type": "X-Amzn-Trace-Id", "value": trace}} if trace else {}
        self.answering_since, self.produced = 0.0, 0
        environ = self.server.spec["environ"]
        record = {
            "requestId": invocation.id,
            "version": environ.get("AWS_LAMBDA_FUNCTION_VERSION", ""),
        }
        self.emit("platform.start", dict(record, **self.tracing))

    def streamed(self, kind: bytes, body: bytes) -> None:
        """A streamed response begins, or goes on."""
        if kind == b"B":
            self.answering_since = time.monotonic()
        else:
            self.produced += len(body)

    def runtime_done(self, invocation: Any, kind: bytes, body: bytes) -> None:
        """The runtime answered."""
        if not self.subscribers:
            return
        failed = {b"R": None, b"O": "Function.ResponseSizeTooLarge"}.get(kind, error_type(body))
        self.produced += len(body)
        self._done(invocation, "error" if failed else "success", failed)

    def runtime_exited(self, invocation: Any) -> None:
        """The runtime's process ended."""
        if self.server.initialised:
            if invocation is not None and invocation.state in ("running", "streaming"):
                self._done(invocation, "failure", "Runtime.ExitError")
        elif not self.closed:
            document = b'{"errorType": "Runtime.ExitError"}'
            self.init_runtime_done("error", document)
            self.init_report("error", document)

    def timed_out(self, invocation: Any) -> None:
        """The invocation's time is over."""
        if invocation is not None and invocation.state in ("running", "streaming"):
            self._done(invocation, "timeout", None)

    def _done(self, invocation: Any, status: str, failed: str | None) -> None:
        now = time.monotonic()
        first = self.answering_since or now
        wall = time.time()
        record: dict[str, Any] = {
            "requestId": invocation.id,
            "status": status,
            "metrics": {
                "durationMs": milliseconds(now - invocation.started),
                "producedBytes": self.produced,
            },
        }
        if status in ("success", "error"):
            record["spans"] = [
                {
                    "name": "responseLatency",
                    "start": moment(wall - (now - invocation.started)),
                    "durationMs": milliseconds(first - invocation.started),
                },
                {
                    "name": "responseDuration",
                    "start": moment(wall - (now - first)),
                    "durationMs": milliseconds(now - first),
                },
            ]
        if failed:
            record["errorType"] = failed
        self.emit("platform.runtimeDone", dict(record, **self.tracing))

    def report(self, record: dict[str, Any]) -> None:
        """The platform's account of an invocation."""
        self.emit("platform.report", dict(record, **self.tracing))


def error_type(document: bytes) -> str:
    """Of an error as the caller gets it."""
    try:
        found = json.loads(document)["errorType"]
    except (ValueError, KeyError, TypeError):
        return "Runtime.Unknown"
    return found if isinstance(found, str) else "Runtime.Unknown"


def milliseconds(seconds: float) -> float:
    """As the events carry durations."""
    return round(seconds * 1000, 3)


def moment(seconds: float) -> str:
    """A time as the events carry it, UTC."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return "%s.%03dZ" % (stamp, int(seconds * 1000) % 1000)
