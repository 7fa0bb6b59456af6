"""AWS::IAM::Policy."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cloudlet.aws.errors import AWSError
from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.iam_identity import document_text
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task
from cloudlet.services.cloudformation.resources.schema import (
    JSON,
    STRING,
    listing,
    properties,
    required,
)


class InlinePolicy(ResourceType):
    """An inline policy of roles, users and groups; Ref gives a name that AWS makes up."""

    name = "AWS::IAM::Policy"
    properties = properties(
        PolicyName=required(STRING),
        PolicyDocument=required(JSON),
        Groups=listing(STRING),
        Roles=listing(STRING),
        Users=listing(STRING),
    )

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        return task.generated_name(128)

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        if not any(_holders(properties)):
            raise AWSError(
                "At least one of [Groups,Roles,Users] must be non-empty.",
                code="InvalidRequest",
                status=400,
            )
        await task.initiated(physical_id)
        await _put(task, properties)
        return Made(physical_id, properties)

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        before = made.properties
        await _put(task, properties)
        kept = (
            set(_holders(properties)) if properties["PolicyName"] == before["PolicyName"] else set()
        )
        await _drop(task, before, kept)
        return Made(made.physical_id, properties)

    async def delete(self, task: Task, made: Made) -> None:
        await _drop(task, made.properties, set())


def _holders(properties: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind in ("Role", "User", "Group"):
        for name in properties.get(f"{kind}s", []):
            yield kind, name


async def _put(task: Task, properties: Mapping[str, Any]) -> None:
    for kind, name in _holders(properties):
        await task.call(
            "iam",
            f"Put{kind}Policy",
            PolicyName=properties["PolicyName"],
            PolicyDocument=document_text(properties["PolicyDocument"]),
            **{f"{kind}Name": name},
        )


async def _drop(task: Task, properties: Mapping[str, Any], kept: set[tuple[str, str]]) -> None:
    for kind, name in _holders(properties):
        if (kind, name) not in kept:
            await task.try_call(
                "iam",
                f"Delete{kind}Policy",
                PolicyName=properties["PolicyName"],
                **{f"{kind}Name": name},
            )
