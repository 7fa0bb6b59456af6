"""AWS::ApiGateway::RestApi."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cloudlet.aws.body import Body
from cloudlet.aws.errors import AWSError
from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import (
    ResourceType,
    Task,
    changed,
    tags_as_map,
)
from cloudlet.services.cloudformation.resources.schema import (
    BOOLEAN,
    INTEGER,
    JSON,
    STRING,
    TAGS,
    listing,
    mapping,
    properties,
    refused,
    required,
    structure,
)

_LOCATION = structure(Bucket=required(STRING), Key=required(STRING), Version=STRING, ETag=STRING)


class RestApi(ResourceType):
    """A REST API, empty or from an OpenAPI document; Ref gives its id."""

    name = "AWS::ApiGateway::RestApi"
    tagged = "list"
    attributes = frozenset({"RestApiId", "RootResourceId"})
    properties = properties(
        ApiKeySourceType=STRING,
        BinaryMediaTypes=listing(STRING),
        Body=JSON,
        BodyS3Location=_LOCATION,
        CloneFrom=STRING,
        Description=STRING,
        DisableExecuteApiEndpoint=BOOLEAN,
        EndpointConfiguration=structure(
            Types=listing(STRING), VpcEndpointIds=listing(STRING), IpAddressType=STRING
        ),
        FailOnWarnings=BOOLEAN,
        MinimumCompressionSize=INTEGER,
        Mode=STRING,
        Name=STRING,
        Parameters=mapping(STRING),
        Policy=JSON,
        Tags=TAGS,
        SecurityPolicy=refused("cloudlet's endpoints have one TLS policy"),
        EndpointAccessMode=refused("cloudlet's endpoints have one access mode"),
    )

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        body = await _body(task, properties)
        name = properties.get("Name") or _title(body)
        if not name:
            raise AWSError(
                "The API needs a Name, or a Body with a title.", code="InvalidRequest", status=400
            )
        policy = properties.get("Policy")
        answer = await task.call(
            "apigateway",
            "CreateRestApi",
            name=name,
            description=properties.get("Description"),
            cloneFrom=properties.get("CloneFrom"),
            binaryMediaTypes=properties.get("BinaryMediaTypes"),
            minimumCompressionSize=properties.get("MinimumCompressionSize"),
            apiKeySource=properties.get("ApiKeySourceType"),
            endpointConfiguration=_endpoint(properties),
            policy=policy if policy is None or isinstance(policy, str) else json.dumps(policy),
            tags=tags_as_map(properties.get("Tags")) or None,
            disableExecuteApiEndpoint=properties.get("DisableExecuteApiEndpoint"),
        )
        id_ = answer["id"]
        await task.initiated(id_)
        if body is not None:
            answer = await _put(task, id_, body, properties)
        return Made(id_, properties, {"RestApiId": id_, "RootResourceId": answer["rootResourceId"]})

    async def find(self, task: Task, properties: Mapping[str, Any]) -> str | None:
        """The API of that name made since the operation began that no stack has."""
        name = properties.get("Name")
        if name is None:
            name = _title(await _body(task, properties))
        answer = await task.call("apigateway", "GetRestApis", limit=500)
        for api in answer.get("items", []):
            if (
                api["name"] == name
                and api["createdDate"] >= task.since - 1
                and not task.claimed(self.name, api["id"])
            ):
                return str(api["id"])
        return None

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        before, id_ = made.properties, made.physical_id
        if changed(before, properties, "Policy", "CloneFrom", "MinimumCompressionSize"):
            raise AWSError(
                "cloudlet does not change Policy, CloneFrom or MinimumCompressionSize of an API.",
                code="InvalidRequest",
                status=400,
            )
        if changed(before, properties, "Body", "BodyS3Location", "Mode", "Parameters"):
            body = await _body(task, properties)
            if body is not None:
                await _put(task, id_, body, properties)
        patches = _patches(before, properties)
        if patches:
            await task.call("apigateway", "UpdateRestApi", restApiId=id_, patchOperations=patches)
        if changed(before, properties, "Tags"):
            await retag(task, f"/restapis/{id_}", before, properties)
        return Made(id_, properties, made.attributes)

    async def delete(self, task: Task, made: Made) -> None:
        await task.try_call("apigateway", "DeleteRestApi", restApiId=made.physical_id)


async def _body(task: Task, properties: Mapping[str, Any]) -> Any:
    """The OpenAPI document: a JSON value, or the text of the object in S3."""
    if "Body" in properties:
        return properties["Body"]
    location = properties.get("BodyS3Location")
    if location is None:
        return None
    answer = await task.call(
        "s3",
        "GetObject",
        Bucket=location["Bucket"],
        Key=location["Key"],
        VersionId=location.get("Version"),
    )
    body = answer["Body"]
    return (await body.read(6 << 20) if isinstance(body, Body) else bytes(body)).decode()


def _title(body: Any) -> str | None:
    if isinstance(body, str):
        from cloudlet.services.cloudformation.template.reading import read

        body = read(body)
    info = body.get("info") if isinstance(body, dict) else None
    return info.get("title") if isinstance(info, dict) else None


async def _put(task: Task, id_: str, body: Any, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Make the API what the document says; the name stays the template's where it gives one."""
    text = body if isinstance(body, str) else json.dumps(body)
    answer = await task.call(
        "apigateway",
        "PutRestApi",
        restApiId=id_,
        mode=properties.get("Mode", "overwrite"),
        failOnWarnings=properties.get("FailOnWarnings"),
        parameters=properties.get("Parameters"),
        body=text.encode(),
    )
    patches = [
        {"op": "replace", "path": path, "value": properties[name]}
        for name, path, member in (
            ("Name", "/name", "name"),
            ("Description", "/description", "description"),
        )
        if name in properties and answer.get(member) != properties[name]
    ]
    if patches:
        await task.call("apigateway", "UpdateRestApi", restApiId=id_, patchOperations=patches)
    return answer


