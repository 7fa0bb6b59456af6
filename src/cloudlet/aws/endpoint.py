"""The HTTP door of AWS operations: a request in, the operation's answer or error out."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cloudlet.aws import chunked
from cloudlet.aws.body import Body, BodyTooLarge
from cloudlet.aws.cloud import Cloud
from cloudlet.aws.codec import validation
from cloudlet.aws.codec.errors import unlocated_error
from cloudlet.aws.codec.protocol import Codec, Located
from cloudlet.aws.codec.protocols import codec_of
from cloudlet.aws.context import Context
from cloudlet.aws.digests import check_digests
from cloudlet.aws.errors import AWSError, InternalFailure, NotImplementedOperation
from cloudlet.aws.http import Headers, Request, Response
from cloudlet.aws.model import ServiceModel
from cloudlet.aws.principal import ANONYMOUS
from cloudlet.aws.request_ids import new_request_id
from cloudlet.aws.service import Service
from cloudlet.aws.sigv4 import (
    VERSION_2,
    Claim,
    Family,
    Verified,
    claim_of,
    refusals,
    verify,
    verify_url,
)

log = logging.getLogger("cloudlet.aws")

#: Larger bodies are hashed, and parsed, in a thread, so that the event loop stays free: what is
#: below takes at most some 5 ms (32 KB of empty XML elements).
LARGE_TO_HASH = 1024 * 1024
LARGE_TO_PARSE = 32 * 1024
#: The largest body that is read to find out what it is for.
MAX_UNLOCATED = 256 * 1024
FORM = "application/x-www-form-urlencoded"


class RequestEntityTooLarge(AWSError):
    """The body is larger than any that the operation takes."""

    code = "RequestEntityTooLargeException"
    status = 413


@dataclass(slots=True)
class _Call:
    """One request on its way; what is found out about it is kept for rendering an error."""

    request: Request
    request_id: str
    claim: Claim | None = None
    service: Service[Any] | None = None
    codec: Codec | None = None
    located: Located | None = None


class Endpoint:
    """Performs the AWS operation that an HTTP request asks for.

    Finds service, protocol and operation, verifies the signature, parses and validates the input,
    performs the operation through the cloud's dispatch and renders its result. Never raises: an
    unexpected exception is logged with its traceback and answered as the service's internal error.
    """

    def __init__(self, cloud: Cloud, region: str = "us-east-1") -> None:
        self.cloud = cloud
        self._region = region  # of requests that name none, as anonymous ones

    async def __call__(self, request: Request) -> Response:
        """The response to `request`."""
        call = _Call(request, new_request_id())
        try:
            call.claim = claim_of(request)
            call.service = self._service(request, call.claim) or await self._by_form(request)
            service = call.service
            if service.preflight is not None:
                answered = service.preflight(request)
                if answered is not None:
                    return answered
            call.codec = codec_of(self.cloud.model(service.name))
            formed = None
            if service.form is not None and request.method == "POST":
                formed = await service.form(request, call.request_id)
            response = await self._perform(call) if formed is None else formed
        except AWSError as error:
            response = _refuse(call, error)
        except BodyTooLarge as error:
            response = _refuse(
                call,
                RequestEntityTooLarge(f"Request must be smaller than {error.limit} bytes"),
            )
        except Exception:
            log.exception("request %s: %s %s", call.request_id, request.method, request.raw_path)
            response = _refuse(
                call, InternalFailure("We encountered an internal error. Please try again.")
            )
        if call.service is not None and call.service.finish is not None:
            call.service.finish(request, response)
        return response

    async def authenticate(self, request: Request) -> Verified:
        """The signer of a request that is for no AWS service, such as cloudlet's own."""
        claim = claim_of(request)
        if claim is None:
            raise refusals.missing(Family.REST_JSON)
        is_s3 = claim.scope is not None and claim.scope.service == "s3"
        family = Family.S3 if is_s3 else Family.REST_JSON
        payload = hashlib.sha256(await request.body.read(MAX_UNLOCATED)).hexdigest()
        return verify(request, claim, family, self.cloud.identities, payload)

    async def _perform(self, call: _Call) -> Response:
        request, service = call.request, call.service
        assert call.codec is not None
        assert service is not None
        body, verified = await self._receive(call, call.codec)
        assert call.located is not None
        codec, located = call.codec, call.located
        principal = ANONYMOUS
        if verified is not None:
            principal, scope = verified.principal, verified.scope
            self.cloud.identities.used(scope.access_key_id, service.name, scope.region)
        name = located.operation.name
        self.cloud.operation(service.name, name)  # before its structs are looked for
        if isinstance(body, bytes) and len(body) > LARGE_TO_PARSE:
            parsed = await asyncio.to_thread(_parse, codec, located, request, body)
        else:
            parsed = _parse(codec, located, request, body)
        context: Context[Any] = Context(
            service=service.state,
            cloud=self.cloud,
            service_name=service.name,
            operation=name,
            account=principal.account,
            region=self._region if verified is None else verified.scope.region,
            principal=principal,
            request_id=call.request_id,
            endpoint=request.endpoint,
            source_ip=request.source_ip,
            user_agent=request.headers.get("user-agent"),
            secure=request.scheme == "https",
            trace_id=request.headers.get("x-amzn-trace-id"),
        )
        result = await self.cloud.perform(context, parsed)
        return codec.answer(located, result, call.request_id)

    async def _receive(self, call: _Call, codec: Codec) -> tuple[bytes | Body, Verified | None]:
        """The operation's body, verified or verified as it is read, and who signed it."""
        request = call.request
        content = await request.body.read(codec.limit) if codec.operation_in_body else b""
        if len(content) > LARGE_TO_PARSE:
            located = await asyncio.to_thread(codec.locate, request, content)
        else:
            located = codec.locate(request, content)
        call.located = located
        family = Family(codec.model.protocol)
        if family is Family.S3:
            verified, stream = self._verify_s3(call)
            if located.streaming:
                return stream, verified
            content = await stream.read(codec.limit)
            check_digests(request.headers, content, located.operation)
            return content, verified
        if not codec.operation_in_body:
            content = await request.body.read(codec.limit)
        verified = await self._verify(call, family, content)
        return (Body.of(content) if located.streaming else content), verified

    def _verify_s3(self, call: _Call) -> tuple[Verified | None, Body]:
        """The signer and the content of an S3 request, whose body is verified as it is read."""
        request, claim = call.request, call.claim
        declared = request.headers.get("x-amz-content-sha256")
        if claim is None:
            payload = declared if chunked.is_declared(declared) else chunked.UNSIGNED
            content = chunked.content(request, payload, None)
            if payload in chunked.STREAMING:
                _unchunked(request)
            return None, content
        if claim.presigned and claim.algorithm == VERSION_2:
            verified = verify_url(request, claim, self.cloud.identities, self._region)
            _hoist(request)
            return verified, chunked.content(request, chunked.UNSIGNED, None)
        if claim.presigned:
            declared = declared or dict(request.query).get("X-Amz-Content-Sha256", "")
            declared = declared or chunked.UNSIGNED
        elif claim.scope is not None and not declared:
            raise AWSError(
                "Missing required header for this request: x-amz-content-sha256",
                code="InvalidRequest",
                status=400,
            )
        if claim.scope is not None and not chunked.is_declared(declared):
            raise AWSError(
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER,"
                " STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER "
                "or a valid sha256 value.",
                code="InvalidArgument",
                status=400,
                ArgumentName="x-amz-content-sha256",
                ArgumentValue=declared[:128],
            )
        verified = verify(request, claim, Family.S3, self.cloud.identities, declared)
        content = chunked.content(request, declared, verified)
        if claim.presigned:
            _hoist(request)
        if declared in chunked.STREAMING:
            _unchunked(request)
        return verified, content

    async def _verify(self, call: _Call, family: Family, body: bytes) -> Verified | None:
        """The signer of another service's request; None where the operation needs none."""
        located = call.located
        assert located is not None
        assert call.service is not None
        if call.claim is None:
            declared = call.service.operations.get(located.operation.name)
            if located.operation.unsigned or (declared is not None and declared.unsigned):
                return None
            raise refusals.missing(family)
        if len(body) > LARGE_TO_HASH:
            digest = await asyncio.to_thread(hashlib.sha256, body)
        else:
            digest = hashlib.sha256(body)
        return verify(call.request, call.claim, family, self.cloud.identities, digest.hexdigest())

    def _service(self, request: Request, claim: Claim | None) -> Service[Any] | None:
        """The service that scope, target or host name; None where only the form can tell."""
        if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
            raise NotImplementedOperation(
                "The protocol smithy-rpc-v2-cbor is not implemented in cloudlet."
            )
        services = self.cloud.services
        if claim is not None and claim.scope is not None:
            name = claim.scope.service
            found = services.get(name) or services.get(self._signing_names.get(name, ""))
            if found is None:
                raise NotImplementedOperation(
                    f"The service {name[:64]} is not implemented in cloudlet."
                )
            return found
        target = request.headers.get("x-amz-target")
        if target:
            found = services.get(self._targets.get(target.rpartition(".")[0], ""))
            if found is None:
                raise NotImplementedOperation(
                    f"The service of {target[:64]} is not implemented in cloudlet."
                )
            return found
        # A virtual host's first label is a bucket, which may be named like a service.
        found = services.get("s3" if request.signed_path else request.host.partition(".")[0])
        if found is not None:
            return found
        if request.raw_path == "/" and (
            request.headers.get("content-type").startswith(FORM) or _has_action(request)
        ):
            return None
        return services["s3"]

    async def _by_form(self, request: Request) -> Service[Any]:
        """The query service that has the form's action, for a request without a signature."""
        body = await request.body.read(MAX_UNLOCATED)
        request.body = Body.of(body)
        text = f"{request.raw_query}&{body.decode('latin-1')}"
        fields = dict(pair.partition("=")[::2] for pair in text.split("&"))
        action, version = fields.get("Action"), fields.get("Version")
        for name, service in self.cloud.services.items():
            model = self.cloud.model(name)
            if (
                model.protocol == "query"
                and action in model.operations
                and version in (None, model.metadata["apiVersion"])
            ):
                return service
        return self.cloud.services["s3"]

    @cached_property
    def _models(self) -> dict[str, ServiceModel]:
        return {name: self.cloud.model(name) for name in self.cloud.services}

    @cached_property
    def _signing_names(self) -> dict[str, str]:
        """Service names by the names that their clients sign with, where these differ."""
        return {
            model.metadata.get("signingName", model.metadata["endpointPrefix"]): name
            for name, model in self._models.items()
        }

    @cached_property
    def _targets(self) -> dict[str, str]:
        """Service names by the prefix of `X-Amz-Target`."""
        return {
            model.metadata["targetPrefix"]: name
            for name, model in self._models.items()
            if "targetPrefix" in model.metadata
        }


