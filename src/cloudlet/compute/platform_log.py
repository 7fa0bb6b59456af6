"""The platform's own log lines around invocations, in the format and from the level on that the
function's logging configuration says.

Text after "Lambda log structure"; JSON after "Working with structured JSON logs" and the table of
levels in "System log level event mapping" (AWS Lambda Developer Guide).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec

from cloudlet.compute import report
from cloudlet.compute.environment import EnvironmentSpec
from cloudlet.compute.runtimes import Runtime

_LEVELS = ("DEBUG", "INFO", "WARN")


def begun(spec: EnvironmentSpec, runtime: Runtime, *, restored: bool = False) -> list[str]:
    """What an environment's log begins with: the runtime, and whether it is the exact one.

    `restored`: it comes from a version's snapshot.
    """
    start = report.restore_start if restored else report.init_start
    line = start(spec.runtime, runtime.found, _region(spec))
    note = f"{spec.runtime} is served by version {runtime.found}, the nearest on this machine"
    if not spec.system_log_level:
        return [line] if runtime.exact else [line, f"[WARNING] {note}"]
    record = _versions(spec, runtime) if restored else init_start(spec, runtime)
    event = "platform.restoreStart" if restored else "platform.initStart"
    lines = _json(spec, "INFO", event, record)
    if not runtime.exact:
        lines += _json(spec, "WARN", "platform.runtimeNote", {"message": note})
    return lines


def init_start(spec: EnvironmentSpec, runtime: Runtime) -> dict[str, Any]:
    """The record of an initialisation's beginning, in logs and in telemetry."""
    kind = _initialization_type(spec)
    return {"initializationType": kind, "phase": "init", **_versions(spec, runtime)}


def _versions(spec: EnvironmentSpec, runtime: Runtime) -> dict[str, Any]:
    line = report.init_start(spec.runtime, runtime.found, _region(spec))
    version, arn = line.partition("Runtime Version: ")[2].split("\tRuntime Version ARN: ")
    return {
        "runtimeVersion": version,
        "runtimeVersionArn": arn,
        "functionName": spec.function_name,
        "functionVersion": spec.version,
    }


def _region(spec: EnvironmentSpec) -> str:
    return spec.variables.get("AWS_REGION", "us-east-1")


def restoration(spec: EnvironmentSpec, restore_ms: float, status: str | None = None) -> list[str]:
    """How restoring an environment from a snapshot ended; `status` where it failed."""
    if not spec.system_log_level:
        return [report.restore_report(restore_ms, status)]
    record = {"status": status or "success", "metrics": {"durationMs": round(restore_ms, 3)}}
    return _json(spec, "WARN" if status else "INFO", "platform.restoreReport", record)


def snapshot_taken(spec: EnvironmentSpec, init_ms: float, refused: str, failure: str) -> list[str]:
    """The report of an initialisation for a snapshot: it succeeded, its process may not be forked
    (`refused` says why), or it failed with an error of the type `failure`.
    """
    if failure:
        status = "timeout" if failure == "Sandbox.Timedout" else "error"
        return initialisation_failed(
            spec, init_ms, "init", status, None if status == "timeout" else failure
        )
    if not spec.system_log_level:
        lines = [f"INIT_REPORT Init Duration: {init_ms:.2f} ms"]
        return [*lines, f"[WARNING] SnapStart is off: {refused}"] if refused else lines
    record = {
        "initializationType": _initialization_type(spec),
        "phase": "init",
        "status": "success",
        "metrics": {"durationMs": round(init_ms, 3)},
    }
    lines = _json(spec, "INFO", "platform.initReport", record)
    if refused:
        note = {"message": f"SnapStart is off: {refused}"}
        lines += _json(spec, "WARN", "platform.snapshotNote", note)
    return lines


def initialisation_failed(
    spec: EnvironmentSpec, init_ms: float, phase: str, status: str, error_type: str | None
) -> list[str]:
    """The report of an initialisation that failed."""
    if not spec.system_log_level:
        return [report.init_report(init_ms, phase, status, error_type)]
    record: dict[str, Any] = {
        "initializationType": _initialization_type(spec),
        "phase": phase,
        "status": status,
        "metrics": {"durationMs": round(init_ms, 3)},
    }
    if error_type:
        record["errorType"] = error_type
    return _json(spec, "WARN", "platform.initReport", record)


def start(spec: EnvironmentSpec, request_id: str) -> list[str]:
    """The beginning of an invocation."""
    if not spec.system_log_level:
        return [f"START RequestId: {request_id} Version: {spec.version}"]
    record = {"requestId": request_id, "version": spec.version}
    return _json(spec, "INFO", "platform.start", record)


class End(msgspec.Struct, frozen=True):
    """How an invocation went."""

    request_id: str
    duration_ms: float
    used_mb: int
    init_ms: float | None
    status: str | None  # None: it succeeded
    error_type: str | None
    restored: bool = False  # init_ms is a restoration's


def end(spec: EnvironmentSpec, end: End) -> list[str]:
    """The end of an invocation, and its report."""
    if not spec.system_log_level:
        return [
            f"END RequestId: {end.request_id}",
            report.report(
                end.request_id,
                duration_ms=end.duration_ms,
                memory_mb=spec.memory_mb,
                used_mb=end.used_mb,
                init_ms=end.init_ms,
                restored=end.restored,
                status=end.status,
                error_type=end.error_type,
            ),
        ]
    record = account(spec, end)
    level = "INFO" if end.status is None else "WARN"
    done = {"requestId": end.request_id, "status": record["status"]}
    return [
        *_json(spec, "DEBUG" if level == "INFO" else "WARN", "platform.runtimeDone", done),
        *_json(spec, level, "platform.report", record),
    ]


def account(spec: EnvironmentSpec, end: End) -> dict[str, Any]:
    """The record of an invocation's report, in logs and in telemetry."""
    metrics: dict[str, Any] = {
        "durationMs": round(end.duration_ms, 3),
        "billedDurationMs": report.billed(end.duration_ms, end.init_ms),
        "memorySizeMB": spec.memory_mb,
        "maxMemoryUsedMB": end.used_mb,
    }
    if end.init_ms is not None and end.restored:
        metrics["restoreDurationMs"] = round(end.init_ms, 3)
        metrics["billedRestoreDurationMs"] = report.billed(end.init_ms)
    elif end.init_ms is not None:
        metrics["initDurationMs"] = round(end.init_ms, 3)
    record: dict[str, Any] = {
        "requestId": end.request_id,
        "metrics": metrics,
        "status": end.status or "success",
    }
    if end.error_type:
        record["errorType"] = end.error_type
    return record


def _initialization_type(spec: EnvironmentSpec) -> str:
    if spec.snap_start:
        return "snap-start"
    return spec.variables.get("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")


def _json(spec: EnvironmentSpec, level: str, kind: str, record: dict[str, Any]) -> list[str]:
    """The line, unless the function's level for system logs is above it."""
    if _LEVELS.index(level) < _LEVELS.index(spec.system_log_level):
        return []
    now = datetime.now(UTC)
    time = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"
    return [json.dumps({"time": time, "type": kind, "record": record}, separators=(",", ":"))]
