"""What of mapping templates and parameter mappings is served: text without directives.

Templates in VTL are refused when they are configured, by name, rather than answered wrongly later.
"""

from __future__ import annotations

import re

import msgspec

from cloudlet.services.apigateway.errors import BadRequest

_DIRECTIVE = re.compile(r"[#$]\w|[#$]\{|\$!|#\[\[")
_MESSAGE = re.compile(r"\$context\.error\.(messageString|message|responseType)")
_RESPONSE_HEADER = re.compile(r"(?:method|gateway)response\.header\.([A-Za-z0-9!#$%&'*+.^_`|~-]+)")


def check_static(template: str, where: str) -> None:
    """Raise BadRequestException if `template` has VTL directives or references."""
    if _DIRECTIVE.search(template):
        raise BadRequest(
            f"Invalid mapping template specified: the template of {where} uses the Velocity"
            " Template Language, which cloudlet does not run yet; only static templates are served"
        )


def static_value(expression: str, where: str) -> str:
    """The text of a quoted static value (`'*'`); other mapping expressions are refused."""
    if len(expression) >= 2 and expression[0] == expression[-1] == "'":
        return expression[1:-1]
    raise BadRequest(
        f"Invalid mapping expression specified: Validation Result: warnings : [], errors :"
        f" [Invalid mapping expression specified: {expression}] for {where}; cloudlet serves"
        " static values in single quotes"
    )


def response_header(parameter: str) -> str:
    """The header's name of `method.response.header.X` or `gatewayresponse.header.X`."""
    match = _RESPONSE_HEADER.fullmatch(parameter.replace(".response", "response", 1))
    if match is None:
        raise BadRequest(f"Invalid mapping expression parameter specified: {parameter}")
    return match.group(1)


def check_gateway_template(template: str, where: str) -> None:
    """Raise BadRequestException unless `template` refers only to the error's message and type."""
    check_static(_MESSAGE.sub("", template), where)


def render_gateway_template(template: str, message: str, response_type: str) -> str:
    """A gateway response's body: `messageString` is quoted JSON, `message` bare."""
    values = {
        "messageString": msgspec.json.encode(message).decode(),
        "message": message,
        "responseType": response_type,
    }
    return _MESSAGE.sub(lambda match: values[match.group(1)], template)


def mock_status(template: str | None) -> str | None:
    """The status code that a MOCK's request template picks (`{"statusCode": 200}`), or None."""
    if template is None:
        return None
    # API Gateway reads these leniently: SAM quotes the name, others write {statusCode:200}.
    match = re.search(r"[\"']?statusCode[\"']?\s*:\s*[\"']?(\d{3})\b", template)
    return match.group(1) if match else None
