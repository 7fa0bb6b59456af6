"""The data plane: a request to an API's stage, from its address to its answer."""

from __future__ import annotations

import asyncio
import logging
import time
from binascii import b2a_base64
from dataclasses import dataclass, field

from cloudlet.aws.body import BodyTooLarge
from cloudlet.aws.deadlines import Deadlines
from cloudlet.aws.errors import AWSError
from cloudlet.aws.functions import EventSource
from cloudlet.aws.http import Request, Response
from cloudlet.aws.request_ids import new_request_id, random_hex
from cloudlet.aws.service import Target
from cloudlet.compute.environment import Outcome
from cloudlet.services.apigateway import event, gateway_response, openapi, templates
from cloudlet.services.apigateway.gateway_response import GatewayError
from cloudlet.services.apigateway.model import Integration, RestApi, Stage
from cloudlet.services.apigateway.router import Match, Router
from cloudlet.services.apigateway.store import ApiGateway, Home

log = logging.getLogger("cloudlet.apigateway")

#: The largest request body, in bytes ("Amazon API Gateway quotas and important notes").
PAYLOAD_LIMIT = 10 * 1024 * 1024
#: The most bytes that all header names and values of a request may have together.
HEADERS_LIMIT = 10_240


@dataclass(frozen=True, slots=True)
class Called:
    """The function of an integration, and what calls it."""

    arn: str
    source: EventSource


@dataclass(frozen=True, slots=True)
class Served:
    """A stage as it is served: its deployment's routes, compiled, and the functions behind them
    by resource and verb, as they are first called.
    """

    home: Home
    stage: Stage
    api: RestApi
    router: Router
    called: dict[tuple[str, str], Called] = field(default_factory=dict)

    def function(self, match: Match, integration: Integration) -> Called:
        """The function that the method's integration calls."""
        key = (match.resource.id, match.method.http_method)
        found = self.called.get(key)
        if found is None:
            uri = _with_variables(integration.uri or "", self.stage.variables)
            verb = "*" if match.method.http_method == "ANY" else match.method.http_method
            source = EventSource(
                principal="apigateway.amazonaws.com",
                source_arn=(
                    f"arn:aws:execute-api:{self.home.region}:{self.home.account}:{self.api.id}"
                    f"/{self.stage.name}/{verb}{match.resource.path}"
                ),
                source_account=self.home.account,
                role_arn=integration.credentials,
            )
            found = Called(openapi.function_arn(uri, match.resource.path), source)
            self.called[key] = found
        return found


class Execution:
    """The door `execute-api`."""

    def __init__(self, store: ApiGateway) -> None:
        self.store = store
        self._served: dict[tuple[str, str], Served] = {}
        self._deadlines = Deadlines()

    async def __call__(self, request: Request, target: Target) -> Response:
        """Answer a request to `/<stage>/<path>` of the API `target.id`."""
        request_id, extended_id = new_request_id(), _extended_id()
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
            response = await self._integrate(served, call)
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

    async def _integrate(self, served: Served, call: event.Call) -> Response:
        integration = call.match.method.integration
        if integration is None:
            raise gateway_response.configuration_error("No integration defined for method")
        if integration.type == "MOCK":
            return mock(call, integration)
        outcome = await self._invoke(served, call, integration)
        if outcome.error is not None:
            text = outcome.payload[:1000].decode("utf-8", "replace")
            raise gateway_response.bad_integration(
                f"Lambda execution failed with status 200 due to customer function error: {text}"
            )
        return event.answer(call, outcome.payload)

    async def _invoke(self, served: Served, call: event.Call, integration: Integration) -> Outcome:
        """Run the function; the invocation goes on where the gateway stops waiting."""
        called = served.function(call.match, integration)
        deadline = self._deadlines.set(integration.timeout_ms / 1000)
        try:
            return await self.store.functions.invoke(
                called.arn, event.build(call), called.source, call.trace_id
            )
        except asyncio.CancelledError:
            if not self._deadlines.passed(deadline):
                raise
            raise gateway_response.timed_out(integration.timeout_ms) from None
        except AWSError as error:
            if error.status == 429:
                raise gateway_response.throttled() from error
            raise gateway_response.configuration_error(
                f"Execution failed due to configuration error: {error.message}"
            ) from error
        finally:
            self._deadlines.clear(deadline)


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
    size = 0
    for name, value in request.headers.items:
        size += len(name) + len(value)
    if size > HEADERS_LIMIT:
        raise gateway_response.GatewayError("DEFAULT_4XX", 431, "Request Header Fields Too Large")
    if request.body.length == 0:
        return b""
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


def _extended_id() -> str:
    return b2a_base64(bytes.fromhex(random_hex(22)), newline=False).decode()


def _trace_id() -> str:
    return f"Root=1-{int(time.time()):08x}-{random_hex(24)}"
