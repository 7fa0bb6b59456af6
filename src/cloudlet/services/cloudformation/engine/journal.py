"""A stack's progress on disk: every change of status with its event, in one commit."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import msgspec

from cloudlet.services.cloudformation.model import Event, Resource, Stack
from cloudlet.services.cloudformation.store import Shelf
from cloudlet.services.cloudformation.template.parameters import MASK
from cloudlet.storage.records import Change

_AT_ONCE = 32
STACK_TYPE = "AWS::CloudFormation::Stack"


class Journal:
    """Writes one stack's records; `stack` and `resources` are what stands on disk."""

    def __init__(self, shelf: Shelf, stack: Stack) -> None:
        self.shelf = shelf
        self.stack = stack
        self.resources: dict[str, Resource] = shelf.resources(stack)
        self.hidden: tuple[str, ...] = ()  # values of NoEcho parameters, kept out of events

    def _event(
        self,
        logical_id: str,
        physical_id: str,
        type_: str,
        status: str,
        reason: str | None,
        properties: dict[str, Any] | None = None,
    ) -> Event:
        prefix = "" if type_ == STACK_TYPE and physical_id == self.stack.id else f"{logical_id}-"
        id_ = str(uuid.uuid4())
        text = None if properties is None else json.dumps(properties)
        for value in self.hidden if text else ():
            text = str(text).replace(json.dumps(value)[1:-1], MASK)
        return Event(
            id=f"{prefix}{status}-{id_}" if prefix else id_,
            logical_id=logical_id,
            physical_id=physical_id,
            type=type_,
            at=time.time(),
            status=status,
            reason=reason,
            properties=text,
            token=self.stack.operation.token,
        )

    def status_changes(self, status: str, reason: str | None = None, **fields: Any) -> list[Change]:
        """The changes that set the stack's status, with its event."""
        stack = msgspec.structs.replace(
            self.shelf.current(self.stack), status=status, status_reason=reason, **fields
        )
        self.stack = stack
        event = self._event(stack.name, stack.id, STACK_TYPE, status, reason)
        return [self.shelf.put_stack(stack), self.shelf.put_event(stack, event)]

    async def status(self, status: str, reason: str | None = None, **fields: Any) -> None:
        """Set the stack's status; on disk when it returns."""
        await self.shelf.commit(*self.status_changes(status, reason, **fields))

    async def note(self, status: str, reason: str) -> None:
        """Add an event about the stack without changing it."""
        event = self._event(self.stack.name, self.stack.id, STACK_TYPE, status, reason)
        await self.shelf.commit(self.shelf.put_event(self.stack, event))

    async def amend(self, **fields: Any) -> None:
        """Change the stack's record without an event."""
        self.stack = msgspec.structs.replace(self.shelf.current(self.stack), **fields)
        await self.shelf.commit(self.shelf.put_stack(self.stack))

    async def resource(
        self,
        resource: Resource,
        status: str,
        reason: str | None = None,
        *,
        physical_id: str | None = None,
        **fields: Any,
    ) -> Resource:
        """Write the resource with a new status, and the event of it."""
        resource = msgspec.structs.replace(
            resource, status=status, status_reason=reason, updated=time.time(), **fields
        )
        self.resources[resource.logical_id] = resource
        event = self._event(
            resource.logical_id,
            resource.made.physical_id if physical_id is None else physical_id,
            resource.type,
            status,
            reason,
            resource.made.properties,
        )
        await self.shelf.commit(
            self.shelf.put_resource(self.stack, resource), self.shelf.put_event(self.stack, event)
        )
        return resource

    async def event(
        self, resource: Resource, physical_id: str, status: str, reason: str | None = None
    ) -> None:
        """Add an event about a resource whose record stays as it is."""
        event = self._event(resource.logical_id, physical_id, resource.type, status, reason)
        await self.shelf.commit(self.shelf.put_event(self.stack, event))

    async def keep(self, *resources: Resource) -> None:
        """Write resources without an event, so many at a time that the loop is not held up."""
        for start in range(0, len(resources), _AT_ONCE):
            some = resources[start : start + _AT_ONCE]
            for resource in some:
                self.resources[resource.logical_id] = resource
            await self.shelf.commit(*(self.shelf.put_resource(self.stack, each) for each in some))

    async def forget(self, logical_id: str) -> None:
        """Drop a resource's record."""
        if self.resources.pop(logical_id, None) is not None:
            await self.shelf.commit(self.shelf.drop_resource(self.stack, logical_id))
