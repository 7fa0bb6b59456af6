"""AWS::IAM::User."""

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
    TAGS,
    listing,
    properties,
    refused,
    replaces,
)


class User(ResourceType):
    """A user with its policies and groups; Ref gives its name."""

    name = "AWS::IAM::User"
    named = "UserName"
    tagged = "list"
    attributes = frozenset({"Arn"})
    properties = properties(
        UserName=replaces(STRING),
        Path=replaces(STRING),
        Groups=listing(STRING),
        ManagedPolicyArns=listing(STRING),
        PermissionsBoundary=STRING,
        Policies=iam_identity.INLINE,
        Tags=TAGS,
        LoginProfile=refused("there is no console to sign in to with a password"),
    )

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        return str(properties.get("UserName") or task.generated_name(64))

    async def exists(self, task: Task, physical_id: str, properties: Mapping[str, Any]) -> bool:
        return await task.try_call("iam", "GetUser", UserName=physical_id) is not None

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        answer = await task.call(
            "iam",
            "CreateUser",
            UserName=physical_id,
            **pick(properties, "Path", "PermissionsBoundary", "Tags"),
        )
        await task.initiated(physical_id)
        await iam_identity.set_policies(task, "User", physical_id, {}, properties)
        await _join(task, physical_id, {}, properties)
        return Made(physical_id, properties, {"Arn": answer["User"]["Arn"]})

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        before, name = made.properties, made.physical_id
        await iam_identity.set_boundary(task, "User", name, before, properties)
        await iam_identity.set_policies(task, "User", name, before, properties)
        await iam_identity.set_tags(task, "User", name, before, properties)
        await _join(task, name, before, properties)
        return Made(name, properties, made.attributes)

    async def delete(self, task: Task, made: Made) -> None:
        await iam_identity.clear(task, "User", made)
        await _join(task, made.physical_id, made.properties, {})
        await task.try_call("iam", "DeleteUser", UserName=made.physical_id)


async def _join(task: Task, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    old, new = set(before.get("Groups", [])), set(after.get("Groups", []))
    for group in sorted(new - old):
        await task.call("iam", "AddUserToGroup", GroupName=group, UserName=name)
    for group in sorted(old - new):
        await task.try_call("iam", "RemoveUserFromGroup", GroupName=group, UserName=name)
