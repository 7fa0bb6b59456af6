"""AWS::Lambda::LayerVersion."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task
from cloudlet.services.cloudformation.resources.schema import (
    STRING,
    listing,
    properties,
    replaces,
    required,
    structure,
)


class LayerVersion(ResourceType):
    """A layer's version; every change publishes another. Ref gives its ARN."""

    name = "AWS::Lambda::LayerVersion"
    attributes = frozenset({"LayerVersionArn"})
    properties = properties(
        LayerName=replaces(STRING),
        Description=replaces(STRING),
        Content=replaces(
            structure(S3Bucket=required(STRING), S3Key=required(STRING), S3ObjectVersion=STRING),
            needed=True,
        ),
        CompatibleArchitectures=replaces(listing(STRING)),
        CompatibleRuntimes=replaces(listing(STRING)),
        LicenseInfo=replaces(STRING),
    )

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        members = {"LayerName": task.logical_id, **properties}
        answer = await task.call("lambda", "PublishLayerVersion", **members)
        arn = answer["LayerVersionArn"]
        await task.initiated(arn)
        return Made(arn, properties, {"LayerVersionArn": arn})

    async def delete(self, task: Task, made: Made) -> None:
        layer, _, version = made.physical_id.rpartition(":")
        await task.try_call(
            "lambda", "DeleteLayerVersion", LayerName=layer, VersionNumber=int(version)
        )
