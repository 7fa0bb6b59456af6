"""AWS::Lambda::LayerVersionPermission."""

# ruff: noqa: D102 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task, pick
from cloudlet.services.cloudformation.resources.schema import STRING, properties, replaces


class LayerVersionPermission(ResourceType):
    """A statement of a layer version's policy; Ref gives a unique id."""

    name = "AWS::Lambda::LayerVersionPermission"
    attributes = frozenset({"Id"})
    properties = properties(
        Action=replaces(STRING, needed=True),
        LayerVersionArn=replaces(STRING, needed=True),
        Principal=replaces(STRING, needed=True),
        OrganizationId=replaces(STRING),
    )

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        statement = task.generated_name(100)
        return f"{properties['LayerVersionArn']}#{statement}"

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        await task.call(
            "lambda",
            "AddLayerVersionPermission",
            **_where(physical_id),
            **pick(properties, "Action", "Principal", "OrganizationId"),
        )
        await task.initiated(physical_id)
        return Made(physical_id, properties, {"Id": physical_id})

    async def delete(self, task: Task, made: Made) -> None:
        await task.try_call("lambda", "RemoveLayerVersionPermission", **_where(made.physical_id))


def _where(physical_id: str) -> dict[str, Any]:
    arn, _, statement = physical_id.partition("#")
    layer, _, version = arn.rpartition(":")
    return {"LayerName": layer, "VersionNumber": int(version), "StatementId": statement}
