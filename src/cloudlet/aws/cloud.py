"""The cloud: every service behind one dispatch, for clients and for services alike."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloudlet.aws import authorisation
from cloudlet.aws.codec import members
from cloudlet.aws.context import Context
from cloudlet.aws.errors import NotImplementedOperation
from cloudlet.aws.model import ServiceModel
from cloudlet.aws.principal import Identities, Principal
from cloudlet.aws.service import Operation, Service

if TYPE_CHECKING:
    from cloudlet.aws.policy import Policy


class Cloud:
    """The registry of services and the one way to perform an operation.

    A client's request and a service's own call meet in `perform`: both are authorised, and both
    reach the handler with the same typed request.
    """

    def __init__(self, identities: Identities, endpoint: str = "http://127.0.0.1:4566") -> None:
        self.identities = identities
        self.endpoint = endpoint
        self.services: dict[str, Service[Any]] = {}

    def register(self, service: Service[Any]) -> None:
        """Add a service; its model is loaded at its first use."""
        self.services[service.name] = service

    def model(self, name: str) -> ServiceModel:
        """The service's model, loaded once."""
        return ServiceModel.load(name)

    async def call(
        self,
        service: str,
        operation: str,
        input_: Mapping[str, Any],
        *,
        as_: Principal,
        region: str,
        account: str | None = None,
        parent: Context[Any] | None = None,
    ) -> dict[str, Any]:
        """Perform an operation as `as_`, with AWS's member names in and out, as boto3 would.

        Validated and authorised exactly as a client's call; raises `AWSError`. Blobs are bytes,
        timestamps epoch seconds; a streamed body goes in as bytes and comes out as a `Body`.
        """
        target = self.services[service]
        self.operation(service, operation)  # before its structs are looked for
        model = self.model(service)
        context: Context[Any] = Context(
            service=target.state,
            cloud=self,
            service_name=service,
            operation=operation,
            account=account or as_.account,
            region=region,
            principal=as_,
            request_id=parent.request_id if parent else str(uuid.uuid4()),
            endpoint=parent.endpoint if parent else self.endpoint,
            source_ip=parent.source_ip if parent else "127.0.0.1",
            user_agent=parent.user_agent if parent else "cloudlet",
            trace_id=parent.trace_id if parent else "",
        )
        request = members.parse(model, operation, input_)
        result = await self.perform(context, request)
        return members.serialise(model, operation, result)

    def operation(self, service: str, name: str) -> Operation:
        """The declared operation, or `NotImplementedOperation`."""
        declared = self.services[service].operations.get(name)
        if declared is None:
            raise NotImplementedOperation(
                f"The {name} operation of {service} is not implemented in cloudlet."
            )
        return declared

    async def perform(self, context: Context[Any], request: Any) -> Any:
        """Authorise the request and run its handler."""
        declared = self.operation(context.service_name, context.operation)
        authorisation.check_operation(self, context, declared, request)
        return await declared.handler(context, request)

    def authorise(
        self,
        context: Context[Any],
        action: str,
        resource: str | Sequence[str],
        *,
        policy: Policy | None = None,
        conditions: Mapping[str, str | Sequence[str]] | None = None,
    ) -> None:
        """Raise `AccessDenied` unless the context's principal may do `action` on `resource`."""
        authorisation.check(self, context, action, resource, policy=policy, conditions=conditions)
