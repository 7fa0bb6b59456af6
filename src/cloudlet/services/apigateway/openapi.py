"""From an OpenAPI 2 or 3 document with AWS's extensions to resources and methods.

Source: "Working with API Gateway extensions to OpenAPI" (API Gateway developer guide).
"""

from __future__ import annotations

import re
from typing import Any

from cloudlet.services.apigateway import templates
from cloudlet.services.apigateway.errors import BadRequest
from cloudlet.services.apigateway.model import (
    GatewayResponse,
    Integration,
    IntegrationResponse,
    Method,
    MethodResponse,
    Resource,
)
from cloudlet.services.apigateway.store import new_id

VERBS = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})
ANY = "x-amazon-apigateway-any-method"
#: A path part: text, a {parameter} or a greedy {proxy+}.
PATH_PART = re.compile(r"[A-Za-z0-9._:,$~-]+|\{[A-Za-z0-9._-]+\+?\}")
TYPES = {"aws_proxy": "AWS_PROXY", "mock": "MOCK"}


def check_document(document: Any) -> dict[str, Any]:
    """The document, if it is OpenAPI; else BadRequestException."""
    if not isinstance(document, dict) or not ("swagger" in document or "openapi" in document):
        raise BadRequest(
            "Failed to parse the uploaded OpenAPI document due to: Unable to identify its version"
        )
    if not isinstance(document.get("paths", {}), dict):
        raise BadRequest("Failed to parse the uploaded OpenAPI document due to: invalid paths")
    return document


def resources(document: dict[str, Any], root_id: str, base_path: str = "") -> dict[str, Resource]:
    """Every resource by id, parents included; `root_id` becomes the id of `/`."""
    by_path: dict[str, Resource] = {"/": Resource(id=root_id, path="/")}
    for path, item in document.get("paths", {}).items():
        if not path.startswith("/"):
            raise BadRequest(f"Invalid resource path: {path}. A path must start with a slash.")
        resource = _ensure(by_path, (base_path.rstrip("/") + path).rstrip("/") or "/")
        methods = dict(resource.methods)
        for verb, operation in item.items():
            if verb.lower() in VERBS or verb == ANY:
                name = "ANY" if verb == ANY else verb.upper()
                methods[name] = _method(document, name, operation, path)
        by_path[resource.path] = Resource(
            resource.id, resource.path, resource.path_part, resource.parent_id, methods
        )
    return {resource.id: resource for resource in by_path.values()}


def _ensure(by_path: dict[str, Resource], path: str) -> Resource:
    """The resource at `path`, made with its parents if it is not there."""
    known = by_path.get(path)
    if known is not None:
        return known
    parent_path, _, part = path.rpartition("/")
    parent = _ensure(by_path, parent_path or "/")
    check_part(part, parent.path)
    made = by_path[path] = Resource(new_id(6), path, part, parent.id)
    return made


def check_part(part: str, parent_path: str) -> None:
    """Raise BadRequestException unless `part` may stand below `parent_path`."""
    if not PATH_PART.fullmatch(part):
        raise BadRequest(
            "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and"
            f" curly braces at the beginning and the end: {part}"
        )
    if parent_path.endswith("+}"):
        raise BadRequest(f"Cannot create a child of a resource with a greedy path variable: {part}")


def _method(document: dict[str, Any], verb: str, operation: Any, path: str) -> Method:
    operation = operation if isinstance(operation, dict) else {}
    where = f"{verb} {path}"
    requirements = operation.get("security", document.get("security")) or []
    if requirements:
        names = ", ".join(sorted(name for entry in requirements for name in entry))
        raise BadRequest(
            f"Unable to put method {where}: it requires {names}; cloudlet does not serve"
            " authorizers, IAM authorisation of methods or API keys yet"
        )
    integration = operation.get("x-amazon-apigateway-integration")
    return Method(
        http_method=verb,
        operation_name=operation.get("operationId"),
        request_parameters=_parameters(operation.get("parameters") or []),
        responses={
            str(status): MethodResponse(
                status_code=str(status),
                response_parameters={
                    f"method.response.header.{name}": False
                    for name in (response or {}).get("headers", {})
                },
            )
            for status, response in (operation.get("responses") or {}).items()
            if str(status).isdigit()
        },
        integration=None if integration is None else read_integration(integration, where),
    )


