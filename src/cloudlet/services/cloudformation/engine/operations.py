"""The operations on a whole stack: create, update, roll back, clean up, delete."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

import msgspec

from cloudlet.aws.errors import AWSError
from cloudlet.services.cloudformation.engine.references import LiveReferences
from cloudlet.services.cloudformation.engine.walk import reverse, walk
from cloudlet.services.cloudformation.engine.work import Failed, Worker
from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.model import OutputValue
from cloudlet.services.cloudformation.template.prepared import Prepared

TIMED_OUT = "Stack creation time exceeded the specified timeout"


def _list(names: Iterable[str]) -> str:
    return f"[{', '.join(sorted(names))}]"


def failure_reason(worker: Worker) -> str:
    """The resources that failed, as the stack's status reason says it."""
    parts = []
    for verb in ("create", "update", "delete"):
        names = [name for name, failed in worker.failures.items() if failed == verb]
        if names:
            parts.append(f"The following resource(s) failed to {verb}: {_list(names)}. ")
    return "".join(parts)


async def create(worker: Worker, prepared: Prepared) -> None:
    """Make all resources of a new stack; its status is CREATE_IN_PROGRESS already."""
    operation, reason = worker.journal.stack.operation, None
    try:
        async with asyncio.timeout(operation.timeout_s) as limit:
            await _forward(worker, prepared)
            if not worker.failures and not worker.cancelled:
                outputs = _outputs(worker, prepared)
    except TimeoutError:
        if not limit.expired():
            raise
        reason = f"{TIMED_OUT}. "
        worker.failures.setdefault("", "")
    except (AWSError, Failed) as error:
        reason = f"{error} "
        worker.failures.setdefault("", "")
    if worker.cancelled:
        return
    if not worker.failures:
        await worker.journal.status(
            "CREATE_COMPLETE",
            outputs=outputs,
            imports=sorted(prepared.scope.imports),
        )
        await _settle(worker)
        return
    reason = (reason or "") + failure_reason(worker)
    if operation.disable_rollback or operation.on_failure == "DO_NOTHING":
        await worker.journal.status("CREATE_FAILED", reason)
        await _settle(worker)
    elif operation.on_failure == "DELETE":
        await worker.journal.status("DELETE_IN_PROGRESS", f"{reason}Delete requested by user.")
        await delete(worker)
    else:
        await worker.journal.status("ROLLBACK_IN_PROGRESS", f"{reason}Rollback requested by user.")
        await rollback_create(worker)


async def _forward(worker: Worker, prepared: Prepared) -> None:
    worker.prepared = prepared
    worker.journal.hidden = hidden_values(prepared)
    await walk(prepared.graph, worker.deploy, stop_on_failure=True)


def hidden_values(prepared: Prepared) -> tuple[str, ...]:
    """The values of NoEcho parameters, long enough to be worth hiding."""
    return tuple(
        value
        for name, value in prepared.template.parameters.items()
        if len(value) > 2
        and str(prepared.document.parameters.get(name, {}).get("NoEcho", "")).lower() == "true"
    )


def _outputs(worker: Worker, prepared: Prepared) -> list[OutputValue]:
    """The outputs, with the checks of their exports; raises `ValidationError`."""
    outputs = prepared.outputs(LiveReferences(worker.journal.resources))
    stack = worker.journal.stack
    now = {output.export: output.value for output in outputs if output.export is not None}
    for name, _, other in worker.journal.shelf.exports():
        if other.id != stack.id and name in now:
            raise ValidationError(
                f"Export with name {name} is already exported by stack {other.name}."
            )
    for output in stack.outputs:
        if output.export is None or now.get(output.export) == output.value:
            continue
        importers = [s.name for s in worker.journal.shelf.importers(output.export)]
        if importers:
            verb = "update" if output.export in now else "delete"
            raise ValidationError(
                f"Cannot {verb} export {output.export} as it is in use by "
                f"{' and '.join(importers)}."
            )
    return outputs


async def _settle(worker: Worker) -> None:
    """Forget what only the operation in progress needed to know of its resources."""
    changed = [
        msgspec.structs.replace(resource, before=None, replaced=False, fresh=False, attempted=None)
        for resource in worker.journal.resources.values()
        if resource.fresh or resource.before is not None or resource.replaced
    ]
    await worker.journal.keep(*changed)


async def rollback_create(worker: Worker) -> None:
    """Delete what a failed creation made; the status is ROLLBACK_IN_PROGRESS already."""
    if await _remove_all(worker, worker.journal.stack.operation.retain):
        await worker.journal.status("ROLLBACK_COMPLETE", outputs=[], imports=[])
    else:
        await worker.journal.status("ROLLBACK_FAILED", failure_reason(worker))


