"""What a resource type does, and what it is given to do it with."""

from __future__ import annotations

import secrets
import string
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from cloudlet.aws.cloud import Cloud
from cloudlet.aws.errors import AWSError
from cloudlet.aws.principal import Principal
from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.schema import Property

_SUFFIX = string.ascii_letters + string.digits


@dataclass(slots=True)
class Task:
    """The making, changing or deleting of one resource of a stack."""

    cloud: Cloud
    principal: Principal
    account: str
    region: str
    stack_id: str
    stack_name: str
    logical_id: str
    #: Told the physical id as soon as the service has made the resource; durable when it returns.
    initiated: Callable[[str], Awaitable[None]]
    #: When the stack's operation began, in seconds since the epoch.
    since: float = 0.0
    #: Whether a stack's resource of that type is recorded with that physical id.
    claimed: Callable[[str, str], bool] = lambda _type, _id: False
    token: str = ""

    async def call(self, service: str, operation: str, **members: Any) -> dict[str, Any]:
        """Call an operation as the stack's principal; members that are None are left out."""
        return await self.cloud.call(
            service,
            operation,
            {name: value for name, value in members.items() if value is not None},
            as_=self.principal,
            region=self.region,
        )

    async def try_call(self, service: str, operation: str, **members: Any) -> dict[str, Any] | None:
        """As `call`, but None where the resource is not found."""
        try:
            return await self.call(service, operation, **members)
        except AWSError as error:
            if is_absent(error):
                return None
            raise

    def arn(self, service: str, resource: str, *, region: bool = True) -> str:
        """An ARN in the stack's account."""
        return f"arn:aws:{service}:{self.region if region else ''}:{self.account}:{resource}"

    def generated_name(self, most: int, *, lower: bool = False) -> str:
        """A physical name as AWS makes them: `<stack>-<logical id>-<12 random characters>`.

        The stack's name and the logical id are shortened to fit into `most` characters.
        """
        alphabet = string.ascii_lowercase + string.digits if lower else _SUFFIX
        suffix = "".join(secrets.choice(alphabet) for _ in range(12))
        room = most - len(suffix) - 2
        stack, logical = self.stack_name, self.logical_id
        if len(stack) + len(logical) > room:
            half = room // 2
            logical = logical[: max(half, room - len(stack))]
            stack = stack[: room - len(logical)]
        name = f"{stack.rstrip('-')}-{logical}-{suffix}"
        return name.lower() if lower else name


def is_absent(error: AWSError) -> bool:
    """Whether the error says that there is no such resource."""
    return error.status == 404 or any(
        part in error.code for part in ("NotFound", "NoSuch", "ResourceNotFound", "404")
    )


def is_taken(error: AWSError) -> bool:
    """Whether the error says that the name is taken."""
    return any(
        part in error.code
        for part in ("AlreadyExists", "AlreadyOwned", "ResourceConflict", "EntityAlreadyExists")
    )


class ResourceType(ABC):
    """A type of resources: its schema, and how its resources are made, changed and deleted."""

    name: ClassVar[str]
    properties: ClassVar[Mapping[str, Property]]
    attributes: ClassVar[frozenset[str]] = frozenset()
    #: The property that holds the resource's own name, if a template may choose it.
    named: ClassVar[str | None] = None
    #: Whether the intended id is the template's too: a name within a parent, as a stage's.
    scoped: ClassVar[bool] = False
    #: The form of the Tags property into which the stack's tags go: "list", "map" or "" for none.
    tagged: ClassVar[str] = ""
    #: Operations without which the type is not known.
    needs: ClassVar[tuple[tuple[str, str], ...]] = ()

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:  # noqa: ARG002
        """The physical id that a new resource will have; "" where the service chooses it."""
        return ""

    async def exists(self, task: Task, physical_id: str, properties: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Whether a resource of that id is there already, made by somebody else."""
        return False

    async def find(self, task: Task, properties: Mapping[str, Any]) -> str | None:  # noqa: ARG002
        """The physical id of one that was made when the server died before noting its id."""
        return None

    @abstractmethod
    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        """Make the resource (`physical_id` is what `intended` gave).

        Must await `task.initiated(id)` as soon as there is something to delete again.
        """

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        """Change the resource to `properties`; only called where no change needs a new one."""
        raise NotImplementedError

    @abstractmethod
    async def delete(self, task: Task, made: Made) -> None:
        """Delete the resource; one that is not there is deleted already."""


def tags_as_map(tags: list[dict[str, str]] | None) -> dict[str, str]:
    """A Tags property as a map."""
    return {tag["Key"]: tag["Value"] for tag in tags or []}


async def retag(task: Task, arn: str, made: Made, properties: Mapping[str, Any]) -> None:
    """Bring a Lambda resource's tags from those it was made with to `properties`'."""
    before = tags_as_map(made.properties.get("Tags"))
    after = tags_as_map(properties.get("Tags"))
    gone = sorted(set(before) - set(after))
    if gone:
        await task.call("lambda", "UntagResource", Resource=arn, TagKeys=gone)
    if after:
        await task.call("lambda", "TagResource", Resource=arn, Tags=after)


def changed(before: Mapping[str, Any], after: Mapping[str, Any], *names: str) -> bool:
    """Whether any of the properties `names` differs."""
    return any(before.get(name) != after.get(name) for name in names)


def pick(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of the properties that are given."""
    return {name: properties[name] for name in names if name in properties}
