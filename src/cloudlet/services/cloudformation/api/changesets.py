"""Change sets: made, described, executed and deleted."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.errors import AWSError
from cloudlet.aws.models.cloudformation import (
    ChangeSetSummary,
    CreateChangeSetInput,
    CreateChangeSetOutput,
    DeleteChangeSetInput,
    DeleteChangeSetOutput,
    DescribeChangeSetInput,
    DescribeChangeSetOutput,
    ExecuteChangeSetInput,
    ExecuteChangeSetOutput,
    ListChangeSetsInput,
    ListChangeSetsOutput,
)
from cloudlet.aws.service import operation
from cloudlet.services.cloudformation.api.arns import (
    change_set_arn,
    check_change_set_name,
    check_stack_name,
    shelf,
    stack_arn,
)
from cloudlet.services.cloudformation.api.pages import page
from cloudlet.services.cloudformation.api.stacks import (
    check_updatable,
    note_transformation,
    rollback_triggers,
)
from cloudlet.services.cloudformation.api.submission import (
    Submission,
    actor_of,
    changes_of,
    check_capabilities,
    process,
    submit,
)
from cloudlet.services.cloudformation.api.views import (
    change_shown,
    parameters_shown,
    rollback_shown,
    tags_shown,
)
from cloudlet.services.cloudformation.engine.journal import Journal
from cloudlet.services.cloudformation.errors import (
    AlreadyExists,
    InvalidChangeSetStatus,
    ValidationError,
)
from cloudlet.services.cloudformation.model import ChangeSet, Operation, Stack, Template
from cloudlet.services.cloudformation.state import CloudFormation
from cloudlet.services.cloudformation.store import Shelf, new_id

NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a "
    "change set."
)


@operation("CreateChangeSet", resource=stack_arn)
async def create_change_set(
    ctx: Context[CloudFormation], req: CreateChangeSetInput
) -> CreateChangeSetOutput:
    """Work out what a template would change; a new stack stands in review until it is executed."""
    check_change_set_name(req.change_set_name)
    kind = req.change_set_type or "UPDATE"
    if kind == "IMPORT" or req.resources_to_import or req.import_existing_resources:
        raise ValidationError("cloudlet does not import existing resources into stacks.")
    if req.deployment_mode is not None or req.deployment_config is not None:
        raise ValidationError("cloudlet does not have deployment modes: resources do not drift.")
    here = shelf(ctx)
    stack = here.find(req.stack_name)
    if kind == "CREATE":
        if stack is None:
            check_stack_name(req.stack_name)
        if stack is not None and stack.status != "REVIEW_IN_PROGRESS":
            raise ValidationError(
                f"Stack [{stack.name}] already exists and cannot be created again with the "
                f"changeSet [{req.change_set_name}]."
            )
    elif stack is None:
        raise ValidationError(f"Stack [{req.stack_name}] does not exist")
    else:
        check_updatable(stack)
    id_ = stack.id if stack else new_id(ctx.account, ctx.region, "stack", req.stack_name)
    existing = _existing(here, stack, req)
    if existing is not None:
        return CreateChangeSetOutput(id=existing.id, stack_id=existing.stack_id)
    name = stack.name if stack is not None else req.stack_name
    submission = await submit(ctx, req, name=name, id_=id_, stack=stack)
    check_capabilities(submission.document.resources, submission.template, reviewed=True)
    change_set = await _planned(ctx, req, submission, stack, kind)
    actor = await actor_of(ctx, change_set.role_arn)
    if stack is None and (stack := here.find(req.stack_name)) is None:
        stack = Stack(
            id=id_,
            name=name,
            status="REVIEW_IN_PROGRESS",
            created=time.time(),
            operation=Operation("create", actor, token=req.client_token, started=time.time()),
        )
        await Journal(here, stack).status("REVIEW_IN_PROGRESS", "User Initiated")
    await here.commit(here.put_change_set(change_set))
    return CreateChangeSetOutput(id=change_set.id, stack_id=id_)


def _existing(here: Shelf, stack: Stack | None, req: CreateChangeSetInput) -> ChangeSet | None:
    """The change set that a retried request made; raises `AlreadyExists` for another of its name.

    One that failed or has been executed gives its name up: the AWS CLI names change sets by the
    second, and here two deployments fit into one.
    """
    for found in here.change_sets(stack) if stack is not None else []:
        if found.name == req.change_set_name:
            if req.client_token is not None and found.token == req.client_token:
                return found
            if found.execution_status != "AVAILABLE":
                return None
            raise AlreadyExists(f"ChangeSet {req.change_set_name} already exists")
    return None


async def _planned(
    ctx: Context[CloudFormation],
    req: CreateChangeSetInput,
    submission: Submission,
    stack: Stack | None,
    kind: str,
) -> ChangeSet:
    """The change set with its changes; what a transform did not allow makes it a failed one."""
    change_set = ChangeSet(
        id=new_id(ctx.account, ctx.region, "changeSet", req.change_set_name),
        name=req.change_set_name,
        stack_id=submission.place.stack_id,
        stack_name=submission.place.stack_name,
        kind=kind,
        created=time.time(),
        status="CREATE_COMPLETE",
        execution_status="AVAILABLE",
        template=submission.template,
        description=req.description,
        role_arn=req.role_arn or (stack.role_arn if stack is not None else None),
        rollback_triggers=rollback_triggers(req.rollback_configuration),
        on_stack_failure=req.on_stack_failure,
        token=req.client_token,
    )

    def failed(reason: str, template: Template) -> ChangeSet:
        return msgspec.structs.replace(
            change_set,
            status="FAILED",
            status_reason=reason,
            execution_status="UNAVAILABLE",
            template=template,
        )

    try:
        prepared = await process(ctx, submission)
    except ValidationError as error:
        if not submission.document.transforms:
            raise
        return failed(error.message, submission.template)
    check_capabilities(prepared.resources, submission.template, reviewed=True)
    old = stack if stack is not None and stack.template is not None else None
    try:
        changes, anything = await changes_of(ctx, prepared, old)
    except AWSError as error:
        return failed(error.message, prepared.template)
    if not anything:
        return failed(NO_CHANGES, prepared.template)
    return msgspec.structs.replace(change_set, template=prepared.template, changes=changes)


@operation("DescribeChangeSet", resource=change_set_arn)
async def describe_change_set(
    ctx: Context[CloudFormation], req: DescribeChangeSetInput
) -> DescribeChangeSetOutput:
    """A change set with its changes, a hundred a page."""
    found = shelf(ctx).change_set(req.change_set_name, req.stack_name)
    changes, token = page(found.changes, req.next_token, lambda c: str(c["LogicalResourceId"]))
    template = found.template
    return DescribeChangeSetOutput(
        change_set_name=found.name,
        change_set_id=found.id,
        stack_id=found.stack_id,
        stack_name=found.stack_name,
        description=found.description,
        parameters=parameters_shown(template),
        creation_time=found.created,
        execution_status=found.execution_status,
        status=found.status,
        status_reason=found.status_reason,
        notification_ar_ns=template.notification_arns if template else [],
        rollback_configuration=rollback_shown(found.rollback_triggers),
        capabilities=template.capabilities if template else [],
        tags=tags_shown(template),
        changes=[change_shown(change) for change in changes],
        next_token=token,
        include_nested_stacks=False,
        on_stack_failure=found.on_stack_failure,
    )


@operation("ExecuteChangeSet", resource=change_set_arn)
async def execute_change_set(
    ctx: Context[CloudFormation], req: ExecuteChangeSetInput
) -> ExecuteChangeSetOutput:
    """Do what the change set says; the stack's other change sets are gone then."""
    here = shelf(ctx)
    found = here.change_set(req.change_set_name, req.stack_name)
    if found.execution_status != "AVAILABLE" or found.template is None:
        obsolete = found.execution_status == "OBSOLETE"
        which = f"execution status of [{found.execution_status}]"
        raise InvalidChangeSetStatus(
            f"ChangeSet [{found.id}] cannot be executed in its current "
            + (which if obsolete else f"status of [{found.status}]")
        )
    actor = await actor_of(ctx, found.role_arn)
    prepared = await ctx.service.engine.prepare(
        found.template, here, found.stack_name, found.stack_id
    )
    stack = here.stack(found.stack_id)  # as it is now: nothing is awaited before its next status
    if found.kind == "UPDATE":
        check_updatable(stack)
    elif stack.status != "REVIEW_IN_PROGRESS":
        raise ValidationError(f"Stack [{stack.name}] already exists")
    on_failure = found.on_stack_failure or "ROLLBACK"
    begun = Operation(
        kind="create" if found.kind == "CREATE" else "update",
        actor=actor,
        token=req.client_request_token,
        started=time.time(),
        disable_rollback=bool(req.disable_rollback) or on_failure == "DO_NOTHING",
        on_failure=on_failure,
        retain_except_on_create=bool(req.retain_except_on_create),
    )
    fields: dict[str, Any] = {
        "operation": begun,
        "change_set": found.id,
        "role_arn": found.role_arn,
        "rollback_triggers": found.rollback_triggers,
    }
    journal = Journal(here, stack)
    if found.kind == "CREATE":
        fields.update(template=found.template)
        changes = journal.status_changes("CREATE_IN_PROGRESS", "User Initiated", **fields)
    else:
        fields.update(target=found.template, updated=time.time())
        changes = journal.status_changes("UPDATE_IN_PROGRESS", "User Initiated", **fields)
    for other in here.change_sets(stack):
        changes.append(here.drop_change_set(other))
    executed = msgspec.structs.replace(found, execution_status="EXECUTE_COMPLETE")
    changes.append(here.put_change_set(executed))
    await here.commit(*changes)
    await note_transformation(journal)
    engine = ctx.service.engine
    (engine.create if found.kind == "CREATE" else engine.update)(here, journal.stack, prepared)
    await engine.wait_a_little(stack)
    return ExecuteChangeSetOutput()