def _endpoint(properties: Mapping[str, Any]) -> dict[str, Any] | None:
    names = {"Types": "types", "VpcEndpointIds": "vpcEndpointIds", "IpAddressType": "ipAddressType"}
    given = properties.get("EndpointConfiguration")
    if given is None:
        types = properties.get("Parameters", {}).get("endpointConfigurationTypes")
        return {"types": [types]} if types else None
    return {names[name]: value for name, value in given.items()}


def _patches(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, str]]:
    patches = []
    for name, path in (
        ("Name", "/name"),
        ("Description", "/description"),
        ("ApiKeySourceType", "/apiKeySource"),
    ):
        if changed(before, after, name):
            patches.append({"op": "replace", "path": path, "value": after.get(name, "")})
    if changed(before, after, "DisableExecuteApiEndpoint"):
        value = "true" if after.get("DisableExecuteApiEndpoint") else "false"
        patches.append({"op": "replace", "path": "/disableExecuteApiEndpoint", "value": value})
    old = set(before.get("BinaryMediaTypes", []))
    new = set(after.get("BinaryMediaTypes", []))
    for kinds, op in ((sorted(old - new), "remove"), (sorted(new - old), "add")):
        for kind in kinds:
            escaped = kind.replace("~", "~0").replace("/", "~1")
            patches.append({"op": op, "path": f"/binaryMediaTypes/{escaped}"})
    was, wanted = _endpoint(before), _endpoint(after)
    if was != wanted:
        kind = (was or {}).get("types", ["EDGE"])[0]
        value = (wanted or {}).get("types", ["EDGE"])[0]
        path = f"/endpointConfiguration/types/{kind}"
        patches.append({"op": "replace", "path": path, "value": value})
    return patches


async def retag(task: Task, path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """Bring the tags of an API or a stage from `before` to `after`."""
    arn = f"arn:aws:apigateway:{task.region}::{path}"
    old, new = tags_as_map(before.get("Tags")), tags_as_map(after.get("Tags"))
    gone = sorted(set(old) - set(new))
    if gone:
        await task.call("apigateway", "UntagResource", resourceArn=arn, tagKeys=gone)
    if new:
        await task.call("apigateway", "TagResource", resourceArn=arn, tags=new)
