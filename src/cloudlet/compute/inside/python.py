"""One Python execution environment: confines itself, imports the handler, answers requests.

Runs in a process forked from the zygote (which sets `confinement`), on Python 3.8 and later.
Behaviour and wording follow AWS's Python runtime.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH208, UP031
from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import os
import sys
import time
import traceback
import types
from typing import Any

MAX_RESPONSE = 6 * 1024 * 1024 + 100
OWN_FILE = "/var/runtime/bootstrap.py"

confinement: Any = None
learning: Any = None
snapstart: Any = None
late: Any = None  # gives a module that few environments need


class CognitoIdentity:
    """`context.identity`."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self) -> None:
        self.cognito_identity_id = None
        self.cognito_identity_pool_id = None


CONTEXT_VARIABLES = {
    "log_group_name": "AWS_LAMBDA_LOG_GROUP_NAME",
    "log_stream_name": "AWS_LAMBDA_LOG_STREAM_NAME",
    "function_name": "AWS_LAMBDA_FUNCTION_NAME",
    "memory_limit_in_mb": "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "function_version": "AWS_LAMBDA_FUNCTION_VERSION",
}


class LambdaContext:
    """The second argument of a handler; `of_function` is what CONTEXT_VARIABLES hold."""

    def __init__(self, header: dict[str, Any], of_function: dict[str, Any]) -> None:
        self.__dict__.update(of_function)
        self.aws_request_id = header["id"]
        self.invoked_function_arn = header["arn"]
        self._epoch_deadline_time_in_ms = header["deadline"]
        client = header.get("client")
        self.client_context = client_context(json.loads(client)) if client else None
        self.identity = CognitoIdentity()
        self.tenant_id = None

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the time-out, at least 0."""
        left: int = self._epoch_deadline_time_in_ms - int(time.time() * 1000)
        return max(0, left)

    def log(self, message: object) -> None:
        """Write to the log."""
        sys.stdout.write(str(message))


def client_context(document: object) -> object:
    """The mobile SDK's context as attributes."""
    if not isinstance(document, dict):
        return None
    client = document.get("client") or {}
    names = (
        "installation_id", "app_title", "app_version_name", "app_version_code",
        "app_package_name",
    )  # fmt: skip
    held = types.SimpleNamespace(**{name: client.get(name) for name in names})
    return types.SimpleNamespace(
        custom=document.get("custom"), env=document.get("env"), client=held
    )


class Fault(Exception):
    """A failure that the runtime itself names."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind, self.message, self.trace = kind, message, trace or []


class LogHandler(logging.Handler):
    """The root logger's handler, in AWS's text format; a record is one event."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        write_event(self.format(record) + "\n")


class RequestFilter(logging.Filter):
    """Adds the request id to every record."""

    request_id = ""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops."""
        record.aws_request_id = RequestFilter.request_id
        return True


def write_event(text: str) -> None:
    """Write text that shall stay one event of the log, whatever lines it has (see log.py)."""
    sys.stdout.write(text.rstrip("\n").replace("\n", "\x1e") + "\n")


def set_up_logging() -> None:
    """AWS's handler on the root logger."""
    handler = LogHandler()
    formatter = logging.Formatter(
        "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s",
        "%Y-%m-%dT%H:%M:%S",
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(RequestFilter())
    logging.getLogger().addHandler(handler)


class JsonFormatter(logging.Formatter):
    """Records in the log format JSON ("Working with structured JSON logs")."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object; what a record carries beyond logging's own attributes is in it."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        document: dict[str, Any] = {
            "timestamp": "%sZ" % stamp,
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, trace = record.exc_info
            document["stackTrace"] = traceback.format_tb(trace)
            document["errorType"] = kind.__name__
            document["errorMessage"] = str(error)
        extra = {name: value for name, value in vars(record).items() if name not in OWN_ATTRIBUTES}
        document.update(extra)
        document["requestId"] = RequestFilter.request_id
        return json.dumps(document, default=str, ensure_ascii=False)


OWN_ATTRIBUTES = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {
    "aws_request_id", "message", "asctime", "taskName",
}  # fmt: skip
LEVELS = {"TRACE": 10, "DEBUG": 10, "INFO": 20, "WARN": 30, "ERROR": 40, "FATAL": 50}


def configure_logging() -> None:
    """The function's own log format and level, once its variables are known."""
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") != "JSON":
        return
    root = logging.getLogger()
    root.setLevel(LEVELS.get(os.environ.get("AWS_LAMBDA_LOG_LEVEL", ""), 20))
    for handler in root.handlers:
        handler.setFormatter(JsonFormatter())


def make_response(result: object) -> bytes:
    """The handler's result as JSON."""
    try:
        return json.dumps(result, default=encode_decimal).encode()
    except Exception as error:
        raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % error) from None


