"""AWS::Lambda::Permission."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task
from cloudlet.services.cloudformation.resources.schema import (
    BOOLEAN,
    STRING,
    properties,
    replaces,
)


class Permission(ResourceType):
    """A statement of a function's policy; Ref gives its statement id."""

    name = "AWS::Lambda::Permission"
    attributes = frozenset({"Id"})
    properties = properties(
        Action=replaces(STRING, needed=True),
        FunctionName=replaces(STRING, needed=True),
        Principal=replaces(STRING, needed=True),
        EventSourceToken=replaces(STRING),
        FunctionUrlAuthType=replaces(STRING),
        InvokedViaFunctionUrl=replaces(BOOLEAN),
        PrincipalOrgID=replaces(STRING),
        SourceAccount=replaces(STRING),
        SourceArn=replaces(STRING),
    )

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        return task.generated_name(100)

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        await task.call("lambda", "AddPermission", StatementId=physical_id, **properties)
        await task.initiated(physical_id)
        return Made(physical_id, properties, {"Id": physical_id})

    async def delete(self, task: Task, made: Made) -> None:
        await task.try_call(
            "lambda",
            "RemovePermission",
            FunctionName=made.properties["FunctionName"],
            StatementId=made.physical_id,
        )
