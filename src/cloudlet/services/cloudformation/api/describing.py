"""Stacks, their events and their resources, described."""

from __future__ import annotations

from cloudlet.aws.context import Context
from cloudlet.aws.models.cloudformation import (
    DescribeStackEventsInput,
    DescribeStackEventsOutput,
    DescribeStackResourceInput,
    DescribeStackResourceOutput,
    DescribeStackResourcesInput,
    DescribeStackResourcesOutput,
    DescribeStacksInput,
    DescribeStacksOutput,
    ListStackResourcesInput,
    ListStackResourcesOutput,
    ListStacksInput,
    ListStacksOutput,
    StackEvent,
    StackResource,
    StackResourceDetail,
    StackResourceDriftInformation,
    StackResourceDriftInformationSummary,
    StackResourceSummary,
)
from cloudlet.aws.service import operation
from cloudlet.services.cloudformation.api.arns import shelf, stack_arn
from cloudlet.services.cloudformation.api.pages import page
from cloudlet.services.cloudformation.api.views import stack_shown, summary_shown
from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.model import Resource, Stack
from cloudlet.services.cloudformation.state import CloudFormation


@operation("DescribeStacks", resource=stack_arn)
async def describe_stacks(
    ctx: Context[CloudFormation], req: DescribeStacksInput
) -> DescribeStacksOutput:
    """One stack, deleted ones by their id only, or all that are not deleted."""
    here = shelf(ctx)
    if req.stack_name is not None:
        return DescribeStacksOutput(stacks=[stack_shown(here.stack(req.stack_name))])
    live = [stack for stack in here.stacks() if stack.status != "DELETE_COMPLETE"]
    found, token = page(live, req.next_token, lambda stack: stack.id)
    return DescribeStacksOutput(stacks=[stack_shown(stack) for stack in found], next_token=token)


@operation("ListStacks")
async def list_stacks(ctx: Context[CloudFormation], req: ListStacksInput) -> ListStacksOutput:
    """Every stack, deleted ones of the last ninety days too."""
    wanted = set(req.stack_status_filter or [])
    stacks = [stack for stack in shelf(ctx).stacks() if not wanted or stack.status in wanted]
    found, token = page(stacks, req.next_token, lambda stack: stack.id)
    return ListStacksOutput(
        stack_summaries=[summary_shown(stack) for stack in found], next_token=token
    )


@operation("DescribeStackEvents", resource=stack_arn)
async def describe_stack_events(
    ctx: Context[CloudFormation], req: DescribeStackEventsInput
) -> DescribeStackEventsOutput:
    """The stack's history, newest first."""
    here = shelf(ctx)
    stack = here.stack(req.stack_name, "Stack [{}] does not exist")
    found, token = page(here.events(stack), req.next_token, lambda event: event.id)
    return DescribeStackEventsOutput(
        stack_events=[
            StackEvent(
                stack_id=stack.id,
                event_id=event.id,
                stack_name=stack.name,
                logical_resource_id=event.logical_id,
                physical_resource_id=event.physical_id,
                resource_type=event.type,
                timestamp=event.at,
                resource_status=event.status,
                resource_status_reason=event.reason,
                resource_properties=event.properties,
                client_request_token=event.token,
            )
            for event in found
        ],
        next_token=token,
    )


def _stack_resource(stack: Stack, resource: Resource) -> StackResource:
    return StackResource(
        stack_name=stack.name,
        stack_id=stack.id,
        logical_resource_id=resource.logical_id,
        physical_resource_id=resource.made.physical_id or None,
        resource_type=resource.type,
        timestamp=resource.updated,
        resource_status=resource.status,
        resource_status_reason=resource.status_reason,
        drift_information=StackResourceDriftInformation(stack_resource_drift_status="NOT_CHECKED"),
    )


@operation("DescribeStackResource", resource=stack_arn)
async def describe_stack_resource(
    ctx: Context[CloudFormation], req: DescribeStackResourceInput
) -> DescribeStackResourceOutput:
    """One resource of a stack."""
    here = shelf(ctx)
    stack = here.stack(req.stack_name, "Stack '{}' does not exist")
    resource = here.resources(stack).get(req.logical_resource_id)
    if resource is None:
        raise ValidationError(
            f"Resource {req.logical_resource_id} does not exist for stack {stack.name}"
        )
    return DescribeStackResourceOutput(
        stack_resource_detail=StackResourceDetail(
            stack_name=stack.name,
            stack_id=stack.id,
            logical_resource_id=resource.logical_id,
            physical_resource_id=resource.made.physical_id or None,
            resource_type=resource.type,
            last_updated_timestamp=resource.updated,
            resource_status=resource.status,
            resource_status_reason=resource.status_reason,
            metadata=resource.metadata or "{}",
            drift_information=StackResourceDriftInformation(
                stack_resource_drift_status="NOT_CHECKED"
            ),
        )
    )


@operation("DescribeStackResources", resource=stack_arn)
async def describe_stack_resources(
    ctx: Context[CloudFormation], req: DescribeStackResourcesInput
) -> DescribeStackResourcesOutput:
    """The first hundred resources of a stack, or of the one that has a physical resource."""
    here = shelf(ctx)
    if (req.stack_name is None) == (req.physical_resource_id is None):
        raise ValidationError("Exactly one of StackName and PhysicalResourceId must be specified")
    if req.stack_name is not None:
        stack = here.stack(req.stack_name)
    else:
        stack = _stack_of(ctx, str(req.physical_resource_id))
    resources = here.resources(stack)
    if req.logical_resource_id is not None:
        if req.logical_resource_id not in resources:
            raise ValidationError(
                f"Resource {req.logical_resource_id} does not exist for stack {stack.name}"
            )
        resources = {req.logical_resource_id: resources[req.logical_resource_id]}
    found = [_stack_resource(stack, resource) for resource in resources.values()]
    return DescribeStackResourcesOutput(stack_resources=found[:100])


def _stack_of(ctx: Context[CloudFormation], physical_id: str) -> Stack:
    here = shelf(ctx)
    for stack in here.stacks():
        if stack.status != "DELETE_COMPLETE" and any(
            resource.made.physical_id == physical_id for resource in here.resources(stack).values()
        ):
            return stack
    raise ValidationError(f"Stack for {physical_id} does not exist")


@operation("ListStackResources", resource=stack_arn)
async def list_stack_resources(
    ctx: Context[CloudFormation], req: ListStackResourcesInput
) -> ListStackResourcesOutput:
    """The resources of a stack, a hundred a page."""
    here = shelf(ctx)
    stack = here.stack(req.stack_name)
    resources = list(here.resources(stack).values())
    found, token = page(resources, req.next_token, lambda resource: resource.logical_id)
    return ListStackResourcesOutput(
        stack_resource_summaries=[
            StackResourceSummary(
                logical_resource_id=resource.logical_id,
                physical_resource_id=resource.made.physical_id or None,
                resource_type=resource.type,
                last_updated_timestamp=resource.updated,
                resource_status=resource.status,
                resource_status_reason=resource.status_reason,
                drift_information=StackResourceDriftInformationSummary(
                    stack_resource_drift_status="NOT_CHECKED"
                ),
            )
            for resource in found
        ],
        next_token=token,
    )
