"""What an environment is told about its function."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from cloudlet.compute.environment import EnvironmentSpec
from cloudlet.compute.errors import SandboxFailed
from cloudlet.compute.runtimes import Runtime


def of(spec: EnvironmentSpec, code_root: Path, *, mounts: bool) -> dict[str, Any]:
    """What is the same for all environments of the version, which have `mounts` or see the host's
    paths.
    """
    code, *layers = (_inside(path, code_root, mounts) for path in (spec.code, *spec.layers))
    return {
        "handler": spec.handler,
        "code": code,
        "layers": layers,
        "tmp_mb": spec.tmp_mb,
        "memory_mb": spec.memory_mb,
        "snap_start": spec.snap_start,
    }


@lru_cache
def _inside(path: Path, code_root: Path, mounts: bool) -> str:
    """A code directory as the environment names it, before it is bound where there are mounts."""
    try:
        below = path.resolve().relative_to(code_root.resolve())
    except ValueError:
        raise SandboxFailed(f"{path} is not under the code root") from None
    return "/" + below.as_posix() if mounts else os.fspath(path)


def environ(spec: EnvironmentSpec, runtime: Runtime) -> dict[str, str]:
    """The variables of the function and AWS's reserved ones, without credentials."""
    values = {**_defaults(spec, runtime), **spec.variables}
    if spec.snap_start:
        values["AWS_LAMBDA_INITIALIZATION_TYPE"] = "snap-start"
    return values


def _defaults(spec: EnvironmentSpec, runtime: Runtime) -> dict[str, str]:
    """AWS's reserved variables, where the caller sets none ("Defined runtime environment
    variables", AWS Lambda Developer Guide).
    """
    values = {
        "_HANDLER": spec.handler,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": spec.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": "/var/task:/var/task/lib:/opt/lib",
        "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/bin",
        "TZ": ":UTC",
    }
    if runtime.family == "provided":  # "not defined for OS-only runtimes"
        del values["AWS_EXECUTION_ENV"]
    if runtime.family == "python":
        values["PYTHONPATH"] = "/var/runtime"
    elif runtime.family == "node":
        values["NODE_PATH"] = (
            "/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
        )
    return values
