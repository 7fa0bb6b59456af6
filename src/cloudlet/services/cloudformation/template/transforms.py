"""Macros that AWS hosts: SAM, language extensions and AWS::Include."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from typing import Any

from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.sam import NAME as SAM
from cloudlet.services.cloudformation.sam import SamTransform
from cloudlet.services.cloudformation.template import loops
from cloudlet.services.cloudformation.template.conditions import evaluate_conditions
from cloudlet.services.cloudformation.template.document import Document
from cloudlet.services.cloudformation.template.intrinsics import evaluate
from cloudlet.services.cloudformation.template.reading import read
from cloudlet.services.cloudformation.template.scope import Scope

EXTENSIONS = "AWS::LanguageExtensions"
INCLUDE = "AWS::Include"
#: Reads the text at an s3:// or https:// location as the caller.
Fetch = Callable[[str], Awaitable[str]]


async def apply(
    document: Document, scope: Scope, sam: SamTransform, region: str, fetch: Fetch
) -> dict[str, Any]:
    """The template after its transforms, without the `Transform` section.

    `scope` has the parameters. Raises `ValidationError` with "Transform ... failed with: ...".
    """
    raw = await asyncio.to_thread(copy.deepcopy, document.raw)
    declared = raw.pop("Transform", None)
    for name in document.transforms:
        if name not in (SAM, EXTENSIONS, INCLUDE):
            account = scope.parameters["AWS::AccountId"]
            raise ValidationError(f"No transform named {account}::{name} found.")
    raw = await _include(raw, scope, fetch)
    for entry in declared if isinstance(declared, list) else [declared]:
        if isinstance(entry, dict) and entry.get("Name") == INCLUDE:
            raw.update(await _included(entry.get("Parameters", {}), scope, fetch))
    if EXTENSIONS in document.transforms:
        raw = await asyncio.to_thread(_extend, raw, scope)
    if SAM in document.transforms:
        raw["Transform"] = SAM
        raw = await sam(raw, _sam_parameters(document, scope), region)
        raw.pop("Transform", None)
    return raw


def _sam_parameters(document: Document, scope: Scope) -> dict[str, Any]:
    """The values that SAM may put in: the template's own parameters."""
    return {
        name: value if isinstance(value, str) else ",".join(value)
        for name, value in scope.parameters.items()
        if name in document.parameters
    }


def _extend(raw: dict[str, Any], scope: Scope) -> dict[str, Any]:
    raw = loops.expand(raw, scope)
    conditions = evaluate_conditions(raw.get("Conditions", {}), scope)
    whole = Scope(scope.parameters, raw.get("Mappings", {}), conditions, extended=True)
    for resource in raw.get("Resources", {}).values():
        if isinstance(resource, dict):
            for key in ("DeletionPolicy", "UpdateReplacePolicy"):
                if isinstance(resource.get(key), dict):
                    resource[key] = evaluate(resource[key], whole)
    return raw


async def _include(node: Any, scope: Scope, fetch: Fetch) -> Any:
    """`node` with each embedded Fn::Transform replaced by what it includes."""
    if not _has_transform(node):
        return node
    if isinstance(node, list):
        return [await _include(item, scope, fetch) for item in node]
    if not isinstance(node, dict):
        return node
    made = {
        key: await _include(value, scope, fetch)
        for key, value in node.items()
        if key != "Fn::Transform"
    }
    calls = node.get("Fn::Transform", [])
    for call in calls if isinstance(calls, list) else [calls]:
        if not isinstance(call, dict) or call.get("Name") != INCLUDE:
            name = call.get("Name") if isinstance(call, dict) else call
            account = scope.parameters["AWS::AccountId"]
            raise ValidationError(f"No transform named {account}::{name} found.")
        made.update(await _included(call.get("Parameters", {}), scope, fetch))
    return made


def _has_transform(node: Any) -> bool:
    if isinstance(node, dict):
        return "Fn::Transform" in node or any(map(_has_transform, node.values()))
    return isinstance(node, list) and any(map(_has_transform, node))


async def _included(parameters: Any, scope: Scope, fetch: Fetch) -> dict[str, Any]:
    location = parameters.get("Location") if isinstance(parameters, dict) else None
    location = evaluate(location, scope)
    if not isinstance(location, str):
        raise ValidationError(f"Transform {INCLUDE} failed with: Location is required.")
    try:
        return await asyncio.to_thread(read, await fetch(location))
    except ValidationError as error:
        raise ValidationError(f"Transform {INCLUDE} failed with: {error.message}") from error


__all__ = ["EXTENSIONS", "INCLUDE", "SAM", "apply"]
