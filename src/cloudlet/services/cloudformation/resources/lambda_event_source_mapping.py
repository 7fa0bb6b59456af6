"""AWS::Lambda::EventSourceMapping."""

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
    retag,
    tags_as_map,
)
from cloudlet.services.cloudformation.resources.schema import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    TAGS,
    listing,
    properties,
    replaces,
    required,
    shape,
)

#: Properties that UpdateEventSourceMapping takes, with the value that a mapping without them has;
#: None where Lambda's own depends on the source.
_CHANGEABLE: dict[str, Any] = {
    "AmazonManagedKafkaEventSourceConfig": None,
    "BatchSize": None,
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "DocumentDBEventSourceConfig": None,
    "Enabled": True,
    "FilterCriteria": {"Filters": []},
    "FunctionName": None,
    "FunctionResponseTypes": [],
    "KmsKeyArn": "",
    "LoggingConfig": None,
    "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "MetricsConfig": None,
    "ParallelizationFactor": 1,
    "ProvisionedPollerConfig": None,
    "ScalingConfig": {},
    "SourceAccessConfigurations": [],
    "TumblingWindowInSeconds": 0,
}
_FIXED = (
    "EventSourceArn", "Queues", "SelfManagedEventSource", "SelfManagedKafkaEventSourceConfig",
    "StartingPosition", "StartingPositionTimestamp", "Topics",
)  # fmt: skip


def _of(member: str) -> Any:
    member = "KMSKeyArn" if member == "KmsKeyArn" else member
    return shape("lambda", "CreateEventSourceMappingRequest").members[member].kind


class EventSourceMapping(ResourceType):
    """A source that Lambda polls for a function; Ref gives the mapping's id."""

    name = "AWS::Lambda::EventSourceMapping"
    tagged = "list"
    attributes = frozenset({"Id", "EventSourceMappingArn"})
    properties = properties(
        BatchSize=INTEGER,
        BisectBatchOnFunctionError=BOOLEAN,
        Enabled=BOOLEAN,
        EventSourceArn=replaces(STRING),
        FunctionName=required(STRING),
        FunctionResponseTypes=listing(STRING),
        KmsKeyArn=STRING,
        MaximumBatchingWindowInSeconds=INTEGER,
        MaximumRecordAgeInSeconds=INTEGER,
        MaximumRetryAttempts=INTEGER,
        ParallelizationFactor=INTEGER,
        TumblingWindowInSeconds=INTEGER,
        Queues=listing(STRING),
        Topics=listing(STRING),
        StartingPosition=replaces(STRING),
        StartingPositionTimestamp=replaces(NUMBER),
        SelfManagedEventSource=replaces(_of("SelfManagedEventSource")),
        SelfManagedKafkaEventSourceConfig=replaces(_of("SelfManagedKafkaEventSourceConfig")),
        Tags=TAGS,
        **{
            member: _of(member)
            for member in (
                "AmazonManagedKafkaEventSourceConfig", "DestinationConfig",
                "DocumentDBEventSourceConfig", "FilterCriteria", "LoggingConfig", "MetricsConfig",
                "ProvisionedPollerConfig", "ScalingConfig", "SourceAccessConfigurations",
            )
        },
    )  # fmt: skip

    async def find(self, task: Task, properties: Mapping[str, Any]) -> str | None:
        where = pick(properties, "EventSourceArn", "FunctionName")
        found = await task.call("lambda", "ListEventSourceMappings", **where)
        for mapping in found.get("EventSourceMappings", ()):
            if mapping["LastModified"] >= task.since:
                return str(mapping["UUID"])
        return None

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        answer = await task.call(
            "lambda",
            "CreateEventSourceMapping",
            Tags=tags_as_map(properties.get("Tags")) or None,
            **_members(pick(properties, *_CHANGEABLE, *_FIXED)),
        )
        await task.initiated(answer["UUID"])
        attributes = {
            "Id": answer["UUID"],
            "EventSourceMappingArn": answer["EventSourceMappingArn"],
        }
        return Made(answer["UUID"], properties, attributes)

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        different = [name for name in _CHANGEABLE if changed(made.properties, properties, name)]
        if different:
            members = {name: properties.get(name, _CHANGEABLE[name]) for name in different}
            await task.call(
                "lambda", "UpdateEventSourceMapping", UUID=made.physical_id, **_members(members)
            )
        if changed(made.properties, properties, "Tags"):
            await retag(task, made.attributes["EventSourceMappingArn"], made, properties)
        return Made(made.physical_id, properties, made.attributes)

    async def delete(self, task: Task, made: Made) -> None:
        await task.try_call("lambda", "DeleteEventSourceMapping", UUID=made.physical_id)


def _members(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {("KMSKeyArn" if n == "KmsKeyArn" else n): value for n, value in properties.items()}
