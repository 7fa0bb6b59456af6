"""SnapStart: which functions may have it, and the snapshots of their published versions.

After "Improving startup performance with Lambda SnapStart" (AWS Lambda Developer Guide). A version
is Pending while its snapshot is taken, then Active with its optimisation On; its environments are
forked from the snapshot, which a restarted server takes anew at the version's first invocation. A
version whose initialisation fails is Failed, as on AWS. Where only the snapshot cannot be had (the
runtime is not Python's, or the initialised process may not be forked), the version is Active with
its optimisation Off, its StateReason says why, and it starts in the ordinary way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import msgspec

from cloudlet.aws.errors import AWSError
from cloudlet.compute.environment import SnapshotState
from cloudlet.compute.errors import ComputeError
from cloudlet.compute.pool import Compute
from cloudlet.services.lambda_.errors import InvalidParameterValue
from cloudlet.services.lambda_.model import ConfigurationRecord, SnapshotRecord
from cloudlet.services.lambda_.names import FunctionName
from cloudlet.services.lambda_.store import Store
from cloudlet.services.lambda_.targets import Targets

log = logging.getLogger("cloudlet.lambda")

#: "Supported features and limitations": Java from 11, Python from 3.12 on (and .NET from 8 on).
RUNTIMES = frozenset({"java11", "java17", "java21", "python3.12", "python3.13", "python3.14"})
TMP_MB = 512
PENDING = SnapshotRecord(status="pending")
#: Snapshots that are taken at the same time.
_AT_ONCE = 2
_CODES = {
    "Sandbox.Timedout": "FunctionError.InitTimeout",
    "Runtime.ExitError": "FunctionError.RuntimeInitError",
}


def check(configuration: ConfigurationRecord) -> None:
    """Raise AWS's error where the configuration has SnapStart beside what excludes it."""
    if not configuration.snap_start:
        return
    runtime = configuration.runtime
    if runtime not in RUNTIMES:
        raise InvalidParameterValue(f"{runtime} is not supported for SnapStart enabled functions.")
    if configuration.tmp_mb > TMP_MB:
        raise InvalidParameterValue(
            f"Ephemeral storage greater than {TMP_MB} MB is not supported for SnapStart enabled"
            " functions."
        )


class Snapshots:
    """Takes the snapshots of versions that are pending, a few at a time, in the background."""

    def __init__(
        self,
        store: Store,
        compute: Compute,
        targets: Targets,
        changing: Callable[[FunctionName], AbstractAsyncContextManager[None]],
    ) -> None:
        self._store, self._compute, self._targets = store, compute, targets
        self._changing = changing
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Take those that were pending when the server ended."""
        for account, region, id_, version in self._store.versions.everywhere():
            self.take(FunctionName(account, region, id_.partition(":")[0]), version)

    def take(self, name: FunctionName, version: ConfigurationRecord) -> None:
        """Begin the version's snapshot, if it is pending; to be called after its commit."""
        if version.snapshot is None or version.snapshot.status != "pending":
            return
        task = asyncio.get_running_loop().create_task(self._take(name, version))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Leave off; what is pending stays so."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, name: FunctionName, version: ConfigurationRecord) -> None:
        async with self._room:
            try:
                state = await self._compute.prepare_snapshot(self._targets.spec(name, version))
            except (ComputeError, AWSError) as error:
                state = SnapshotState(False, str(error))
            except Exception:
                log.exception("the snapshot of %s:%s failed", name.arn, version.version)
                state = SnapshotState(False, "cloudlet failed; its log says how")
        async with self._changing(name):
            id_ = f"{name.name}:{version.version}"
            now = self._store.versions.get(name.account, name.region, id_)
            if now is None or now.revision_id != version.revision_id:
                return
            done = msgspec.structs.replace(now, snapshot=_record(state))
            await self._store.versions.put(name.account, name.region, id_, done)
            self._targets.forget(name)


def _record(state: SnapshotState) -> SnapshotRecord:
    if state.optimised:
        return SnapshotRecord(status="on")
    if state.failure:
        code = _CODES.get(state.failure, "FunctionError")
        return SnapshotRecord(status="failed", reason=state.reason, code=code)
    return SnapshotRecord(status="off", reason=state.reason)
