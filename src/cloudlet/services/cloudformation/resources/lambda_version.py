"""AWS::Lambda::Version."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task, pick
from cloudlet.services.cloudformation.resources.lambda_waiting import (
    PROVISIONED,
    provision,
    until_active,
)
from cloudlet.services.cloudformation.resources.schema import (
    STRING,
    properties,
    refused,
    replaces,
    required,
    structure,
)


class Version(ResourceType):
    """A published version, with its snapshot where there is SnapStart; Ref gives its ARN."""

    name = "AWS::Lambda::Version"
    attributes = frozenset({"Version", "FunctionArn"})
    properties = properties(
        FunctionName=replaces(STRING, needed=True),
        CodeSha256=replaces(STRING),
        Description=replaces(STRING),
        ProvisionedConcurrencyConfig=replaces(PROVISIONED),
        RuntimePolicy=replaces(
            structure(UpdateRuntimeOn=required(STRING), RuntimeVersionArn=STRING)
        ),
        FunctionScalingConfig=refused("managed instances are not in cloudlet"),
    )

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        members = pick(properties, "FunctionName", "CodeSha256", "Description")
        answer = await task.call("lambda", "PublishVersion", **members)
        version, arn = answer["Version"], answer["FunctionArn"]
        if not arn.endswith(f":{version}"):
            arn = f"{arn}:{version}"
        await task.initiated(arn)
        function = arn.rpartition(":")[0]
        await until_active(task, function, answer, version)
        if "RuntimePolicy" in properties:
            await task.call(
                "lambda",
                "PutRuntimeManagementConfig",
                FunctionName=function,
                Qualifier=version,
                **properties["RuntimePolicy"],
            )
        if "ProvisionedConcurrencyConfig" in properties:
            await provision(task, function, version, properties["ProvisionedConcurrencyConfig"])
        return Made(arn, properties, {"Version": version, "FunctionArn": arn})

    async def delete(self, task: Task, made: Made) -> None:
        function, _, version = made.physical_id.rpartition(":")
        await task.try_call("lambda", "DeleteFunction", FunctionName=function, Qualifier=version)
