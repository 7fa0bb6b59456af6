"""Creating, updating, rolling back and deleting stacks."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models.cloudformation import (
    CancelUpdateStackInput,
    ContinueUpdateRollbackInput,
    ContinueUpdateRollbackOutput,
    CreateStackInput,
    CreateStackOutput,
    DeleteStackInput,
    RollbackStackInput,
    RollbackStackOutput,
    UpdateStackInput,
    UpdateStackOutput,
    UpdateTerminationProtectionInput,
    UpdateTerminationProtectionOutput,
)
from cloudlet.aws.service import operation
from cloudlet.services.cloudformation.api.arns import check_stack_name, shelf, stack_arn
from cloudlet.services.cloudformation.api.settings import policy_text
from cloudlet.services.cloudformation.api.submission import (
    NO_UPDATES,
    actor_of,
    changes_of,
    check_capabilities,
    process,
    submit,
)
from cloudlet.services.cloudformation.engine.journal import Journal
from cloudlet.services.cloudformation.errors import (
    AlreadyExists,
    TokenAlreadyExists,
    ValidationError,
)
from cloudlet.services.cloudformation.model import Actor, Operation, Stack
from cloudlet.services.cloudformation.state import CloudFormation
from cloudlet.services.cloudformation.store import Shelf, new_id

#: Statuses from which a stack can be updated.
UPDATABLE = {
    "CREATE_COMPLETE", "CREATE_FAILED", "UPDATE_COMPLETE", "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE",
}  # fmt: skip


def rollback_triggers(configuration: Any) -> dict[str, Any] | None:
    """A RollbackConfiguration as it is kept; alarms need CloudWatch, so triggers are refused."""
    if configuration is None:
        return None
    if configuration.rollback_triggers:
        raise ValidationError(
            "RollbackConfiguration: cloudlet has no CloudWatch alarms yet, so that "
            "RollbackTriggers cannot be watched."
        )
    return {"MonitoringTimeInMinutes": configuration.monitoring_time_in_minutes or 0}


def repeated(stack: Stack | None, token: str | None, kind: str) -> bool:
    """Whether the request is a retry of the stack's last operation, by its token."""
    if stack is None or token is None or stack.operation.token != token:
        return False
    if stack.operation.kind != kind:
        raise TokenAlreadyExists(f"Token already exists: {token}")
    return True


def check_updatable(stack: Stack) -> None:
    """Raise `ValidationError` unless the stack is in a status that can be updated."""
    if stack.status not in UPDATABLE:
        raise ValidationError(
            f"Stack:{stack.id} is in {stack.status} state and can not be updated."
        )


@operation("CreateStack", resource=stack_arn)
async def create_stack(ctx: Context[CloudFormation], req: CreateStackInput) -> CreateStackOutput:
    """Make a stack; the resources are made after the answer."""
    check_stack_name(req.stack_name)
    here = shelf(ctx)
    existing = here.find(req.stack_name)
    if existing is not None:
        if repeated(existing, req.client_request_token, "create"):
            return CreateStackOutput(stack_id=existing.id)
        raise AlreadyExists(f"Stack [{req.stack_name}] already exists")
    if req.on_failure is not None and req.disable_rollback is not None:
        raise ValidationError("You cannot specify both DisableRollback and OnFailure.")
    id_ = new_id(ctx.account, ctx.region, "stack", req.stack_name)
    submission = await submit(ctx, req, name=req.stack_name, id_=id_, stack=None)
    check_capabilities(submission.document.resources, submission.template, reviewed=False)
    prepared = await process(ctx, submission)
    check_capabilities(prepared.resources, submission.template, reviewed=False)
    timeout = req.timeout_in_minutes
    stack = Stack(
        id=id_,
        name=req.stack_name,
        status="CREATE_IN_PROGRESS",
        created=time.time(),
        operation=Operation(
            kind="create",
            actor=await actor_of(ctx, req.role_arn),
            token=req.client_request_token,
            started=time.time(),
            disable_rollback=bool(req.disable_rollback),
            on_failure=req.on_failure or "ROLLBACK",
            retain_except_on_create=bool(req.retain_except_on_create),
            timeout_s=None if timeout is None else timeout * 60.0,
        ),
        template=prepared.template,
        role_arn=req.role_arn,
        termination_protection=bool(req.enable_termination_protection),
        policy=await policy_text(ctx, req.stack_policy_body, req.stack_policy_url),
        timeout_minutes=timeout,
        rollback_triggers=rollback_triggers(req.rollback_configuration),
    )
    if here.find(req.stack_name) is not None:  # made while the template was read
        raise AlreadyExists(f"Stack [{req.stack_name}] already exists")
    journal = Journal(here, stack)
    await journal.status("CREATE_IN_PROGRESS", "User Initiated")
    await note_transformation(journal)
    ctx.service.engine.create(here, journal.stack, prepared)
    await ctx.service.engine.wait_a_little(stack)
    return CreateStackOutput(stack_id=id_)


