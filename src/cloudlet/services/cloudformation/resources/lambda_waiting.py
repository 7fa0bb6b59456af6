"""Waiting for what Lambda makes in the background: versions, provisioned environments."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from cloudlet.aws.errors import AWSError
from cloudlet.services.cloudformation.resources.kind import Task
from cloudlet.services.cloudformation.resources.schema import INTEGER, Kind, required, structure

#: The initialisation for a snapshot, or of a provisioned environment, may take fifteen minutes.
_READY_S = 960.0
_POLL_S = 0.02

PROVISIONED: Kind = structure(ProvisionedConcurrentExecutions=required(INTEGER))


async def until_active(
    task: Task, name: str, answer: Mapping[str, Any], qualifier: str | None = None
) -> Mapping[str, Any]:
    """Wait until a function or version is active and its last update has been applied.

    `answer` is what the request that changed it was answered.
    """
    until = time.monotonic() + _READY_S
    while answer.get("State") == "Pending" or answer.get("LastUpdateStatus") == "InProgress":
        await _pause(until, f"Function {name}")
        answer = await task.call(
            "lambda", "GetFunctionConfiguration", FunctionName=name, Qualifier=qualifier
        )
    if "Failed" in (answer.get("State"), answer.get("LastUpdateStatus")):
        reason = answer.get("StateReason") or answer.get("LastUpdateStatusReason")
        raise AWSError(f"Function {name}: {reason}", code="NotStabilized", status=400)
    return answer


async def provision(
    task: Task, name: str, qualifier: str, wanted: Mapping[str, Any] | None
) -> None:
    """Keep as many environments ready as a ProvisionedConcurrencyConfig says, none for None."""
    where = {"FunctionName": name, "Qualifier": qualifier}
    if not wanted:
        await task.try_call("lambda", "DeleteProvisionedConcurrencyConfig", **where)
        return
    await task.call("lambda", "PutProvisionedConcurrencyConfig", **where, **wanted)
    until = time.monotonic() + _READY_S
    while True:
        found = await task.call("lambda", "GetProvisionedConcurrencyConfig", **where)
        if found["Status"] == "READY":
            return
        if found["Status"] == "FAILED":
            reason = found.get("StatusReason", "")
            raise AWSError(f"{name}:{qualifier}: {reason}", code="NotStabilized", status=400)
        await _pause(until, f"The provisioned concurrency of {name}:{qualifier}")


async def _pause(until: float, what: str) -> None:
    if time.monotonic() > until:
        raise AWSError(f"{what} did not stabilize", code="NotStabilized", status=400)
    await asyncio.sleep(_POLL_S)
