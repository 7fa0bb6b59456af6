"""Where stacks, resources, events and change sets are kept, and how they are found."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Iterator
from typing import Any

from cloudlet.services.cloudformation.errors import ChangeSetNotFound, ValidationError
from cloudlet.services.cloudformation.model import ChangeSet, Event, Resource, Stack
from cloudlet.storage.records import Change, Records, Table

#: Deleted stacks stay describable for 90 days, as on AWS.
KEPT_S = 90 * 24 * 3600


def uuid_of(stack_id: str) -> str:
    """The last part of a stack's ARN, under which its records are kept."""
    return stack_id.rpartition("/")[2]


class Index:
    """The ids of a table's records by the stack that they belong to.

    A table's scan goes through every record of the region; a stack's own are few among them.
    """

    def __init__(self, table: Table[Any]) -> None:
        self.table = table
        self._ids: dict[tuple[str, str, str], dict[str, None]] | None = None

    def _of(self, account: str, region: str, stack: str) -> dict[str, None]:
        if self._ids is None:
            self._ids = {}
            for found_account, found_region, id_, _ in self.table.everywhere():
                key = found_account, found_region, id_.partition("/")[0]
                self._ids.setdefault(key, {})[id_] = None
        return self._ids.setdefault((account, region, stack), {})

    def add(self, account: str, region: str, id_: str) -> None:
        """Note a record that is to be written."""
        self._of(account, region, id_.partition("/")[0])[id_] = None

    def ids(self, account: str, region: str, stack: str) -> list[str]:
        """The ids of a stack's records in order, some of them perhaps deleted."""
        return sorted(self._of(account, region, stack))

    def drop(self, account: str, region: str, stack: str) -> None:
        """Forget a stack."""
        self._of(account, region, stack).clear()

    def forget(self) -> None:
        """Forget everything; the next use builds it again."""
        self._ids = None


