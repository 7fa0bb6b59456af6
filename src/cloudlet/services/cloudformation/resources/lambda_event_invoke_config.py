"""AWS::Lambda::EventInvokeConfig."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task, pick
from cloudlet.services.cloudformation.resources.schema import (
    INTEGER,
    STRING,
    properties,
    replaces,
    required,
    structure,
)

_DESTINATION = structure(Destination=required(STRING))


class EventInvokeConfig(ResourceType):
    """How a version's or alias's asynchronous invocations are retried; Ref gives a unique id."""

    name = "AWS::Lambda::EventInvokeConfig"
    scoped = True
    properties = properties(
        FunctionName=replaces(STRING, needed=True),
        Qualifier=replaces(STRING, needed=True),
        DestinationConfig=structure(OnFailure=_DESTINATION, OnSuccess=_DESTINATION),
        MaximumEventAgeInSeconds=INTEGER,
        MaximumRetryAttempts=INTEGER,
    )

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        return f"{properties['FunctionName']}|{properties['Qualifier']}"

    async def exists(self, task: Task, physical_id: str, properties: Mapping[str, Any]) -> bool:
        where = pick(properties, "FunctionName", "Qualifier")
        return await task.try_call("lambda", "GetFunctionEventInvokeConfig", **where) is not None

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        await task.call("lambda", "PutFunctionEventInvokeConfig", **properties)
        await task.initiated(physical_id)
        return Made(physical_id, properties, {})

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        await task.call("lambda", "PutFunctionEventInvokeConfig", **properties)
        return Made(made.physical_id, properties, {})

    async def delete(self, task: Task, made: Made) -> None:
        where = pick(made.properties, "FunctionName", "Qualifier")
        await task.try_call("lambda", "DeleteFunctionEventInvokeConfig", **where)
