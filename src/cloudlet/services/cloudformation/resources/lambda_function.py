"""AWS::Lambda::Function.

Accepted without effect: RuntimeManagementConfig (runtimes are the machine's own) and
RecursiveLoop "Terminate" (AWS's default).
"""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

import asyncio
import io
import time
import zipfile
from collections.abc import Mapping
from typing import Any

from cloudlet.aws.errors import AWSError
from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import (
    ResourceType,
    Task,
    changed,
    pick,
    tags_as_map,
)
from cloudlet.services.cloudformation.resources.schema import (
    INTEGER,
    JSON,
    STRING,
    TAGS,
    ignored,
    properties,
    refused,
    replaces,
    required,
    shape,
    structure,
)

#: Properties that both CreateFunction and UpdateFunctionConfiguration take as they are, with the
#: value that a function without them has.
CONFIGURATION: dict[str, Any] = {
    "DeadLetterConfig": {},
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "FileSystemConfigs": [],
    "Handler": None,
    "ImageConfig": {},
    "KmsKeyArn": "",
    "Layers": [],
    "LoggingConfig": {"LogFormat": "Text"},
    "MemorySize": 128,
    "Role": None,
    "Runtime": None,
    "SnapStart": {"ApplyOn": "None"},
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
}
_READY_S = 120.0


def _of(member: str, model_member: str | None = None) -> Any:
    kind = shape("lambda", "CreateFunctionRequest").members[model_member or member].kind
    return required(kind) if member == "Role" else kind


class Function(ResourceType):
    """A function from a zip file in S3 or from inline code; Ref gives its name."""

    name = "AWS::Lambda::Function"
    named = "FunctionName"
    tagged = "list"
    attributes = frozenset({"Arn"})
    properties = properties(
        FunctionName=replaces(STRING),
        Code=required(
            structure(
                ImageUri=STRING,
                S3Bucket=STRING,
                S3Key=STRING,
                S3ObjectVersion=STRING,
                ZipFile=STRING,
                SourceKMSKeyArn=refused("cloudlet has no KMS yet"),
            )
        ),
        PackageType=replaces(STRING),
        Architectures=_of("Architectures"),
        ReservedConcurrentExecutions=INTEGER,
        Tags=TAGS,
        RuntimeManagementConfig=ignored(JSON, "runtimes are the machine's own"),
        RecursiveLoop=ignored(STRING, "cloudlet does not detect loops across services"),
        CodeSigningConfigArn=refused("code is not signed"),
        TenancyConfig=refused("tenant isolation is not in cloudlet"),
        DurableConfig=refused("durable functions are not in cloudlet"),
        CapacityProviderConfig=refused("managed instances are not in cloudlet"),
        FunctionScalingConfig=refused("managed instances are not in cloudlet"),
        PublishToLatestPublished=refused("managed instances are not in cloudlet"),
        **{
            member: _of(member, "KMSKeyArn" if member == "KmsKeyArn" else None)
            for member in CONFIGURATION
        },
    )

    def intended(self, task: Task, properties: Mapping[str, Any]) -> str:
        return str(properties.get("FunctionName") or task.generated_name(64))

    async def exists(self, task: Task, physical_id: str, properties: Mapping[str, Any]) -> bool:
        found = await task.try_call("lambda", "GetFunctionConfiguration", FunctionName=physical_id)
        return found is not None

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        members = pick(properties, *CONFIGURATION, "PackageType", "Architectures")
        if "KmsKeyArn" in members:
            members["KMSKeyArn"] = members.pop("KmsKeyArn")
        answer = await task.call(
            "lambda",
            "CreateFunction",
            FunctionName=physical_id,
            Code=_code(properties),
            Tags=tags_as_map(properties.get("Tags")) or None,
            **members,
        )
        await task.initiated(physical_id)
        await _ready(task, physical_id, answer)
        if "ReservedConcurrentExecutions" in properties:
            await _reserve(task, physical_id, properties)
        return Made(physical_id, properties, {"Arn": answer["FunctionArn"]})

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        before, name = made.properties, made.physical_id
        if changed(before, properties, "Code", "Architectures"):
            answer = await task.call(
                "lambda",
                "UpdateFunctionCode",
                FunctionName=name,
                Architectures=properties.get("Architectures"),
                **_code(properties),
            )
            await _ready(task, name, answer)
        different = [key for key in CONFIGURATION if changed(before, properties, key)]
        if different:
            members = {
                "KMSKeyArn" if key == "KmsKeyArn" else key: properties.get(key, CONFIGURATION[key])
                for key in different
            }
            answer = await task.call(
                "lambda", "UpdateFunctionConfiguration", FunctionName=name, **members
            )
            await _ready(task, name, answer)
        if changed(before, properties, "ReservedConcurrentExecutions"):
            await _reserve(task, name, properties)
        if changed(before, properties, "Tags"):
            await _retag(task, made, properties)
        return Made(name, properties, made.attributes)

    async def delete(self, task: Task, made: Made) -> None:
        await task.try_call("lambda", "DeleteFunction", FunctionName=made.physical_id)


async def _reserve(task: Task, name: str, properties: Mapping[str, Any]) -> None:
    wanted = properties.get("ReservedConcurrentExecutions")
    if wanted is None:
        await task.call("lambda", "DeleteFunctionConcurrency", FunctionName=name)
    else:
        await task.call(
            "lambda",
            "PutFunctionConcurrency",
            FunctionName=name,
            ReservedConcurrentExecutions=wanted,
        )


async def _retag(task: Task, made: Made, properties: Mapping[str, Any]) -> None:
    before = tags_as_map(made.properties.get("Tags"))
    after = tags_as_map(properties.get("Tags"))
    arn = made.attributes["Arn"]
    gone = sorted(set(before) - set(after))
    if gone:
        await task.call("lambda", "UntagResource", Resource=arn, TagKeys=gone)
    if after:
        await task.call("lambda", "TagResource", Resource=arn, Tags=after)


async def _ready(task: Task, name: str, answer: Mapping[str, Any]) -> None:
    """Wait until the function is active and its last update has been applied."""
    until = time.monotonic() + _READY_S
    while answer.get("State") == "Pending" or answer.get("LastUpdateStatus") == "InProgress":
        if time.monotonic() > until:
            raise AWSError(f"Function {name} did not stabilize", code="NotStabilized", status=400)
        await asyncio.sleep(0.02)
        answer = await task.call("lambda", "GetFunctionConfiguration", FunctionName=name)
    if "Failed" in (answer.get("State"), answer.get("LastUpdateStatus")):
        reason = answer.get("StateReason") or answer.get("LastUpdateStatusReason")
        raise AWSError(f"Function {name}: {reason}", code="NotStabilized", status=400)


def _code(properties: Mapping[str, Any]) -> dict[str, Any]:
    code = dict(properties["Code"])
    if "ZipFile" in code:
        code["ZipFile"] = zipped(str(code["ZipFile"]), str(properties.get("Runtime", "")))
    return code


def zipped(source: str, runtime: str) -> bytes:
    """Inline code as Lambda gets it: `index.py` or `index.js`, a zip without a date."""
    name = "index.js" if runtime.startswith("nodejs") else "index.py"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o644 << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, source)
    return content.getvalue()
