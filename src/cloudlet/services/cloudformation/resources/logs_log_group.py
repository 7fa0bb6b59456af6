"""AWS::Logs::LogGroup."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import (
    ResourceType,
    Task,
    changed,
    tags_as_map,
)
from cloudlet.services.cloudformation.resources.schema import (
    BOOLEAN,
    INTEGER,
    STRING,
    TAGS,
    properties,
    refused,
    replaces,
)


class LogGroup(ResourceType):
    """A log group with its retention; Ref gives its name."""

    name = "AWS::Logs::LogGroup"
    named = "LogGroupName"
    tagged = "list"
    attributes = frozenset({"Arn"})
    properties = properties(
        LogGroupName=replaces(STRING),
        RetentionInDays=INTEGER,
        Tags=TAGS,
        LogGroupClass=replaces(STRING),
        DeletionProtectionEnabled=BOOLEAN,
        KmsKeyId=refused("cloudlet has no KMS yet"),
        DataProtectionPolicy=refused("log events are not masked"),
        FieldIndexPolicies=refused("fields are not indexed"),
        ResourcePolicyDocument=refused("log groups have no resource policies here"),
        BearerTokenAuthenticationEnabled=refused("log groups take no bearer tokens here"),
    )

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        return str(properties.get("LogGroupName") or task.generated_name(512))

    async def exists(self, task: Task, physical_id: str, properties: Mapping[str, Any]) -> bool:
        answer = await task.call("logs", "DescribeLogGroups", logGroupNamePrefix=physical_id)
        return any(g["logGroupName"] == physical_id for g in answer.get("logGroups", []))

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        await task.call(
            "logs",
            "CreateLogGroup",
            logGroupName=physical_id,
            logGroupClass=properties.get("LogGroupClass"),
            deletionProtectionEnabled=properties.get("DeletionProtectionEnabled"),
            tags=tags_as_map(properties.get("Tags")) or None,
        )
        await task.initiated(physical_id)
        await _retain(task, physical_id, {}, properties)
        arn = task.arn("logs", f"log-group:{physical_id}:*")
        return Made(physical_id, properties, {"Arn": arn})

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        before, name = made.properties, made.physical_id
        await _retain(task, name, before, properties)
        if changed(before, properties, "DeletionProtectionEnabled"):
            await task.call(
                "logs",
                "PutLogGroupDeletionProtection",
                logGroupIdentifier=name,
                deletionProtectionEnabled=properties.get("DeletionProtectionEnabled", False),
            )
        arn = made.attributes["Arn"].removesuffix(":*")
        old, new = tags_as_map(before.get("Tags")), tags_as_map(properties.get("Tags"))
        gone = sorted(set(old) - set(new))
        if gone:
            await task.call("logs", "UntagResource", resourceArn=arn, tagKeys=gone)
        if new and new != old:
            await task.call("logs", "TagResource", resourceArn=arn, tags=new)
        return Made(name, properties, made.attributes)

    async def delete(self, task: Task, made: Made) -> None:
        await task.try_call("logs", "DeleteLogGroup", logGroupName=made.physical_id)


async def _retain(
    task: Task, name: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    if not changed(before, after, "RetentionInDays"):
        return
    days = after.get("RetentionInDays")
    if days is None:
        await task.call("logs", "DeleteRetentionPolicy", logGroupName=name)
    else:
        await task.call("logs", "PutRetentionPolicy", logGroupName=name, retentionInDays=days)
