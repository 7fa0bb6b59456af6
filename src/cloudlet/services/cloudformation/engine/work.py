"""One resource at a time: making, changing, replacing and deleting it, with its events."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cloudlet.aws.cloud import Cloud
from cloudlet.aws.errors import AWSError
from cloudlet.services.cloudformation.engine.desired import desired
from cloudlet.services.cloudformation.engine.journal import Journal
from cloudlet.services.cloudformation.engine.references import LiveReferences
from cloudlet.services.cloudformation.engine.stack_policy import denial
from cloudlet.services.cloudformation.model import Made, Resource
from cloudlet.services.cloudformation.resources.kind import (
    ResourceType,
    Task,
    is_absent,
    is_taken,
)
from cloudlet.services.cloudformation.resources.schema import (
    InvalidProperties,
    Update,
    differences,
)
from cloudlet.services.cloudformation.template.prepared import Prepared

log = logging.getLogger(__name__)

REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."


class Failed(Exception):
    """A resource could not be made, changed or deleted; the message goes into its event."""


class Taken(Failed):
    """Nothing was made because the name belongs to another resource."""


def failure_of(error: Exception, name: str) -> Failed:
    """`error` as CloudFormation words it in an event."""
    if isinstance(error, Failed):
        return error
    if isinstance(error, InvalidProperties):
        return Failed(f"Properties validation failed for resource {name} with message:\n{error}")
    if not isinstance(error, AWSError):
        log.error("resource %s failed", name, exc_info=error)
        error = AWSError("Internal failure")
    token = uuid.uuid4()
    made = Taken if is_taken(error) else Failed
    return made(
        f'Resource handler returned message: "{error.message} (Status Code: {error.status}, '
        f'Error Code: {error.code})" (RequestToken: {token}, '
        f"HandlerErrorCode: {_handler_code(error)})"
    )


def _handler_code(error: AWSError) -> str:
    if is_taken(error):
        return "AlreadyExists"
    if is_absent(error):
        return "NotFound"
    if "AccessDenied" in error.code or error.status == 403:
        return "AccessDenied"
    if "Throttl" in error.code or "TooManyRequests" in error.code:
        return "Throttling"
    if error.status >= 500:
        return "ServiceInternalError" if error.status != 501 else "InvalidRequest"
    return "InvalidRequest"


@dataclass(slots=True)
class Worker:
    """Works on the resources of one stack for one operation."""

    cloud: Cloud
    types: Mapping[str, ResourceType]
    journal: Journal
    account: str
    region: str
    cancelled: bool = False
    prepared: Prepared | None = None
    failures: dict[str, str] = field(default_factory=dict)  # logical id -> "create" | "update"

    def task(self, resource: Resource) -> Task:
        """What a handler of `resource` is given."""

        async def initiated(physical_id: str) -> None:
            current = self.journal.resources[resource.logical_id]
            made = msgspec.structs.replace(current.made, physical_id=physical_id)
            status = current.status
            await self.journal.resource(current, status, "Resource creation Initiated", made=made)

        stack = self.journal.stack
        return Task(
            cloud=self.cloud,
            principal=stack.operation.actor.principal(),
            account=self.account,
            region=self.region,
            stack_id=stack.id,
            stack_name=stack.name,
            logical_id=resource.logical_id,
            initiated=initiated,
            since=stack.operation.started,
            claimed=self._claimed,
            token=str(uuid.uuid4()),
        )

    def _claimed(self, type_: str, physical_id: str) -> bool:
        """Whether a resource of any stack is recorded with that physical id."""
        return any(
            resource.type == type_ and resource.made.physical_id == physical_id
            for *_, resource in self.journal.shelf.store.resources.everywhere()
        )

    async def deploy(self, name: str) -> bool:
        """Bring the resource to what the template says; whether it succeeded."""
        assert self.prepared is not None
        resource = self.journal.resources.get(name)
        if self.cancelled:
            return False
        if resource is None:
            return await self._make(name)
        if resource.status == "CREATE_FAILED":  # of an operation whose rollback was disabled
            if not await self.remove(name, retain=False, forget=True):
                return False
            return await self._make(name)
        return await self._change(resource)

    def _fields(self, name: str) -> dict[str, Any]:
        """What the template says of the resource besides its properties."""
        assert self.prepared is not None
        return {
            "needs": sorted(self.prepared.graph[name]),
            "deletion_policy": self.prepared.policy(name, "DeletionPolicy"),
            "update_replace_policy": self.prepared.policy(name, "UpdateReplacePolicy"),
            "metadata": self.prepared.metadata(name),
        }

    async def _make(self, name: str) -> bool:
        assert self.prepared is not None
        type_ = self.types[self.prepared.resources[name]["Type"]]
        resource = Resource(
            logical_id=name,
            type=type_.name,
            status="CREATE_IN_PROGRESS",
            updated=0.0,
            made=Made("", {}),
            fresh=True,
            **self._fields(name),
        )
        resource = await self.journal.resource(resource, "CREATE_IN_PROGRESS")
        try:
            properties = desired(type_, self.prepared, name, LiveReferences(self.journal.resources))
            resource = msgspec.structs.replace(resource, made=Made("", properties))
            made = await self._create(type_, resource, properties)
        except Exception as error:
            failure = failure_of(error, name)
            current = self.journal.resources[name]
            fields: dict[str, Any] = {}
            if isinstance(failure, Taken) or current.status_reason is None:
                # Nothing was initiated, so that there is nothing of ours to delete.
                fields["made"] = msgspec.structs.replace(current.made, physical_id="")
            self.failures[name] = "create"
            await self.journal.resource(current, "CREATE_FAILED", str(failure), **fields)
            return False
        current = self.journal.resources[name]
        if self.cancelled or self.failures:
            self.failures[name] = "create"
            await self.journal.resource(
                current, "CREATE_FAILED", "Resource creation cancelled", made=made
            )
            return False
        await self.journal.resource(current, "CREATE_COMPLETE", made=made)
        return True

    async def _create(
        self, type_: ResourceType, resource: Resource, properties: dict[str, Any]
    ) -> Made:
        """Make the physical resource; its intended id is on disk before the service is asked."""
        task = self.task(resource)
        physical_id = type_.intended(task, properties)
        chosen = type_.scoped or (type_.named is not None and type_.named in properties)
        if chosen and await type_.exists(task, physical_id, properties):
            raise Taken(f"{physical_id} already exists")
        intended = msgspec.structs.replace(resource.made, physical_id=physical_id)
        await self.journal.keep(msgspec.structs.replace(resource, made=intended))
        return await type_.create(task, physical_id, properties)

    async def _change(self, resource: Resource) -> bool:
        assert self.prepared is not None
        name, type_ = resource.logical_id, self.types[resource.type]
        fields = self._fields(name)
        try:
            properties = desired(type_, self.prepared, name, LiveReferences(self.journal.resources))
            found = dict(differences(type_.properties, resource.made.properties, properties))
            if not found:
                await self._keep(resource, fields)
                return True
            replacing = Update.REPLACE in found.values()
            self.check_policy("Update:Replace" if replacing else "Update:Modify", resource)
            if replacing:
                await self._replace(type_, resource, properties, fields)
            else:
                await self._update(type_, resource, properties, fields)
        except Exception as error:
            self.failures[name] = "update"
            failure, current = failure_of(error, name), self.journal.resources[name]
            lost: dict[str, Any] = {}
            if current.replaced and (
                isinstance(failure, Taken) or current.status_reason == REPLACING
            ):
                # Nothing was initiated, so that there is nothing of ours to delete.
                lost["made"] = msgspec.structs.replace(current.made, physical_id="")
            await self.journal.resource(current, "UPDATE_FAILED", str(failure), **lost)
            return False
        if self.cancelled or set(self.failures) - {name}:
            self.failures[name] = "update"
            await self.journal.resource(
                self.journal.resources[name], "UPDATE_FAILED", "Resource update cancelled"
            )
            return False
        return True

    def check_policy(self, action: str, resource: Resource) -> None:
        """Raise `Failed` where the stack's policy denies the update of the resource."""
        stack = self.journal.stack
        policy = stack.operation.policy or stack.policy
        reason = denial(policy, action, resource.logical_id, resource.type)
        if reason is not None:
            raise Failed(reason)

    async def _keep(self, resource: Resource, fields: dict[str, Any]) -> None:
        kept = msgspec.structs.replace(resource, **fields)
        if kept == resource:
            return
        if kept.metadata != resource.metadata:
            await self.journal.resource(resource, "UPDATE_COMPLETE", **fields)
        else:
            await self.journal.keep(kept)

    async def _update(
        self,
        type_: ResourceType,
        resource: Resource,
        properties: dict[str, Any],
        fields: dict[str, Any],
    ) -> None:
        resource = await self.journal.resource(
            resource,
            "UPDATE_IN_PROGRESS",
            before=resource.before or resource.made,
            attempted=properties,
            **fields,
        )
        made = await type_.update(self.task(resource), resource.made, properties)
        await self.journal.resource(resource, "UPDATE_COMPLETE", made=made, attempted=None)

    async def _replace(
        self,
        type_: ResourceType,
        resource: Resource,
        properties: dict[str, Any],
        fields: dict[str, Any],
    ) -> None:
        name, old = resource.logical_id, resource.made
        again = resource.replaced  # by an update that failed with its rollback disabled
        if type_.named is not None and properties.get(type_.named) == old.physical_id:
            raise Failed(
                "CloudFormation cannot update a stack when a custom-named resource requires "
                f"replacing. Rename {old.physical_id} and update the stack again."
            )
        resource = await self.journal.resource(
            resource,
            "UPDATE_IN_PROGRESS",
            REPLACING,
            physical_id=old.physical_id,
            before=resource.before if again else old,
            replaced=True,
            made=Made("", properties),
            **fields,
        )
        made = await self._create(type_, resource, properties)
        await self.journal.resource(self.journal.resources[name], "UPDATE_COMPLETE", made=made)
        if again:
            await self._delete(resource, old, unnoted=False)

    async def restore(self, name: str) -> bool:
        """Bring a resource back to what it was when the update began; whether it succeeded."""
        resource = self.journal.resources[name]
        before = resource.before
        if before is None:
            return True
        if resource.replaced:
            # The new physical resource becomes the one to be deleted.
            await self.journal.resource(
                resource, "UPDATE_COMPLETE", made=before, before=resource.made
            )
            return True
        type_ = self.types[resource.type]
        resource = await self.journal.resource(resource, "UPDATE_IN_PROGRESS")
        try:
            current = msgspec.structs.replace(
                resource.made, properties=resource.attempted or resource.made.properties
            )
            made = await type_.update(self.task(resource), current, before.properties)
        except Exception as error:
            self.failures[name] = "update"
            await self.journal.resource(resource, "UPDATE_FAILED", str(failure_of(error, name)))
            return False
        await self.journal.resource(
            resource, "UPDATE_COMPLETE", made=made, before=None, attempted=None
        )
        return True

    async def remove(self, name: str, *, retain: bool, forget: bool) -> bool:
        """Delete a resource of the stack; whether it is gone or was left on purpose."""
        resource = self.journal.resources[name]
        if resource.status == "DELETE_COMPLETE":
            return True
        if retain:
            await self.journal.resource(resource, "DELETE_SKIPPED")
            if forget:
                await self.journal.forget(name)
            return True
        unnoted = resource.status.endswith("_IN_PROGRESS") and not resource.made.physical_id
        resource = await self.journal.resource(resource, "DELETE_IN_PROGRESS")
        try:
            if resource.attempted is not None:
                attempted = msgspec.structs.replace(resource.made, properties=resource.attempted)
                type_, properties = self.types[resource.type], resource.made.properties
                await type_.update(self.task(resource), attempted, properties)
            await self._delete(resource, resource.made, unnoted)
        except Exception as error:
            self.failures[name] = "delete"
            await self.journal.resource(resource, "DELETE_FAILED", str(failure_of(error, name)))
            return False
        await self.journal.resource(resource, "DELETE_COMPLETE")
        if forget:
            await self.journal.forget(name)
        return True

    async def remove_replaced(self, name: str) -> None:
        """Delete the physical resource that the update, or its rollback, left behind."""
        resource = self.journal.resources[name]
        old = resource.before
        if old is None or not resource.replaced:
            return
        if resource.update_replace_policy == "Delete":
            await self.journal.event(resource, old.physical_id, "DELETE_IN_PROGRESS")
            try:
                await self._delete(resource, old, not old.physical_id)
            except Exception as error:
                reason = str(failure_of(error, name))
                await self.journal.event(resource, old.physical_id, "DELETE_FAILED", reason)
            else:
                await self.journal.event(resource, old.physical_id, "DELETE_COMPLETE")
        else:
            await self.journal.event(resource, old.physical_id, "DELETE_SKIPPED")
        await self.journal.keep(msgspec.structs.replace(resource, before=None, replaced=False))

    async def _delete(self, resource: Resource, made: Made, unnoted: bool) -> None:
        type_, task = self.types[resource.type], self.task(resource)
        if unnoted and not made.physical_id and made.properties:
            found = await type_.find(task, made.properties)
            made = msgspec.structs.replace(made, physical_id=found or "")
        if made.physical_id:
            try:
                await type_.delete(task, made)
            except AWSError as error:
                if not is_absent(error):
                    raise
