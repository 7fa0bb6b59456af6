"""Running functions: the hot path of events and API requests, and of the Invoke operation."""

from __future__ import annotations

import logging
from functools import partial

from cloudlet.aws.cloud import Cloud
from cloudlet.aws.functions import EventSource
from cloudlet.aws.request_ids import new_request_id
from cloudlet.compute.environment import (
    EnvironmentSpec,
    Invocation,
    Outcome,
    Runs,
    StreamedOutcome,
)
from cloudlet.compute.errors import (
    ComputeError,
    RestoreFailed,
    RestoreTimedOut,
    RuntimeUnavailable,
)
from cloudlet.metering.usage import Usage
from cloudlet.services.lambda_ import lineage
from cloudlet.services.lambda_.asynchronous import Event, Events, EventSettings
from cloudlet.services.lambda_.errors import (
    InvalidRuntime,
    LambdaError,
    RecursiveInvocation,
    RequestEntityTooLarge,
    ServiceFailure,
    SnapStartFailed,
    SnapStartTimeout,
    TooManyRequests,
)
from cloudlet.services.lambda_.targets import Target, Targets

log = logging.getLogger("cloudlet.lambda")

#: Bytes of a payload ("Lambda quotas"; the synchronous one is 6 MiB and 100 bytes, as measured).
SYNCHRONOUS_BYTES = 6 * 1024 * 1024 + 100
ASYNCHRONOUS_BYTES = 1024 * 1024


class Invoker:
    """Implements `Functions` (aws/functions.py), and what the Invoke operation shares with it."""

    def __init__(
        self, targets: Targets, compute: Runs, events: Events, cloud: Cloud, usage: Usage
    ) -> None:
        self._targets, self._compute, self._events = targets, compute, events
        self._cloud, self._usage = cloud, usage

    async def invoke(
        self, arn: str, payload: bytes, source: EventSource, trace_id: str = ""
    ) -> Outcome:
        """Run the function for an event source; see `Functions`."""
        target = self._targets.of(arn)
        target.check(self._cloud, source)
        check_size(payload, SYNCHRONOUS_BYTES, "RequestResponse")
        return await self.run(target, target.choose(), payload, new_request_id(), trace_id=trace_id)

    async def invoke_async(
        self, arn: str, payload: bytes, source: EventSource, trace_id: str = ""
    ) -> str:
        """Queue an event of an event source; see `Functions`."""
        target = self._targets.of(arn)
        target.check(self._cloud, source)
        return await self.enqueue(target, payload, trace_id)

    async def enqueue(self, target: Target, payload: bytes, trace_id: str = "") -> str:
        """Queue an event; it is on disk when this returns its request id."""
        check_size(payload, ASYNCHRONOUS_BYTES, "Event")
        event = Event(new_request_id(), target.arn, payload, trace_id)
        await self._events.put(event)
        return event.request_id

    def event_settings(self, arn: str) -> EventSettings:
        """How the function's events are to be processed."""
        return self._targets.of(arn).event_settings()

    async def run_event(self, event: Event) -> tuple[Outcome, str]:
        """Run a queued event; its permission was checked when it was queued."""
        target = self._targets.of(event.arn)
        spec = target.choose()
        outcome = await self.run(
            target, spec, event.payload, event.request_id, trace_id=event.trace_id
        )
        return outcome, spec.version

    async def run_batch(self, arn: str, payload: bytes, request_id: str) -> tuple[Outcome, str]:
        """Run a batch of an event source mapping."""
        target = self._targets.of(arn)
        spec = target.choose()
        return await self.run(target, spec, payload, request_id), spec.version

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
        """Run one version within the concurrency limits; permission is checked already.

        It counts until its end, also where the caller stops waiting.
        """
        invocation = _invocation(target, payload, request_id, client_context, trace_id)
        self._take(target, spec)
        try:
            return await self._compute.invoke(spec, invocation, partial(self._ended, target, spec))
        except ComputeError as error:
            raise _failure(target, error) from error

    async def stream(
        self,
        target: Target,
        spec: EnvironmentSpec,
        payload: bytes,
        request_id: str,
        *,
        client_context: str | None = None,
        trace_id: str = "",
    ) -> StreamedOutcome:
        """As `run`, but returns when the function begins to answer; it counts until its end."""
        invocation = _invocation(target, payload, request_id, client_context, trace_id)
        self._take(target, spec)
        try:
            return await self._compute.invoke_stream(
                spec, invocation, partial(self._ended, target, spec)
            )
        except ComputeError as error:
            raise _failure(target, error) from error

    def _take(self, target: Target, spec: EnvironmentSpec) -> None:
        """Count one more that runs, or one that was throttled."""
        try:
            target.concurrency.take()
        except TooManyRequests:
            self._usage.of(target.meters[spec.version]).throttles += 1
            raise

    def _ended(self, target: Target, spec: EnvironmentSpec, outcome: Outcome | None) -> None:
        """An invocation is over: one less runs, and what it took is metered."""
        target.concurrency.give()
        if outcome is not None:
            self._usage.of(target.meters[spec.version]).ran(
                memory_mb=spec.memory_mb,
                billed_ms=outcome.billed_ms,
                used_mb=outcome.max_memory_mb,
                init_ms=outcome.init_ms,
                failed=outcome.error is not None,
            )


def _invocation(
    target: Target, payload: bytes, request_id: str, client_context: str | None, trace_id: str
) -> Invocation:
    """The invocation with its place in the chain; raises `RecursiveInvocation` where it loops."""
    trace_id, count = lineage.follow(trace_id or lineage.new_trace(), target.name.arn)
    if count > lineage.LIMIT and not target.may_loop:
        log.warning("%s was stopped: it runs in a recursive loop", target.arn)
        raise RecursiveInvocation
    return Invocation(request_id, target.arn, payload, client_context, trace_id)


def _failure(target: Target, error: ComputeError) -> LambdaError:
    if isinstance(error, RestoreTimedOut):
        return SnapStartTimeout("Lambda couldn't restore the snapshot within the timeout limit.")
    if isinstance(error, RestoreFailed):
        return SnapStartFailed(
            "The afterRestore() runtime hook encountered an error. For more information, check the"
            " Amazon CloudWatch logs."
        )
    if isinstance(error, RuntimeUnavailable):
        return InvalidRuntime(str(error))
    log.error("%s could not run", target.arn, exc_info=error)
    return ServiceFailure("The execution environment could not be started.")


def check_size(payload: bytes, limit: int, kind: str) -> None:
    """Raise `RequestEntityTooLarge`, in AWS's words, where the payload is over `limit` bytes."""
    if len(payload) > limit:
        raise RequestEntityTooLarge(
            f"{len(payload)} byte payload is too large for the {kind} invocation type"
            f" (limit {limit} bytes)"
        )