def encode_decimal(value: Any) -> object:
    """Decimals as numbers; nothing else has a JSON form."""
    if type(value).__name__ == "Decimal":
        return float(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)


def error_document(error: BaseException, request_id: str) -> bytes:
    """What the caller gets for an exception, also written to the log."""
    if isinstance(error, Fault):
        kind, message, trace = error.kind, error.message, error.trace
    else:
        kind, message = type(error).__name__, str(error)
        frames = traceback.extract_tb(error.__traceback__)
        while frames and frames[0].filename == OWN_FILE:
            frames.pop(0)
        trace = traceback.format_list(frames)
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        fields = {"errorType": kind, "errorMessage": message, "stackTrace": trace}
        logging.getLogger().error("[ERROR] %s: %s", kind, message, extra=fields)
    else:
        write_event("[ERROR] %s: %s\nTraceback (most recent call last):\n%s"
                    % (kind, message, "".join(trace)))  # fmt: skip
    document = {
        "errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace,
    }  # fmt: skip
    return json.dumps(document).encode("utf-8", "backslashreplace")


def find_handler(name: str) -> Any:
    """Import the module of `module.function` and take the function."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        reason = "not enough values to unpack (expected 2, got 1)"
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': %s" % (name, reason))
    if module_name.split(".")[0] in sys.builtin_module_names:
        reason = "Cannot use built-in module %s as a handler module" % module_name
        raise Fault("Runtime.BuiltInModuleConflict", reason)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        reason = "Unable to import module '%s': %s" % (module_name, error)
        raise Fault("Runtime.ImportModuleError", reason) from None
    except SyntaxError as error:
        place = '  File "%s" Line %s\n    %s' % (error.filename, error.lineno, error.text)
        reason = "Syntax error in module '%s': %s" % (module_name, error)
        raise Fault("Runtime.UserCodeSyntaxError", reason, [place]) from None
    handler = getattr(module, function_name, None)
    if handler is None:
        reason = "Handler '%s' missing on module '%s'" % (function_name, module_name)
        raise Fault("Runtime.HandlerNotFound", reason)
    return handler


def forget_shadowed_sdk(paths: list[str], names: list[str]) -> None:
    """A function that brings its own copy of a part of the SDK gets that, whole."""
    for path in paths:
        try:
            found = set(os.listdir(path))
        except OSError:
            continue
        if any(name in found or name + ".py" in found for name in names):
            for module in [m for m in sys.modules if m.partition(".")[0] in names]:
                del sys.modules[module]
            return


def log_stream(fd: int) -> Any:
    """A standard stream that writes at every end of a line."""
    return open(fd, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)


def prepare() -> None:
    """What a blank environment can do towards being a function's: streams, logging, caches."""
    sys.stdout, sys.stderr = log_stream(1), log_stream(2)
    vars(sys).update(__stdout__=sys.stdout, __stderr__=sys.stderr)
    os.environ.clear()
    set_up_logging()
    snapstart.provide()
    importlib.util.find_spec("_cloudlet_absent")  # touches what an import needs
    json.loads(json.dumps({"a": [1, None, "text"]}))


def become_function(config: dict[str, Any], spec: dict[str, Any]) -> None:
    """Environment variables, import path."""
    os.environ.setdefault("AWS_LAMBDA_RUNTIME_API", config["doorbell"])
    os.environ.update(spec["environ"])
    time.tzset()
    configure_logging()
    isolated = config["mode"] == "namespaces"
    task = "/var/task" if isolated else spec["code"]
    roots = ["/opt"] if isolated else list(reversed(spec["layers"]))
    version = "python%d.%d" % sys.version_info[:2]
    ahead = [task]
    for root in roots:
        ahead += [root + "/python", root + "/python/lib/" + version + "/site-packages"]
    sys.path[:0] = ahead
    os.chdir(task)
    forget_shadowed_sdk(ahead, config["sdk"])


