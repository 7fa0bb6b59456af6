"""What this machine gives to isolate functions with, found out at the first need."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

from cloudlet.compute.corner import Corner
from cloudlet.compute.groups import CgroupRoot, find_root, remove_root
from cloudlet.compute.isolation import IsolationLevel, probe
from cloudlet.compute.jail import open_to_all
from cloudlet.compute.network import Choice, Network
from cloudlet.compute.processes import take_turns


class Machine:
    """Its isolation level, the control groups, and the functions' network."""

    def __init__(self, data: Path, code_root: Path, *, namespaces: bool, network: Choice) -> None:
        """`namespaces` False does without them where they could be had; `network` says whether
        functions may share the host's.
        """
        self._data, self._code_root = data, code_root
        self._want_namespaces = namespaces
        self._level: IsolationLevel | None = None
        self._probing = threading.Lock()
        self.network = Network(network)
        #: Where environments get their groups; None where there are none, or before `level`.
        self.cgroups: CgroupRoot | None = None
        self.corner = Corner()

    def level(self) -> IsolationLevel:
        """What isolates functions; probed once, in some tens of milliseconds."""
        with self._probing:
            if self._level is None:
                self._level = self._probe()
            return self._level

    def _probe(self) -> IsolationLevel:
        take_turns([os.getpid()], short=True)  # our main thread, wherever this is called
        self.cgroups, detail = find_root(self.corner)
        level = probe(
            namespaces=self._want_namespaces,
            reachable=open_to_all(self._data, self._code_root),
            cgroups=self.cgroups is not None,
            pids=self.cgroups is not None and self.cgroups.pids is not None,
            shares=self.cgroups is not None and self.cgroups.cpu is not None,
            cgroup_detail=detail,
            network=self.network.examine,
        )
        if not level.namespaces:
            reason = self.network.means(level.lacks("own network"))
            level = level.without("own network", reason)
        self.network.refused = level.lacks("own network")
        return level

    async def probed(self) -> IsolationLevel:
        """The level, found out in a thread."""
        return await asyncio.to_thread(self.level) if self._level is None else self._level

    def lost_network(self, reason: str) -> None:
        """The network could not be made after all."""
        self._level = self.level().without("own network", reason)

    async def close(self) -> None:
        """Remove the groups; environments must have ended."""
        self.corner.close()
        cgroups, self.cgroups = self.cgroups, None
        if cgroups is not None:
            await asyncio.to_thread(remove_root, cgroups)
