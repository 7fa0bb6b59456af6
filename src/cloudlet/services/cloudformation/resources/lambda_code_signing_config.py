"""AWS::Lambda::CodeSigningConfig."""

# ruff: noqa: D102, ARG002 - the methods are ResourceType's

from __future__ import annotations

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
from cloudlet.services.cloudformation.resources.schema import (
    STRING,
    TAGS,
    listing,
    properties,
    required,
    structure,
)

_DEFAULTS: dict[str, Any] = {
    "AllowedPublishers": None,
    "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Warn"},
    "Description": "",
}


class CodeSigningConfig(ResourceType):
    """Whose signatures functions' code must have; Ref gives its ARN."""

    name = "AWS::Lambda::CodeSigningConfig"
    tagged = "list"
    attributes = frozenset({"CodeSigningConfigArn", "CodeSigningConfigId"})
    properties = properties(
        AllowedPublishers=required(structure(SigningProfileVersionArns=required(listing(STRING)))),
        CodeSigningPolicies=structure(UntrustedArtifactOnDeployment=required(STRING)),
        Description=STRING,
        Tags=TAGS,
    )

    async def create(self, task: Task, physical_id: str, properties: dict[str, Any]) -> Made:
        answer = await task.call(
            "lambda",
            "CreateCodeSigningConfig",
            Tags=tags_as_map(properties.get("Tags")) or None,
            **pick(properties, *_DEFAULTS),
        )
        found = answer["CodeSigningConfig"]
        arn = found["CodeSigningConfigArn"]
        await task.initiated(arn)
        return Made(arn, properties, pick(found, "CodeSigningConfigArn", "CodeSigningConfigId"))

    async def update(self, task: Task, made: Made, properties: dict[str, Any]) -> Made:
        await task.call(
            "lambda",
            "UpdateCodeSigningConfig",
            CodeSigningConfigArn=made.physical_id,
            **{name: properties.get(name, default) for name, default in _DEFAULTS.items()},
        )
        if changed(made.properties, properties, "Tags"):
            await retag(task, made.physical_id, made, properties)
        return Made(made.physical_id, properties, made.attributes)

    async def delete(self, task: Task, made: Made) -> None:
        await task.try_call(
            "lambda", "DeleteCodeSigningConfig", CodeSigningConfigArn=made.physical_id
        )
