"""AWS::Lambda::Version."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task, pick
from cloudlet.services.cloudformation.resources.schema import (
    JSON,
    STRING,
    ignored,
    properties,
    refused,
    replaces,
)


class Version(ResourceType):
    """A published version; Ref gives its ARN."""

    name = "AWS::Lambda::Version"
    attributes = frozenset({"Version", "FunctionArn"})
    properties = properties(
        FunctionName=replaces(STRING, needed=True),
        CodeSha256=replaces(STRING),
        Description=replaces(STRING),
        ProvisionedConcurrencyConfig=refused("environments are not provisioned ahead"),
        RuntimePolicy=ignored(JSON, "runtimes are the machine's own"),
        FunctionScalingConfig=refused("managed instances are not in cloudlet"),
    )

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        members = pick(properties, "FunctionName", "CodeSha256", "Description")
        answer = await task.call("lambda", "PublishVersion", **members)
        version, arn = answer["Version"], answer["FunctionArn"]
        if not arn.endswith(f":{version}"):
            arn = f"{arn}:{version}"
        await task.initiated(arn)
        return Made(arn, properties, {"Version": version, "FunctionArn": arn})

    async def delete(self, task: Task, made: Made) -> None:
        function, _, version = made.physical_id.rpartition(":")
        await task.try_call("lambda", "DeleteFunction", FunctionName=function, Qualifier=version)
