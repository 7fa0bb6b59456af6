"""AWS::IAM::ManagedPolicy."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.iam_identity import document_text
from cloudlet.services.cloudformation.resources.kind import (
    ResourceType,
    Task,
    changed,
    pick,
)
from cloudlet.services.cloudformation.resources.schema import (
    JSON,
    STRING,
    listing,
    properties,
    replaces,
    required,
)


class ManagedPolicy(ResourceType):
    """A customer managed policy and what it is attached to; Ref gives its ARN."""

    name = "AWS::IAM::ManagedPolicy"
    named = "ManagedPolicyName"
    attributes = frozenset({"PolicyArn", "PolicyId"})
    properties = properties(
        ManagedPolicyName=replaces(STRING),
        Description=replaces(STRING),
        Path=replaces(STRING),
        PolicyDocument=required(JSON),
        Groups=listing(STRING),
        Roles=listing(STRING),
        Users=listing(STRING),
    )

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        name = properties.get("ManagedPolicyName") or task.generated_name(128)
        return task.arn("iam", f"policy{properties.get('Path', '/')}{name}", region=False)

    async def exists(self, task: Task, physical_id: str, properties: Mapping[str, Any]) -> bool:
        return await task.try_call("iam", "GetPolicy", PolicyArn=physical_id) is not None

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        answer = await task.call(
            "iam",
            "CreatePolicy",
            PolicyName=physical_id.rpartition("/")[2],
            PolicyDocument=document_text(properties["PolicyDocument"]),
            **pick(properties, "Description", "Path"),
        )
        policy = answer["Policy"]
        await task.initiated(policy["Arn"])
        await _attach(task, policy["Arn"], {}, properties)
        attributes = {"PolicyArn": policy["Arn"], "PolicyId": policy["PolicyId"]}
        return Made(policy["Arn"], properties, attributes)

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        arn = made.physical_id
        if changed(made.properties, properties, "PolicyDocument"):
            await _drop_versions(task, arn)
            await task.call(
                "iam",
                "CreatePolicyVersion",
                PolicyArn=arn,
                PolicyDocument=document_text(properties["PolicyDocument"]),
                SetAsDefault=True,
            )
        await _attach(task, arn, made.properties, properties)
        return Made(arn, properties, made.attributes)

    async def delete(self, task: Task, made: Made) -> None:
        await _attach(task, made.physical_id, made.properties, {})
        if await task.try_call("iam", "GetPolicy", PolicyArn=made.physical_id) is not None:
            await _drop_versions(task, made.physical_id)
            await task.try_call("iam", "DeletePolicy", PolicyArn=made.physical_id)


async def _drop_versions(task: Task, arn: str) -> None:
    """Delete the versions that are not the default: there may be five, and none at deletion."""
    answer = await task.call("iam", "ListPolicyVersions", PolicyArn=arn)
    for version in answer.get("Versions", []):
        if not version["IsDefaultVersion"]:
            await task.try_call(
                "iam", "DeletePolicyVersion", PolicyArn=arn, VersionId=version["VersionId"]
            )


async def _attach(
    task: Task, arn: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    for kind in ("Role", "User", "Group"):
        old, new = set(before.get(f"{kind}s", [])), set(after.get(f"{kind}s", []))
        for name in sorted(new - old):
            await task.call("iam", f"Attach{kind}Policy", PolicyArn=arn, **{f"{kind}Name": name})
        for name in sorted(old - new):
            await task.try_call(
                "iam", f"Detach{kind}Policy", PolicyArn=arn, **{f"{kind}Name": name}
            )
