"""Records as clients see them."""

from __future__ import annotations

from typing import Any

from cloudlet.aws.models.cloudformation import (
    Change,
    Output,
    Parameter,
    ResourceChange,
    ResourceChangeDetail,
    ResourceTargetDefinition,
    RollbackConfiguration,
    StackDriftInformation,
    StackDriftInformationSummary,
    StackSummary,
    Tag,
)
from cloudlet.aws.models.cloudformation import Stack as StackView
from cloudlet.services.cloudformation.model import Stack, Template
from cloudlet.services.cloudformation.template.parameters import echoed


def parameters_shown(template: Template | None) -> list[Parameter]:
    """The parameters' values, NoEcho ones masked."""
    if template is None:
        return []
    declared = template.processed.get("Parameters", {})
    return [
        Parameter(parameter_key=name, parameter_value=value)
        for name, value in echoed(declared, template.parameters).items()
    ]


def tags_shown(template: Template | None) -> list[Tag]:
    """The stack's tags."""
    return [Tag(key=k, value=v) for k, v in template.tags.items()] if template is not None else []


def rollback_shown(configuration: dict[str, Any] | None) -> RollbackConfiguration:
    """The rollback configuration."""
    if configuration is None:
        return RollbackConfiguration()
    return RollbackConfiguration(
        rollback_triggers=[],
        monitoring_time_in_minutes=configuration["MonitoringTimeInMinutes"],
    )


def change_shown(change: dict[str, Any]) -> Change:
    """A planned change."""
    details = [
        ResourceChangeDetail(
            target=ResourceTargetDefinition(
                attribute=detail["Target"]["Attribute"],
                name=detail["Target"].get("Name"),
                requires_recreation=detail["Target"]["RequiresRecreation"],
            ),
            evaluation=detail["Evaluation"],
            change_source=detail["ChangeSource"],
            causing_entity=detail.get("CausingEntity"),
        )
        for detail in change["Details"]
    ]
    return Change(
        type="Resource",
        resource_change=ResourceChange(
            policy_action=change.get("PolicyAction"),
            action=change["Action"],
            logical_resource_id=change["LogicalResourceId"],
            physical_resource_id=change.get("PhysicalResourceId"),
            resource_type=change["ResourceType"],
            replacement=change.get("Replacement"),
            scope=change["Scope"],
            details=details,
        ),
    )


def stack_shown(stack: Stack) -> StackView:
    """A stack as DescribeStacks gives it."""
    template = stack.template
    return StackView(
        stack_id=stack.id,
        stack_name=stack.name,
        change_set_id=stack.change_set,
        description=template.description if template else None,
        parameters=parameters_shown(template) or None,
        creation_time=stack.created,
        deletion_time=stack.deleted,
        last_updated_time=stack.updated,
        rollback_configuration=rollback_shown(stack.rollback_triggers),
        stack_status=stack.status,
        stack_status_reason=stack.status_reason
        if stack.status_reason != "User Initiated"
        else None,
        disable_rollback=stack.operation.disable_rollback,
        notification_ar_ns=template.notification_arns if template else [],
        timeout_in_minutes=stack.timeout_minutes,
        capabilities=(template.capabilities or None) if template else None,
        outputs=[
            Output(
                output_key=output.key,
                output_value=output.value,
                description=output.description,
                export_name=output.export,
            )
            for output in stack.outputs
        ]
        or None,
        role_arn=stack.role_arn,
        tags=tags_shown(template),
        enable_termination_protection=stack.termination_protection,
        parent_id=stack.parent,
        root_id=stack.root,
        drift_information=StackDriftInformation(stack_drift_status="NOT_CHECKED"),
    )


def summary_shown(stack: Stack) -> StackSummary:
    """A stack as ListStacks gives it."""
    return StackSummary(
        stack_id=stack.id,
        stack_name=stack.name,
        template_description=stack.template.description if stack.template else None,
        creation_time=stack.created,
        last_updated_time=stack.updated,
        deletion_time=stack.deleted,
        stack_status=stack.status,
        stack_status_reason=stack.status_reason,
        parent_id=stack.parent,
        root_id=stack.root,
        drift_information=StackDriftInformationSummary(stack_drift_status="NOT_CHECKED"),
    )