def serve(channel: Any, handler: Any) -> None:
    """Answer requests until the platform ends us."""
    stdout, stderr = sys.stdout, sys.stderr
    loads, environ = json.loads, os.environ
    of_function = {name: environ.get(variable) for name, variable in CONTEXT_VARIABLES.items()}
    while True:
        frame = channel.receive()
        size = 5 + int.from_bytes(frame[1:5], "little")
        header = loads(str(frame[5:size], "utf-8"))
        RequestFilter.request_id = header["id"]
        if header["trace"]:
            environ["_X_AMZN_TRACE_ID"] = header["trace"]
        try:
            try:
                event = loads(str(frame[size:], "utf-8"))
            except ValueError as error:
                raise Fault(
                    "Runtime.UnmarshalError", "Unable to unmarshal input: %s" % error
                ) from None
            kind, body = b"R", make_response(handler(event, LambdaContext(header, of_function)))
            if len(body) > MAX_RESPONSE:
                kind, body = b"O", b""
        except Exception as error:
            kind, body = b"E", error_document(error, header["id"])
        event = None  # nothing of this request lives on in the next
        stdout.flush()
        stderr.flush()
        channel.send(kind, body)
        if header["awake_us"]:
            channel.await_next(header["awake_us"] / 1e6)


def main(config: dict[str, Any]) -> None:
    """From a blank environment to a serving one."""
    channel = confinement.Channel()
    try:
        confinement.enter(config)
        prepare()
        spec = json.loads(channel.receive()[1:])
        confinement.run_on(spec["processors"])
        confinement.bind_function(config, spec)
        confinement.limit_data(os.getpid(), spec["data_limit_mb"])
        if spec["served"]:
            late("launcher").take_over(config, channel, spec)
        confinement.limit(config)
        confinement.seal(config, spec)
    except BaseException:
        channel.send(b"X", traceback.format_exc().encode())
        os._exit(70)
    begin(channel, config, spec)


def main_from_template(config: dict[str, Any], template: dict[str, Any]) -> None:
    """From a fork of the version's template to a serving environment."""
    channel = confinement.Channel()
    try:
        os.chdir("/var/task")
        confinement.seal(config, template)
        renew_randomness()
        spec = json.loads(channel.receive()[1:])
        confinement.run_on(spec["processors"])
    except BaseException:
        channel.send(b"X", traceback.format_exc().encode())
        os._exit(70)
    begin(channel, config, spec, forked=True)


def begin(channel: Any, config: dict[str, Any], spec: dict[str, Any], forked: bool = False) -> None:
    """Initialise the function, say so, serve."""
    try:
        if forked:
            os.environ.update(spec["environ"])
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        else:
            become_function(config, spec)
        modules, environ, started = set(sys.modules), dict(os.environ), time.perf_counter()
        if spec["snap_start"]:
            handler = snapstart.restored(spec["handler"])
        else:
            handler = find_handler(spec["handler"])
        report = b""
        if spec["learn_ms"] and (time.perf_counter() - started) * 1000 > spec["learn_ms"]:
            report = learn(spec, modules, environ)
    except Exception as error:
        body = error_document(error, spec["request_id"])
        sys.stdout.flush()
        channel.send(b"F", body)
        os._exit(1)
    except SystemExit as error:
        leave(error)
    channel.send(b"I", report)
    try:
        serve(channel, handler)
    except SystemExit as error:
        leave(error)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def learn(spec: dict[str, Any], modules: set[str], environ: dict[str, str]) -> bytes:
    """What the version's template shall import, and the variables that changed meanwhile."""
    names = learning.learned(modules, learning.Origins("/var/task", spec["handler"]))
    if not names:
        return b""
    return json.dumps({"modules": names, "changed": learning.changed(environ)}).encode()


def renew_randomness() -> None:
    """Forks of one template must not draw the same numbers. `random`'s own generator and
    OpenSSL's see to themselves; generators that the function holds are its own affair.
    """
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    vars(sys.modules["uuid"]).update(_last_timestamp=None)


def leave(error: SystemExit) -> None:
    """sys.exit(), as an interpreter ends."""
    code = error.code
    if code is not None and not isinstance(code, int):
        sys.stderr.write("%s\n" % (code,))
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit((code or 0) & 255)
