"""What a handler knows of its request besides the input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cloudlet.aws.principal import Principal

if TYPE_CHECKING:
    from cloudlet.aws.cloud import Cloud
    from cloudlet.aws.policy import Policy

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Context(Generic[S]):
    """One request's context; `service` is the state of the service that handles it."""

    service: S
    cloud: Cloud
    service_name: str
    operation: str
    account: str
    region: str
    principal: Principal
    request_id: str
    endpoint: str  # the base URL under which the caller reaches cloudlet
    source_ip: str = "127.0.0.1"
    user_agent: str = ""
    secure: bool = False
    trace_id: str = ""  # the request's X-Amzn-Trace-Id, as it came

    def arn(self, resource: str, service: str | None = None) -> str:
        """The ARN of `resource` in this request's account and region."""
        return f"arn:aws:{service or self.service_name}:{self.region}:{self.account}:{resource}"

    def authorise(
        self,
        action: str,
        resource: str | Sequence[str],
        *,
        policy: Policy | None = None,
        conditions: Mapping[str, str | Sequence[str]] | None = None,
    ) -> None:
        """Raise `AccessDenied` unless the principal may do `action` on every `resource`.

        For permissions beyond the operation's own, such as iam:PassRole.
        """
        self.cloud.authorise(self, action, resource, policy=policy, conditions=conditions)

    async def call(self, service: str, operation: str, input_: dict[str, Any]) -> dict[str, Any]:
        """Call another service's operation as this request's principal, in its region."""
        return await self.cloud.call(
            service, operation, input_, as_=self.principal, region=self.region, parent=self
        )
