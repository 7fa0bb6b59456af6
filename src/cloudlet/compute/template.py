"""Templates: jailed processes that have made one version's imports, and are forked for it.

A template serves the one key that it was made for. It is sealed like an environment before it
reads any code; it gets the function's variables, as each environment of the version will, but no
credentials. An import that asks for what environments have of their own (credentials, the log
stream's name) refuses the template; so do threads and descriptors left open by the imports, an
import that reaches the function's own code, and variables that the function changes while it is
initialised (see inside/learning.py). Refused versions start in the ordinary way.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import msgspec

from cloudlet.compute import platform_log
from cloudlet.compute.environment import EnvironmentSpec, SnapshotState, TemplateState
from cloudlet.compute.errors import ComputeError, SandboxFailed
from cloudlet.compute.forker import Forker, Keeper
from cloudlet.compute.log import EnvironmentLog
from cloudlet.compute.machine import Machine
from cloudlet.compute.memory import CgroupMeter
from cloudlet.compute.output import Output
from cloudlet.compute.polling import PolledMeter
from cloudlet.compute.processes import host_pid
from cloudlet.compute.reserve import Reserve
from cloudlet.compute.sandbox import Sandbox

LEARN_FROM_MS = 20.0  # imports that take less are not worth a process
SWITCH = "CLOUDLET_LEARN_IMPORTS"
_START_S = 30.0
#: "Init phase": of SnapStart, 130 seconds or the function's time-out, whichever is longer.
_SNAPSHOT_S = 130.0
_FAILED = "the initialisation failed: "  # as inside/snapstart.py begins it
_MAX_NAMES_BYTES = 150_000
_KEEPER_MB = 64


class _Learned(msgspec.Struct):
    """What the first environment of a version reports; it runs the function, so bounded."""

    modules: list[str]
    changed: dict[str, str | None]


def _failure(reason: str) -> str:
    """The type of the error where the function's own initialisation failed, else ""."""
    if not reason.startswith(_FAILED):
        return ""
    return reason.removeprefix(_FAILED).partition(":")[0]


class Template(Forker):
    """One version's template and the environments forked from it."""

    def __init__(self, spec: EnvironmentSpec, machine: Machine, reserve: Reserve) -> None:
        super().__init__("template", machine, reserve)
        self.spec = spec
        self.import_ms = 0.0
        self.used_at = perf_counter()
        self._keeper: Keeper | None = None
        self._pidfd = -1
        self._meter: CgroupMeter | None = None
        self._shared_bytes = 0
        self._limit_s = max(_SNAPSHOT_S, spec.timeout_s) if spec.snap_start else _START_S

    async def start(
        self, zygote: Forker, message: dict[str, Any], log: EnvironmentLog | None = None
    ) -> None:
        """Fork it from the zygote and wait for its imports; raises SandboxFailed with the reason
        why it may not be forked. What it writes meanwhile goes to `log`.
        """
        groups: list[int] = []
        if self._cgroups is not None:
            meter = await CgroupMeter.make(self._cgroups, f"template-{id(self):x}")
            meter.limit(self.spec.memory_mb + _KEEPER_MB, self.spec.tmp_mb)
            self._meter, groups = meter, meter.join
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        output = Output(log)
        try:
            with theirs, contextlib.ExitStack() as failing:
                failing.enter_context(ours)
                self._keeper = zygote.fork_keeper(theirs.fileno(), output.write, groups)
                failing.pop_all()
            output.handed()
            ready = self._listen(ours)
            self._pidfd = await self._keeper.forked
            ours.send(json.dumps(message).encode())
            self.import_ms = float((await asyncio.wait_for(ready, self._limit_s))["import_ms"])
        except TimeoutError:
            await self.stop()
            if self.spec.snap_start:
                late = f"Sandbox.Timedout: it took longer than {self._limit_s:.0f} seconds"
                raise SandboxFailed(_FAILED + late) from None
            raise SandboxFailed("the imports did not end in time") from None
        except OSError as error:
            await self.stop()
            raise SandboxFailed(f"it did not start: {error}") from None
        except BaseException:
            await self.stop()
            raise
        finally:
            output.close()
            if self._meter is not None:
                self._meter.joined()
        if self._meter is not None:
            self._shared_bytes = self._meter.used_bytes()

    async def take(self, key: str) -> Sandbox:
        """A blank that has the imports made."""
        self.used_at = perf_counter()
        sandbox = await super().take(key)
        sandbox.forked_from_template = True
        sandbox.shared_bytes = self._shared_bytes
        return sandbox

    async def stop(self) -> None:
        """End it and every environment forked from it; returns when they are gone."""
        self._lost(SandboxFailed("the template was let go"))
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            os.close(self._pidfd)
            self._pidfd = -1
        if self._keeper is not None:
            await asyncio.wait([self._keeper.gone])  # which outlives a caller that is cancelled
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        meter, self._meter = self._meter, None
        if meter is not None:
            await meter.remove()

    def _wither(self) -> None:
        self.retire()

    def retire(self) -> None:
        """Fork nothing more; what was forked goes on."""
        self.alive = False
        for sandbox in self._blanks:
            sandbox.kill()
        self._blanks.clear()

    def _polled(self, pidfd: int) -> PolledMeter:
        return PolledMeter(host_pid(pidfd), self._corner, host_pid(self._pidfd))


@dataclass(slots=True)
class _Entry:
    spec: EnvironmentSpec
    modules: int
    status: str = "preparing"
    reason: str = ""
    template: Template | None = None
    expires: float = 0.0
    work: asyncio.Task[None] | None = field(default=None)


