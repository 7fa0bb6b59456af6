"""AWS::S3::BucketPolicy."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

import json
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task
from cloudlet.services.cloudformation.resources.schema import (
    JSON,
    STRING,
    properties,
    replaces,
    required,
)


class BucketPolicy(ResourceType):
    """The policy of a bucket; Ref gives the bucket's name."""

    name = "AWS::S3::BucketPolicy"
    properties = properties(Bucket=replaces(STRING, needed=True), PolicyDocument=required(JSON))

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        made = await self._put(task, properties)
        await task.initiated(made.physical_id)
        return made

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        return await self._put(task, properties)

    @staticmethod
    async def _put(task: Task, properties: dict[str, Any]) -> Made:
        document = properties["PolicyDocument"]
        text = document if isinstance(document, str) else json.dumps(document)
        await task.call("s3", "PutBucketPolicy", Bucket=properties["Bucket"], Policy=text)
        return Made(properties["Bucket"], properties)

    async def delete(self, task: Task, made: Made) -> None:
        await task.try_call("s3", "DeleteBucketPolicy", Bucket=made.physical_id)
