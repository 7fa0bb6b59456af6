"""From a version's particulars to an environment of it that serves."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudlet.compute import particulars, platform_log, report, served
from cloudlet.compute.environment import EnvironmentSpec, LogSink, SnapshotState
from cloudlet.compute.errors import RestoreFailed, RestoreTimedOut, SandboxFailed
from cloudlet.compute.jail import SANDBOX_ID
from cloudlet.compute.job import Ended
from cloudlet.compute.log import EnvironmentLog
from cloudlet.compute.machine import Machine
from cloudlet.compute.network import DEBUG_PORT
from cloudlet.compute.runtimes import Runtime, Runtimes
from cloudlet.compute.sandbox import Sandbox
from cloudlet.compute.template import LEARN_FROM_MS, Templates
from cloudlet.compute.zygote import Zygote
from cloudlet.compute.zygotes import Zygotes

INIT_LIMIT_S = 10.0  # AWS: "the Init phase is limited to 10 seconds"


@dataclass(slots=True)
class Start:
    """An environment that is wanted; `begun` hears of each that is tried, before it is told its
    function, and `request_id` is of who waits for it.
    """

    spec: EnvironmentSpec
    begun: Callable[[Sandbox], None]
    request_id: Callable[[], str]


@dataclass(slots=True)
class Started:
    """What came of it: an environment that serves, unless `ended` says how it failed."""

    sandbox: Sandbox
    ended: Ended | None
    zygote: Zygote
    runtime: Runtime


class Starter:
    """Starts environments: of the version's template, of its snapshot, or of a blank."""

    def __init__(
        self,
        machine: Machine,
        zygotes: Zygotes,
        templates: Templates,
        *,
        data: Path,
        code_root: Path,
        logs: LogSink,
    ) -> None:
        self._machine, self._zygotes, self._templates = machine, zygotes, templates
        self._data, self._code_root, self._logs = data, code_root, logs
        self._with_api: set[str] = set()  # keys whose initialisation asked for the Runtime API
        self.runtimes = Runtimes()

    def forget(self, key: str) -> None:
        """The version will not be started again."""
        self._templates.forget(key)
        self._with_api.discard(key)

    async def start(self, wanted: Start) -> Started:
        """Bring up one environment; raises ComputeError for what is not the function's doing."""
        spec = wanted.spec
        runtime = (await self.runtimes.find(spec.runtime)).sized(spec.memory_mb)
        credentials, zygote = await spec.credentials(), await self._zygotes.of(runtime)
        if spec.snap_start and self._templates.of(spec.key) is None:
            await self.snapshot(spec)
        phases = ["init", "invoke"]  # AWS repeats a failed initialisation, once
        while True:
            phase = phases.pop(0)
            sandbox = await self._take(zygote, spec)
            ended = await self._initialise(wanted, sandbox, runtime, credentials, phase)
            if ended is None:
                break
            if ended.for_api:
                self._with_api.add(spec.key)
                self._templates.forget(spec.key)
                phases.insert(0, phase)
                continue
            if sandbox.restored(spec):
                raise (RestoreTimedOut if ended.timed_out else RestoreFailed)(
                    f"the restoration failed: {ended.error_type or 'it took too long'}"
                )
            if sandbox.forked_from_template:
                self._templates.refuse(spec.key, "an environment forked from it failed")
            if not phases:
                break
        zygote.refill_later()
        return Started(sandbox, ended, zygote, runtime)

    def learn(self, spec: EnvironmentSpec, started: Started) -> None:
        """Make a template of what the environment imported, where one is wanted."""
        learned = started.sandbox.learned
        if learned and self._templates.wanted(spec):
            message = self._particulars(spec, started.runtime)
            environ = particulars.environ(spec, started.runtime)
            self._templates.learn(spec, started.zygote, message, environ, learned)

    async def snapshot(self, spec: EnvironmentSpec) -> SnapshotState:
        """See `Compute.prepare_snapshot`."""
        runtime = await self.runtimes.find(spec.runtime)
        if runtime.family != "python":
            return SnapshotState(False, f"cloudlet takes no snapshots of {spec.runtime}")
        credentials, zygote = await spec.credentials(), await self._zygotes.of(runtime)
        if not self._machine.level().namespaces:
            return SnapshotState(False, "this machine refuses user namespaces")
        environ = {**particulars.environ(spec, runtime), **credentials}
        message = self._particulars(spec, runtime)
        if message["served"]:
            return SnapshotState(False, "extensions and wrapper scripts are started anew")
        log = EnvironmentLog(self._logs, spec.log_group, report.stream_name(spec.version))
        begun = platform_log.begun(spec, runtime)
        return await self._templates.snapshot(spec, zygote, message, environ, log, begun)

    async def _take(self, zygote: Zygote, spec: EnvironmentSpec) -> Sandbox:
        """A blank of the version's template, where it has one; else of the zygote."""
        template = self._templates.of(spec.key)
        if template is not None:
            try:
                return await template.take(spec.key)
            except SandboxFailed as error:
                self._templates.refuse(spec.key, str(error))
        return await zygote.take(spec.key)

    async def _initialise(
        self,
        wanted: Start,
        sandbox: Sandbox,
        runtime: Runtime,
        credentials: Mapping[str, str],
        phase: str,
    ) -> Ended | None:
        """Make the blank the function's; how it failed, None where it serves."""
        spec = wanted.spec
        log = EnvironmentLog(self._logs, spec.log_group, report.stream_name(spec.version))
        restored = sandbox.restored(spec)
        log.lines(platform_log.begun(spec, runtime, restored=restored))
        message = self._particulars(spec, runtime)
        message["environ"] = {
            **particulars.environ(spec, runtime), **credentials,
            "AWS_LAMBDA_LOG_STREAM_NAME": log.stream,
        }  # fmt: skip
        if message["served"]:
            message |= served.told(spec, runtime, phase, log.stream)
        message["request_id"] = wanted.request_id()
        if not self._machine.level().namespaces:
            await self._without_mounts(message, runtime)
        await asyncio.sleep(0)  # others have a turn: a start in one step is half a millisecond
        wanted.begun(sandbox)
        self._machine.network.forward(spec.variables.get(DEBUG_PORT, ""), sandbox.pidfd)
        limit_s = INIT_LIMIT_S if phase == "init" else spec.timeout_s
        ended = await sandbox.assign(spec, message, log, limit_s)
        init_ms = sandbox.init_ms or 0.0
        if ended is not None and ended.for_api:
            sandbox.kill()
            return ended
        status = None if ended is None else "timeout" if ended.timed_out else "error"
        if restored:
            log.lines(platform_log.restoration(spec, init_ms, status))
        elif ended is not None and status is not None:
            log.lines(
                platform_log.initialisation_failed(spec, init_ms, phase, status, ended.error_type)
            )
        if ended is not None:
            sandbox.end("failure")
        return ended

    async def _without_mounts(self, message: dict[str, Any], runtime: Runtime) -> None:
        """Where things are for an environment that sees the host's paths."""
        environ = message["environ"]
        message["tmp"] = await asyncio.to_thread(self._scratch)
        environ["TMPDIR"] = message["tmp"]
        environ["LAMBDA_TASK_ROOT"] = message["code"]
        environ["LAMBDA_RUNTIME_DIR"] = os.fspath(self._zygotes.sdk_view)
        if runtime.family == "python":
            environ["PYTHONPATH"] = os.fspath(self._zygotes.sdk_view)

    def _scratch(self) -> str:
        """A folder that stands in for /tmp where there are no mounts."""
        folder = self._data / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        path = tempfile.mkdtemp(dir=folder)
        if self._machine.level().has("own identity"):
            os.chown(path, SANDBOX_ID, SANDBOX_ID)
        return path

    def _particulars(self, spec: EnvironmentSpec, runtime: Runtime) -> dict[str, Any]:
        """What all environments of the version are told, templates too."""
        isolated = self._machine.level().namespaces
        with_api = spec.key in self._with_api or served.wanted(spec, runtime)
        learning = isolated and runtime.family == "python" and self._templates.wanted(spec)
        return {
            **particulars.of(spec, self._code_root, mounts=isolated),
            "data_limit_mb": 0 if self._machine.cgroups is not None else spec.memory_mb,
            "learn_ms": LEARN_FROM_MS if learning and not with_api else 0,
            "served": with_api,
        }
