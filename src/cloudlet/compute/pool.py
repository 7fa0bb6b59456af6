"""`Compute`: takes an invocation to an execution environment and brings its outcome back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

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
from cloudlet.compute.errors import ComputeError, ComputeStopped, SandboxFailed
from cloudlet.compute.isolation import IsolationLevel
from cloudlet.compute.job import Job
from cloudlet.compute.machine import Machine
from cloudlet.compute.network import Choice
from cloudlet.compute.reserve import Idleness
from cloudlet.compute.runtimes import Runtime
from cloudlet.compute.sandbox import Sandbox
from cloudlet.compute.starting import Start, Starter
from cloudlet.compute.stream import ResponseStream, StreamReader
from cloudlet.compute.template import Templates
from cloudlet.compute.version_pool import PATIENCE_S, VersionPool
from cloudlet.compute.vigil import LINGER_US, Vigil
from cloudlet.compute.zygotes import Zygotes

_logger = logging.getLogger(__name__)
_EXPIRY_MARGIN_S = 60.0
_FREEZE_S = 0.05  # after which an idle environment is stopped: a busy one never pays for it
_FREEZE_AT_ONCE = 8


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
        self._idle_s, self._max_environments = idle_s, max_environments
        self._max_starting = 2 * (os.cpu_count() or 2)
        self._machine = Machine(data, code_root, namespaces=namespaces, network=network)
        self._zygotes = Zygotes(self._machine, data, code_root, reserve)
        self._templates = Templates(self._machine, reserve)
        self._starter = Starter(
            self._machine, self._zygotes, self._templates,
            data=data, code_root=code_root, logs=logs,
        )  # fmt: skip
        self._pools: dict[str, VersionPool] = {}
        self._hungry: deque[VersionPool] = deque()
        self._idleness = Idleness()
        self._starting = 0
        self._alive: set[Sandbox] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._freezer: asyncio.TimerHandle | None = None
        self._reaper: asyncio.Task[None] | None = None
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop  # from `start` on, as the next
        self._vigil: Vigil

    async def start(self, ports: Iterable[int] = ()) -> None:
        """Make ready; cheap: nothing is forked until a runtime's first use.

        `ports` are those of the host's loopback that functions reach, the platform's own.
        """
        self._loop = asyncio.get_running_loop()
        self._vigil = Vigil(self._machine.corner)
        self._machine.network.ports = frozenset(ports)
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
        await self._zygotes.stop()
        for started in list(self._tasks):
            with contextlib.suppress(ComputeError):
                await started
        await self._machine.close()

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
        self._vigil.callers += 1
        try:
            sandbox = self._find(job)
            if sandbox is not None:
                is_kept = self._vigil.is_due(sandbox)
                sandbox.run(job, LINGER_US if is_kept else 0)
                if is_kept:
                    self._vigil.keep(sandbox)
            return await job.future
        finally:
            self._vigil.callers -= 1

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
        sandbox = self._find(job)
        if sandbox is not None:
            sandbox.run(job)
        content_type = await job.stream.begun
        return StreamedOutcome(content_type, StreamReader(job.stream), job.future)

    def _find(self, job: Job) -> Sandbox | None:
        """An idle environment for the job, else let it wait for the first that is free."""
        if self._stopped:
            job.fail(ComputeStopped("the platform is stopping"))
            return None
        key = job.spec.key
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = VersionPool(key)
        sandbox = None if pool.waiting else self._take(pool)
        if sandbox is not None:
            return sandbox
        job.queued = perf_counter()
        pool.waiting.append(job)
        self._grow(pool)
        return None

    def _take(self, pool: VersionPool, *, though_full: bool = False) -> Sandbox | None:
        """An idle environment, if any may serve now."""
        while pool.idle and (though_full or not pool.is_full()):
            sandbox = pool.idle.pop()
            if sandbox.status == "idle" and not self._expired(sandbox):
                return sandbox
            sandbox.end("spindown")
        return None

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
        self._starter.forget(key)
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
        return self._machine.level()

    def runtimes(self) -> list[Runtime]:
        """The runtimes used so far and the interpreters that serve them."""
        return self._starter.runtimes.known()

    async def find_runtime(self, identifier: str) -> Runtime:
        """How this machine serves a runtime; raises RuntimeUnavailable."""
        return await self._starter.runtimes.find(identifier)

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
        return await self._starter.snapshot(spec)

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
        """Serve who waits, starting what the pool lacks; where it is brisk, look again soon."""
        while pool.waiting and (sandbox := self._take(pool)) is not None:
            sandbox.run(pool.waiting.popleft())
        if not pool.is_brisk():
            self._scale(pool)
        elif pool.waiting and not pool.is_watched:
            pool.is_watched = True
            due = perf_counter() + PATIENCE_S
            self._loop.call_later(PATIENCE_S, self._look_again, pool, due)

    def _look_again(self, pool: VersionPool, due: float) -> None:
        """What becomes of those who wait for a function that was brisk."""
        pool.is_watched = False
        pool.listen(perf_counter() - due)
        if pool.is_brisk() and pool.is_overdue() and self._idleness.allows():
            if (sandbox := self._take(pool, though_full=True)) is not None:
                sandbox.run(pool.waiting.popleft())
            else:
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
        try:
            wanted = Start(spec, partial(self._begun, pool), pool.first_request_id)
            started = await self._starter.start(wanted)
            sandbox, ended = started.sandbox, started.ended
            if ended is None:
                if self._count() < self._max_environments:
                    self._starter.learn(spec, started)
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

    def _begun(self, pool: VersionPool, sandbox: Sandbox) -> None:
        """An environment is being made."""
        sandbox.on_free, sandbox.on_end = self._free, self._ended
        pool.all.add(sandbox)

    def _fail(self, pool: VersionPool, error: ComputeError) -> None:
        if pool.waiting:
            pool.waiting.popleft().fail(error)
        else:
            self._give_up(pool, str(error))

    @staticmethod
    def _give_up(pool: VersionPool, reason: str) -> None:
        """Keep no environments ready that do not start; an invocation may still try."""
        pool.failure, pool.wanted = reason, 0

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
            await self._zygotes.reap(horizon, starting=self._starting > 0)