class Store:
    """The tables; one object serves every account and region."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.stacks = records.table("cloudformation.stack", Stack)
        self.resources = records.table("cloudformation.resource", Resource)
        self.events = records.table("cloudformation.event", Event)
        self.change_sets = records.table("cloudformation.changeset", ChangeSet)
        self.resource_index = Index(self.resources)
        self.event_index = Index(self.events)
        self._counter = itertools.count()

    def at(self, account: str, region: str) -> Shelf:
        """What belongs to one account in one region."""
        return Shelf(self, account, region)

    async def reset(self) -> None:
        """Forget everything, also what an operation wrote after the records were cleared."""
        self.resource_index.forget()
        self.event_index.forget()
        tables: tuple[Table[Any], ...] = (
            self.stacks,
            self.resources,
            self.events,
            self.change_sets,
        )
        await self.records.commit(
            *(
                Change(table, account, region, id_, None)
                for table in tables
                for account, region, id_, _ in table.everywhere()
            )
        )

    def sequence(self) -> str:
        """A key that sorts after every one given before, also across restarts."""
        return f"{time.time_ns():020d}{next(self._counter) % 10**6:06d}"


class Shelf:
    """The stacks of one account in one region."""

    def __init__(self, store: Store, account: str, region: str) -> None:
        self.store = store
        self.account = account
        self.region = region

    def stacks(self) -> list[Stack]:
        """Every stack, deleted ones too, newest first."""
        found = [stack for _, stack in self.store.stacks.scan(self.account, self.region)]
        return sorted(found, key=lambda stack: stack.created, reverse=True)

    def find(self, name_or_id: str) -> Stack | None:
        """The stack of that id, deleted or not, or the live one of that name."""
        if name_or_id.startswith("arn:"):
            stack = self.store.stacks.get(self.account, self.region, uuid_of(name_or_id))
            return stack if stack is not None and stack.id == name_or_id else None
        for stack in self.stacks():
            if stack.name == name_or_id and stack.status != "DELETE_COMPLETE":
                return stack
        return None

    def stack(self, name_or_id: str, message: str = "Stack with id {} does not exist") -> Stack:
        """As `find`; raises `ValidationError` with `message` where there is none."""
        stack = self.find(name_or_id)
        if stack is None:
            raise ValidationError(message.format(name_or_id))
        return stack

    def current(self, stack: Stack) -> Stack:
        """The stack as it is now."""
        return self.store.stacks.get(self.account, self.region, uuid_of(stack.id)) or stack

    def resources(self, stack: Stack) -> dict[str, Resource]:
        """The stack's resources by logical id."""
        ids = self.store.resource_index.ids(self.account, self.region, uuid_of(stack.id))
        found = (self.store.resources.get(self.account, self.region, id_) for id_ in ids)
        return {resource.logical_id: resource for resource in found if resource is not None}

    def events(self, stack: Stack) -> list[Event]:
        """The stack's events, newest first."""
        ids = self.store.event_index.ids(self.account, self.region, uuid_of(stack.id))
        found = (self.store.events.get(self.account, self.region, id_) for id_ in reversed(ids))
        return [event for event in found if event is not None]

    def change_sets(self, stack: Stack) -> list[ChangeSet]:
        """The stack's change sets, oldest first."""
        prefix = f"{uuid_of(stack.id)}/"
        found = self.store.change_sets.scan(self.account, self.region, prefix)
        return sorted((each for _, each in found), key=lambda each: each.created)

    def change_set(self, name_or_id: str, stack_name: str | None) -> ChangeSet:
        """The change set; raises `ChangeSetNotFound`, or `ValidationError` without a stack name."""
        if name_or_id.startswith("arn:"):
            for _, found in self.store.change_sets.scan(self.account, self.region):
                if found.id == name_or_id:
                    return found
            raise ChangeSetNotFound(f"ChangeSet [{name_or_id}] does not exist")
        if stack_name is None:
            raise ValidationError(
                "StackName must be specified if ChangeSetName is not specified as an ARN."
            )
        stack = self.stack(stack_name, "Stack [{}] does not exist")
        for found in self.change_sets(stack):
            if found.name == name_or_id:
                return found
        raise ChangeSetNotFound(f"ChangeSet [{name_or_id}] does not exist")

    def exports(self) -> Iterator[tuple[str, str, Stack]]:
        """Every export as (name, value, the stack that has it)."""
        for stack in self.stacks():
            if stack.status != "DELETE_COMPLETE":
                for output in stack.outputs:
                    if output.export is not None:
                        yield output.export, output.value, stack

    def export(self, name: str) -> str | None:
        """The value exported under `name`."""
        return next((value for found, value, _ in self.exports() if found == name), None)

    def importers(self, name: str) -> list[Stack]:
        """The stacks that import the export `name`."""
        return [
            stack
            for stack in self.stacks()
            if name in stack.imports and stack.status != "DELETE_COMPLETE"
        ]

    def put_stack(self, stack: Stack) -> Change:
        """The change that writes `stack`, for `commit`."""
        return Change(self.store.stacks, self.account, self.region, uuid_of(stack.id), stack)

    def put_resource(self, stack: Stack, resource: Resource) -> Change:
        """The change that writes `resource`."""
        id_ = f"{uuid_of(stack.id)}/{resource.logical_id}"
        self.store.resource_index.add(self.account, self.region, id_)
        return Change(self.store.resources, self.account, self.region, id_, resource)

    def drop_resource(self, stack: Stack, logical_id: str) -> Change:
        """The change that forgets a resource."""
        id_ = f"{uuid_of(stack.id)}/{logical_id}"
        return Change(self.store.resources, self.account, self.region, id_, None)

    def put_event(self, stack: Stack, event: Event) -> Change:
        """The change that adds `event`."""
        id_ = f"{uuid_of(stack.id)}/{self.store.sequence()}"
        self.store.event_index.add(self.account, self.region, id_)
        return Change(self.store.events, self.account, self.region, id_, event)

    def put_change_set(self, change_set: ChangeSet) -> Change:
        """The change that writes `change_set`."""
        id_ = f"{uuid_of(change_set.stack_id)}/{change_set.name}"
        return Change(self.store.change_sets, self.account, self.region, id_, change_set)

    def drop_change_set(self, change_set: ChangeSet) -> Change:
        """The change that forgets a change set."""
        id_ = f"{uuid_of(change_set.stack_id)}/{change_set.name}"
        return Change(self.store.change_sets, self.account, self.region, id_, None)

    def forget(self, stack: Stack) -> list[Change]:
        """The changes that remove every trace of a stack."""
        uuid_ = uuid_of(stack.id)
        tables = (self.store.resources, self.store.events, self.store.change_sets)
        changes = [
            Change(table, self.account, self.region, id_, None)
            for table in tables
            for id_, _ in table.scan(self.account, self.region, f"{uuid_}/")
        ]
        self.store.resource_index.drop(self.account, self.region, uuid_)
        self.store.event_index.drop(self.account, self.region, uuid_)
        return [*changes, Change(self.store.stacks, self.account, self.region, uuid_, None)]

    async def commit(self, *changes: Change) -> None:
        """Make all `changes` durable at once."""
        await self.store.records.commit(*changes)


def new_id(account: str, region: str, kind: str, name: str) -> str:
    """A new ARN of a stack or change set."""
    return f"arn:aws:cloudformation:{region}:{account}:{kind}/{name}/{uuid.uuid4()}"
