"""`Compute`: takes an invocation to an execution environment and brings its outcome back."""

from __future__ import annotations

from pathlib import Path

from cloudlet.compute.environment import (
    EnvironmentSpec,
    EnvironmentState,
    Invocation,
    LogSink,
    Outcome,
)
from cloudlet.compute.errors import ComputeError
from cloudlet.compute.isolation import IsolationLevel


class Compute:
    """Runs functions in sandboxed environments, reusing idle ones of the same key."""

    def __init__(
        self,
        *,
        data: Path,
        logs: LogSink,
        code_root: Path,
        idle_s: float = 300.0,
        max_environments: int = 256,
    ) -> None:
        self._data, self._logs, self._code_root = data, logs, code_root
        self._idle_s, self._max_environments = idle_s, max_environments

    async def start(self) -> None:
        """Make ready; cheap: nothing is forked until a runtime's first use."""

    async def stop(self) -> None:
        """End every environment and zygote; invocations in flight fail."""

    async def invoke(self, spec: EnvironmentSpec, invocation: Invocation) -> Outcome:
        """Run one invocation to its end, whatever becomes of the caller."""
        raise ComputeError("execution environments are not built yet")

    async def retire(self, key: str) -> None:
        """End the key's idle environments now and its busy ones after their work."""

    def level(self) -> IsolationLevel:
        """What isolates functions on this machine."""
        return IsolationLevel("minimal", ())

    def snapshot(self) -> list[EnvironmentState]:
        """Every environment as it is now."""
        return []
