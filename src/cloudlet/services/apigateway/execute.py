"""The data plane: a request to an API's stage, from its address to its answer."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
import time
import uuid
from dataclasses import dataclass

from cloudlet.aws.body import BodyTooLarge
from cloudlet.aws.errors import AWSError
from cloudlet.aws.functions import EventSource
from cloudlet.aws.http import Request, Response
from cloudlet.aws.service import Target
from cloudlet.compute.environment import Outcome
from cloudlet.services.apigateway import event, gateway_response, openapi, templates
from cloudlet.services.apigateway.gateway_response import GatewayError
from cloudlet.services.apigateway.model import Integration, Method, RestApi, Stage
from cloudlet.services.apigateway.router import Router
from cloudlet.services.apigateway.store import ApiGateway, Home

log = logging.getLogger("cloudlet.apigateway")

#: The largest request body, in bytes ("Amazon API Gateway quotas and important notes").
PAYLOAD_LIMIT = 10 * 1024 * 1024
#: The most bytes that all header names and values of a request may have together.
HEADERS_LIMIT = 10_240


@dataclass(frozen=True, slots=True)
class Served:
    """A stage as it is served: its deployment's routes, compiled, and its functions' ARNs."""

    home: Home
    stage: Stage
    api: RestApi
    router: Router


class Execution:
    """The door `execute-api`."""

    def __init__(self, store: ApiGateway) -> None:
        self.store = store
        self._served: dict[tuple[str, str], Served] = {}

    async def __call__(self, request: Request, target: Target) -> Response:
        """Answer a request to `/<stage>/<path>` of the API `target.id`."""
        request_id = str(uuid.uuid4())
        extended_id = base64.b64encode(os.urandom(11)).decode()
        api: RestApi | None = None
        trace_id = request.headers.get("x-amzn-trace-id") or _trace_id()
        try:
            stage_name, slash, rest = target.path.lstrip("/").partition("/")
            served = self.find(target.id, stage_name)
            api = served.api
            match = served.router.match(request.method, rest)
            if match is None:
                raise gateway_response.missing_token()
            call = event.Call(
                request=request,
                account=served.home.account,
                region=served.home.region,
                api_id=api.id,
                stage=served.stage.name,
                deployment_id=served.stage.deployment_id,
                variables=served.stage.variables,
                binary_media_types=api.binary_media_types,
                match=match,
                path=slash + rest,
                body=await _read(request),
                request_id=request_id,
                extended_id=extended_id,
                trace_id=trace_id,
            )
            response = await self._integrate(call, match.method)
        except GatewayError as error:
            if error.reason:
                log.warning("API %s, request %s: %s", target.id, request_id, error.reason)
            response = gateway_response.respond(error, api)
        response.headers += [("x-amzn-RequestId", request_id), ("x-amz-apigw-id", extended_id)]
        return response

    def find(self, api_id: str, stage_name: str) -> Served:
        """The stage as it is served now; compiled again only when it or its API has changed."""
        home = self.store.home(api_id)
        if home is None:
            raise gateway_response.forbidden()
        key = f"{api_id}/{stage_name}"
        stage = self.store.stages.get(home.account, home.region, key)
        if stage is None:
            raise gateway_response.forbidden()
        known = self._served.get((api_id, stage_name))
        if known is not None and known.stage is stage:
            return known
        deployment = self.store.deployments.get(
            home.account, home.region, f"{api_id}/{stage.deployment_id}"
        )
        if deployment is None:
            raise gateway_response.forbidden()
        served = Served(home, stage, deployment.api, Router(deployment.api))
        self._served[(api_id, stage_name)] = served
        return served

    async def _integrate(self, call: event.Call, method: Method) -> Response:
        integration = method.integration
        if integration is None:
            raise gateway_response.configuration_error("No integration defined for method")
        if integration.type == "MOCK":
            return mock(call, integration)
        outcome = await self._invoke(call, integration)
        if outcome.error is not None:
            text = outcome.payload[:1000].decode("utf-8", "replace")
            raise gateway_response.bad_integration(
                f"Lambda execution failed with status 200 due to customer function error: {text}"
            )
        return event.answer(call, outcome.payload)

    async def _invoke(self, call: event.Call, integration: Integration) -> Outcome:
        """Run the function; the invocation goes on where the gateway stops waiting."""
        uri = _with_variables(integration.uri or "", call.variables)
        arn = openapi.function_arn(uri, call.match.resource.path)
        verb = call.match.method.http_method
        source = EventSource(
            principal="apigateway.amazonaws.com",
            source_arn=(
                f"arn:aws:execute-api:{call.region}:{call.account}:{call.api_id}"
                f"/{call.stage}/{'*' if verb == 'ANY' else verb}{call.match.resource.path}"
            ),
            source_account=call.account,
            role_arn=integration.credentials,
        )
        work = asyncio.ensure_future(
            self.store.functions.invoke(arn, event.build(call), source, call.trace_id)
        )
        try:
            return await asyncio.wait_for(asyncio.shield(work), integration.timeout_ms / 1000)
        except TimeoutError:
            work.add_done_callback(_ignore)
            raise gateway_response.timed_out(integration.timeout_ms) from None
        except AWSError as error:
            if error.status == 429:
                raise gateway_response.throttled() from error
            raise gateway_response.configuration_error(
                f"Execution failed due to configuration error: {error.message}"
            ) from error


def mock(call: event.Call, integration: Integration) -> Response:
    """What a MOCK integration answers: the status its request template picks, static values."""
    content_type = call.request.headers.get("content-type", "application/json").split(";")[0]
    picked = integration.request_templates
    template = picked.get(content_type.strip()) or picked.get("application/json")
    status = templates.mock_status(template)
    chosen = None
    for response in integration.responses.values():
        if response.selection_pattern is None:
            chosen = chosen or response
        elif response.selection_pattern == status:
            chosen = response
            break
    if status is None or chosen is None:
        raise gateway_response.configuration_error(
            "Execution failed due to configuration error: Unable to find a matching status code"
        )
    headers = [
        (templates.response_header(parameter), templates.static_value(expression, "mock"))
        for parameter, expression in chosen.response_parameters.items()
    ]
    body, media = b"", "application/json"
    if chosen.response_templates:
        media, text = next(iter(chosen.response_templates.items()))
        body = text.encode()
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", media))
    return Response(int(chosen.status_code), headers, body)


async def _read(request: Request) -> bytes:
    size = sum(len(name) + len(value) for name, value in request.headers.items)
    if size > HEADERS_LIMIT:
        raise gateway_response.GatewayError("DEFAULT_4XX", 431, "Request Header Fields Too Large")
    try:
        return await request.body.read(PAYLOAD_LIMIT)
    except BodyTooLarge:
        raise gateway_response.too_long() from None


def _with_variables(uri: str, variables: dict[str, str]) -> str:
    if "${" not in uri:
        return uri
    for name, value in variables.items():
        uri = uri.replace(f"${{stageVariables.{name}}}", value)
    return uri


def _trace_id() -> str:
    return f"Root=1-{int(time.time()):08x}-{os.urandom(12).hex()}"


def _ignore(work: asyncio.Future[Outcome]) -> None:
    """Take the result of an invocation that nobody waits for any more."""
    if not work.cancelled():
        work.exception()
