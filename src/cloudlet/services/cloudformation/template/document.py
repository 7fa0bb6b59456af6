"""A template's sections, validated: what is known before any parameter has a value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from cloudlet.services.cloudformation.errors import template_format_error

SECTIONS = {
    "AWSTemplateFormatVersion", "Conditions", "Description", "Globals", "Mappings", "Metadata",
    "Outputs", "Parameters", "Resources", "Rules", "Transform", "Hooks",
}  # fmt: skip
RESOURCE_KEYS = {
    "Condition", "CreationPolicy", "DeletionPolicy", "DependsOn", "Metadata", "Properties", "Type",
    "UpdatePolicy", "UpdateReplacePolicy",
}  # fmt: skip
#: SAM's own keys of a resource, gone when the transform has run.
SAM_KEYS = {"Connectors", "IgnoreGlobals"}
POLICIES = {"Delete", "Retain", "RetainExceptOnCreate", "Snapshot"}
LOGICAL_ID = re.compile(r"[A-Za-z0-9]{1,255}\Z")
MAX_RESOURCES = 500
MAX_OUTPUTS = 200
MAX_PARAMETERS = 200
MAX_MAPPINGS = 200
MAX_DESCRIPTION = 1024  # bytes


@dataclass(frozen=True, slots=True)
class Document:
    """A validated template. `raw` is the whole of it, as read."""

    raw: dict[str, Any]
    resources: dict[str, dict[str, Any]]
    parameters: dict[str, dict[str, Any]]
    mappings: dict[str, Any] = field(default_factory=dict)
    conditions: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)
    transforms: tuple[str, ...] = ()
    description: str | None = None

    @property
    def extended(self) -> bool:
        """Whether AWS::LanguageExtensions is declared."""
        return "AWS::LanguageExtensions" in self.transforms


def transforms_of(raw: dict[str, Any]) -> tuple[str, ...]:
    """The names of the transforms that a template declares, in order."""
    declared = raw.get("Transform")
    names = []
    for entry in declared if isinstance(declared, list) else [declared]:
        if entry is None:
            continue
        name = entry.get("Name") if isinstance(entry, dict) else entry
        if not isinstance(name, str):
            raise template_format_error("Transform must be a string or a list of strings.")
        names.append(name)
    return tuple(names)


def validate(raw: dict[str, Any]) -> Document:
    """The template's sections; raises `ValidationError` as AWS words it.

    Entries whose name begins with `Fn::ForEach` are left for their transform.
    """
    _forbid_nulls(raw, "")
    unknown = sorted(set(raw) - SECTIONS)
    if unknown:
        raise template_format_error(
            f"Invalid template property or properties [{', '.join(unknown)}]"
        )
    version = raw.get("AWSTemplateFormatVersion")
    if version is not None and version != "2010-09-09":
        raise template_format_error(f"Template format version not supported: {version}")
    description = raw.get("Description")
    if description is not None and not isinstance(description, str):
        raise template_format_error("Template Description must be a string.")
    if description is not None and len(description.encode()) > MAX_DESCRIPTION:
        raise template_format_error("Template Description exceeds 1024 characters.")
    resources = _section(raw, "Resources")
    if not resources:
        raise template_format_error("At least one Resources member must be defined.")
    _limit(resources, MAX_RESOURCES, "resources")
    parameters = _limit(_section(raw, "Parameters"), MAX_PARAMETERS, "parameters")
    outputs = _limit(_section(raw, "Outputs"), MAX_OUTPUTS, "outputs")
    mappings = _limit(_section(raw, "Mappings"), MAX_MAPPINGS, "mappings")
    conditions = _section(raw, "Conditions")
    transforms = transforms_of(raw)
    for name, resource in resources.items():
        _check_resource(name, resource, conditions, "AWS::Serverless-2016-10-31" in transforms)
    both = sorted(set(resources) & set(parameters))
    if both:
        raise template_format_error(
            f"Duplicate logical ids [{', '.join(both)}] in the Resources and Parameters blocks"
        )
    _check_outputs(outputs, conditions)
    _check_mappings(mappings)
    return Document(
        raw=raw,
        resources={n: r for n, r in resources.items() if not n.startswith("Fn::")},
        parameters=parameters,
        mappings=mappings,
        conditions=conditions,
        outputs=outputs,
        rules=_section(raw, "Rules"),
        transforms=transforms,
        description=description,
    )


def _section(raw: dict[str, Any], name: str) -> dict[str, Any]:
    found = raw.get(name, {})
    if not isinstance(found, dict):
        raise template_format_error(f"{name} must be an object.")
    return found


def _limit(section: dict[str, Any], most: int, noun: str) -> dict[str, Any]:
    if len(section) > most:
        raise template_format_error(
            f"Number of {noun}, {len(section)}, is greater than maximum allowed, {most}"
        )
    return section


def _check_resource(name: str, resource: Any, conditions: dict[str, Any], sam: bool) -> None:
    if name.startswith("Fn::ForEach"):
        return
    if not LOGICAL_ID.match(name):
        raise template_format_error(f"Resource name {name} is non alphanumeric.")
    if not isinstance(resource, dict):
        raise template_format_error("Any Resources member must be an object.")
    if "Type" not in resource:
        raise template_format_error(
            f"[/Resources/{name}] Every Resources object must contain a Type member."
        )
    if not isinstance(resource["Type"], str):
        raise template_format_error(f"[/Resources/{name}/Type] 'Type' must be a string.")
    known = RESOURCE_KEYS | SAM_KEYS if sam else RESOURCE_KEYS
    unknown = sorted(set(resource) - known)
    if unknown:
        raise template_format_error(f"Invalid template resource property '{unknown[0]}'")
    if not isinstance(resource.get("Properties", {}), dict):
        raise template_format_error(
            f"[/Resources/{name}/Properties] 'Properties' must be an object."
        )
    depends = resource.get("DependsOn", [])
    if not isinstance(depends, str) and not (
        isinstance(depends, list) and all(isinstance(item, str) for item in depends)
    ):
        raise template_format_error("DependsOn must be a string or list of strings.")
    _check_condition(resource, conditions, "Resources")
    for key in ("DeletionPolicy", "UpdateReplacePolicy"):
        policy = resource.get(key, "Delete")
        if isinstance(policy, str) and policy not in POLICIES:
            raise template_format_error(f"Unrecognized {key} {policy} for resource {name}")


def _check_condition(member: dict[str, Any], conditions: dict[str, Any], block: str) -> None:
    condition = member.get("Condition")
    if condition is None:
        return
    if not isinstance(condition, str):
        raise template_format_error(
            f"Every Condition member in the {block} block must be a string."
        )
    if condition not in conditions:
        raise template_format_error(
            f"Unresolved condition dependency {condition} in the {block} block of the template"
        )


def _check_outputs(outputs: dict[str, Any], conditions: dict[str, Any]) -> None:
    for name, output in outputs.items():
        if name.startswith("Fn::ForEach"):
            continue
        if not LOGICAL_ID.match(name):
            raise template_format_error(f"Output name {name} is non alphanumeric.")
        if not isinstance(output, dict) or "Value" not in output:
            raise template_format_error(
                f"[/Outputs/{name}] Every Outputs member must contain a Value object"
            )
        unknown = sorted(set(output) - {"Condition", "Description", "Export", "Value"})
        if unknown:
            raise template_format_error(f"Invalid output property '{unknown[0]}'")
        _check_condition(output, conditions, "Outputs")
        export = output.get("Export")
        if export is not None and (not isinstance(export, dict) or set(export) != {"Name"}):
            raise template_format_error(
                f"[/Outputs/{name}/Export] Export must be an object with a Name"
            )


def _check_mappings(mappings: dict[str, Any]) -> None:
    for name, mapping in mappings.items():
        if name == "Fn::Transform":
            continue
        if not isinstance(mapping, dict):
            raise template_format_error("Every Mappings member must be a map.")
        for key, attributes in mapping.items():
            if not isinstance(attributes, dict):
                raise template_format_error(f"Mapping entry {key} in mapping {name} must be a map.")


def _forbid_nulls(node: Any, path: str) -> None:
    if node is None:
        raise template_format_error(f"[{path or '/'}] 'null' values are not allowed in templates")
    if isinstance(node, dict):
        for key, value in node.items():
            _forbid_nulls(value, f"{path}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            _forbid_nulls(value, f"{path}/{index}")
