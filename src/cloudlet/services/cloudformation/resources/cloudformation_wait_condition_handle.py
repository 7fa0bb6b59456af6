"""AWS::CloudFormation::WaitConditionHandle.

A handle alone does nothing on AWS either: templates use it as the resource that does nothing.
Nothing listens for signals at its URL, and AWS::CloudFormation::WaitCondition is not known.
"""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task
from cloudlet.services.cloudformation.resources.schema import properties


class WaitConditionHandle(ResourceType):
    """A handle; Ref gives a URL of AWS's form."""

    name = "AWS::CloudFormation::WaitConditionHandle"
    properties = properties()

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        host = f"cloudformation-waitcondition-{task.region}.s3.amazonaws.com"
        return f"https://{host}/{quote(f'{task.stack_id}/{task.logical_id}', safe='')}"

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        await task.initiated(physical_id)
        return Made(physical_id, properties)

    async def delete(self, task: Task, made: Made) -> None:
        """There is nothing to delete."""
