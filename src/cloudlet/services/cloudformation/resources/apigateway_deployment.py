"""AWS::ApiGateway::Deployment."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task, changed
from cloudlet.services.cloudformation.resources.schema import (
    STRING,
    mapping,
    properties,
    refused,
    replaces,
    structure,
)


class Deployment(ResourceType):
    """A snapshot of an API; with StageName also a stage that serves it. Ref gives its id."""

    name = "AWS::ApiGateway::Deployment"
    attributes = frozenset({"DeploymentId"})
    properties = properties(
        RestApiId=replaces(STRING, needed=True),
        Description=STRING,
        StageName=replaces(STRING),
        StageDescription=replaces(structure(Description=STRING, Variables=mapping(STRING))),
        DeploymentCanarySettings=refused("canary releases are not in cloudlet"),
    )

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        stage = properties.get("StageDescription", {})
        answer = await task.call(
            "apigateway",
            "CreateDeployment",
            restApiId=properties["RestApiId"],
            stageName=properties.get("StageName"),
            stageDescription=stage.get("Description"),
            variables=stage.get("Variables"),
            description=properties.get("Description"),
        )
        await task.initiated(answer["id"])
        return Made(answer["id"], properties, {"DeploymentId": answer["id"]})

    async def find(self, task: Task, properties: Mapping[str, Any]) -> str | None:
        api = properties["RestApiId"]
        answer = await task.try_call("apigateway", "GetDeployments", restApiId=api, limit=500)
        for found in (answer or {}).get("items", []):
            id_ = str(found["id"])
            if found["createdDate"] >= task.since - 1 and not task.claimed(self.name, id_):
                return id_
        return None

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        if changed(made.properties, properties, "Description"):
            value = properties.get("Description", "")
            await task.call(
                "apigateway",
                "UpdateDeployment",
                restApiId=properties["RestApiId"],
                deploymentId=made.physical_id,
                patchOperations=[{"op": "replace", "path": "/description", "value": value}],
            )
        return Made(made.physical_id, properties, made.attributes)

    async def delete(self, task: Task, made: Made) -> None:
        api, stage = made.properties["RestApiId"], made.properties.get("StageName")
        if stage is not None:
            found = await task.try_call("apigateway", "GetStage", restApiId=api, stageName=stage)
            if found is not None and found.get("deploymentId") == made.physical_id:
                await task.try_call("apigateway", "DeleteStage", restApiId=api, stageName=stage)
        await task.try_call(
            "apigateway", "DeleteDeployment", restApiId=api, deploymentId=made.physical_id
        )
