"""Which environments have the Runtime API, and what its server inside is told for that.

Custom runtimes always have it. A built-in runtime speaks frames with the platform, without a
process between: it gets the server where something asks for it. How such an environment ends is
in `Sandbox.end`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cloudlet.compute import platform_log
from cloudlet.compute.environment import EnvironmentSpec
from cloudlet.compute.runtimes import Runtime

WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
_MB = 1024 * 1024


def wanted(spec: EnvironmentSpec, runtime: Runtime) -> bool:
    """Whether the environments of a version have it."""
    if runtime.family == "provided" or WRAPPER in spec.variables:
        return True
    return any(_has_files(layer / "extensions") for layer in spec.layers)


def _has_files(folder: Path) -> bool:
    try:
        return any(entry.is_file() for entry in folder.iterdir())
    except OSError:
        return False


def told(spec: EnvironmentSpec, runtime: Runtime, phase: str, stream: str) -> dict[str, Any]:
    """What extensions may learn; `phase` is init, or invoke where that is repeated."""
    return {
        "account": spec.account,
        "system_log_level": spec.system_log_level,
        "init": {
            **platform_log.init_start(spec, runtime),
            "phase": phase,
            "instanceId": stream,
            "instanceMaxMemory": spec.memory_mb * _MB,
        },
    }
