"""AWS::IAM::Group."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources import iam_identity
from cloudlet.services.cloudformation.resources.kind import (
    ResourceType,
    Task,
    pick,
)
from cloudlet.services.cloudformation.resources.schema import (
    STRING,
    listing,
    properties,
    replaces,
)


class Group(ResourceType):
    """A group with its policies; Ref gives its name."""

    name = "AWS::IAM::Group"
    named = "GroupName"
    attributes = frozenset({"Arn"})
    properties = properties(
        GroupName=replaces(STRING),
        Path=replaces(STRING),
        ManagedPolicyArns=listing(STRING),
        Policies=iam_identity.INLINE,
    )

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        return str(properties.get("GroupName") or task.generated_name(128))

    async def exists(self, task: Task, physical_id: str, properties: Mapping[str, Any]) -> bool:
        return await task.try_call("iam", "GetGroup", GroupName=physical_id) is not None

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        answer = await task.call(
            "iam", "CreateGroup", GroupName=physical_id, **pick(properties, "Path")
        )
        await task.initiated(physical_id)
        await iam_identity.set_policies(task, "Group", physical_id, {}, properties)
        return Made(physical_id, properties, {"Arn": answer["Group"]["Arn"]})

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        name = made.physical_id
        await iam_identity.set_policies(task, "Group", name, made.properties, properties)
        return Made(name, properties, made.attributes)

    async def delete(self, task: Task, made: Made) -> None:
        await iam_identity.clear(task, "Group", made)
        await task.try_call("iam", "DeleteGroup", GroupName=made.physical_id)
