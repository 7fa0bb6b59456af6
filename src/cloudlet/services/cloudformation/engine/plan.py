"""The changes that a template would make to a stack, as DescribeChangeSet shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.engine.desired import desired
from cloudlet.services.cloudformation.engine.references import PlannedReferences
from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.model import Resource
from cloudlet.services.cloudformation.resources.kind import ResourceType
from cloudlet.services.cloudformation.resources.schema import (
    InvalidProperties,
    Update,
    differences,
)
from cloudlet.services.cloudformation.template.graph import references
from cloudlet.services.cloudformation.template.intrinsics import is_pending
from cloudlet.services.cloudformation.template.prepared import Prepared


def order(graph: Mapping[str, set[str]]) -> list[str]:
    """The resources so that each comes after what it needs."""
    left = {name: set(needed) for name, needed in graph.items()}
    found: list[str] = []
    while free := [name for name, needed in left.items() if not needed]:
        found.extend(free)
        for name in free:
            del left[name]
        for needed in left.values():
            needed.difference_update(free)
    return found


def plan(
    prepared: Prepared, resources: Mapping[str, Resource], types: Mapping[str, ResourceType]
) -> list[dict[str, Any]]:
    """The changes by logical id, each a ResourceChange in AWS's member names.

    Raises `ValidationError` where a resource's type would change.
    """
    modified = sorted(
        name
        for name, resource in prepared.resources.items()
        if name in resources and resources[name].type != resource["Type"]
    )
    if modified:
        raise ValidationError(
            "Update of resource type is not permitted. The new template modifies resource type of "
            f"the following resources: [{', '.join(modified)}]"
        )
    known = PlannedReferences(resources)
    changes = []
    for name in order(prepared.graph):
        if name not in resources:
            changes.append(_change("Add", name, prepared.resources[name]["Type"]))
            continue
        found = _modification(prepared, resources[name], types, known)
        if found is not None:
            changes.append(found)
            if found["Replacement"] != "False":
                known.pending.add(name)
    for name, resource in resources.items():
        if name not in prepared.resources:
            removed = _change("Remove", name, resource.type, resource.made.physical_id)
            if resource.deletion_policy != "Delete":
                removed["PolicyAction"] = "Retain"
            else:
                removed["PolicyAction"] = "Delete"
            changes.append(removed)
    return sorted(changes, key=lambda change: str(change["LogicalResourceId"]))


def _change(action: str, name: str, type_: str, physical_id: str | None = None) -> dict[str, Any]:
    change = {"Action": action, "LogicalResourceId": name, "ResourceType": type_}
    if physical_id is not None:
        change["PhysicalResourceId"] = physical_id
    return {**change, "Scope": [], "Details": []}


def _modification(
    prepared: Prepared,
    resource: Resource,
    types: Mapping[str, ResourceType],
    known: PlannedReferences,
) -> dict[str, Any] | None:
    name, type_ = resource.logical_id, types[resource.type]
    try:
        after = desired(type_, prepared, name, known)
    except InvalidProperties:
        # It fails when it is executed, with the reason; here every property may change.
        after = prepared.properties(name, known)
    details: list[dict[str, Any]] = []
    replacement = "False"
    for property_, update in differences(type_.properties, resource.made.properties, after):
        unknown = is_pending(after.get(property_))
        if update is Update.REPLACE:
            replacement = "Conditional" if unknown and replacement == "False" else replacement
            if not unknown:
                replacement = "True"
        details.extend(_details(prepared, name, property_, update, unknown, known))
    scope = sorted({detail["Target"]["Attribute"] for detail in details})
    for key, before in (
        ("DeletionPolicy", resource.deletion_policy),
        ("UpdateReplacePolicy", resource.update_replace_policy),
    ):
        if prepared.policy(name, key) != before:
            scope.append(key)
            details.append(_detail(key, None, Update.IN_PLACE, "Static", "DirectModification"))
    if prepared.metadata(name) != resource.metadata:
        scope.append("Metadata")
        details.append(_detail("Metadata", None, Update.IN_PLACE, "Static", "DirectModification"))
    if not details:
        return None
    change = _change("Modify", name, resource.type, resource.made.physical_id)
    change.update(Scope=scope, Details=details, Replacement=replacement)
    if replacement == "True":
        policy = prepared.policy(name, "UpdateReplacePolicy")
        change["PolicyAction"] = "ReplaceAndDelete" if policy == "Delete" else "ReplaceAndRetain"
    return change


def _details(
    prepared: Prepared,
    name: str,
    property_: str,
    update: Update,
    unknown: bool,
    known: PlannedReferences,
) -> list[dict[str, Any]]:
    attribute = "Tags" if property_ == "Tags" else "Properties"
    if not unknown:
        return [_detail(attribute, property_, update, "Static", "DirectModification")]
    causes: list[tuple[str, str]] = []

    def visit(target: str, asked: str | None) -> None:
        if known.unknown(target):
            cause = f"{target}.{asked}" if asked else target
            causes.append(("ResourceAttribute" if asked else "ResourceReference", cause))

    value = prepared.resources[name].get("Properties", {}).get(property_)
    references(value, prepared.scope, visit)
    return [
        _detail(attribute, property_, update, "Dynamic", source, cause)
        for source, cause in dict.fromkeys(causes)
    ] or [_detail(attribute, property_, update, "Dynamic", "DirectModification")]


def _detail(
    attribute: str,
    property_: str | None,
    update: Update,
    evaluation: str,
    source: str,
    cause: str | None = None,
) -> dict[str, Any]:
    target = {"Attribute": attribute, "RequiresRecreation": update.value}
    if property_ is not None and attribute == "Properties":
        target["Name"] = property_
        if update is Update.REPLACE and evaluation == "Dynamic":
            target["RequiresRecreation"] = "Conditionally"
    detail: dict[str, Any] = {"Target": target, "Evaluation": evaluation, "ChangeSource": source}
    if cause is not None:
        detail["CausingEntity"] = cause
    return detail
