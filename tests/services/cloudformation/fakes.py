"""A service with resource types that fail at will, on a cloud of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloudlet.aws.cloud import Cloud
from cloudlet.aws.errors import AWSError
from cloudlet.aws.principal import root
from cloudlet.aws.service import Service, operations_of
from cloudlet.services.cloudformation.api import (
    changesets,
    describing,
    exports,
    settings,
    stacks,
    templates,
)
from cloudlet.services.cloudformation.engine.engine import Engine
from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources import TYPES
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task
from cloudlet.services.cloudformation.resources.schema import (
    INTEGER,
    STRING,
    TAGS,
    properties,
    replaces,
)
from cloudlet.services.cloudformation.sam import SamTransform
from cloudlet.services.cloudformation.state import CloudFormation
from cloudlet.services.cloudformation.store import Store
from cloudlet.storage.records import Records

ACCOUNT = "000000000000"


class World:
    """What exists outside of the stacks, what was done to it, and what is to fail."""

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        self.log: list[str] = []
        self.seen: list[tuple[Any, Any]] = []  # what updates were given: before, after
        self.failing: set[str] = set()  # "create A", "update A", "delete A"
        self.failing_once: set[str] = set()
        self.hanging: set[str] = set()
        self.hung = asyncio.Event()
        self.go = asyncio.Event()
        self.at_once = self.most_at_once = 0

    async def act(self, verb: str, name: str) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if f"{verb} {name}" in self.hanging:
                self.hung.set()
                await self.go.wait()
            await asyncio.sleep(0)
            self.log.append(f"{verb} {name}")
            if f"{verb} {name}" in self.failing | self.failing_once:
                self.failing_once.discard(f"{verb} {name}")
                raise AWSError("It broke.", code="Broken", status=400)
        finally:
            self.at_once -= 1


class Thing(ResourceType):
    name = "Test::Thing"
    named = "Name"
    tagged = "list"
    attributes = frozenset({"Arn", "Size"})
    properties = properties(
        Name=replaces(STRING), Size=INTEGER, Kind=replaces(STRING), Note=STRING, Tags=TAGS
    )

    def __init__(self, world: World) -> None:
        self.world = world

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        return str(properties.get("Name") or task.generated_name(40))

    async def exists(self, task: Task, physical_id: str, properties: Mapping[str, Any]) -> bool:
        return physical_id in self.world.things

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        await self.world.act("begin", task.logical_id)
        self.world.things[physical_id] = properties
        await task.initiated(physical_id)
        await self.world.act("create", task.logical_id)
        return self.made(physical_id, properties)

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        self.world.seen.append((made.properties, properties))
        self.world.things[made.physical_id] = properties
        await self.world.act("update", task.logical_id)
        return self.made(made.physical_id, properties)

    async def delete(self, task: Task, made: Made) -> None:
        await self.world.act("delete", task.logical_id)
        self.world.things.pop(made.physical_id, None)

    @staticmethod
    def made(physical_id: str, properties: dict[str, Any]) -> Made:
        attributes = {"Arn": f"arn:{physical_id}", "Size": str(properties.get("Size", 0))}
        return Made(physical_id, properties, attributes)


class Nobody:
    def credential(self, *_: Any) -> None:
        return None

    def policies(self, principal: Any) -> tuple[()]:
        return ()

    def boundary(self, principal: Any) -> None:
        return None


class Setup:
    """One life of the service on a data directory; another can follow on the same."""

    def __init__(self, path: Path, world: World) -> None:
        self.world = world
        self.records = Records(path / "records.db")
        self.cloud = Cloud(Nobody())  # type: ignore[arg-type]
        store = Store(self.records)
        types = {**TYPES, "Test::Thing": Thing(world)}
        self.state = CloudFormation(store, Engine(self.cloud, store, types), SamTransform())
        self.cloud.register(
            Service(
                name="cloudformation",
                state=self.state,
                operations=operations_of(
                    changesets, describing, exports, settings, stacks, templates
                ),
            )
        )

    async def call(self, operation: str, **members: Any) -> dict[str, Any]:
        return await self.cloud.call(
            "cloudformation", operation, members, as_=root(ACCOUNT), region="us-east-1"
        )

    async def idle(self) -> None:
        await self.state.engine.idle()

    async def create(self, name: str, resources: Any, **members: Any) -> str:
        await self.call("CreateStack", StackName=name, TemplateBody=body(resources), **members)
        await self.idle()
        return await self.status(name)

    async def update(self, name: str, resources: Any, **members: Any) -> str:
        await self.call("UpdateStack", StackName=name, TemplateBody=body(resources), **members)
        await self.idle()
        return await self.status(name)

    async def delete(self, name: str, **members: Any) -> str:
        id_ = (await self.describe(name))["StackId"]
        await self.call("DeleteStack", StackName=name, **members)
        await self.idle()
        return await self.status(id_)

    async def describe(self, name: str) -> dict[str, Any]:
        stack: dict[str, Any] = (await self.call("DescribeStacks", StackName=name))["Stacks"][0]
        return stack

    async def status(self, name: str) -> str:
        return str((await self.describe(name))["StackStatus"])

    async def resources(self, name: str) -> dict[str, dict[str, Any]]:
        found = await self.call("DescribeStackResources", StackName=name)
        return {each["LogicalResourceId"]: each for each in found["StackResources"]}

    async def events(self, name: str) -> list[tuple[str, str, str | None]]:
        found = await self.call("DescribeStackEvents", StackName=name)
        return [
            (e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason"))
            for e in reversed(found["StackEvents"])
        ]

    async def stop(self) -> None:
        await self.state.stop()
        self.records.close()


def thing(needs: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    more = {key: properties.pop(key) for key in list(properties) if key.endswith("Policy")}
    found = {"Type": "Test::Thing", "Properties": properties, **more}
    return {**found, "DependsOn": needs} if needs else found


def body(resources: Any) -> str:
    whole = resources if "Resources" in resources else {"Resources": resources}
    return json.dumps(whole)
