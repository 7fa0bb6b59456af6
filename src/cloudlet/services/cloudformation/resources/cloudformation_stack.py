"""AWS::CloudFormation::Stack: a stack within a stack."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from cloudlet.aws.errors import AWSError
from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task
from cloudlet.services.cloudformation.resources.schema import (
    INTEGER,
    STRING,
    TAGS,
    listing,
    mapping,
    properties,
    required,
)

#: The parent was acknowledged when its capabilities were checked.
_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_POLL_S = 0.05


class NestedStack(ResourceType):
    """A nested stack; Ref gives its id, Outputs.<name> its outputs."""

    name = "AWS::CloudFormation::Stack"
    tagged = "list"
    attributes = frozenset({"Outputs.*"})
    properties = properties(
        TemplateURL=required(STRING),
        Parameters=mapping(STRING),
        Tags=TAGS,
        TimeoutInMinutes=INTEGER,
        NotificationARNs=listing(STRING),
    )

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        return task.generated_name(128)

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        answer = await task.call(
            "cloudformation",
            "CreateStack",
            StackName=physical_id,
            TimeoutInMinutes=properties.get("TimeoutInMinutes"),
            OnFailure="DO_NOTHING",
            **_members(properties),
        )
        await task.initiated(answer["StackId"])
        return await _settled(task, answer["StackId"], properties, "CREATE_COMPLETE")

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        try:
            await task.call(
                "cloudformation",
                "UpdateStack",
                StackName=made.physical_id,
                **_members(properties),
            )
        except AWSError as error:
            if "No updates are to be performed" not in error.message:
                raise
            return Made(made.physical_id, properties, made.attributes)
        return await _settled(task, made.physical_id, properties, "UPDATE_COMPLETE")

    async def delete(self, task: Task, made: Made) -> None:
        await task.call("cloudformation", "DeleteStack", StackName=made.physical_id)
        try:
            await _settled(task, made.physical_id, {}, "DELETE_COMPLETE")
        except AWSError as error:
            if "does not exist" not in error.message:
                raise


def _members(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "TemplateURL": properties["TemplateURL"],
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": value}
            for name, value in properties.get("Parameters", {}).items()
        ],
        "Tags": properties.get("Tags", []),
        "NotificationARNs": properties.get("NotificationARNs"),
        "Capabilities": _CAPABILITIES,
    }


async def _settled(task: Task, id_: str, properties: dict[str, Any], wanted: str) -> Made:
    """Wait until the nested stack rests; raises `AWSError` unless its status is `wanted`."""
    while True:
        answer = await task.call("cloudformation", "DescribeStacks", StackName=id_)
        stack = answer["Stacks"][0]
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            break
        await asyncio.sleep(_POLL_S)
    if stack["StackStatus"] != wanted:
        reason = stack.get("StackStatusReason", stack["StackStatus"])
        raise AWSError(
            f"Embedded stack {id_} was not successfully "
            f"{wanted.partition('_')[0].lower()}d: {reason}",
            code="NotStabilized",
            status=400,
        )
    outputs = {
        f"Outputs.{output['OutputKey']}": output["OutputValue"]
        for output in stack.get("Outputs", [])
    }
    return Made(id_, properties, outputs)
