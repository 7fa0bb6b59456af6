"""A template with its values, ready to be evaluated resource by resource."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cloudlet.services.cloudformation.errors import (
    ValidationError,
    template_error,
    template_format_error,
)
from cloudlet.services.cloudformation.model import OutputValue, Template
from cloudlet.services.cloudformation.template import graph
from cloudlet.services.cloudformation.template.conditions import check_rules, evaluate_conditions
from cloudlet.services.cloudformation.template.document import Document, validate
from cloudlet.services.cloudformation.template.intrinsics import evaluate, text_of
from cloudlet.services.cloudformation.template.parameters import typed
from cloudlet.services.cloudformation.template.scope import References, Scope, pseudo_parameters


@dataclass(frozen=True, slots=True)
class Place:
    """The stack that a template is for."""

    account: str
    region: str
    stack_name: str
    stack_id: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A template's active resources, what each of them needs, and the scope of its expressions."""

    template: Template
    document: Document
    resources: dict[str, dict[str, Any]]
    graph: dict[str, set[str]]
    scope: Scope

    def properties(self, logical_id: str, references: References) -> dict[str, Any]:
        """The resource's properties; raises `ValidationError`."""
        found = evaluate(
            self.resources[logical_id].get("Properties", {}),
            replace(self.scope, references=references),
        )
        if not isinstance(found, dict):
            raise template_format_error(
                f"[/Resources/{logical_id}/Properties] 'Properties' must be an object."
            )
        return found

    def policy(self, logical_id: str, key: str) -> str:
        """The resource's DeletionPolicy or UpdateReplacePolicy."""
        return str(self.resources[logical_id].get(key, "Delete"))

    def metadata(self, logical_id: str) -> str | None:
        """The resource's Metadata as JSON, unevaluated expressions and all."""
        found = self.resources[logical_id].get("Metadata")
        return None if found is None else json.dumps(found, sort_keys=True)

    def outputs(self, references: References) -> list[OutputValue]:
        """The outputs whose conditions hold; raises `ValidationError`."""
        scope = replace(self.scope, references=references)
        found = []
        for key, output in self.document.outputs.items():
            if not scope.conditions.get(output.get("Condition", ""), True):
                continue
            value = evaluate(output["Value"], scope)
            if not isinstance(value, str | int | float | bool):
                raise template_format_error(
                    f"Output {key} is malformed. The Value field of every Outputs member must "
                    "evaluate to a String."
                )
            export = output.get("Export")
            name = None if export is None else text_of(evaluate(export["Name"], scope))
            description = output.get("Description")
            found.append(
                OutputValue(
                    key, text_of(value), None if description is None else str(description), name
                )
            )
        names = [output.export for output in found if output.export is not None]
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ValidationError(f"Duplicate export names found: {sorted(repeated)}")
        return found


def scope_of(template: Template, document: Document, place: Place) -> Scope:
    """The scope with parameters and mappings, before conditions."""
    parameters = {
        **typed(document.parameters, template.parameters),
        **pseudo_parameters(
            place.account,
            place.region,
            place.stack_name,
            place.stack_id,
            template.notification_arns,
        ),
    }
    extended = "AWS::LanguageExtensions" in template.transforms
    return Scope(parameters, document.mappings, extended=extended)


def prepare(
    template: Template,
    place: Place,
    exports: Callable[[str], str | None],
    supports: Callable[[str, str], bool],
    known: Callable[[str], bool],
) -> Prepared:
    """Check the whole processed template and make it ready; raises `ValidationError`.

    `supports(type, attribute)` and `known(type)` speak for the resource types. Takes some
    milliseconds a hundred resources: call it from a thread.
    """
    document = validate(template.processed)
    unknown = sorted({r["Type"] for r in document.resources.values() if not known(r["Type"])})
    if unknown:
        raise template_format_error(f"Unrecognized resource types: [{', '.join(unknown)}]")
    for resource in document.resources.values():
        if "Snapshot" in (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")):
            raise template_error(
                f"resource type {resource['Type']} does not support deletion policy Snapshot"
            )
    scope = scope_of(template, document, place)
    scope.exports = exports
    scope.conditions = evaluate_conditions(document.conditions, scope)
    check_rules(document.rules, scope)
    resources = graph.active(document, scope.conditions)
    needs = graph.dependencies(document, resources, scope, supports)
    graph.check_outputs(document, resources, scope, supports)
    return Prepared(template, document, resources, needs, scope)
