"""AWS::Lambda::Alias."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import (
    ResourceType,
    Task,
    changed,
    pick,
)
from cloudlet.services.cloudformation.resources.lambda_waiting import PROVISIONED, provision
from cloudlet.services.cloudformation.resources.schema import (
    NUMBER,
    STRING,
    listing,
    properties,
    replaces,
    required,
    structure,
)

_ROUTING = structure(
    AdditionalVersionWeights=listing(
        structure(FunctionVersion=required(STRING), FunctionWeight=required(NUMBER))
    )
)


class Alias(ResourceType):
    """An alias of a function's version; Ref gives its ARN."""

    name = "AWS::Lambda::Alias"
    scoped = True
    attributes = frozenset({"AliasArn"})
    properties = properties(
        FunctionName=replaces(STRING, needed=True),
        Name=replaces(STRING, needed=True),
        FunctionVersion=required(STRING),
        Description=STRING,
        RoutingConfig=_ROUTING,
        ProvisionedConcurrencyConfig=PROVISIONED,
    )

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        function = str(properties["FunctionName"])
        if not function.startswith("arn:"):
            function = task.arn("lambda", f"function:{function}")
        return f"{function}:{properties['Name']}"

    async def exists(self, task: Task, physical_id: str, properties: Mapping[str, Any]) -> bool:
        where = pick(properties, "FunctionName", "Name")
        return await task.try_call("lambda", "GetAlias", **where) is not None

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        answer = await task.call("lambda", "CreateAlias", **_members(properties))
        arn = answer["AliasArn"]
        await task.initiated(arn)
        if "ProvisionedConcurrencyConfig" in properties:
            await _provision(task, properties)
        return Made(arn, properties, {"AliasArn": arn})

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        members = {"Description": "", "RoutingConfig": {}, **_members(properties)}
        await task.call("lambda", "UpdateAlias", **members)
        if changed(
            made.properties, properties, "ProvisionedConcurrencyConfig", "FunctionVersion"
        ) and ("ProvisionedConcurrencyConfig" in {**made.properties, **properties}):
            await _provision(task, properties)
        return Made(made.physical_id, properties, made.attributes)

    async def delete(self, task: Task, made: Made) -> None:
        await task.try_call(
            "lambda",
            "DeleteAlias",
            FunctionName=made.properties["FunctionName"],
            Name=made.properties["Name"],
        )


async def _provision(task: Task, properties: Mapping[str, Any]) -> None:
    wanted = properties.get("ProvisionedConcurrencyConfig")
    await provision(task, properties["FunctionName"], properties["Name"], wanted)


def _members(properties: Mapping[str, Any]) -> dict[str, Any]:
    members = {k: v for k, v in properties.items() if k != "ProvisionedConcurrencyConfig"}
    if "RoutingConfig" in members:
        weights = members["RoutingConfig"].get("AdditionalVersionWeights", [])
        members["RoutingConfig"] = {
            "AdditionalVersionWeights": {w["FunctionVersion"]: w["FunctionWeight"] for w in weights}
        }
    return members
