"""What Ref and Fn::GetAtt give, from the stack's records."""

# ruff: noqa: D102 - the methods are References's

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.services.cloudformation.errors import template_error
from cloudlet.services.cloudformation.model import Made, Resource
from cloudlet.services.cloudformation.template.scope import PENDING


def attribute_of(made: Made, logical_id: str, name: str) -> Any:
    """The attribute `name`; a nested one may be given with dots. Raises `ValidationError`."""
    if name in made.attributes:
        return made.attributes[name]
    raise template_error(
        f"resource {logical_id} does not support attribute type {name} in Fn::GetAtt"
    )


class LiveReferences:
    """The resources as they are while an operation goes through them."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self.resources = resources

    def ref(self, logical_id: str) -> Any:
        made = self.resources[logical_id].made
        return made.ref if made.ref is not None else made.physical_id

    def attribute(self, logical_id: str, name: str) -> Any:
        return attribute_of(self.resources[logical_id].made, logical_id, name)


class PlannedReferences(LiveReferences):
    """The resources as a change set sees them: what will be made anew is not known yet."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        super().__init__(resources)
        self.pending: set[str] = set()

    def ref(self, logical_id: str) -> Any:
        return PENDING if self.unknown(logical_id) else super().ref(logical_id)

    def attribute(self, logical_id: str, name: str) -> Any:
        if self.unknown(logical_id) or name not in self.resources[logical_id].made.attributes:
            return PENDING
        return super().attribute(logical_id, name)

    def unknown(self, logical_id: str) -> bool:
        return logical_id in self.pending or logical_id not in self.resources
