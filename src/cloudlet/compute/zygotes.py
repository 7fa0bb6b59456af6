"""The running zygotes, one a runtime in use."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from time import perf_counter

from cloudlet.compute.jail import JailPlan
from cloudlet.compute.machine import Machine
from cloudlet.compute.reserve import Reserve
from cloudlet.compute.runtimes import Runtime
from cloudlet.compute.zygote import Zygote


class Zygotes:
    """Starts zygotes at a runtime's first use and after their death, ends those that idle."""

    def __init__(self, machine: Machine, data: Path, code_root: Path, reserve: int | None) -> None:
        """`reserve` pins how many blank environments a zygote keeps, None lets it follow the
        arrivals.
        """
        self._machine, self._data, self._code_root = machine, data, code_root
        self._reserve = reserve
        self._running: dict[str, asyncio.Task[Zygote]] = {}
        self._used: dict[str, float] = {}
        #: Where the SDK is without mounts: a folder of symbolic links.
        self.sdk_view = (data / "runtime").resolve()

    def __bool__(self) -> bool:
        return bool(self._running)

    async def of(self, runtime: Runtime) -> Zygote:
        """The running zygote of a runtime; raises SandboxFailed."""
        key = runtime.zygote_key
        self._used[key] = perf_counter()
        task = self._running.get(key)
        if task is not None and task.done():
            failed = task.cancelled() or task.exception() is not None
            if failed or not task.result().alive:
                task = None
        if task is None:
            task = self._running[key] = asyncio.create_task(self._start(runtime))
        zygote = await asyncio.shield(task)
        self._used[key] = perf_counter()  # its start may have taken longer than it may idle
        return zygote

    async def _start(self, runtime: Runtime) -> Zygote:
        level, machine = await self._machine.probed(), self._machine
        staging = self._data / "jail"
        staging.mkdir(parents=True, exist_ok=True)
        plan = JailPlan(
            runtime=runtime,
            code_root=self._code_root.resolve(),
            staging=staging.resolve(),
            sdk_view=self.sdk_view,
            namespaces=level.namespaces,
            leave_root=level.has("own identity"),
            nproc=1024 if machine.cgroups is None or machine.cgroups.pids is None else 65536,
        )
        if not plan.namespaces:
            await asyncio.to_thread(plan.build_sdk_view)
        while True:
            zygote = Zygote(plan, machine, Reserve(self._reserve, runtime.family))
            await zygote.start(machine.network)
            connected = not zygote.own_network or await machine.network.ready()
            if refused := machine.network.refused:
                machine.lost_network(refused)
            if connected:
                return zygote
            await zygote.stop()

    async def reap(self, horizon: float, *, starting: bool) -> None:
        """End the zygotes without environments that nobody used since `horizon`; those that keep
        more blanks than are wanted let one go. None ends while an environment is `starting`.
        """
        for key, task in list(self._running.items()):
            if not task.done():
                continue
            if task.cancelled() or task.exception() is not None:
                del self._running[key]
                continue
            zygote = task.result()
            zygote.shrink()
            if zygote.in_use or starting:
                self._used[key] = perf_counter()
            elif self._used[key] < horizon:
                del self._running[key]
                await zygote.stop()
        if not self._running:
            await self._machine.network.stop()

    async def stop(self) -> None:
        """End all of them."""
        for task in list(self._running.values()):
            with contextlib.suppress(Exception):  # one that did not start has nothing to stop
                await (await task).stop()
        await self._machine.network.stop()