async def note_transformation(journal: Journal) -> None:
    """Say that the transforms succeeded, as AWS does at the beginning of the events."""
    template = journal.stack.target or journal.stack.template
    if template is not None and template.transforms:
        await journal.note(journal.stack.status, "Transformation succeeded")


@operation("UpdateStack", resource=stack_arn)
async def update_stack(ctx: Context[CloudFormation], req: UpdateStackInput) -> UpdateStackOutput:
    """Bring a stack to another template or other values."""
    here = shelf(ctx)
    stack = here.stack(req.stack_name, "Stack [{}] does not exist")
    if repeated(stack, req.client_request_token, "update"):
        return UpdateStackOutput(stack_id=stack.id)
    check_updatable(stack)
    submission = await submit(ctx, req, name=stack.name, id_=stack.id, stack=stack)
    check_capabilities(submission.document.resources, submission.template, reviewed=False)
    prepared = await process(ctx, submission)
    check_capabilities(prepared.resources, submission.template, reviewed=False)
    _, anything = await changes_of(ctx, prepared, stack)
    if not anything:
        raise ValidationError(NO_UPDATES)
    role_arn = req.role_arn or stack.role_arn
    actor = await actor_of(ctx, role_arn)
    policy = await policy_text(ctx, req.stack_policy_body, req.stack_policy_url)
    for_once = await policy_text(
        ctx, req.stack_policy_during_update_body, req.stack_policy_during_update_url
    )
    stack = here.current(stack)
    check_updatable(stack)
    obsolete = [
        here.put_change_set(msgspec.structs.replace(each, execution_status="OBSOLETE"))
        for each in here.change_sets(stack)
        if each.execution_status == "AVAILABLE"
    ]
    journal = Journal(here, stack)
    changes = journal.status_changes(
        "UPDATE_IN_PROGRESS",
        "User Initiated",
        operation=Operation(
            kind="update",
            actor=actor,
            token=req.client_request_token,
            started=time.time(),
            disable_rollback=bool(req.disable_rollback),
            retain_except_on_create=bool(req.retain_except_on_create),
            policy=for_once,
        ),
        target=prepared.template,
        role_arn=role_arn,
        policy=policy or stack.policy,
        updated=time.time(),
        rollback_triggers=rollback_triggers(req.rollback_configuration) or stack.rollback_triggers,
    )
    await here.commit(*changes, *obsolete)
    await note_transformation(journal)
    ctx.service.engine.update(here, journal.stack, prepared)
    await ctx.service.engine.wait_a_little(stack)
    return UpdateStackOutput(stack_id=stack.id)


@operation("DeleteStack", resource=stack_arn)
async def delete_stack(ctx: Context[CloudFormation], req: DeleteStackInput) -> None:
    """Delete a stack and its resources; one that is not there is deleted already."""
    here = shelf(ctx)
    stack = here.find(req.stack_name)
    if stack is None or stack.status in ("DELETE_COMPLETE", "DELETE_IN_PROGRESS"):
        return
    if stack.termination_protection:
        raise ValidationError(
            f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
        )
    if stack.parent is not None and not _by_parent(ctx, stack):
        raise ValidationError(
            f"Stack [{stack.name}] is nested; delete its parent {stack.parent} instead"
        )
    retain = list(req.retain_resources or [])
    forced = req.deletion_mode == "FORCE_DELETE_STACK"
    if (retain or forced) and stack.status != "DELETE_FAILED":
        raise ValidationError(
            f"Invalid operation on stack [{stack.name}]. RetainResources and DeletionMode "
            "can be specified only "
            "when the stack is in the DELETE_FAILED state."
        )
    if forced:
        failed = here.resources(stack).values()
        retain = [each.logical_id for each in failed if each.status == "DELETE_FAILED"]
    unknown = sorted(set(retain) - set(here.resources(stack)))
    if unknown:
        raise ValidationError(
            f"Resources [{', '.join(unknown)}] do not belong to stack {stack.name}"
        )
    if stack.status.startswith("UPDATE_") and stack.status.endswith("_IN_PROGRESS"):
        raise ValidationError(
            f"Stack [{stack.id}] cannot be deleted while in status {stack.status}"
        )
    actor = await actor_of(ctx, req.role_arn or stack.role_arn)
    if stack.status.endswith("_IN_PROGRESS"):
        await ctx.service.engine.interrupt(stack)
        stack = here.current(stack)
    if await _exports_in_use(here, stack):
        return
    await _begin_deletion(ctx, here, stack, req, actor, retain)


