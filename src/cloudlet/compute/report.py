"""AWS's wording: the lines around an invocation's log, and the documents for its failures.

Sources: "Lambda log structure", "Troubleshoot invocation issues" and "Understanding the Lambda
execution environment lifecycle" (AWS Lambda Developer Guide); the runtimes' observable output.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import time
from datetime import UTC, datetime

MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100
UNHANDLED = "Unhandled"


def stream_name(version: str) -> str:
    """`YYYY/MM/DD/[version]<32 hex digits>`, UTC."""
    return f"{datetime.now(UTC):%Y/%m/%d}/[{version}]{os.urandom(16).hex()}"


def init_start(runtime: str, found: str, region: str) -> str:
    """The first line of an environment; `found` is the interpreter's own version."""
    family = runtime.partition(".")[0].rstrip("0123456789")
    digest = hashlib.sha256(f"{runtime}={found}".encode()).hexdigest()
    return (
        f"INIT_START Runtime Version: {family}:{found}\t"
        f"Runtime Version ARN: arn:aws:lambda:{region}::runtime:{digest}"
    )


def restore_start(runtime: str, found: str, region: str) -> str:
    """The first line of an environment that is restored from a snapshot."""
    return "RESTORE" + init_start(runtime, found, region).removeprefix("INIT")


def restore_report(restore_ms: float, status: str | None = None) -> str:
    """The end of a restoration; `status` where it failed."""
    line = f"RESTORE_REPORT Restore Duration: {restore_ms:.2f} ms"
    return line + (f"\tStatus: {status}" if status else "")


def init_report(init_ms: float, phase: str, status: str, error_type: str | None = None) -> str:
    """The line that tells of an initialisation that failed; `phase` is init, or invoke where it
    was the repetition.
    """
    line = f"INIT_REPORT Init Duration: {init_ms:.2f} ms\tPhase: {phase}\tStatus: {status}"
    return line + (f"\tError Type: {error_type}" if error_type else "")


def report(
    request_id: str,
    *,
    duration_ms: float,
    memory_mb: int,
    used_mb: int,
    init_ms: float | None,
    restored: bool = False,
    status: str | None = None,
    error_type: str | None = None,
) -> str:
    """The REPORT line; tabs and trailing tab as AWS writes them.

    `restored`: `init_ms` is what restoring the environment from a snapshot took.
    """
    line = (
        f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\t"
        f"Billed Duration: {billed(duration_ms, init_ms)} ms\tMemory Size: {memory_mb} MB\t"
        f"Max Memory Used: {used_mb} MB\t"
    )
    if init_ms is not None and restored:
        line += (
            f"Restore Duration: {init_ms:.2f} ms\tBilled Restore Duration: {billed(init_ms)} ms\t"
        )
    elif init_ms is not None:
        line += f"Init Duration: {init_ms:.2f} ms\t"
    if status is not None:
        line += f"Status: {status}\t"
    if error_type is not None:
        line += f"Error Type: {error_type}\t"
    return line


def billed(duration_ms: float, init_ms: float | None = None) -> int:
    """With the initialisation or restoration, which AWS bills since August 2025; rounded up to a
    whole millisecond, at least one.
    """
    return max(1, math.ceil(duration_ms + (init_ms or 0.0)))


def document(error_type: str, message: str) -> bytes:
    """An error that the platform, not the function, answers."""
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


def timed_out(request_id: str, timeout_s: float) -> tuple[bytes, str]:
    """(answer, log line) for a time-out."""
    what = f"Task timed out after {timeout_s:.2f} seconds"
    now = datetime.now(UTC)
    stamp = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"
    answer = document("Sandbox.Timedout", f"RequestId: {request_id} Error: {what}")
    return answer, f"{stamp} {request_id} {what}"


def exited(request_id: str, status: int | None, *, out_of_memory: bool) -> tuple[bytes, str, str]:
    """(answer, log line, error type) for a process that ended; `status` as wait(2) gives it."""
    kind = "Runtime.OutOfMemory" if out_of_memory else "Runtime.ExitError"
    what = f"Runtime exited {_reason(signal.SIGKILL if out_of_memory else status)}"
    message = f"RequestId: {request_id} Error: {what}"
    return document(kind, message), f"{message}\n{kind}", kind


def crowded(processes: int, threads: int) -> str:
    """The line before the end of an environment that had too many of them."""
    most = f"{processes} processes, or {threads} threads"
    return f"The environment was ended: it had more than {most}"


def _reason(status: int | None) -> str:
    if status is None or status == 0:
        return "without providing a reason"
    if os.WIFSIGNALED(status):
        names = {signal.SIGKILL: "killed", signal.SIGSEGV: "segmentation fault",
                 signal.SIGABRT: "aborted", signal.SIGTERM: "terminated",
                 signal.SIGBUS: "bus error", signal.SIGFPE: "floating point exception",
                 signal.SIGILL: "illegal instruction"}  # fmt: skip
        number = os.WTERMSIG(status)
        return f"with error: signal: {names.get(signal.Signals(number), f'signal {number}')}"
    return f"with error: exit status {os.waitstatus_to_exitcode(status)}"


def too_large() -> bytes:
    """The answer instead of a response over six megabytes."""
    limit = f"maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)"
    return document("Function.ResponseSizeTooLarge", f"Response payload size exceeded {limit}.")


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000
