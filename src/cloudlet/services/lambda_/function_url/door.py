"""The door `lambda-url`: an HTTP request to a function's URL, from its address to its answer."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
from collections.abc import AsyncIterator

from cloudlet.aws import authorisation
from cloudlet.aws.body import BodyTooLarge
from cloudlet.aws.cloud import Cloud
from cloudlet.aws.context import Context
from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Request, Response
from cloudlet.aws.principal import ANONYMOUS, Principal
from cloudlet.aws.request_ids import new_request_id
from cloudlet.aws.service import Target as Address
from cloudlet.aws.sigv4 import Family, claim_of, refusals, verify
from cloudlet.services.lambda_ import lineage
from cloudlet.services.lambda_.errors import ResourceNotFound
from cloudlet.services.lambda_.function_url import answer, cors, event
from cloudlet.services.lambda_.invoker import SYNCHRONOUS_BYTES
from cloudlet.services.lambda_.model import UrlRecord
from cloudlet.services.lambda_.names import LATEST, FunctionName
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.targets import INVOKE, Target
from cloudlet.storage.records import GLOBAL

log = logging.getLogger("cloudlet.lambda")

INVOKE_URL = "lambda:InvokeFunctionUrl"

_FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see:"
    " https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)


class Refused(Exception):
    """The request ends here, with this answer."""

    def __init__(self, status: int, message: str, kind: str = "") -> None:
        super().__init__(message)
        headers = [("Content-Type", "application/json")]
        if kind:
            headers.append(("x-amzn-ErrorType", kind))
        self.response = Response(status, headers, json.dumps({"Message": message}).encode())


class FunctionUrl:
    """Answers requests to function URLs, as their authorisation, CORS and invoke mode say."""

    def __init__(self, service: LambdaService, cloud: Cloud) -> None:
        self._service, self._cloud = service, cloud

    async def __call__(self, request: Request, target: Address) -> Response:
        """`target.id` is the URL's id."""
        request_id, trace_id = new_request_id(), lineage.trace_of(request)
        try:
            response = await self._answer(request, target, request_id, trace_id)
        except Refused as refusal:
            response = refusal.response
        response.headers += [("x-amzn-RequestId", request_id), ("X-Amzn-Trace-Id", trace_id)]
        return response

    async def _answer(
        self, request: Request, address: Address, request_id: str, trace_id: str
    ) -> Response:
        name, url = self._find(address.id)
        if url.cors is not None:
            answered = cors.preflight(url.cors, request)
            if answered is not None:
                return answered
        try:
            target = self._service.targets.of(name.qualified_arn)
        except ResourceNotFound:
            raise _forbidden() from None
        try:
            body = await request.body.read(SYNCHRONOUS_BYTES)
        except BodyTooLarge:
            raise Refused(413, "Request Entity Too Large") from None
        caller = await self._authenticate(request, url, body)
        self._authorise(request, request_id, target, url, caller[0] if caller else ANONYMOUS)
        payload = event.build(
            request,
            url.id,
            address.path or "/",
            body,
            request_id=request_id,
            trace_id=trace_id,
            caller=caller,
        )
        if len(payload) > SYNCHRONOUS_BYTES:
            raise Refused(413, "Request Entity Too Large")
        try:
            if url.invoke_mode == "RESPONSE_STREAM":
                response = await self._streamed(target, payload, request_id, trace_id)
            else:
                response = await self._buffered(target, payload, request_id, trace_id)
        except answer.Malformed as error:
            log.warning("%s answered with no HTTP response: %s", target.arn, error)
            response = _bad_gateway()
        except AWSError as error:
            raise Refused(error.status, error.message, error.code) from error
        if url.cors is not None:
            cors.apply(url.cors, request, response.headers)
        return response

    def _find(self, id_: str) -> tuple[FunctionName, UrlRecord]:
        store = self._service.store
        found = store.url_addresses.get(GLOBAL, GLOBAL, id_)
        if found is None:
            raise _forbidden()
        qualifier = found.qualifier if found.qualifier != LATEST else None
        name = FunctionName(found.account, found.region, found.function, qualifier)
        url = store.url(name)
        if url is None:
            raise _forbidden()
        return name, url

    async def _authenticate(
        self, request: Request, url: UrlRecord, body: bytes
    ) -> tuple[Principal, str] | None:
        """Who signed, and with which access key; None where the URL asks for no signature."""
        if url.auth_type == "NONE":
            return None
        try:
            claim = claim_of(request)
            if claim is None or claim.scope is None:
                raise _forbidden()
            if claim.scope.service != "lambda":
                raise refusals.incomplete(
                    Family.REST_JSON, "Credential should be scoped to correct service: 'lambda'."
                )
            digest = await asyncio.to_thread(hashlib.sha256, body)
            verified = verify(
                request, claim, Family.REST_JSON, self._cloud.identities, digest.hexdigest()
            )
        except AWSError as error:
            raise Refused(403, error.message, error.code) from error
        return verified.principal, claim.scope.access_key_id

    def _authorise(
        self,
        request: Request,
        request_id: str,
        target: Target,
        url: UrlRecord,
        principal: Principal,
    ) -> None:
        """Both permissions of "Control access to Lambda function URLs"."""
        context: Context[LambdaService] = Context(
            service=self._service,
            cloud=self._cloud,
            service_name="lambda",
            operation="InvokeFunctionUrl",
            account=target.name.account,
            region=target.name.region,
            principal=principal,
            request_id=request_id,
            endpoint=request.endpoint,
            source_ip=request.source_ip,
            user_agent=request.headers.get("user-agent"),
            secure=request.scheme == "https",
        )
        for action, conditions in (
            (INVOKE_URL, {"lambda:FunctionUrlAuthType": url.auth_type}),
            (INVOKE, {"lambda:InvokedViaFunctionUrl": "true"}),
        ):
            decision = authorisation.decide(
                self._cloud,
                context,
                action,
                target.arn,
                policy=target.policy,
                conditions=conditions,
            )
            if not decision.allowed:
                raise _forbidden()

    async def _buffered(
        self, target: Target, payload: bytes, request_id: str, trace_id: str
    ) -> Response:
        outcome = await self._service.invoker.run(
            target, target.choose(), payload, request_id, trace_id=trace_id
        )
        if outcome.error is not None:
            return _bad_gateway()
        return answer.buffered(outcome.payload)

    async def _streamed(
        self, target: Target, payload: bytes, request_id: str, trace_id: str
    ) -> Response:
        """The response from when the function begins to answer; it goes on while it does."""
        streamed = await self._service.invoker.stream(
            target, target.choose(), payload, request_id, trace_id=trace_id
        )
        chunks = streamed.chunks
        first = await anext(chunks, b"")
        if not first and (await streamed.outcome).error is not None:
            return _bad_gateway()
        if streamed.content_type != answer.INTEGRATION:
            kind = streamed.content_type or "application/octet-stream"
            return Response(200, [("Content-Type", kind)], _rest(first, chunks))
        data = first
        while answer.DELIMITER not in data:
            chunk = await anext(chunks, None)
            if chunk is None or len(data) > answer.PRELUDE_LIMIT:
                await _close(chunks)
                raise answer.Malformed("the metadata of the stream does not end")
            data += chunk
        metadata, _, rest = data.partition(answer.DELIMITER)
        try:
            status, headers = answer.prelude(metadata)
        except answer.Malformed:
            await _close(chunks)
            raise
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", "application/octet-stream"))
        return Response(status, headers, _rest(rest, chunks))


async def _rest(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body: what has been read of it, and what is still to come."""
    try:
        if first:
            yield first
        async for chunk in chunks:
            yield chunk
    finally:
        await _close(chunks)


async def _close(chunks: AsyncIterator[bytes]) -> None:
    close = getattr(chunks, "aclose", None)
    if close is not None:
        with contextlib.suppress(RuntimeError):
            await close()


def _forbidden() -> Refused:
    return Refused(403, _FORBIDDEN, "AccessDeniedException")


def _bad_gateway() -> Response:
    return Response(502, [("Content-Type", "application/json")], b"Internal Server Error")
