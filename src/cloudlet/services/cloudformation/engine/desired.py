"""The properties that a resource is to have: evaluated, checked, with the stack's tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.resources.kind import ResourceType
from cloudlet.services.cloudformation.resources.schema import check
from cloudlet.services.cloudformation.template.prepared import Prepared
from cloudlet.services.cloudformation.template.scope import References


def desired(
    type_: ResourceType, prepared: Prepared, logical_id: str, references: References
) -> dict[str, Any]:
    """The properties; raises `ValidationError`, or `InvalidProperties` where the type forbids."""
    found = check(type_.properties, prepared.properties(logical_id, references))
    return with_tags(type_, found, prepared.template.tags)


def with_tags(
    type_: ResourceType, properties: dict[str, Any], tags: Mapping[str, str]
) -> dict[str, Any]:
    """`properties` with the stack's tags in; the resource's own value of a key wins."""
    if not tags or not type_.tagged:
        return properties
    if type_.tagged == "map":
        return {**properties, "Tags": {**tags, **properties.get("Tags", {})}}
    own = properties.get("Tags", [])
    keys = {tag["Key"] for tag in own}
    added = [{"Key": key, "Value": value} for key, value in tags.items() if key not in keys]
    return {**properties, "Tags": [*own, *added]}
