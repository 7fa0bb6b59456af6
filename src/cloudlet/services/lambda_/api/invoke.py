"""Invoke: synchronous, asynchronous and dry runs."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from cloudlet.aws.body import BodyTooLarge
from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    InvocationRequest,
    InvocationResponse,
    InvokeAsyncRequest,
    InvokeAsyncResponse,
)
from cloudlet.aws.policy import Policy
from cloudlet.aws.service import operation
from cloudlet.services.lambda_ import lineage
from cloudlet.services.lambda_.errors import (
    InvalidParameterValue,
    InvalidRequestContent,
    RequestEntityTooLarge,
    ResourceNotFound,
)
from cloudlet.services.lambda_.invoker import (
    ASYNCHRONOUS_BYTES,
    SYNCHRONOUS_BYTES,
    check_size,
)
from cloudlet.services.lambda_.resources import function_arn, named
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.targets import INVOKE

Lambda = Context[LambdaService]

#: Bytes of base64 ("Invoke").
CLIENT_CONTEXT_BYTES = 3583

_json = msgspec.json.Decoder(msgspec.Raw).decode


def target_policy(ctx: Lambda, req: Any) -> Policy | None:
    """The policy as it is compiled with the target; none where there is no such function."""
    try:
        return ctx.service.targets.of(function_arn(ctx, req)).policy
    except ResourceNotFound:
        return None


@operation("Invoke", action=INVOKE, resource=function_arn, policy=target_policy)
async def invoke(ctx: Lambda, req: InvocationRequest) -> InvocationResponse:
    """Run a function, or queue an event for it, or only check that the caller might."""
    if req.tenant_id or req.durable_execution_name:
        raise InvalidParameterValue("cloudlet does not support tenants and durable executions yet.")
    name = named(ctx, req)
    target = ctx.service.targets.of(name.qualified_arn)
    spec = target.choose()
    payload = req.payload or b"{}"
    check_size(payload, SYNCHRONOUS_BYTES, "RequestResponse")
    check_json(payload)
    client_context = read_client_context(req.client_context)
    trace_id = lineage.checked(ctx.trace_id)
    if req.invocation_type == "DryRun":
        return InvocationResponse(status_code=204)
    if req.invocation_type == "Event":
        await ctx.service.invoker.enqueue(target, payload, trace_id)
        return InvocationResponse(status_code=202)
    outcome = await ctx.service.invoker.run(
        target,
        spec,
        payload,
        ctx.request_id,
        client_context=client_context,
        trace_id=trace_id,
    )
    tail = base64.b64encode(outcome.log_tail).decode() if req.log_type == "Tail" else None
    return InvocationResponse(
        status_code=200,
        payload=outcome.payload,
        function_error=outcome.error,
        log_result=tail,
        executed_version=spec.version,
    )


@operation("InvokeAsync", action=INVOKE, resource=function_arn, policy=target_policy)
async def invoke_async(ctx: Lambda, req: InvokeAsyncRequest) -> InvokeAsyncResponse:
    """The deprecated way to queue an event."""
    target = ctx.service.targets.of(named(ctx, req).qualified_arn)
    try:
        payload = await req.invoke_args.read(ASYNCHRONOUS_BYTES)
    except BodyTooLarge as error:
        raise RequestEntityTooLarge(
            f"payload is too large for the Event invocation type (limit {error.limit} bytes)"
        ) from error
    check_json(payload or b"{}")
    trace_id = lineage.checked(ctx.trace_id)
    await ctx.service.invoker.enqueue(target, payload or b"{}", trace_id)
    return InvokeAsyncResponse(status=202)


def check_json(payload: bytes) -> None:
    """Raise `InvalidRequestContent` where the payload is not JSON."""
    try:
        _json(payload)
        if not payload.isascii():
            payload.decode()  # the decoder skips over strings
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequestContent(
            f"Could not parse request body into json: Could not parse payload into json: {error}"
        ) from error


def read_client_context(text: str | None) -> str | None:
    """The client context as JSON text."""
    if text is None:
        return None
    if len(text) > CLIENT_CONTEXT_BYTES:
        raise InvalidRequestContent(
            f"Client context must be at most {CLIENT_CONTEXT_BYTES} bytes of base64."
        )
    try:
        decoded = base64.b64decode(text, validate=True)
        _json(decoded)
        return decoded.decode()
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequestContent(
            "Client context must be a valid Base64-encoded JSON object."
        ) from error
