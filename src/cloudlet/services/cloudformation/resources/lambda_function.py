"""AWS::Lambda::Function."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources.kind import (
    ResourceType,
    Task,
    changed,
    pick,
    retag,
    tags_as_map,
)
from cloudlet.services.cloudformation.resources.lambda_waiting import until_active
from cloudlet.services.cloudformation.resources.schema import (
    INTEGER,
    STRING,
    TAGS,
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


def _of(member: str, model_member: str | None = None) -> Any:
    kind = shape("lambda", "CreateFunctionRequest").members[model_member or member].kind
    return required(kind) if member == "Role" else kind


class Function(ResourceType):
    """A function from a zip file in S3 or from inline code; Ref gives its name."""

    name = "AWS::Lambda::Function"
    named = "FunctionName"
    tagged = "list"
    attributes = frozenset(
        {"Arn", "SnapStartResponse.ApplyOn", "SnapStartResponse.OptimizationStatus"}
    )
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
        RuntimeManagementConfig=structure(
            UpdateRuntimeOn=required(STRING), RuntimeVersionArn=STRING
        ),
        RecursiveLoop=STRING,
        CodeSigningConfigArn=STRING,
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
        members = pick(
            properties, *CONFIGURATION, "PackageType", "Architectures", "CodeSigningConfigArn"
        )
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
        await until_active(task, physical_id, answer)
        for setting, apply in _SETTINGS.items():
            if setting in properties:
                await apply(task, physical_id, properties)
        return Made(physical_id, properties, _attributes(answer))

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        before, name, attributes = made.properties, made.physical_id, made.attributes
        if changed(before, properties, "CodeSigningConfigArn"):
            await _sign(task, name, properties)
        if changed(before, properties, "Code", "Architectures"):
            answer = await task.call(
                "lambda",
                "UpdateFunctionCode",
                FunctionName=name,
                Architectures=properties.get("Architectures", ["x86_64"]),
                **_code(properties),
            )
            await until_active(task, name, answer)
        different = [key for key in CONFIGURATION if changed(before, properties, key)]
        if different:
            members = {
                "KMSKeyArn" if key == "KmsKeyArn" else key: properties.get(key, CONFIGURATION[key])
                for key in different
            }
            answer = await task.call(
                "lambda", "UpdateFunctionConfiguration", FunctionName=name, **members
            )
            attributes = _attributes(await until_active(task, name, answer))
        for setting, apply in _SETTINGS.items():
            if changed(before, properties, setting):
                await apply(task, name, properties)
        if changed(before, properties, "Tags"):
            await retag(task, attributes["Arn"], made, properties)
        return Made(name, properties, attributes)

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


async def _manage_runtime(task: Task, name: str, properties: Mapping[str, Any]) -> None:
    wanted = properties.get("RuntimeManagementConfig") or {"UpdateRuntimeOn": "Auto"}
    await task.call("lambda", "PutRuntimeManagementConfig", FunctionName=name, **wanted)


async def _loops(task: Task, name: str, properties: Mapping[str, Any]) -> None:
    await task.call(
        "lambda",
        "PutFunctionRecursionConfig",
        FunctionName=name,
        RecursiveLoop=properties.get("RecursiveLoop", "Terminate"),
    )


async def _sign(task: Task, name: str, properties: Mapping[str, Any]) -> None:
    arn = properties.get("CodeSigningConfigArn")
    if arn is None:
        await task.call("lambda", "DeleteFunctionCodeSigningConfig", FunctionName=name)
    else:
        await task.call(
            "lambda", "PutFunctionCodeSigningConfig", FunctionName=name, CodeSigningConfigArn=arn
        )


#: Properties that have an operation each, and what brings a function to them.
_SETTINGS = {
    "ReservedConcurrentExecutions": _reserve,
    "RuntimeManagementConfig": _manage_runtime,
    "RecursiveLoop": _loops,
}


def _attributes(answer: Mapping[str, Any]) -> dict[str, Any]:
    snap_start = answer["SnapStart"]
    return {
        "Arn": answer["FunctionArn"],
        "SnapStartResponse.ApplyOn": snap_start["ApplyOn"],
        "SnapStartResponse.OptimizationStatus": snap_start["OptimizationStatus"],
    }


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
