"""Which resource needs which: references, their check, and the order that follows from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cloudlet.services.cloudformation.errors import (
    ValidationError,
    template_error,
    template_format_error,
)
from cloudlet.services.cloudformation.template.document import Document
from cloudlet.services.cloudformation.template.intrinsics import (
    choose,
    is_function,
    split_attribute,
    sub_names,
    sub_parts,
)
from cloudlet.services.cloudformation.template.scope import Scope

#: Called with a logical id and, for Fn::GetAtt, the attribute.
Visit = Callable[[str, str | None], None]


def references(node: Any, scope: Scope, visit: Visit) -> None:
    """Report what `node` refers to, following only the branches that conditions select."""
    if isinstance(node, list):
        for item in node:
            references(item, scope, visit)
        return
    if not isinstance(node, dict):
        return
    name = is_function(node)
    if name is None:
        for value in node.values():
            references(value, scope, visit)
        return
    argument = node[name]
    if name == "Ref":
        if not isinstance(argument, str) or not argument:
            raise template_format_error("Ref must be a non-empty string.")
        if argument not in scope.parameters:
            visit(str(argument), None)
    elif name == "Fn::GetAtt":
        logical_id, attribute = split_attribute(argument)
        visit(logical_id, attribute if isinstance(attribute, str) else None)
        references(attribute, scope, visit)
    elif name == "Fn::Sub":
        text, variables = sub_parts(argument)
        for used in sub_names(text):
            if used in variables or used in scope.parameters:
                continue
            logical_id, _, attribute = used.partition(".")
            visit(logical_id, attribute or None)
        references(variables, scope, visit)
    elif name == "Fn::If":
        references(choose(argument, scope), scope, visit)
    else:
        references(argument, scope, visit)


def active(document: Document, conditions: Mapping[str, bool]) -> dict[str, dict[str, Any]]:
    """The resources whose condition holds."""
    return {
        name: resource
        for name, resource in document.resources.items()
        if conditions.get(resource.get("Condition", ""), True)
    }


def depends_on(resource: Mapping[str, Any]) -> list[str]:
    """The names in DependsOn."""
    declared = resource.get("DependsOn", [])
    return [declared] if isinstance(declared, str) else list(declared)


def dependencies(
    document: Document,
    resources: Mapping[str, dict[str, Any]],
    scope: Scope,
    supports: Callable[[str, str], bool],
) -> dict[str, set[str]]:
    """For each resource the ones that it needs first; raises `ValidationError` where one is not.

    `supports(type, attribute)` says whether Fn::GetAtt may ask a type for an attribute. A name in
    DependsOn whose condition does not hold is no dependency, as on AWS.
    """
    unresolved: dict[str, None] = {}
    graph: dict[str, set[str]] = {}
    for name, resource in resources.items():
        needed: set[str] = set()

        def visit(target: str, attribute: str | None, needed: set[str] = needed) -> None:
            if target not in resources:
                if attribute is not None and target not in document.resources:
                    raise template_error(
                        f"instance of Fn::GetAtt references undefined resource {target}"
                    )
                unresolved[target] = None
                return
            if attribute is not None:
                _check_attribute(resources[target], target, attribute, supports)
            needed.add(target)

        references(resource.get("Properties", {}), scope, visit)
        for other in depends_on(resource):
            if other not in document.resources:
                unresolved[other] = None
            elif other in resources:
                needed.add(other)
        graph[name] = needed
    if unresolved:
        raise template_format_error(
            f"Unresolved resource dependencies [{', '.join(unresolved)}] in the Resources block of "
            "the template"
        )
    check_cycles(graph)
    return graph


def check_outputs(
    document: Document,
    resources: Mapping[str, dict[str, Any]],
    scope: Scope,
    supports: Callable[[str, str], bool],
) -> None:
    """Raise `ValidationError` for an output that refers to what is not there."""
    unresolved: dict[str, None] = {}

    def visit(target: str, attribute: str | None) -> None:
        if target not in resources:
            unresolved[target] = None
        elif attribute is not None:
            _check_attribute(resources[target], target, attribute, supports)

    for output in document.outputs.values():
        if scope.conditions.get(output.get("Condition", ""), True):
            references(output["Value"], scope, visit)
            references(output.get("Export", {}), scope, visit)
    if unresolved:
        raise template_format_error(
            f"Unresolved resource dependencies [{', '.join(unresolved)}] in the Outputs block of "
            "the template"
        )


def _check_attribute(
    resource: Mapping[str, Any], name: str, attribute: str, supports: Callable[[str, str], bool]
) -> None:
    if not supports(resource["Type"], attribute):
        raise template_error(
            f"resource {name} does not support attribute type {attribute} in Fn::GetAtt"
        )


def check_cycles(graph: Mapping[str, Iterable[str]]) -> None:
    """Raise `ValidationError` naming the resources that wait for each other."""
    left = {name: set(needed) for name, needed in graph.items()}
    while free := [name for name, needed in left.items() if not needed]:
        for name in free:
            del left[name]
        for needed in left.values():
            needed.difference_update(free)
    # What merely depends on a circle is not in it: strip from the other side too.
    while True:
        wanted = {target for needed in left.values() for target in needed}
        outside = [name for name in left if name not in wanted]
        if not outside:
            break
        for name in outside:
            del left[name]
    if left:
        raise ValidationError(f"Circular dependency between resources: [{', '.join(sorted(left))}]")
