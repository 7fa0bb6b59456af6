"""Running functions: the hot path of events and API requests, and of the Invoke operation."""

from __future__ import annotations

import logging
import random
import time
import uuid

from cloudlet.aws.cloud import Cloud
from cloudlet.aws.functions import EventSource
from cloudlet.compute.environment import EnvironmentSpec, Invocation, Outcome
from cloudlet.compute.errors import ComputeError, RuntimeUnavailable
from cloudlet.compute.pool import Compute
from cloudlet.services.lambda_.asynchronous import Event, Events
from cloudlet.services.lambda_.errors import (
    InvalidRuntime,
    RequestEntityTooLarge,
    ServiceFailure,
)
from cloudlet.services.lambda_.targets import Target, Targets

log = logging.getLogger("cloudlet.lambda")

#: Bytes of a payload ("Lambda quotas"; the synchronous one is 6 MiB and 100 bytes, as measured).
SYNCHRONOUS_BYTES = 6 * 1024 * 1024 + 100
ASYNCHRONOUS_BYTES = 1024 * 1024


class Invoker:
    """Implements `Functions` (aws/functions.py), and what the Invoke operation shares with it."""

    def __init__(self, targets: Targets, compute: Compute, events: Events, cloud: Cloud) -> None:
        self._targets, self._compute, self._events = targets, compute, events
        self._cloud = cloud

    async def invoke(
        self, arn: str, payload: bytes, source: EventSource, trace_id: str = ""
    ) -> Outcome:
        """Run the function for an event source; see `Functions`."""
        target = self._targets.of(arn)
        target.check(self._cloud, source)
        check_size(payload, SYNCHRONOUS_BYTES, "RequestResponse")
        return await self.run(
            target, target.choose(), payload, str(uuid.uuid4()), trace_id=trace_id
        )

    async def invoke_async(self, arn: str, payload: bytes, source: EventSource) -> str:
        """Queue an event of an event source; see `Functions`."""
        target = self._targets.of(arn)
        target.check(self._cloud, source)
        return await self.enqueue(target, payload)

    async def enqueue(self, target: Target, payload: bytes) -> str:
        """Queue an event; it is on disk when this returns its request id."""
        check_size(payload, ASYNCHRONOUS_BYTES, "Event")
        event = Event(request_id=str(uuid.uuid4()), arn=target.arn, payload=payload)
        await self._events.put(event)
        return event.request_id

    def event_limits(self, arn: str) -> tuple[int | None, float | None]:
        """The function's own number of retries and maximum age of events, where it has them."""
        return self._targets.of(arn).event_limits

    async def run_event(self, event: Event) -> Outcome:
        """Run a queued event; its permission was checked when it was queued."""
        target = self._targets.of(event.arn)
        return await self.run(target, target.choose(), event.payload, event.request_id)

    async def run(
        self,
        target: Target,
        spec: EnvironmentSpec,
        payload: bytes,
        request_id: str,
        *,
        client_context: str | None = None,
        trace_id: str = "",
    ) -> Outcome:
        """Run one version within the concurrency limits; permission is checked already."""
        concurrency = target.concurrency
        concurrency.take()
        try:
            return await self._compute.invoke(
                spec,
                Invocation(
                    request_id, target.arn, payload, client_context, trace_id or new_trace_id()
                ),
            )
        except RuntimeUnavailable as error:
            raise InvalidRuntime(str(error)) from error
        except ComputeError as error:
            log.exception("%s could not run", target.arn)
            raise ServiceFailure("The execution environment could not be started.") from error
        finally:
            concurrency.give()


def check_size(payload: bytes, limit: int, kind: str) -> None:
    """Raise `RequestEntityTooLarge`, in AWS's words, where the payload is over `limit` bytes."""
    if len(payload) > limit:
        raise RequestEntityTooLarge(
            f"{len(payload)} byte payload is too large for the {kind} invocation type"
            f" (limit {limit} bytes)"
        )


def new_trace_id() -> str:
    """A tracing header for an invocation that came with none; not sampled."""
    return (
        f"Root=1-{int(time.time()):08x}-{random.getrandbits(96):024x}"
        f";Parent={random.getrandbits(64):016x};Sampled=0"
    )