async def _remove_all(worker: Worker, retained: Iterable[str] = ()) -> bool:
    """Delete every resource, those first that nothing needs; whether all are gone or retained."""
    worker.failures = {}
    resources = worker.journal.resources
    retained = set(retained)
    failed_before = worker.journal.stack.operation.kind == "create"

    async def remove(name: str) -> bool:
        resource = resources[name]
        keeps = resource.deletion_policy == "Retain" or (
            resource.deletion_policy == "RetainExceptOnCreate"
            and not (failed_before and resource.fresh)
        )
        if worker.journal.stack.operation.retain_except_on_create and resource.fresh:
            keeps = False
        if resource.status == "CREATE_FAILED" and not resource.made.physical_id:
            keeps = False
        return await worker.remove(name, retain=name in retained or keeps, forget=False)

    graph = {name: set(resource.needs) for name, resource in resources.items()}
    for name in list(resources):
        await worker.remove_replaced(name)
    await walk(reverse(graph), remove, stop_on_failure=False)
    return not worker.failures


async def update(worker: Worker, prepared: Prepared) -> None:
    """Bring a stack to its target; its status is UPDATE_IN_PROGRESS already."""
    journal, reason = worker.journal, ""
    try:
        for name, resource in journal.resources.items():
            if name not in prepared.resources:
                worker.check_policy("Update:Delete", resource)
        await _forward(worker, prepared)
        if not worker.failures and not worker.cancelled:
            outputs = _outputs(worker, prepared)
    except (AWSError, Failed) as error:
        reason = f"{error} "
        worker.failures.setdefault("", "")
    if worker.failures or worker.cancelled:
        reason += failure_reason(worker)
        if worker.cancelled and not worker.failures:
            reason = "Stack update cancelled. "
        if journal.stack.operation.disable_rollback and not worker.cancelled:
            await journal.status("UPDATE_FAILED", reason)
            return
        await journal.status("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        return
    await journal.status(
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        template=journal.stack.target,
        target=None,
        outputs=outputs,
        imports=sorted(prepared.scope.imports),
        updated=time.time(),
    )
    await clean_up(worker, prepared, "UPDATE_COMPLETE")


async def clean_up(worker: Worker, prepared: Prepared, status: str) -> None:
    """Delete what the stack's template no longer has; what resists is left and said in an event."""
    journal = worker.journal
    worker.failures = {}
    gone = {name for name in journal.resources if name not in prepared.resources}
    graph = {name: set(resource.needs) for name, resource in journal.resources.items()}
    rolling_back = status == "UPDATE_ROLLBACK_COMPLETE"

    async def clean(name: str) -> bool:
        await worker.remove_replaced(name)
        if name not in gone:
            return True
        resource = journal.resources[name]
        policy = resource.deletion_policy
        keep = policy != "Delete" and not (
            rolling_back and resource.fresh and policy == "RetainExceptOnCreate"
        )
        if not resource.made.physical_id and resource.status == "CREATE_FAILED":
            keep = False
        if not await worker.remove(name, retain=keep, forget=True):
            await journal.forget(name)
        return True

    await walk(reverse(graph), clean, stop_on_failure=False)
    await _settle(worker)
    await journal.status(status)


async def rollback_update(worker: Worker, prepared: Prepared, skip: Iterable[str] = ()) -> None:
    """Undo a failed update; `prepared` is the old template, the status the rollback's already."""
    journal = worker.journal
    worker.failures, worker.cancelled = {}, False
    skipped = set(skip)

    async def restore(name: str) -> bool:
        if name not in journal.resources or name in skipped:
            return True
        return await worker.restore(name)

    await walk(prepared.graph, restore, stop_on_failure=False)
    if worker.failures:
        await journal.status("UPDATE_ROLLBACK_FAILED", failure_reason(worker))
        return
    await journal.status("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", target=None)
    await _keep_template_fields(worker, prepared)
    await clean_up(worker, prepared, "UPDATE_ROLLBACK_COMPLETE")


async def _keep_template_fields(worker: Worker, prepared: Prepared) -> None:
    """Give the restored resources the policies and needs that the old template has."""
    changed = [
        msgspec.structs.replace(
            resource,
            needs=sorted(prepared.graph[name]),
            deletion_policy=prepared.policy(name, "DeletionPolicy"),
            update_replace_policy=prepared.policy(name, "UpdateReplacePolicy"),
            metadata=prepared.metadata(name),
        )
        for name, resource in worker.journal.resources.items()
        if name in prepared.graph
    ]
    await worker.journal.keep(*changed)


async def delete(worker: Worker) -> None:
    """Delete a stack; its status is DELETE_IN_PROGRESS already."""
    journal = worker.journal
    worker.cancelled = False
    if not await _remove_all(worker, journal.stack.operation.retain):
        await journal.status("DELETE_FAILED", failure_reason(worker))
        return
    changes = journal.status_changes("DELETE_COMPLETE", deleted=time.time(), target=None)
    changes += [
        journal.shelf.drop_change_set(each) for each in journal.shelf.change_sets(journal.stack)
    ]
    await journal.shelf.commit(*changes)
