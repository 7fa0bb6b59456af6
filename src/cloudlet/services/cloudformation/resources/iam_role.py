"""AWS::IAM::Role."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources import iam_identity
from cloudlet.services.cloudformation.resources.kind import (
    ResourceType,
    Task,
    changed,
    pick,
)
from cloudlet.services.cloudformation.resources.schema import (
    INTEGER,
    JSON,
    STRING,
    TAGS,
    listing,
    properties,
    replaces,
    required,
)


class Role(ResourceType):
    """A role with its policies; Ref gives its name."""

    name = "AWS::IAM::Role"
    named = "RoleName"
    tagged = "list"
    attributes = frozenset({"Arn", "RoleId"})
    properties = properties(
        AssumeRolePolicyDocument=required(JSON),
        Description=STRING,
        ManagedPolicyArns=listing(STRING),
        MaxSessionDuration=INTEGER,
        Path=replaces(STRING),
        PermissionsBoundary=STRING,
        Policies=iam_identity.INLINE,
        RoleName=replaces(STRING),
        Tags=TAGS,
    )

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        return str(properties.get("RoleName") or task.generated_name(64))

    async def exists(self, task: Task, physical_id: str, properties: Mapping[str, Any]) -> bool:
        return await task.try_call("iam", "GetRole", RoleName=physical_id) is not None

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        answer = await task.call(
            "iam",
            "CreateRole",
            RoleName=physical_id,
            AssumeRolePolicyDocument=iam_identity.document_text(
                properties["AssumeRolePolicyDocument"]
            ),
            **pick(
                properties,
                "Description",
                "MaxSessionDuration",
                "Path",
                "PermissionsBoundary",
                "Tags",
            ),
        )
        await task.initiated(physical_id)
        await iam_identity.set_policies(task, "Role", physical_id, {}, properties)
        role = answer["Role"]
        return Made(physical_id, properties, {"Arn": role["Arn"], "RoleId": role["RoleId"]})

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        before, name = made.properties, made.physical_id
        if changed(before, properties, "AssumeRolePolicyDocument"):
            document = iam_identity.document_text(properties["AssumeRolePolicyDocument"])
            await task.call("iam", "UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=document)
        if changed(before, properties, "Description", "MaxSessionDuration"):
            await task.call(
                "iam",
                "UpdateRole",
                RoleName=name,
                Description=properties.get("Description", ""),
                MaxSessionDuration=properties.get("MaxSessionDuration", 3600),
            )
        await iam_identity.set_boundary(task, "Role", name, before, properties)
        await iam_identity.set_policies(task, "Role", name, before, properties)
        await iam_identity.set_tags(task, "Role", name, before, properties)
        return Made(name, properties, made.attributes)

    async def delete(self, task: Task, made: Made) -> None:
        await iam_identity.clear(task, "Role", made)
        await task.try_call("iam", "DeleteRole", RoleName=made.physical_id)
