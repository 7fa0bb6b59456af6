"""The platform's end of a process that forks environments: asks it for them, keeps some ready."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from typing import Any

from cloudlet.compute.errors import ComputeStopped, SandboxFailed
from cloudlet.compute.machine import Machine
from cloudlet.compute.memory import PAUSE_S, CgroupMeter
from cloudlet.compute.polling import PolledMeter
from cloudlet.compute.processes import host_pid
from cloudlet.compute.processors import owes
from cloudlet.compute.reserve import Idleness, Reserve
from cloudlet.compute.sandbox import Pipes, Sandbox

_MESSAGE_LIMIT = 65536


class Keeper:
    """The process of a template as its zygote sees it."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.forked: asyncio.Future[int] = loop.create_future()  # its pidfd
        self.gone: asyncio.Future[None] = loop.create_future()

    def fail(self, reason: Exception) -> None:
        """It was not made, or is no more."""
        if not self.forked.done():
            self.forked.set_exception(reason)
        if not self.gone.done():
            self.gone.set_result(None)


class Forker:
    """Environments of one origin, a zygote's or a template's: made on request or ahead of it.

    A subclass starts the process and hands over the socket by `_listen`.
    """

    def __init__(
        self, name: str, machine: Machine, reserve: Reserve, *, isolated: bool = True
    ) -> None:
        """`isolated`: whether an environment ends, whole, with its first process."""
        self.name = name
        self._isolated = isolated
        self.alive = False
        self.sandboxes: dict[int, Sandbox] = {}
        self._cgroups, self._corner = machine.cgroups, machine.corner
        self._reserve = reserve
        self._idleness = Idleness()
        self._blanks: list[Sandbox] = []
        self._forking: dict[int, tuple[Sandbox, asyncio.Future[Sandbox]]] = {}
        self._ready: asyncio.Future[dict[str, Any]] | None = None
        self._refill_timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Future[Any]] = set()
        self._socket: socket.socket | None = None
        self._numbers = 0
        self._keepers: dict[int, Keeper] = {}

    def _listen(self, control: socket.socket) -> asyncio.Future[dict[str, Any]]:
        """Take over our end of the socket; the future is the process's first message."""
        loop = asyncio.get_running_loop()
        control.setblocking(False)
        self._socket = control
        self._ready = loop.create_future()
        loop.add_reader(control.fileno(), self._on_message)
        return self._ready

    async def take(self, key: str) -> Sandbox:
        """A blank environment for a key: one in reserve, else a new one."""
        self._reserve.arrived()
        if self._blanks:
            return self._blanks.pop()
        in_debt = self._cgroups is not None and owes(self._cgroups, key)
        return await self._fork(last=in_debt)

    def refill_later(self) -> None:
        """Fill the reserve when nothing has been started for a moment and the machine is idle."""
        self._idleness.restart()
        self._look_later()

    def _look_later(self) -> None:
        if self._refill_timer is not None:
            self._refill_timer.cancel()
        pause_s = self._idleness.pause_s()
        self._refill_timer = asyncio.get_running_loop().call_later(pause_s, self._refill)

    def _refill(self) -> None:
        self._refill_timer = None
        if not self.alive or len(self._blanks) + len(self._forking) >= self._reserve.wanted():
            return
        if self._idleness.allows():
            self._own(asyncio.ensure_future(self._fork_blank()))
        else:
            self._look_later()

    async def _fork_blank(self) -> None:
        with contextlib.suppress(SandboxFailed, ComputeStopped):
            sandbox = await self._fork(last=True, pause_s=PAUSE_S)
            if sandbox.status == "blank":
                self._blanks.append(sandbox)
                self._look_later()

    def shrink(self) -> None:
        """Let go of a blank that the arrivals no longer ask for."""
        if len(self._blanks) > self._reserve.wanted():
            self._blanks.pop(0).kill()

    def _own(self, task: asyncio.Future[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def in_use(self) -> bool:
        """Whether any environment is more than a blank."""
        if self._forking or self._keepers:
            return True
        return any(sandbox.status != "blank" for sandbox in self.sandboxes.values())

    async def _fork(self, *, last: bool = False, pause_s: float = 0.0) -> Sandbox:
        if not self.alive or self._socket is None:
            raise SandboxFailed("the zygote has ended")
        self._numbers += 1
        number = self._numbers
        cgroup: CgroupMeter | None = None
        if self._cgroups is not None:
            name = f"{self.name}-{id(self):x}-{number}"
            try:
                cgroup = await CgroupMeter.make(self._cgroups, name, last=last, pause_s=pause_s)
            except OSError as error:
                raise SandboxFailed(f"the environment could not be limited: {error}") from error
        requests, answers, log = (os.pipe2(os.O_CLOEXEC) for _ in range(3))
        for fd in (requests[1], answers[0], log[0]):
            os.set_blocking(fd, False)
        sandbox = Sandbox(number, Pipes(requests[1], answers[0], log[0]))
        sandbox.meter = cgroup
        if not self._isolated:
            sandbox.end_tree = self._end_tree
        future: asyncio.Future[Sandbox] = asyncio.get_running_loop().create_future()
        theirs = [requests[0], answers[1], log[1]]
        try:
            if self._socket is None:  # lost while the groups were made
                raise BrokenPipeError
            self._corner.occupy()
            fds = theirs + (cgroup.join if cgroup is not None else [])
            socket.send_fds(
                self._socket, [json.dumps({"fork": number, "ahead": last}).encode()], fds
            )
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

    def fork_keeper(self, control: int, log: int, groups: list[int]) -> Keeper:
        """Ask for a process that keeps a template, whose initialisation writes to `log`, and
        listens to `control`.
        """
        if not self.alive or self._socket is None:
            raise SandboxFailed("the zygote has ended")
        self._numbers += 1
        request = json.dumps({"template": self._numbers}).encode()
        try:
            socket.send_fds(self._socket, [request], [control, log, *groups])
        except OSError as error:
            raise SandboxFailed(f"the zygote does not answer: {error}") from error
        keeper = self._keepers[self._numbers] = Keeper()
        return keeper

    def _discard(self, sandbox: Sandbox) -> None:
        """The environment has ended: close it and remove its groups."""
        sandbox.exited(None)
        if sandbox.meter is not None:
            self._own(asyncio.ensure_future(sandbox.meter.remove()))

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
        elif "asked" in body:
            self._on_asked(body["asked"])
        elif "withered" in body:
            self._wither()
        elif "failed" in body and body["failed"] in self._keepers:
            self._keepers.pop(body["failed"]).fail(SandboxFailed(f"fork: {body['reason']}"))
        elif "failed" in body:
            sandbox, future = self._forking.pop(body["failed"])
            self._discard(sandbox)
            future.set_exception(SandboxFailed(f"fork: {body['reason']}"))
        elif self._ready is not None and not self._ready.done():
            if "ready" in body:
                self.alive = True
                self._ready.set_result(body)
            else:
                self._ready.set_exception(SandboxFailed(body["fatal"]))

    def _end_tree(self, number: int) -> None:
        """Ask for the end of an environment and of all that it started."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.send(json.dumps({"end": number}).encode())

    def _wither(self) -> None:
        """A template's process ended; its environments go on."""

    def _on_asked(self, number: int) -> None:
        """An environment connected to the port where there would be the Runtime API."""
        sandbox = self.sandboxes.get(number)
        asked_in_time = sandbox is not None and sandbox.ask_for_api()
        if not asked_in_time and self._socket is not None:
            self._socket.send(json.dumps({"refuse": number}).encode())

    def _polled(self, pidfd: int) -> PolledMeter:
        return PolledMeter(host_pid(pidfd), self._corner)

    def _on_forked(self, number: int, pidfd: int) -> None:
        if number in self._keepers:
            forked = self._keepers[number].forked
            if forked.done():  # nobody waits any more; it ends with its socket
                os.close(pidfd)
            else:
                forked.set_result(pidfd)
            return
        sandbox, future = self._forking.pop(number)
        self.sandboxes[number] = sandbox
        sandbox.pidfd = pidfd
        if sandbox.meter is None:
            sandbox.meter = self._polled(pidfd)
        if future.done():  # nobody waits any more
            sandbox.kill()
        else:
            future.set_result(sandbox)

    def _on_exited(self, number: int, status: int | None) -> None:
        keeper = self._keepers.pop(number, None)
        if keeper is not None:
            keeper.fail(SandboxFailed("it ended"))
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
        for number in [*self.sandboxes, *self._keepers]:
            self._on_exited(number, None)
        self._blanks.clear()