def _has_action(request: Request) -> bool:
    return any(name == "Action" for name, _ in request.query)


def _unchunked(request: Request) -> None:
    """Headers as they would be without aws-chunked, which is no encoding of the object's."""
    kept = []
    for name, value in request.headers.items:
        if name == "content-encoding":
            encodings = [part.strip() for part in value.split(",")]
            value = ",".join(part for part in encodings if part and part != "aws-chunked")
        elif name == "content-length":
            value = request.headers.get("x-amz-decoded-content-length")
        if value or name != "content-encoding":
            kept.append((name, value))
    request.headers = Headers(kept)


def _hoist(request: Request) -> None:
    """S3 takes what a presigned URL has as x-amz- parameters for headers; sent ones come first.

    But not checksums: the SDK for JavaScript signs that of an empty body into the URL, and S3
    ignores it.
    """
    found = [
        (name.lower(), value)
        for name, value in request.query
        if name.lower().startswith("x-amz-")
        and not name.lower().startswith(("x-amz-checksum-", "x-amz-sdk-checksum-"))
        and name.lower() not in request.headers
    ]
    if found:
        request.headers = Headers([*request.headers.items, *found])


def _parse(codec: Codec, located: Located, request: Request, body: bytes | Body) -> Any:
    parsed = codec.parse(located, request, body)
    return validation.check(codec.model, located.operation.name, parsed)


def _refuse(call: _Call, error: AWSError) -> Response:
    if call.codec is None:
        return unlocated_error(call.request, error, call.request_id)
    return call.codec.refuse(error, call.request_id, call.request, call.located)
