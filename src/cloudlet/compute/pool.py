"""`Compute`: takes an invocation to an execution environment and brings its outcome back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from cloudlet.compute import particulars, platform_log, report, served
from cloudlet.compute.environment import (
    EnvironmentSpec,
    EnvironmentState,
    Invocation,
    LogSink,
    Outcome,
    SnapshotState,
    StreamedOutcome,
    TemplateState,
)
from cloudlet.compute.errors import (
    ComputeError,
    ComputeStopped,
    RestoreFailed,
    RestoreTimedOut,
    SandboxFailed,
)
from cloudlet.compute.groups import CgroupRoot, find_root, remove_root
from cloudlet.compute.isolation import IsolationLevel, probe
from cloudlet.compute.jail import SANDBOX_ID, JailPlan, open_to_all
from cloudlet.compute.log import EnvironmentLog
from cloudlet.compute.network import DEBUG_PORT, Choice, Network
from cloudlet.compute.processors import take_short_turns
from cloudlet.compute.reserve import Idleness, Reserve
from cloudlet.compute.runtimes import Runtime, Runtimes
from cloudlet.compute.sandbox import Ended, Job, Sandbox
from cloudlet.compute.stream import ResponseStream, StreamReader
from cloudlet.compute.template import LEARN_FROM_MS, Templates
from cloudlet.compute.version_pool import PATIENCE_S, VersionPool
from cloudlet.compute.zygote import Zygote

_logger = logging.getLogger(__name__)
INIT_LIMIT_S = 10.0  # AWS: "the Init phase is limited to 10 seconds"
_EXPIRY_MARGIN_S = 60.0
_FREEZE_S = 0.05  # after which an idle environment is stopped: a busy one never pays for it
_FREEZE_AT_ONCE = 8
_NICE = 10  # of environments where no control group shares the processors out


class Compute:
    """Runs functions in sandboxed environments, reusing idle ones of the same key.

    Every method belongs to the event loop on which `start` was called.
    """

    def __init__(
        self,
        *,
        data: Path,
        logs: LogSink,
        code_root: Path,
        idle_s: float = 300.0,
        max_environments: int = 256,
        reserve: int | None = None,
        namespaces: bool = True,
        network: Choice = "auto",
    ) -> None:
        """`reserve` pins how many blank environments a zygote keeps (0: none), which otherwise
        follows the arrivals; `namespaces` False does without them where they could be had;
        `network` says whether functions may share the host's.
        """
        cores = os.cpu_count() or 2
        self._data, self._logs, self._code_root = data, logs, code_root
        self._sdk_view = (data / "runtime").resolve()
        self._idle_s, self._max_environments = idle_s, max_environments
        self._want_namespaces = namespaces
        self._network = Network(network)
        self._reserve = reserve
        self._max_starting = 2 * cores
        self._runtimes = Runtimes()
        self._templates = Templates(reserve)
        self._pools: dict[str, VersionPool] = {}
        self._hungry: deque[VersionPool] = deque()
        self._idleness = Idleness()
        self._with_api: set[str] = set()  # keys whose initialisation asked for the Runtime API
        self._starting = 0
        self._alive: set[Sandbox] = set()
        self._zygotes: dict[str, asyncio.Task[Zygote]] = {}
        self._zygote_used: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._freezer: asyncio.TimerHandle | None = None
        self._reaper: asyncio.Task[None] | None = None
        self._cgroups: CgroupRoot | None = None
        self._level: IsolationLevel | None = None
        self._probing = threading.Lock()
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop  # from `start` on

    async def start(self, ports: Iterable[int] = ()) -> None:
        """Make ready; cheap: nothing is forked until a runtime's first use.

        `ports` are those of the host's loopback that functions reach, the platform's own.
        """
        self._loop = asyncio.get_running_loop()
        self._network.ports = frozenset(ports)
        self._reaper = asyncio.create_task(self._reap())

    async def stop(self) -> None:
        """End every environment and zygote; invocations in flight fail with ComputeStopped."""
        self._stopped = True
        if self._reaper is not None:
            self._reaper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reaper
        leaving: list[asyncio.Future[None]] = []
        for pool in self._pools.values():
            while pool.waiting:
                pool.waiting.popleft().fail(ComputeStopped("the platform is stopping"))
            for sandbox in pool.all:
                sandbox.abandon(ComputeStopped("the platform is stopping"))
                if sandbox.grace_ms:
                    sandbox.end("spindown")
                if sandbox.gone is not None:
                    leaving.append(sandbox.gone)
        if self._freezer is not None:
            self._freezer.cancel()
        if leaving:
            await asyncio.wait(leaving)
        await self._templates.stop()
        zygotes = list(self._zygotes.values())
        for task in zygotes:
            with contextlib.suppress(Exception):  # one that did not start has nothing to stop
                await (await task).stop()
        await self._network.stop()
        for started in list(self._tasks):
            with contextlib.suppress(ComputeError):
                await started
        cgroups, self._cgroups = self._cgroups, None
        if cgroups is not None:
            await asyncio.to_thread(remove_root, cgroups)

    async def invoke(
        self,
        spec: EnvironmentSpec,
        invocation: Invocation,
        ended: Callable[[Outcome | None], None] | None = None,
    ) -> Outcome:
        """Run one invocation to its end, whatever becomes of the caller; `ended` is called there,
        with the outcome or, where the platform failed, None.

        Raises RuntimeUnavailable, SandboxFailed or ComputeStopped for what is not the function's
        own doing; the function's failures, its time-out among them, are outcomes.
        """
        job = Job(spec, invocation, self._loop.create_future(), ended)
        self._submit(job)
        return await job.future

    async def invoke_stream(
        self,
        spec: EnvironmentSpec,
        invocation: Invocation,
        ended: Callable[[Outcome | None], None] | None = None,
    ) -> StreamedOutcome:
        """As `invoke`, but returns when the function starts to answer."""
        future: asyncio.Future[Outcome] = self._loop.create_future()
        job = Job(spec, invocation, future, ended, ResponseStream())
        assert job.stream is not None
        job.future.add_done_callback(job.stream.finish)
        self._submit(job)
        content_type = await job.stream.begun
        return StreamedOutcome(content_type, StreamReader(job.stream), job.future)

    def _submit(self, job: Job) -> None:
        """Give the job to an idle environment, else let it wait for the first that is free."""
        if self._stopped:
            job.fail(ComputeStopped("the platform is stopping"))
            return
        key = job.spec.key
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = VersionPool(key)
        while pool.idle:
            sandbox = pool.idle.pop()
            if sandbox.status == "idle" and not self._expired(sandbox):
                sandbox.run(job)
                return
            sandbox.end("spindown")
        job.queued = perf_counter()
        pool.waiting.append(job)
        self._grow(pool)

    async def provision(self, spec: EnvironmentSpec, count: int) -> None:
        """Keep `count` environments of the spec's key ready from now on, 0 for none.

        They are started ahead of demand, replaced when they end, and not ended for being idle.
        """
        pool = self._pools.get(spec.key)
        if pool is None:
            if not count or self._stopped:
                return
            pool = self._pools[spec.key] = VersionPool(spec.key)
        variables = {**spec.variables, "AWS_LAMBDA_INITIALIZATION_TYPE": "provisioned-concurrency"}
        pool.spec, pool.wanted, pool.failure = replace(spec, variables=variables), count, ""
        self._scale(pool)

    def provisioned(self, key: str) -> tuple[int, str]:
        """How many of the key's environments are ready, and why no more are, if starting failed."""
        pool = self._pools.get(key)
        return (0, "") if pool is None else (pool.ready(), pool.failure)

    async def retire(self, key: str) -> None:
        """End the key's idle environments now and its busy ones after their work."""
        self._templates.forget(key)
        self._with_api.discard(key)
        pool = self._pools.get(key)
        if pool is None:
            return
        pool.wanted = 0
        for sandbox in pool.all:
            sandbox.retired = True
            if sandbox.status == "idle":
                sandbox.end("spindown")
        pool.idle.clear()

    def level(self) -> IsolationLevel:
        """What isolates functions on this machine; probed once, in some tens of milliseconds."""
        with self._probing:
            if self._level is None:
                take_short_turns()
                self._cgroups, cgroup_detail = find_root()
                self._level = probe(
                    namespaces=self._want_namespaces,
                    reachable=open_to_all(self._data, self._code_root),
                    cgroups=self._cgroups is not None,
                    pids=self._cgroups is not None and self._cgroups.pids is not None,
                    shares=self._cgroups is not None and self._cgroups.cpu is not None,
                    cgroup_detail=cgroup_detail,
                    network=self._network.examine,
                )
                if not self._level.namespaces:
                    reason = self._network.means(self._level.lacks("own network"))
                    self._level = self._level.without("own network", reason)
                self._network.refused = self._level.lacks("own network")
            return self._level

    def runtimes(self) -> list[Runtime]:
        """The runtimes used so far and the interpreters that serve them."""
        return self._runtimes.known()

    async def find_runtime(self, identifier: str) -> Runtime:
        """How this machine serves a runtime; raises RuntimeUnavailable."""
        return await self._runtimes.find(identifier)

    def snapshot(self) -> list[EnvironmentState]:
        """Every environment as it is now."""
        now = perf_counter()
        return [
            EnvironmentState(
                key=pool.key,
                runtime=sandbox.spec.runtime,
                function_name=sandbox.spec.function_name,
                version=sandbox.spec.version,
                log_stream=sandbox.log.stream,
                status=sandbox.status,
                age_s=now - sandbox.born,
                invocations=sandbox.invocations,
                origin="template" if sandbox.forked_from_template else "zygote",
            )
            for pool in self._pools.values()
            for sandbox in pool.all
            if sandbox.spec is not None and sandbox.log is not None
        ]

    def templates(self) -> list[TemplateState]:
        """What became of learning the imports of each version in use."""
        return self._templates.states()

    async def prepare_snapshot(self, spec: EnvironmentSpec) -> SnapshotState:
        """Initialise a published version once, so that its environments are forked from that.

        Not optimised, with the reason, where that cannot be: other runtimes than Python's, no
        user namespaces, an initialisation that leaves threads, sockets or files open. Such
        versions start in the ordinary way. An initialisation that fails is a `failure`. User code
        must make what is unique to an environment (identifiers, generators of its own,
        connections) in its handler or in a hook after the restore; `random`, numpy's global
        generator and OpenSSL's are seeded anew.
        """
        runtime = await self._runtimes.find(spec.runtime)
        if runtime.family != "python":
            return SnapshotState(False, f"cloudlet takes no snapshots of {spec.runtime}")
        zygote, credentials = await asyncio.gather(self._zygote(runtime), spec.credentials())
        if not self.level().namespaces:
            return SnapshotState(False, "this machine refuses user namespaces")
        environ = {**particulars.environ(spec, runtime), **credentials}
        message = self._particulars(spec, runtime)
        if message["served"]:
            return SnapshotState(False, "extensions and wrapper scripts are started anew")
        log = EnvironmentLog(self._logs, spec.log_group, report.stream_name(spec.version))
        begun = platform_log.begun(spec, runtime)
        return await self._templates.snapshot(
            spec, zygote, self._cgroups, message, environ, log, begun
        )

    # --- scaling ----------------------------------------------------------------------------
    def _scale(self, pool: VersionPool, most: int = 1 << 30) -> None:
        """Start an environment for each who waits, `most` of them, as far as the limits allow."""
        while pool.starting < min(most, pool.lacking()) and not self._stopped:
            if pool.is_hungry:
                return
            if self._starting >= self._max_starting or not self._room():
                pool.is_hungry = True
                self._hungry.append(pool)
                return
            pool.starting += 1
            self._starting += 1
            spec = pool.waiting[-1].spec if pool.waiting else pool.spec
            assert spec is not None
            self._own(self._start(pool, spec))

    def _grow(self, pool: VersionPool) -> None:
        """Start what the pool lacks; where it is brisk, look again soon."""
        if not pool.is_brisk():
            self._scale(pool)
        elif pool.waiting and not pool.is_watched:
            pool.is_watched = True
            self._loop.call_later(PATIENCE_S, self._look_again, pool)

    def _look_again(self, pool: VersionPool) -> None:
        """What becomes of those who wait for a function that was brisk."""
        pool.is_watched = False
        if pool.is_brisk() and pool.is_overdue() and self._idleness.allows():
            self._scale(pool, 1)
        self._grow(pool)

    def _count(self) -> int:
        return len(self._alive) + self._starting + len(self._templates)

    def _room(self) -> bool:
        """Whether one more may start; else the longest idle one of any function makes room."""
        if self._count() < self._max_environments:
            return True
        idle = [sandbox for pool in self._pools.values() for sandbox in pool.spare()]
        if idle:
            oldest = min(idle, key=lambda sandbox: sandbox.idle_since)
            assert oldest.spec is not None
            self._pools[oldest.spec.key].idle.remove(oldest)
            oldest.end("spindown")
        else:
            self._templates.make_room()
        return False

    def _feed(self) -> None:
        """Let the keys that were held back start theirs."""
        for _ in range(len(self._hungry)):
            pool = self._hungry.popleft()
            pool.is_hungry = False
            self._grow(pool)

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, pool: VersionPool, spec: EnvironmentSpec) -> None:
        """Bring up one environment and give it to whoever waits first."""
        sandbox: Sandbox | None = None
        try:
            runtime = (await self._runtimes.find(spec.runtime)).sized(spec.memory_mb)
            zygote, credentials = await asyncio.gather(self._zygote(runtime), spec.credentials())
            if spec.snap_start and self._templates.of(spec.key) is None:
                await self.prepare_snapshot(spec)
            ended: Ended | None = None
            phases = ["init", "invoke"]  # AWS repeats a failed initialisation, once
            while phases:
                phase = phases.pop(0)
                sandbox = await self._take(zygote, spec)
                ended = await self._initialise(pool, sandbox, spec, runtime, credentials, phase)
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
            zygote.refill_later()
            assert sandbox is not None
            if ended is None:
                room = self._count() < self._max_environments
                if sandbox.learned and room and self._templates.wanted(spec):
                    message = self._particulars(spec, runtime)
                    environ = particulars.environ(spec, runtime)
                    self._templates.learn(
                        spec, zygote, self._cgroups, message, environ, sandbox.learned
                    )
                self._alive.add(sandbox)
                self._free(sandbox)
            elif pool.waiting:
                sandbox.fail_job(pool.waiting.popleft(), ended)
            else:
                self._give_up(pool, f"Initialisation failed: {ended.error_type}")
        except ComputeError as error:
            self._fail(pool, error)
        except Exception as error:
            _logger.exception("an environment of %s could not be started", spec.function_name)
            self._fail(pool, SandboxFailed(f"{type(error).__name__}: {error}"))
        finally:
            pool.starting -= 1
            self._starting -= 1
            self._grow(pool)
            self._feed()

    async def _take(self, zygote: Zygote, spec: EnvironmentSpec) -> Sandbox:
        """A blank of the version's template, where it has one; else of the zygote."""
        template = self._templates.of(spec.key)
        if template is not None:
            try:
                return await template.take()
            except SandboxFailed as error:
                self._templates.refuse(spec.key, str(error))
        return await zygote.take()

    def _fail(self, pool: VersionPool, error: ComputeError) -> None:
        if pool.waiting:
            pool.waiting.popleft().fail(error)
        else:
            self._give_up(pool, str(error))

    @staticmethod
    def _give_up(pool: VersionPool, reason: str) -> None:
        """Keep no environments ready that do not start; an invocation may still try."""
        pool.failure, pool.wanted = reason, 0

    async def _initialise(
        self,
        pool: VersionPool,
        sandbox: Sandbox,
        spec: EnvironmentSpec,
        runtime: Runtime,
        credentials: Mapping[str, str],
        phase: str,
    ) -> Ended | None:
        log = EnvironmentLog(self._logs, spec.log_group, report.stream_name(spec.version))
        restored = sandbox.restored(spec)
        log.lines(platform_log.begun(spec, runtime, restored=restored))
        environ = {**particulars.environ(spec, runtime), **credentials}
        environ["AWS_LAMBDA_LOG_STREAM_NAME"] = log.stream
        isolated = self.level().namespaces
        message = self._particulars(spec, runtime)
        message["environ"] = environ
        if message["served"]:
            message |= served.told(spec, runtime, phase, log.stream)
        message["request_id"] = pool.waiting[0].invocation.request_id if pool.waiting else ""
        if not isolated:
            message["tmp"] = await asyncio.to_thread(self._scratch)
            environ["TMPDIR"] = message["tmp"]
            environ["LAMBDA_TASK_ROOT"] = message["code"]
            environ["LAMBDA_RUNTIME_DIR"] = os.fspath(self._sdk_view)
            if runtime.family == "python":
                environ["PYTHONPATH"] = os.fspath(self._sdk_view)
        sandbox.on_free, sandbox.on_end = self._free, self._ended
        self._network.forward(spec.variables.get(DEBUG_PORT, ""), sandbox.pidfd)
        pool.all.add(sandbox)
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

    def _particulars(self, spec: EnvironmentSpec, runtime: Runtime) -> dict[str, Any]:
        """What all environments of the version are told, templates too."""
        isolated = self.level().namespaces
        with_api = spec.key in self._with_api or served.wanted(spec, runtime)
        learning = isolated and runtime.family == "python" and self._templates.wanted(spec)
        return {
            **particulars.of(spec, self._code_root if isolated else None),
            "data_limit_mb": 0 if self._cgroups is not None else spec.memory_mb,
            "learn_ms": LEARN_FROM_MS if learning and not with_api else 0,
            "served": with_api,
        }

    def _scratch(self) -> str:
        """A folder that stands in for /tmp where there are no mounts."""
        folder = self._data / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        path = tempfile.mkdtemp(dir=folder)
        if self.level().has("own identity"):
            os.chown(path, SANDBOX_ID, SANDBOX_ID)
        return path

    # --- the ways of an environment -----------------------------------------------------------
    def _expired(self, sandbox: Sandbox) -> bool:
        assert sandbox.spec is not None
        left = sandbox.spec.credentials_valid_s - (perf_counter() - sandbox.born)
        return left < sandbox.spec.timeout_s + _EXPIRY_MARGIN_S

    def _free(self, sandbox: Sandbox) -> None:
        """An environment can serve: the first who waits gets it, else it idles."""
        assert sandbox.spec is not None
        pool = self._pools[sandbox.spec.key]
        if sandbox.invocations:
            pool.answered(sandbox.duration_s)
        outlived = sandbox.retired or self._expired(sandbox)
        if pool.waiting and not (outlived and sandbox.invocations):
            sandbox.run(pool.waiting.popleft())
        elif outlived:
            sandbox.end("spindown")
        else:
            sandbox.idle_since = perf_counter()
            pool.idle.append(sandbox)
            if self._freezer is None:
                self._freezer = asyncio.get_running_loop().call_later(_FREEZE_S, self._freeze)
            if self._hungry:
                self._room()

    def _freeze(self) -> None:
        """Stop the environments that idled for a moment, some at a time; look again while any
        goes on.
        """
        self._freezer = None
        horizon, frozen = perf_counter() - _FREEZE_S, 0
        awake = [s for pool in self._pools.values() for s in pool.idle if not s.frozen]
        for sandbox in awake:
            if sandbox.idle_since <= horizon and frozen < _FREEZE_AT_ONCE:
                frozen += 1
                sandbox.freeze()
        if frozen < len(awake):
            delay_s = _FREEZE_S if frozen < _FREEZE_AT_ONCE else 0.0
            self._freezer = asyncio.get_running_loop().call_later(delay_s, self._freeze)

    def _ended(self, sandbox: Sandbox) -> None:
        assert sandbox.spec is not None
        self._alive.discard(sandbox)
        pool = self._pools.get(sandbox.spec.key)
        if pool is None:
            return
        pool.all.discard(sandbox)
        if sandbox in pool.idle:
            pool.idle.remove(sandbox)
        if pool.empty() and not pool.failure:
            del self._pools[pool.key]
        self._grow(pool)
        self._feed()

    # --- zygotes ------------------------------------------------------------------------------
    async def _zygote(self, runtime: Runtime) -> Zygote:
        """The running zygote of a runtime; started at its first use or after its death."""
        key = runtime.zygote_key
        self._zygote_used[key] = perf_counter()
        task = self._zygotes.get(key)
        if task is not None and task.done():
            failed = task.cancelled() or task.exception() is not None
            if failed or not task.result().alive:
                task = None
        if task is None:
            task = self._zygotes[key] = asyncio.create_task(self._start_zygote(runtime))
        return await asyncio.shield(task)

    async def _start_zygote(self, runtime: Runtime) -> Zygote:
        if self._level is None:
            await asyncio.to_thread(self.level)
        staging = self._data / "jail"
        staging.mkdir(parents=True, exist_ok=True)
        plan = JailPlan(
            runtime=runtime,
            code_root=self._code_root.resolve(),
            staging=staging.resolve(),
            sdk_view=self._sdk_view,
            namespaces=self.level().namespaces,
            leave_root=self.level().has("own identity"),
            nproc=1024 if self._cgroups is None or self._cgroups.pids is None else 65536,
            nice=0 if self.level().has("processor shares") else _NICE,
        )
        if not plan.namespaces:
            await asyncio.to_thread(plan.build_sdk_view)
        while True:
            zygote = Zygote(plan, self._cgroups, Reserve(self._reserve, runtime.family))
            await zygote.start(self._network)
            connected = not zygote.own_network or await self._network.ready()
            if refused := self._network.refused:
                self._level = self.level().without("own network", refused)
            if connected:
                return zygote
            await zygote.stop()

    async def _reap(self) -> None:
        """End environments that idled long enough, then zygotes that have none."""
        while True:
            await asyncio.sleep(min(5.0, max(0.05, self._idle_s / 5)))
            horizon = perf_counter() - self._idle_s
            for pool in list(self._pools.values()):
                for sandbox in pool.spare():
                    if sandbox.idle_since < horizon:
                        pool.idle.remove(sandbox)
                        sandbox.end("spindown")
            await self._templates.reap(horizon)
            for key, task in list(self._zygotes.items()):
                if not task.done():
                    continue
                if task.cancelled() or task.exception() is not None:
                    del self._zygotes[key]
                    continue
                zygote = task.result()
                zygote.shrink()
                if zygote.in_use or self._starting:
                    self._zygote_used[key] = perf_counter()
                elif self._zygote_used[key] < horizon:
                    del self._zygotes[key]
                    await zygote.stop()
            if not self._zygotes:
                await self._network.stop()