def _by_parent(ctx: Context[CloudFormation], stack: Stack) -> bool:
    """Whether the parent's own operation deletes the nested stack."""
    parent = shelf(ctx).find(stack.parent or "")
    return parent is None or parent.status.endswith("_IN_PROGRESS")


async def _exports_in_use(here: Shelf, stack: Stack) -> bool:
    for output in stack.outputs:
        importers = here.importers(output.export) if output.export is not None else []
        if importers:
            names = " and ".join(other.name for other in importers)
            await Journal(here, stack).note(
                stack.status,
                f"Delete canceled. Cannot delete export {output.export} as it is in use by "
                f"{names}.",
            )
            return True
    return False


async def _begin_deletion(
    ctx: Context[CloudFormation],
    here: Shelf,
    stack: Stack,
    req: DeleteStackInput,
    actor: Actor,
    retain: list[str],
) -> None:
    if stack.status == "REVIEW_IN_PROGRESS":
        await here.commit(*here.forget(stack))
        return
    journal = Journal(here, stack)
    await journal.status(
        "DELETE_IN_PROGRESS",
        "User Initiated",
        operation=Operation(
            kind="delete",
            actor=actor,
            token=req.client_request_token,
            started=time.time(),
            retain=retain,
        ),
    )
    ctx.service.engine.delete(here, journal.stack)
    await ctx.service.engine.wait_a_little(stack)


@operation("CancelUpdateStack", resource=stack_arn)
async def cancel_update_stack(ctx: Context[CloudFormation], req: CancelUpdateStackInput) -> None:
    """Stop an update and roll it back."""
    stack = shelf(ctx).stack(req.stack_name, "Stack [{}] does not exist")
    if stack.status != "UPDATE_IN_PROGRESS":
        raise ValidationError("CancelUpdateStack cannot be called from current stack status")
    ctx.service.engine.cancel_update(stack)


@operation("ContinueUpdateRollback", resource=stack_arn)
async def continue_update_rollback(
    ctx: Context[CloudFormation], req: ContinueUpdateRollbackInput
) -> ContinueUpdateRollbackOutput:
    """Try again to roll back an update whose rollback failed."""
    here = shelf(ctx)
    stack = here.stack(req.stack_name, "Stack [{}] does not exist")
    if stack.status != "UPDATE_ROLLBACK_FAILED":
        raise ValidationError(
            f"Stack:{stack.id} is in {stack.status} state and can not continue its update rollback."
        )
    actor = await actor_of(ctx, req.role_arn or stack.role_arn)
    journal = Journal(here, stack)
    await journal.status(
        "UPDATE_ROLLBACK_IN_PROGRESS",
        "User Initiated",
        operation=msgspec.structs.replace(
            stack.operation,
            actor=actor,
            token=req.client_request_token,
            skip=list(req.resources_to_skip or []),
        ),
    )
    ctx.service.engine.continue_rollback(here, journal.stack)
    return ContinueUpdateRollbackOutput()


@operation("RollbackStack", resource=stack_arn)
async def rollback_stack(
    ctx: Context[CloudFormation], req: RollbackStackInput
) -> RollbackStackOutput:
    """Roll back what failed with its rollback disabled."""
    here = shelf(ctx)
    stack = here.stack(req.stack_name, "Stack [{}] does not exist")
    actor = await actor_of(ctx, req.role_arn or stack.role_arn)
    begun = msgspec.structs.replace(
        stack.operation, actor=actor, token=req.client_request_token, started=time.time()
    )
    journal = Journal(here, stack)
    if stack.status == "CREATE_FAILED":
        await journal.status("ROLLBACK_IN_PROGRESS", "User Initiated", operation=begun)
        ctx.service.engine.rollback_create(here, journal.stack)
    elif stack.status == "UPDATE_FAILED":
        await journal.status("UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", operation=begun)
        ctx.service.engine.continue_rollback(here, journal.stack)
    else:
        raise ValidationError(
            f"Stack:{stack.id} is in {stack.status} state and can not be rolled back."
        )
    return RollbackStackOutput(stack_id=stack.id)


@operation("UpdateTerminationProtection", resource=stack_arn)
async def update_termination_protection(
    ctx: Context[CloudFormation], req: UpdateTerminationProtectionInput
) -> UpdateTerminationProtectionOutput:
    """Let the stack be deleted, or not."""
    here = shelf(ctx)
    stack = here.stack(req.stack_name, "Stack [{}] does not exist")
    if stack.status == "DELETE_COMPLETE":
        raise ValidationError(f"Stack [{req.stack_name}] does not exist")
    await Journal(here, stack).amend(termination_protection=req.enable_termination_protection)
    return UpdateTerminationProtectionOutput(stack_id=stack.id)
