"""API Gateway: REST APIs, from an OpenAPI body to requests answered by functions."""

from __future__ import annotations

from cloudlet.aws.service import Service, operations_of
from cloudlet.services.apigateway.api import deployments, resources, rest_apis, stages, tags
from cloudlet.services.apigateway.execute import Execution
from cloudlet.services.apigateway.store import ApiGateway
from cloudlet.services.parts import Parts


def build(parts: Parts) -> Service[ApiGateway]:
    """The service on `parts`."""
    store = ApiGateway(parts)
    return Service(
        name="apigateway",
        state=store,
        operations=operations_of(rest_apis, resources, deployments, stages, tags),
        doors={"execute-api": Execution(store)},
        reset=store.forget,
    )