def _parameters(parameters: list[Any]) -> dict[str, bool]:
    places = {"path": "path", "query": "querystring", "header": "header"}
    return {
        f"method.request.{places[p['in']]}.{p['name']}": bool(p.get("required", False))
        for p in parameters
        if isinstance(p, dict) and p.get("in") in places and "name" in p
    }


def read_integration(given: dict[str, Any], where: str) -> Integration:
    """The integration that `x-amazon-apigateway-integration` describes, checked."""
    kind = TYPES.get(str(given.get("type", "")).lower())
    if kind is None:
        raise BadRequest(
            f"Invalid integration type {given.get('type')} of {where}: cloudlet serves"
            " aws_proxy and mock"
        )
    responses = {}
    for pattern, response in (given.get("responses") or {}).items():
        status = str(response.get("statusCode", pattern))
        responses[status] = IntegrationResponse(
            status_code=status,
            selection_pattern=None if pattern == "default" else str(pattern),
            response_parameters=dict(response.get("responseParameters") or {}),
            response_templates=dict(response.get("responseTemplates") or {}),
        )
    return check_integration(
        Integration(
            type=kind,
            http_method=given.get("httpMethod"),
            uri=given.get("uri"),
            credentials=given.get("credentials"),
            timeout_ms=int(given.get("timeoutInMillis", 29_000)),
            passthrough_behavior=str(given.get("passthroughBehavior", "when_no_match")).upper(),
            content_handling=given.get("contentHandling"),
            request_templates=dict(given.get("requestTemplates") or {}),
            responses=responses,
        ),
        where,
    )


def check_integration(integration: Integration, where: str) -> Integration:
    """The integration, if the data plane can serve it; else BadRequestException."""
    if not 50 <= integration.timeout_ms <= 29_000:
        raise BadRequest("Timeout should be between 50 ms and 29000 ms")
    if integration.type == "AWS_PROXY":
        function_arn(integration.uri or "", where)
    for media_type, template in integration.request_templates.items():
        templates.check_static(template, f"{where}, {media_type}")
    for response in integration.responses.values():
        for parameter, expression in response.response_parameters.items():
            templates.response_header(parameter)
            templates.static_value(expression, where)
        for media_type, template in response.response_templates.items():
            templates.check_static(template, f"{where}, {media_type}")
    return integration


def function_arn(uri: str, where: str) -> str:
    """The function's ARN in an integration URI; BadRequestException if it is not Lambda's."""
    match = re.fullmatch(
        r"arn:aws[\w-]*:apigateway:[\w-]+:lambda:path/(?:2015-03-31/functions/)"
        r"(arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:[^/]+)/invocations",
        uri,
    )
    if match is None:
        raise BadRequest(
            f"Invalid function ARN or invalid uri: {uri or 'none'} ({where}); AWS_PROXY"
            " integrations of cloudlet call Lambda functions"
        )
    return match.group(1)


def gateway_responses(document: dict[str, Any]) -> dict[str, GatewayResponse]:
    """The API's own wording of the gateway's answers, by type."""
    found = {}
    for kind, given in (document.get("x-amazon-apigateway-gateway-responses") or {}).items():
        status = given.get("statusCode")
        found[kind] = check_gateway_response(
            GatewayResponse(
                type=kind,
                status_code=None if status is None else str(status),
                response_parameters=dict(given.get("responseParameters") or {}),
                response_templates=dict(given.get("responseTemplates") or {}),
            )
        )
    return found


def check_gateway_response(response: GatewayResponse) -> GatewayResponse:
    """The response, if the data plane can render it; else BadRequestException."""
    for parameter, expression in response.response_parameters.items():
        templates.response_header(parameter)
        templates.static_value(expression, response.type)
    for template in response.response_templates.values():
        templates.check_gateway_template(template, response.type)
    return response
