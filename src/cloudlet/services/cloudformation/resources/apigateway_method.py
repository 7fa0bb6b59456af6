"""AWS::ApiGateway::Method."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import ResourceType, Task
from cloudlet.services.cloudformation.resources.schema import (
    BOOLEAN,
    INTEGER,
    STRING,
    listing,
    mapping,
    properties,
    refused,
    replaces,
    required,
    structure,
)

_INTEGRATION_RESPONSE = structure(
    StatusCode=required(STRING),
    ContentHandling=STRING,
    ResponseParameters=mapping(STRING),
    ResponseTemplates=mapping(STRING),
    SelectionPattern=STRING,
)
_INTEGRATION = structure(
    CacheKeyParameters=listing(STRING),
    CacheNamespace=STRING,
    ConnectionId=STRING,
    ConnectionType=STRING,
    ContentHandling=STRING,
    Credentials=STRING,
    IntegrationHttpMethod=STRING,
    IntegrationResponses=listing(_INTEGRATION_RESPONSE),
    PassthroughBehavior=STRING,
    RequestParameters=mapping(STRING),
    RequestTemplates=mapping(STRING),
    TimeoutInMillis=INTEGER,
    Type=required(STRING),
    Uri=STRING,
    ResponseTransferMode=refused("responses are not streamed"),
    IntegrationTarget=refused("cloudlet has no private integrations"),
)
_METHOD_RESPONSE = structure(
    StatusCode=required(STRING),
    ResponseModels=mapping(STRING),
    ResponseParameters=mapping(BOOLEAN),
)


class Method(ResourceType):
    """A method of an API's resource with its integration; Ref gives an id made of the three."""

    name = "AWS::ApiGateway::Method"
    scoped = True
    needs = (("apigateway", "PutMethod"), ("apigateway", "PutIntegration"))
    properties = properties(
        RestApiId=replaces(STRING, needed=True),
        ResourceId=replaces(STRING, needed=True),
        HttpMethod=replaces(STRING, needed=True),
        ApiKeyRequired=BOOLEAN,
        AuthorizationScopes=listing(STRING),
        AuthorizationType=STRING,
        AuthorizerId=STRING,
        Integration=_INTEGRATION,
        MethodResponses=listing(_METHOD_RESPONSE),
        OperationName=STRING,
        RequestModels=mapping(STRING),
        RequestParameters=mapping(BOOLEAN),
        RequestValidatorId=STRING,
    )

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        return "|".join(properties[name] for name in ("RestApiId", "ResourceId", "HttpMethod"))

    async def exists(self, task: Task, physical_id: str, properties: Mapping[str, Any]) -> bool:
        return await task.try_call("apigateway", "GetMethod", **_where(properties)) is not None

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        where = _where(properties)
        names = (
            "ApiKeyRequired", "AuthorizationScopes", "AuthorizerId", "OperationName",
            "RequestModels", "RequestParameters", "RequestValidatorId",
        )  # fmt: skip
        await task.call(
            "apigateway",
            "PutMethod",
            **where,
            authorizationType=properties.get("AuthorizationType", "NONE"),
            **_camel(properties, names),
        )
        await task.initiated(physical_id)
        for response in properties.get("MethodResponses", []):
            await task.call("apigateway", "PutMethodResponse", **where, **_camel(response))
        integration = properties.get("Integration")
        if integration is not None:
            members = _camel(integration)
            responses = members.pop("integrationResponses", [])
            await task.call("apigateway", "PutIntegration", **where, **members)
            for response in responses:
                await task.call("apigateway", "PutIntegrationResponse", **where, **_camel(response))
        return Made(physical_id, properties)

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        # A method's parts are put one by one, so the whole is made anew; deployments are snapshots
        # and do not see the moment between.
        await self.delete(task, made)
        return await self.create(task, made.physical_id, properties)

    async def delete(self, task: Task, made: Made) -> None:
        await task.try_call("apigateway", "DeleteMethod", **_where(made.properties))


def _where(properties: Mapping[str, Any]) -> dict[str, str]:
    return {
        "restApiId": properties["RestApiId"],
        "resourceId": properties["ResourceId"],
        "httpMethod": properties["HttpMethod"],
    }


def _camel(members: Mapping[str, Any], names: tuple[str, ...] | None = None) -> dict[str, Any]:
    """The members as API Gateway's own API names them."""
    return {
        name[0].lower() + name[1:]: value
        for name, value in members.items()
        if names is None or name in names
    }
