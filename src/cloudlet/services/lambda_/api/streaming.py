"""InvokeWithResponseStream: the answer as an event stream, while the function makes it."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator

from cloudlet.aws.codec.eventstream import CONTENT_TYPE
from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    InvokeResponseStreamUpdate,
    InvokeWithResponseStreamCompleteEvent,
    InvokeWithResponseStreamRequest,
    InvokeWithResponseStreamResponse,
    InvokeWithResponseStreamResponseEvent,
)
from cloudlet.aws.service import operation
from cloudlet.compute.environment import Outcome, StreamedOutcome
from cloudlet.services.lambda_ import lineage
from cloudlet.services.lambda_.api.invoke import check_json, read_client_context, target_policy
from cloudlet.services.lambda_.errors import InvalidParameterValue
from cloudlet.services.lambda_.invoker import SYNCHRONOUS_BYTES, check_size
from cloudlet.services.lambda_.resources import function_arn, named
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.targets import INVOKE

Lambda = Context[LambdaService]
Happening = InvokeWithResponseStreamResponseEvent


@operation("InvokeWithResponseStream", action=INVOKE, resource=function_arn, policy=target_policy)
async def invoke_with_response_stream(
    ctx: Lambda, req: InvokeWithResponseStreamRequest
) -> InvokeWithResponseStreamResponse:
    """Run a function; its answer comes in chunks, then how the invocation ended."""
    if req.tenant_id:
        raise InvalidParameterValue("cloudlet does not support tenants yet.")
    target = ctx.service.targets.of(named(ctx, req).qualified_arn)
    payload = req.payload or b"{}"
    check_size(payload, SYNCHRONOUS_BYTES, "RequestResponse")
    check_json(payload)
    client_context = read_client_context(req.client_context)
    spec = target.choose()
    if req.invocation_type == "DryRun":
        return InvokeWithResponseStreamResponse(status_code=204)
    streamed = await ctx.service.invoker.stream(
        target,
        spec,
        payload,
        ctx.request_id,
        client_context=client_context,
        trace_id=lineage.checked(ctx.trace_id),
    )
    return InvokeWithResponseStreamResponse(
        status_code=200,
        executed_version=spec.version,
        event_stream=_events(streamed, with_log=req.log_type == "Tail"),
        response_stream_content_type=CONTENT_TYPE,
    )


async def _events(streamed: StreamedOutcome, *, with_log: bool) -> AsyncIterator[Happening]:
    async for chunk in streamed.chunks:
        yield Happening(payload_chunk=InvokeResponseStreamUpdate(payload=chunk))
    outcome = await streamed.outcome
    code, details = _error(outcome)
    tail = base64.b64encode(outcome.log_tail).decode() if with_log else None
    complete = InvokeWithResponseStreamCompleteEvent(
        error_code=code, error_details=details, log_result=tail
    )
    yield Happening(invoke_complete=complete)


def _error(outcome: Outcome) -> tuple[str | None, str | None]:
    """ErrorCode and ErrorDetails of an invocation that failed, also in mid-stream."""
    if outcome.error is None:
        return None, None
    details = outcome.payload.decode(errors="replace")
    try:
        found = json.loads(outcome.payload)
    except (ValueError, RecursionError):
        found = None
    kind = found.get("errorType") if isinstance(found, dict) else None
    return str(kind or outcome.error), details
