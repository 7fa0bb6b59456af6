"""A zygote: the jailed process of a runtime family from which its environments are forked."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
from pathlib import Path

from cloudlet.compute.errors import ComputeStopped, SandboxFailed
from cloudlet.compute.forker import Forker
from cloudlet.compute.jail import JailPlan
from cloudlet.compute.machine import Machine
from cloudlet.compute.network import Network
from cloudlet.compute.reserve import Reserve

_SCRIPT = Path(__file__).parent / "inside" / "zygote.py"
_START_S = 30.0
_END_S = 10.0  # it ends what environments without a pid namespace left running


class Zygote(Forker):
    """One runtime family's parent of environments."""

    def __init__(self, plan: JailPlan, machine: Machine, reserve: Reserve) -> None:
        super().__init__(plan.runtime.family, machine, reserve, isolated=plan.namespaces)
        self.plan = plan
        self.sdk = self.own_network = False
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, network: Network) -> None:
        """Start the process and wait until its jail stands; raises SandboxFailed.

        The network is made meanwhile; whether it is connected, the caller asks afterwards.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
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
        ready = self._listen(ours)
        try:
            spaces = await network.join()
            self.own_network = spaces is not None
            config = self.plan.config(own_network=self.own_network)
            socket.send_fds(ours, [json.dumps(config).encode()], spaces or ())
            self.sdk = (await asyncio.wait_for(ready, _START_S))["sdk"]
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
                await asyncio.to_thread(process.wait, _END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
