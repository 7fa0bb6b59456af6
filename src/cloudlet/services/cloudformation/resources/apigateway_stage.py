"""AWS::ApiGateway::Stage."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.apigateway_rest_api import retag
from cloudlet.services.cloudformation.resources.kind import (
    ResourceType,
    Task,
    changed,
    tags_as_map,
)
from cloudlet.services.cloudformation.resources.schema import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    TAGS,
    Kind,
    listing,
    mapping,
    properties,
    refused,
    replaces,
    required,
    structure,
)

#: A method setting's property -> its patch path, and the value where it is not given.
SETTINGS = {
    "LoggingLevel": ("logging/loglevel", "OFF"),
    "DataTraceEnabled": ("logging/dataTrace", "false"),
    "MetricsEnabled": ("metrics/enabled", "false"),
    "ThrottlingBurstLimit": ("throttling/burstLimit", "5000"),
    "ThrottlingRateLimit": ("throttling/rateLimit", "10000"),
    "CachingEnabled": ("caching/enabled", "false"),
    "CacheTtlInSeconds": ("caching/ttlInSeconds", "300"),
    "CacheDataEncrypted": ("caching/dataEncrypted", "false"),
}
_METHOD_SETTING: Kind = structure(
    HttpMethod=STRING,
    ResourcePath=STRING,
    LoggingLevel=STRING,
    DataTraceEnabled=BOOLEAN,
    MetricsEnabled=BOOLEAN,
    ThrottlingBurstLimit=INTEGER,
    ThrottlingRateLimit=NUMBER,
    CachingEnabled=BOOLEAN,
    CacheTtlInSeconds=INTEGER,
    CacheDataEncrypted=BOOLEAN,
)


class Stage(ResourceType):
    """A name under which a deployment is served; Ref gives the name."""

    name = "AWS::ApiGateway::Stage"
    tagged = "list"
    scoped = True
    properties = properties(
        RestApiId=replaces(STRING, needed=True),
        StageName=replaces(STRING, needed=True),
        DeploymentId=required(STRING),
        Description=STRING,
        MethodSettings=listing(_METHOD_SETTING),
        Tags=TAGS,
        TracingEnabled=BOOLEAN,
        Variables=mapping(STRING),
        CacheClusterEnabled=BOOLEAN,
        CacheClusterSize=STRING,
        DocumentationVersion=STRING,
        AccessLogSetting=refused("access logs are not written yet"),
        CanarySetting=refused("canary releases are not in cloudlet"),
        ClientCertificateId=refused("cloudlet has no client certificates for back ends"),
    )

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        return str(properties["StageName"])

    async def exists(self, task: Task, physical_id: str, properties: Mapping[str, Any]) -> bool:
        api = properties["RestApiId"]
        found = await task.try_call("apigateway", "GetStage", restApiId=api, stageName=physical_id)
        return found is not None

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        await task.call(
            "apigateway",
            "CreateStage",
            restApiId=properties["RestApiId"],
            stageName=physical_id,
            deploymentId=properties["DeploymentId"],
            description=properties.get("Description"),
            cacheClusterEnabled=properties.get("CacheClusterEnabled"),
            cacheClusterSize=properties.get("CacheClusterSize"),
            documentationVersion=properties.get("DocumentationVersion"),
            tracingEnabled=properties.get("TracingEnabled"),
            variables=properties.get("Variables"),
            tags=tags_as_map(properties.get("Tags")) or None,
        )
        await task.initiated(physical_id)
        await _patch(task, properties, _settings({}, properties))
        return Made(physical_id, properties)

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        before = made.properties
        patches = []
        for name, path in (
            ("DeploymentId", "/deploymentId"),
            ("Description", "/description"),
            ("CacheClusterSize", "/cacheClusterSize"),
            ("DocumentationVersion", "/documentationVersion"),
        ):
            if changed(before, properties, name):
                value = properties.get(name, "")
                patches.append({"op": "replace", "path": path, "value": value})
        for name, path in (
            ("TracingEnabled", "/tracingEnabled"),
            ("CacheClusterEnabled", "/cacheClusterEnabled"),
        ):
            if changed(before, properties, name):
                value = "true" if properties.get(name) else "false"
                patches.append({"op": "replace", "path": path, "value": value})
        old, new = before.get("Variables", {}), properties.get("Variables", {})
        patches += [
            {"op": "remove", "path": f"/variables/{n}"} for n in sorted(set(old) - set(new))
        ]
        patches += [
            {"op": "replace", "path": f"/variables/{name}", "value": value}
            for name, value in new.items()
            if old.get(name) != value
        ]
        await _patch(task, properties, patches + _settings(before, properties))
        if changed(before, properties, "Tags"):
            path = f"/restapis/{properties['RestApiId']}/stages/{made.physical_id}"
            await retag(task, path, before, properties)
        return Made(made.physical_id, properties)

    async def delete(self, task: Task, made: Made) -> None:
        await task.try_call(
            "apigateway",
            "DeleteStage",
            restApiId=made.properties["RestApiId"],
            stageName=made.physical_id,
        )


async def _patch(task: Task, properties: Mapping[str, Any], patches: list[dict[str, str]]) -> None:
    if patches:
        await task.call(
            "apigateway",
            "UpdateStage",
            restApiId=properties["RestApiId"],
            stageName=properties["StageName"],
            patchOperations=patches,
        )


def _flat(properties: Mapping[str, Any]) -> dict[str, str]:
    """The method settings by patch path."""
    found = {}
    for setting in properties.get("MethodSettings", []):
        path = setting.get("ResourcePath", "/*")
        path = "*" if path == "/*" else path.replace("~", "~0").replace("/", "~1")
        for name, (suffix, _) in SETTINGS.items():
            if name in setting:
                value = setting[name]
                text = str(value).lower() if isinstance(value, bool) else str(value)
                found[f"/{path}/{setting.get('HttpMethod', '*')}/{suffix}"] = text
    return found


def _settings(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, str]]:
    old, new = _flat(before), _flat(after)
    defaults = dict(SETTINGS.values())
    reset = {path: defaults["/".join(path.rsplit("/", 2)[1:])] for path in old if path not in new}
    return [
        {"op": "replace", "path": path, "value": value}
        for path, value in {**reset, **new}.items()
        if old.get(path) != value
    ]
