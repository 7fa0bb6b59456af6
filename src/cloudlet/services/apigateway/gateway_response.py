"""What the gateway itself answers, in its default wording or the API's own.

Source: "Gateway response types for API Gateway" (API Gateway developer guide).
"""

from __future__ import annotations

from cloudlet.aws.http import Response
from cloudlet.services.apigateway import templates
from cloudlet.services.apigateway.model import RestApi


class GatewayError(Exception):
    """Ends a request with a gateway response; `reason` is for the log, never for the client."""

    def __init__(
        self,
        type_: str,
        status: int,
        message: str,
        *,
        exception: str = "",
        reason: str = "",
    ) -> None:
        super().__init__(reason or message)
        self.type = type_
        self.status = status
        self.message = message
        self.exception = exception
        self.reason = reason


def missing_token() -> GatewayError:
    """No such path or verb: AWS gives this odd wording."""
    return GatewayError(
        "MISSING_AUTHENTICATION_TOKEN",
        403,
        "Missing Authentication Token",
        exception="MissingAuthenticationTokenException",
    )


def forbidden() -> GatewayError:
    """No such stage or API."""
    return GatewayError("ACCESS_DENIED", 403, "Forbidden", exception="ForbiddenException")


def too_long() -> GatewayError:
    """The body is over 10 MB."""
    return GatewayError(
        "REQUEST_TOO_LARGE", 413, "Request Too Long", exception="RequestTooLongException"
    )


def configuration_error(reason: str) -> GatewayError:
    """The integration cannot be called, as where permission on the function is missing: 500."""
    return GatewayError(
        "API_CONFIGURATION_ERROR",
        500,
        "Internal server error",
        exception="InternalServerErrorException",
        reason=reason,
    )


def bad_integration(reason: str) -> GatewayError:
    """The function failed, or answered what is not an answer: 502."""
    return GatewayError(
        "DEFAULT_5XX",
        502,
        "Internal server error",
        exception="InternalServerErrorException",
        reason=reason,
    )


def timed_out(timeout_ms: int) -> GatewayError:
    """The integration took longer than its limit: 504."""
    return GatewayError(
        "INTEGRATION_TIMEOUT",
        504,
        "Endpoint request timed out",
        exception="InternalServerErrorException",
        reason=f"Execution failed due to a timeout error: {timeout_ms} ms",
    )


def throttled() -> GatewayError:
    """The function has no concurrency left: 429 of Lambda is a 500 or 502 to the client."""
    return bad_integration("Lambda invocation failed: Rate Exceeded.")


def respond(error: GatewayError, api: RestApi | None) -> Response:
    """The HTTP response for `error`, in the words of the API's gateway responses if it has any."""
    fallback = "DEFAULT_4XX" if error.status < 500 else "DEFAULT_5XX"
    known = api.gateway_responses if api else {}
    own = known.get(error.type) or known.get(fallback)
    headers = [("x-amzn-errortype", error.exception)] if error.exception else []
    template = '{"message":$context.error.messageString}'
    content_type = "application/json"
    status = error.status
    if own is not None:
        for parameter, expression in own.response_parameters.items():
            header = templates.response_header(parameter)
            headers.append((header, templates.static_value(expression, own.type)))
        if own.response_templates:
            content_type, template = next(iter(own.response_templates.items()))
        if own.status_code:
            status = int(own.status_code)
    body = templates.render_gateway_template(template, error.message, error.type).encode()
    return Response(status, [("content-type", content_type), *headers], body)
