"""AWS::ApiGateway::Resource."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task
from cloudlet.services.cloudformation.resources.schema import STRING, properties, replaces


class Resource(ResourceType):
    """A part of an API's path; Ref gives its id."""

    name = "AWS::ApiGateway::Resource"
    attributes = frozenset({"ResourceId"})
    needs = (("apigateway", "CreateResource"),)
    properties = properties(
        RestApiId=replaces(STRING, needed=True),
        ParentId=replaces(STRING, needed=True),
        PathPart=replaces(STRING, needed=True),
    )

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        answer = await task.call(
            "apigateway",
            "CreateResource",
            restApiId=properties["RestApiId"],
            parentId=properties["ParentId"],
            pathPart=properties["PathPart"],
        )
        await task.initiated(answer["id"])
        return Made(answer["id"], properties, {"ResourceId": answer["id"]})

    async def find(self, task: Task, properties: Mapping[str, Any]) -> str | None:
        api = properties["RestApiId"]
        answer = await task.try_call("apigateway", "GetResources", restApiId=api, limit=500)
        for found in (answer or {}).get("items", []):
            where = found.get("parentId"), found.get("pathPart")
            unclaimed = not task.claimed(self.name, found["id"])
            if where == (properties["ParentId"], properties["PathPart"]) and unclaimed:
                return str(found["id"])
        return None

    async def delete(self, task: Task, made: Made) -> None:
        await task.try_call(
            "apigateway",
            "DeleteResource",
            restApiId=made.properties["RestApiId"],
            resourceId=made.physical_id,
        )
