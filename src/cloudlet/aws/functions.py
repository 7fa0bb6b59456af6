"""The one hot way from a service to a function: events and API requests go through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cloudlet.compute.environment import Outcome


@dataclass(frozen=True, slots=True)
class EventSource:
    """Who invokes: a service principal for one of its resources, or a role that it assumes."""

    principal: str  # "apigateway.amazonaws.com"
    source_arn: str
    source_account: str
    role_arn: str | None = None  # an integration's credentials: this role's permission counts


class Functions(Protocol):
    """What the Lambda service gives to services that invoke functions."""

    async def invoke(
        self, arn: str, payload: bytes, source: EventSource, trace_id: str = ""
    ) -> Outcome:
        """Run the function (`arn` may have a qualifier) and return what it answered.

        The function's resource policy must allow `source`. Raises `AWSError`:
        AccessDeniedException, ResourceNotFoundException, TooManyRequestsException.
        """

    async def invoke_async(
        self, arn: str, payload: bytes, source: EventSource, trace_id: str = ""
    ) -> str:
        """Queue an event for the function, durably; returns the request id."""