class Templates:
    """The templates of all versions: at most one each."""

    def __init__(self, machine: Machine, reserve: int | None) -> None:
        self._machine, self._reserve = machine, reserve
        self._entries: dict[str, _Entry] = {}
        self._leaving: set[Template] = set()

    def __len__(self) -> int:
        return len(self._leaving) + sum(e.template is not None for e in self._entries.values())

    def wanted(self, spec: EnvironmentSpec) -> bool:
        """Whether the version's imports are yet to be learned."""
        return spec.key not in self._entries and spec.variables.get(SWITCH) != "0"

    def of(self, key: str) -> Template | None:
        """The version's template, if it can be forked."""
        entry = self._entries.get(key)
        if entry is None or entry.status != "ready" or entry.template is None:
            return None
        if not entry.template.alive:
            self.refuse(key, "its process ended")
            return None
        if entry.spec.snap_start and entry.expires < perf_counter():
            self.forget(key)  # it was initialised with credentials; the next has new ones
            return None
        return entry.template

    def learn(
        self, spec: EnvironmentSpec, zygote: Forker,
        message: Mapping[str, Any], environ: Mapping[str, str], said: bytes,
    ) -> None:  # fmt: skip
        """Make the template from what the version's first environment `said` of its imports."""
        try:
            learned = msgspec.json.decode(said, type=_Learned)
        except msgspec.DecodeError:
            return
        if sum(map(len, learned.modules)) > _MAX_NAMES_BYTES:
            return
        template = Template(spec, self._machine, Reserve(self._reserve, "python", floor=1))
        entry = self._entries[spec.key] = _Entry(spec, len(learned.modules), template=template)
        content = {
            **message, "environ": environ, "modules": learned.modules, "changed": learned.changed,
        }  # fmt: skip
        entry.work = asyncio.get_running_loop().create_task(self._make(entry, zygote, content))

    async def snapshot(
        self, spec: EnvironmentSpec, zygote: Forker,
        message: Mapping[str, Any], environ: Mapping[str, str], log: EnvironmentLog,
        begun: list[str],
    ) -> SnapshotState:  # fmt: skip
        """Make the template that has initialised the function, unless there is one; `environ`
        has credentials, as AWS gives them to an initialisation, whose log begins with `begun`.
        """
        entry = self._entries.get(spec.key)
        if entry is None:
            template = Template(spec, self._machine, Reserve(self._reserve, "python", floor=1))
            entry = self._entries[spec.key] = _Entry(spec, 0, template=template)
            entry.expires = perf_counter() + spec.credentials_valid_s / 2
            content = {**message, "environ": environ, "modules": [], "changed": {}}
            log.lines(begun)
            work = self._make(entry, zygote, content, log)
            entry.work = asyncio.get_running_loop().create_task(work)
        if entry.work is not None:
            await asyncio.shield(entry.work)
        if failure := _failure(entry.reason):
            return SnapshotState(False, entry.reason.removeprefix(_FAILED), failure)
        return SnapshotState(entry.status == "ready", entry.reason)

    async def _make(
        self,
        entry: _Entry,
        zygote: Forker,
        content: dict[str, Any],
        log: EnvironmentLog | None = None,
    ) -> None:
        assert entry.template is not None
        started = perf_counter()
        try:
            await entry.template.start(zygote, content, log)
        except (ComputeError, OSError) as error:
            entry.status, entry.reason, entry.template = "refused", str(error), None
        else:
            entry.status = "ready"
            entry.template.refill_later()
        if log is not None:
            took_ms = (perf_counter() - started) * 1000
            failure = _failure(entry.reason)
            log.lines(platform_log.snapshot_taken(entry.spec, took_ms, entry.reason, failure))

    def refuse(self, key: str, reason: str) -> None:
        """Start the version in the ordinary way from now on."""
        entry = self._entries[key]
        entry.status, entry.reason = "refused", reason
        if entry.template is not None:
            entry.template.retire()
            self._leaving.add(entry.template)
            entry.template = None

    def forget(self, key: str) -> None:
        """The version is no more: its template goes when its environments have."""
        entry = self._entries.pop(key, None)
        if entry is not None and entry.template is not None:
            entry.template.retire()
            self._leaving.add(entry.template)

    async def reap(self, horizon: float) -> None:
        """Stop the templates that nobody used since `horizon`, and those that were let go."""
        for key, entry in list(self._entries.items()):
            template = entry.template
            if template is None or entry.status != "ready":
                continue
            template.shrink()
            if template.in_use:
                template.used_at = max(template.used_at, horizon)
            elif template.used_at < horizon:
                self.forget(key)
        for template in [leaving for leaving in self._leaving if not leaving.in_use]:
            await template.stop()
            self._leaving.discard(template)

    def make_room(self) -> bool:
        """Let go of the template that was unused the longest; False where all are in use."""
        idle = [
            (entry.template.used_at, key)
            for key, entry in self._entries.items()
            if entry.template is not None and entry.status == "ready" and not entry.template.in_use
        ]
        if idle:
            self.forget(min(idle)[1])
        return bool(idle)

    async def stop(self) -> None:
        """End them all."""
        for entry in self._entries.values():
            if entry.work is not None:
                entry.work.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await entry.work
        templates = [e.template for e in self._entries.values() if e.template is not None]
        for template in [*templates, *self._leaving]:
            await template.stop()
        self._entries.clear()
        self._leaving.clear()

    def states(self) -> list[TemplateState]:
        """Every version's, for `cloudlet doctor`."""
        return [
            TemplateState(
                key=key,
                function_name=entry.spec.function_name,
                version=entry.spec.version,
                status=entry.status,
                reason=entry.reason,
                modules=entry.modules,
                import_ms=entry.template.import_ms if entry.template is not None else 0.0,
            )
            for key, entry in self._entries.items()
        ]