@operation("DeleteChangeSet", resource=change_set_arn)
async def delete_change_set(
    ctx: Context[CloudFormation], req: DeleteChangeSetInput
) -> DeleteChangeSetOutput:
    """Delete a change set; one that is not there is deleted already."""
    here = shelf(ctx)
    try:
        found = here.change_set(req.change_set_name, req.stack_name)
    except AWSError as error:
        if error.code == "ChangeSetNotFound" and not req.change_set_name.startswith("arn:"):
            return DeleteChangeSetOutput()
        raise
    await here.commit(here.drop_change_set(found))
    return DeleteChangeSetOutput()


@operation("ListChangeSets", resource=stack_arn)
async def list_change_sets(
    ctx: Context[CloudFormation], req: ListChangeSetsInput
) -> ListChangeSetsOutput:
    """The stack's change sets."""
    here = shelf(ctx)
    stack = here.stack(req.stack_name, "Stack [{}] does not exist")
    found, token = page(here.change_sets(stack), req.next_token, lambda each: each.id)
    return ListChangeSetsOutput(
        summaries=[
            ChangeSetSummary(
                stack_id=each.stack_id,
                stack_name=each.stack_name,
                change_set_id=each.id,
                change_set_name=each.name,
                execution_status=each.execution_status,
                status=each.status,
                status_reason=each.status_reason,
                creation_time=each.created,
                description=each.description,
                include_nested_stacks=False,
            )
            for each in found
        ],
        next_token=token,
    )
