"""AWS::IAM::AccessKey."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task
from cloudlet.services.cloudformation.resources.schema import (
    INTEGER,
    STRING,
    properties,
    replaces,
)


class AccessKey(ResourceType):
    """A user's access key; Ref gives its id, SecretAccessKey the secret."""

    name = "AWS::IAM::AccessKey"
    attributes = frozenset({"SecretAccessKey"})
    properties = properties(
        UserName=replaces(STRING, needed=True), Serial=replaces(INTEGER), Status=STRING
    )

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        answer = await task.call("iam", "CreateAccessKey", UserName=properties["UserName"])
        key = answer["AccessKey"]
        await task.initiated(key["AccessKeyId"])
        if properties.get("Status", "Active") != "Active":
            await _set_status(task, key["AccessKeyId"], properties)
        attributes = {"SecretAccessKey": key["SecretAccessKey"]}
        return Made(key["AccessKeyId"], properties, attributes)

    async def find(self, task: Task, properties: Mapping[str, Any]) -> str | None:
        answer = await task.try_call("iam", "ListAccessKeys", UserName=properties["UserName"])
        for key in (answer or {}).get("AccessKeyMetadata", []):
            id_ = str(key["AccessKeyId"])
            if key["CreateDate"] >= task.since - 1 and not task.claimed(self.name, id_):
                return id_
        return None

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        await _set_status(task, made.physical_id, properties)
        return Made(made.physical_id, properties, made.attributes)

    async def delete(self, task: Task, made: Made) -> None:
        await task.try_call(
            "iam",
            "DeleteAccessKey",
            UserName=made.properties["UserName"],
            AccessKeyId=made.physical_id,
        )


async def _set_status(task: Task, id_: str, properties: dict[str, Any]) -> None:
    await task.call(
        "iam",
        "UpdateAccessKey",
        UserName=properties["UserName"],
        AccessKeyId=id_,
        Status=properties.get("Status", "Active"),
    )
