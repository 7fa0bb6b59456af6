"""AWS::CDK::Metadata: CDK's note of a template's constructs; AWS does nothing with it."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task
from cloudlet.services.cloudformation.resources.schema import STRING, properties


class CdkMetadata(ResourceType):
    """Accepted as on AWS."""

    name = "AWS::CDK::Metadata"
    properties = properties(Analytics=STRING, Modules=STRING)

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        return task.stack_id.rpartition("/")[2]

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        await task.initiated(physical_id)
        return Made(physical_id, properties)

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        return Made(made.physical_id, properties)

    async def delete(self, task: Task, made: Made) -> None:
        """There is nothing to delete."""
