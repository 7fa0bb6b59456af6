"""What a service package declares: its operations, its doors, its state."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import msgspec

if TYPE_CHECKING:
    from cloudlet.aws.context import Context
    from cloudlet.aws.http import Request, Response
    from cloudlet.aws.policy import Policy

S = TypeVar("S")
H = TypeVar("H", bound=Callable[..., Awaitable[Any]])

#: Gives the ARN or ARNs that an operation's request is about.
ResourceOf = Callable[[Any, Any], str | Sequence[str]]
#: Gives the resource policy that speaks about the request's resource, if there is one.
PolicyOf = Callable[[Any, Any], "Policy | None"]
#: Gives the action, or actions, that a request needs where that depends on the request.
ActionOf = Callable[[Any, Any], str | Sequence[str]]
#: Gives the service's own condition keys of a request, such as s3:prefix.
ConditionsOf = Callable[[Any, Any], Mapping[str, str | Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its handler and what authorisation needs to know of it."""

    name: str
    handler: Callable[[Context[Any], Any], Awaitable[Any]]
    action: str | ActionOf | None  # None: "<service prefix>:<name>"; "" needs no permission
    resource: ResourceOf | None  # None: "*"
    policy: PolicyOf | None
    conditions: ConditionsOf | None
    unsigned: bool  # may be called without credentials whatever the policies say


def operation(
    name: str,
    *,
    action: str | ActionOf | None = None,
    resource: ResourceOf | None = None,
    policy: PolicyOf | None = None,
    conditions: ConditionsOf | None = None,
    unsigned: bool = False,
) -> Callable[[H], H]:
    """Declare a coroutine function `(ctx, request) -> result` to be the operation `name`.

    Before it runs, the dispatch has authenticated the caller, parsed and validated the input and
    authorised `action` on `resource`, with `policy` as the resource's own policy.
    """

    def declare(handler: H) -> H:
        declared = Operation(name, handler, action, resource, policy, conditions, unsigned)
        handler.__operation__ = declared  # type: ignore[attr-defined]
        return handler

    return declare


def operations_of(*modules: ModuleType) -> dict[str, Operation]:
    """The operations declared in `modules`, by name; a name that stands twice is a `ValueError`."""
    found: dict[str, Operation] = {}
    for module in modules:
        for _, member in inspect.getmembers(module, inspect.iscoroutinefunction):
            declared: Operation | None = getattr(member, "__operation__", None)
            if declared is None or member.__module__ != module.__name__:
                continue
            if declared.name in found:
                raise ValueError(f"operation {declared.name} is declared twice")
            found[declared.name] = declared
    return found


class Target(msgspec.Struct, frozen=True):
    """What the front door found in the address of a request that is for a service's door.

    For `execute-api`: `id` is the API's id, `path` what follows it, still percent-encoded, stage
    first (`/prod/books/1`); for `s3-website` the bucket and the object's path; for `lambda-url`
    the url id and the path. `base` is what was cut off the path (`/_aws/execute-api/x`).
    """

    id: str
    path: str
    base: str = ""


class Door(Protocol):
    """A data plane that speaks HTTP itself, such as an API's stage or a website bucket."""

    async def __call__(self, request: Request, target: Target) -> Response:
        """Answer a request whose address led to `target`."""


@dataclass(slots=True)
class Service(Generic[S]):
    """A service as the composition root sees it.

    `name` is its model's (`lambda`); `state` is what its handlers find in `ctx.service`; `doors`
    maps the front door's kinds (`execute-api`, `s3-website`, `lambda-url`) to their handlers.
    `start` runs once before the first request, `stop` at the end, `reset` when all state is wiped
    (the records are cleared already); `prefix` is the one of its IAM actions.
    """

    name: str
    state: S
    operations: dict[str, Operation]
    prefix: str = ""
    doors: Mapping[str, Door] = field(default_factory=dict)
    start: Callable[[], Awaitable[None]] | None = None
    stop: Callable[[], Awaitable[None]] | None = None
    reset: Callable[[], Awaitable[None]] | None = None
    #: Lets S3 add its CORS headers: called with each HTTP request and the response to it.
    finish: Callable[[Request, Response], None] | None = None
    #: Answers a request before authentication, or None: S3's CORS preflight.
    preflight: Callable[[Request], Response | None] | None = None
    #: Answers a browser's form, which is signed by its own fields, under this request id; None for
    #: one that is not for it: S3's upload by POST.
    form: Callable[[Request, str], Awaitable[Response | None]] | None = None

    def __post_init__(self) -> None:
        self.prefix = self.prefix or self.name
