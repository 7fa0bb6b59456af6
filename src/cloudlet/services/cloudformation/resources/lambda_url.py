"""AWS::Lambda::Url, known where cloudlet's Lambda has function URLs."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task, pick
from cloudlet.services.cloudformation.resources.schema import (
    STRING,
    properties,
    replaces,
    required,
    shape,
)


class Url(ResourceType):
    """A function's URL; Ref gives the function's ARN."""

    name = "AWS::Lambda::Url"
    attributes = frozenset({"FunctionArn", "FunctionUrl"})
    needs = (("lambda", "CreateFunctionUrlConfig"),)
    properties = properties(
        TargetFunctionArn=replaces(STRING, needed=True),
        Qualifier=replaces(STRING),
        AuthType=required(STRING),
        Cors=shape("lambda", "Cors"),
        InvokeMode=STRING,
    )

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        answer = await task.call(
            "lambda",
            "CreateFunctionUrlConfig",
            FunctionName=properties["TargetFunctionArn"],
            **pick(properties, "Qualifier", "AuthType", "Cors", "InvokeMode"),
        )
        await task.initiated(answer["FunctionArn"])
        attributes = pick(answer, "FunctionArn", "FunctionUrl")
        return Made(answer["FunctionArn"], properties, attributes)

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        reset = {"Cors": {}, "InvokeMode": "BUFFERED"}
        members = {**reset, **pick(properties, "Qualifier", "AuthType", "Cors", "InvokeMode")}
        await task.call(
            "lambda",
            "UpdateFunctionUrlConfig",
            FunctionName=properties["TargetFunctionArn"],
            **members,
        )
        return Made(made.physical_id, properties, made.attributes)

    async def delete(self, task: Task, made: Made) -> None:
        await task.try_call(
            "lambda",
            "DeleteFunctionUrlConfig",
            FunctionName=made.properties["TargetFunctionArn"],
            **pick(made.properties, "Qualifier"),
        )
