"""The platform's end of a zygote: starts it, asks it for environments, keeps some in reserve."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

from cloudlet.compute.errors import ComputeStopped, SandboxFailed
from cloudlet.compute.jail import JailPlan
from cloudlet.compute.memory import CgroupMeter, CgroupRoot, PolledMeter, host_pid
from cloudlet.compute.sandbox import Pipes, Sandbox

_SCRIPT = Path(__file__).parent / "inside" / "zygote.py"
_START_S = 30.0
_REFILL_S = 0.02


class Zygote:
    """One runtime family's parent of environments."""

    def __init__(self, plan: JailPlan, cgroups: CgroupRoot | None, reserve: int) -> None:
        self.plan = plan
        self.alive = False
        self.sdk = False
        self.sandboxes: dict[int, Sandbox] = {}
        self._cgroups = cgroups
        self._reserve = reserve
        self._blanks: list[Sandbox] = []
        self._forking: dict[int, tuple[Sandbox, asyncio.Future[Sandbox]]] = {}
        self._ready: asyncio.Future[None] | None = None
        self._refill_timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Future[Any]] = set()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._numbers = 0

    async def start(self) -> None:
        """Start the process and wait until its jail stands; raises SandboxFailed."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self._socket = ours
        with theirs:
            python = self.plan.runtime.python
            self._process = subprocess.Popen(  # noqa: ASYNC220 - vfork and exec: under a millisecond
                [python, "-I", "-S", "-B", os.fspath(_SCRIPT), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                pass_fds=(theirs.fileno(),),
            )
        self._ready = loop.create_future()
        loop.add_reader(ours.fileno(), self._on_message)
        ours.send(json.dumps(self.plan.config()).encode())
        try:
            await asyncio.wait_for(self._ready, _START_S)
        except TimeoutError:
            await self.stop()
            raise SandboxFailed("the zygote did not come up in time") from None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End it and everything it forked; returns when the process is gone."""
        self._lost(ComputeStopped("the platform is stopping"))
        process, self._process = self._process, None
        if process is not None:
            try:
                await asyncio.to_thread(process.wait, 2.0)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def take(self) -> Sandbox:
        """A blank environment: one in reserve, else a new one."""
        if self._blanks:
            return self._blanks.pop()
        return await self._fork()

    def refill_later(self) -> None:
        """Fill the reserve when nothing has been started for a moment."""
        if self._refill_timer is not None:
            self._refill_timer.cancel()
        self._refill_timer = asyncio.get_running_loop().call_later(_REFILL_S, self._refill)

    def _refill(self) -> None:
        self._refill_timer = None
        if self.alive and len(self._blanks) + len(self._forking) < self._reserve:
            self._own(asyncio.ensure_future(self._fork_blank()))

    async def _fork_blank(self) -> None:
        with contextlib.suppress(SandboxFailed, ComputeStopped):
            sandbox = await self._fork()
            if sandbox.status == "blank":
                self._blanks.append(sandbox)
                self.refill_later()

    def _own(self, task: asyncio.Future[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def in_use(self) -> bool:
        """Whether any environment is more than a blank."""
        return bool(self._forking) or any(s.status != "blank" for s in self.sandboxes.values())

    async def _fork(self) -> Sandbox:
        if not self.alive or self._socket is None:
            raise SandboxFailed("the zygote has ended")
        self._numbers += 1
        number = self._numbers
        cgroup: CgroupMeter | None = None
        if self._cgroups is not None:
            name = f"{self.plan.runtime.family}-{id(self):x}-{number}"
            try:
                cgroup = await asyncio.to_thread(CgroupMeter, self._cgroups, name)
            except OSError as error:
                raise SandboxFailed(f"the environment could not be limited: {error}") from error
        requests, answers, log = (os.pipe2(os.O_CLOEXEC) for _ in range(3))
        for fd in (requests[1], answers[0], log[0]):
            os.set_blocking(fd, False)
        sandbox = Sandbox(number, Pipes(requests[1], answers[0], log[0]))
        sandbox.meter = cgroup
        future: asyncio.Future[Sandbox] = asyncio.get_running_loop().create_future()
        theirs = [requests[0], answers[1], log[1]]
        try:
            if self._socket is None:  # lost while the groups were made
                raise BrokenPipeError
            fds = theirs + (cgroup.join if cgroup is not None else [])
            socket.send_fds(self._socket, [json.dumps({"fork": number}).encode()], fds)
            self._forking[number] = (sandbox, future)
        except OSError as error:
            self._discard(sandbox)
            raise SandboxFailed(f"the zygote does not answer: {error}") from error
        finally:
            if cgroup is not None:
                cgroup.joined()
            for fd in theirs:
                os.close(fd)
        return await future

    def _discard(self, sandbox: Sandbox) -> None:
        """The environment has ended: close it and remove its groups."""
        sandbox.exited(None)
        if sandbox.meter is not None:
            self._own(asyncio.ensure_future(asyncio.to_thread(sandbox.meter.close)))

    # --- messages ---------------------------------------------------------------------------
    def _on_message(self) -> None:
        assert self._socket is not None
        try:
            message, fds, _, _ = socket.recv_fds(self._socket, 65536, 1)
        except BlockingIOError:
            return
        except OSError:
            message, fds = b"", []
        if not message:
            self._lost(SandboxFailed("the zygote has ended"))
            return
        body = json.loads(message)
        if "forked" in body:
            self._on_forked(body["forked"], fds[0])
        elif "exited" in body:
            self._on_exited(body["exited"], body["status"])
        elif "failed" in body:
            sandbox, future = self._forking.pop(body["failed"])
            self._discard(sandbox)
            future.set_exception(SandboxFailed(f"fork: {body['reason']}"))
        elif self._ready is not None and not self._ready.done():
            if "ready" in body:
                self.alive, self.sdk = True, body["sdk"]
                self._ready.set_result(None)
            else:
                self._ready.set_exception(SandboxFailed(body["fatal"]))

    def _on_forked(self, number: int, pidfd: int) -> None:
        sandbox, future = self._forking.pop(number)
        self.sandboxes[number] = sandbox
        sandbox.pidfd = pidfd
        if sandbox.meter is None:
            sandbox.meter = PolledMeter(host_pid(pidfd))
        if future.done():  # nobody waits any more
            sandbox.kill()
        else:
            future.set_result(sandbox)

    def _on_exited(self, number: int, status: int | None) -> None:
        sandbox = self.sandboxes.pop(number, None)
        if sandbox is None:
            return
        if sandbox in self._blanks:
            self._blanks.remove(sandbox)
        sandbox.exited(status)
        self._discard(sandbox)

    def _lost(self, reason: Exception) -> None:
        """The process is gone or shall go; all of its environments end with it."""
        self.alive = False
        if self._refill_timer is not None:
            self._refill_timer.cancel()
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(reason)
        for sandbox, future in self._forking.values():
            self._discard(sandbox)
            if not future.done():
                future.set_exception(reason)
        self._forking.clear()
        for number in list(self.sandboxes):
            self._on_exited(number, None)
        self._blanks.clear()
