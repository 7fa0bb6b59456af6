"""Intrinsic functions: the value of an expression in a scope.

Source: CloudFormation User Guide, "Intrinsic function reference".
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable
from typing import Any

from cloudlet.services.cloudformation.errors import (
    ValidationError,
    template_error,
    template_format_error,
)
from cloudlet.services.cloudformation.template.scope import NO_VALUE, PENDING, Scope

#: `${Name}`, `${Name.Attribute}` and `${!Literal}` in the text of Fn::Sub.
SUBSTITUTION = re.compile(r"\$\{([^}]*)\}")
_SUB_NAME = re.compile(r"[A-Za-z0-9_.:]+\Z")
_DYNAMIC = re.compile(r"\{\{resolve:(ssm|ssm-secure|secretsmanager):[^}]*\}\}")
#: Zones that Fn::GetAZs gives for every region: three, as most regions have.
ZONES = ("a", "b", "c")


def is_function(node: Any) -> str | None:
    """The function's name if `node` is a call of one (`Ref`, `Fn::Sub`, ...)."""
    if isinstance(node, dict) and len(node) == 1:
        (name,) = node
        if name == "Ref" or (name.startswith("Fn::") and name in FUNCTIONS):
            return str(name)
        if name.startswith("Fn::") and name.partition("::")[2] not in ("Transform", "ForEach"):
            raise template_format_error(f"Unrecognized intrinsic function {name}.")
    return None


def evaluate(node: Any, scope: Scope) -> Any:
    """`node` with every function replaced by its value; `NO_VALUE` where nothing is left.

    Raises `ValidationError` as AWS words it. Values not known yet contain `PENDING`.
    """
    if isinstance(node, dict):
        name = is_function(node)
        if name is not None:
            return FUNCTIONS[name](node[name], scope)
        pairs = ((key, evaluate(value, scope)) for key, value in node.items())
        return {key: value for key, value in pairs if value is not NO_VALUE}
    if isinstance(node, list):
        values = (evaluate(item, scope) for item in node)
        return [value for value in values if value is not NO_VALUE]
    if isinstance(node, str) and "{{resolve:" in node:
        refuse_dynamic(node)
    return node


def refuse_dynamic(text: str) -> None:
    """Raise for a dynamic reference: the services that would answer it are not in cloudlet."""
    found = _DYNAMIC.search(text)
    if found:
        raise ValidationError(
            f"Could not resolve the dynamic reference {found[0]}: "
            f"cloudlet has no {found[1].removesuffix('-secure')} service yet."
        )


def text_of(value: Any) -> str:
    """A scalar as the text that CloudFormation makes of it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def is_pending(value: Any) -> bool:
    """Whether any part of `value` is not known yet."""
    if isinstance(value, str):
        return PENDING in value
    if isinstance(value, dict):
        return any(map(is_pending, value.values()))
    return isinstance(value, list) and any(map(is_pending, value))


def _ref(name: Any, scope: Scope) -> Any:
    if not isinstance(name, str) or not name:
        raise template_format_error("Ref must be a non-empty string.")
    if name in scope.parameters:
        return scope.parameters[name]
    try:
        return scope.references.ref(name)
    except KeyError as error:
        raise template_format_error(
            f"Unresolved resource dependencies [{name}] in the Resources block of the template"
        ) from error


def split_attribute(argument: Any) -> tuple[str, Any]:
    """The two parts of Fn::GetAtt's argument, given as a list or as `Name.Attribute`."""
    if isinstance(argument, str):
        argument = argument.split(".", 1)
    if (
        not isinstance(argument, list)
        or len(argument) < 2
        or not all(isinstance(part, str) and part for part in argument[:1])
        or not argument[1]
    ):
        raise template_error(
            "every Fn::GetAtt object requires two non-empty parameters, the resource name and "
            "the resource attribute"
        )
    if len(argument) > 2 and all(isinstance(part, str) for part in argument):
        return argument[0], ".".join(argument[1:])
    return argument[0], argument[1]


def _get_att(argument: Any, scope: Scope) -> Any:
    name, attribute = split_attribute(argument)
    attribute = evaluate(attribute, scope)
    try:
        return scope.references.attribute(name, attribute)
    except KeyError as error:
        raise template_error(
            f"instance of Fn::GetAtt references undefined resource {name}"
        ) from error


def sub_parts(argument: Any) -> tuple[str, dict[str, Any]]:
    """The text and the variables of Fn::Sub's argument."""
    if isinstance(argument, str):
        return argument, {}
    if (
        isinstance(argument, list)
        and len(argument) == 2
        and isinstance(argument[0], str)
        and isinstance(argument[1], dict)
    ):
        return argument[0], argument[1]
    raise template_error(
        "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a "
        "string as first argument, and an optional second argument to specify a mapping of values "
        "to replace in the string"
    )


def sub_names(text: str) -> list[str]:
    """The names that `${...}` in `text` refer to, literals left out."""
    names = []
    for found in SUBSTITUTION.finditer(text):
        name = found[1].strip()
        if name.startswith("!"):
            continue
        if not _SUB_NAME.match(name):
            raise template_error(
                "variable names in Fn::Sub syntax must contain only alphanumeric characters, "
                "underscores, periods, and colons"
            )
        names.append(name)
    return names


def _sub(argument: Any, scope: Scope) -> Any:
    text, variables = sub_parts(argument)
    sub_names(text)
    refuse_dynamic(text)
    values = {name: evaluate(value, scope) for name, value in variables.items()}

    def replace(found: re.Match[str]) -> str:
        name = found[1].strip()
        if name.startswith("!"):
            return "${" + name[1:] + "}"
        if name in values:
            value = values[name]
        elif "." in name and name not in scope.parameters:
            value = _get_att(name, scope)
        else:
            value = _ref(name, scope)
        if isinstance(value, list):
            value = ",".join(map(text_of, value))
        if isinstance(value, dict) or value is NO_VALUE:
            raise template_error(f"Fn::Sub: the value of {name} must be a string")
        made = text_of(value)
        scope.budget.spend(len(made))
        return made

    return SUBSTITUTION.sub(replace, text)


def _scalars(value: Any, message: str) -> list[str]:
    if not isinstance(value, list) or any(isinstance(item, dict | list) for item in value):
        raise template_error(message)
    return [text_of(item) for item in value]


def _join(argument: Any, scope: Scope) -> Any:
    message = (
        "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of "
        "strings to be joined or a function that returns a list of strings (such as Fn::GetAZs) to "
        "be joined."
    )
    if not isinstance(argument, list) or len(argument) != 2 or not isinstance(argument[0], str):
        raise template_error(message)
    values = evaluate(argument[1], scope)
    if isinstance(values, str) and is_pending(values):
        return PENDING
    parts = _scalars(values, message)
    scope.budget.spend(sum(map(len, parts)) + len(argument[0]) * len(parts))
    return argument[0].join(parts)


def _select(argument: Any, scope: Scope) -> Any:
    if not isinstance(argument, list) or len(argument) != 2:
        raise template_error(
            "Fn::Select requires a list argument with two elements: an integer index and a list"
        )
    index, values = evaluate(argument[0], scope), evaluate(argument[1], scope)
    if is_pending(values) or is_pending(index):
        return PENDING
    try:
        position = int(text_of(index))
    except ValueError as error:
        raise template_error(
            "Fn::Select requires a list argument with two elements: an integer index and a list"
        ) from error
    if not isinstance(values, list):
        raise template_error("Fn::Select requires a list argument with a valid index")
    if not 0 <= position < len(values):
        raise template_error(f"Fn::Select cannot select nonexistent value at index {position}")
    return values[position]


def _split(argument: Any, scope: Scope) -> Any:
    message = (
        "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string "
        "to be split or a function that returns a string to be split."
    )
    if not isinstance(argument, list) or len(argument) != 2:
        raise template_error(message)
    delimiter, value = argument[0], evaluate(argument[1], scope)
    if not isinstance(delimiter, str) or not delimiter or not isinstance(value, str):
        raise template_error(message)
    return PENDING if is_pending(value) else value.split(delimiter)


def _find_in_map(argument: Any, scope: Scope) -> Any:
    options: dict[str, Any] = {}
    if scope.extended and isinstance(argument, list) and len(argument) == 4:
        if isinstance(argument[3], dict):
            options = argument[3]
        argument = argument[:3]
    if not isinstance(argument, list) or len(argument) != 3:
        raise template_error(
            "every Fn::FindInMap object requires three parameters, the map name, map key and the "
            "attribute for return value"
        )
    name, first, second = (text_of(evaluate(part, scope)) for part in argument)
    mapping = scope.mappings.get(name)
    found = mapping.get(first) if isinstance(mapping, dict) else None
    if isinstance(found, dict) and second in found:
        return evaluate(found[second], scope)
    if "DefaultValue" in options:
        return evaluate(options["DefaultValue"], scope)
    if mapping is None:
        raise template_error(f"Mapping named '{name}' is not present in the 'Mappings' section.")
    raise template_error(f"Unable to get mapping for {name}::{first}::{second}")


def _base64(argument: Any, scope: Scope) -> Any:
    value = evaluate(argument, scope)
    if isinstance(value, dict | list) or value is NO_VALUE:
        raise template_error("every Fn::Base64 object must have a String-typed value.")
    return PENDING if is_pending(value) else base64.b64encode(text_of(value).encode()).decode()


def _cidr(argument: Any, scope: Scope) -> Any:
    message = "every Fn::Cidr object requires an ipBlock, a count between 1 and 256 and cidrBits"
    values = evaluate(argument, scope)
    if not isinstance(values, list) or not 2 <= len(values) <= 3:
        raise template_error(message)
    if is_pending(values):
        return PENDING
    try:
        network = ipaddress.ip_network(text_of(values[0]), strict=False)
        count, bits = int(values[1]), int(values[2]) if len(values) == 3 else 8
        prefix = network.max_prefixlen - bits
        if not 1 <= count <= 256 or not network.prefixlen <= prefix <= network.max_prefixlen:
            raise ValueError
        if count > 2 ** (prefix - network.prefixlen):
            raise ValueError
    except (ValueError, TypeError) as error:
        raise template_error(message) from error
    first, step = int(network.network_address), 2**bits
    make = type(network.network_address)
    return [f"{make(first + step * position)}/{prefix}" for position in range(count)]


def _get_azs(argument: Any, scope: Scope) -> Any:
    region = evaluate(argument, scope) or scope.parameters["AWS::Region"]
    return [f"{region}{zone}" for zone in ZONES]


def _import_value(argument: Any, scope: Scope) -> Any:
    name = evaluate(argument, scope)
    if not isinstance(name, str):
        raise template_error("the attribute in Fn::ImportValue must be a string or a function")
    if is_pending(name):
        return PENDING
    value = scope.exports(name)
    if value is None:
        raise ValidationError(f"No export named {name} found.")
    scope.imports.add(name)
    return value


def choose(argument: Any, scope: Scope) -> Any:
    """The branch of Fn::If that its condition selects, unevaluated."""
    if not isinstance(argument, list) or len(argument) != 3 or not isinstance(argument[0], str):
        raise template_error("Fn::If requires a list argument with three elements")
    if argument[0] not in scope.conditions:
        raise template_format_error(
            f"Unresolved condition dependency {argument[0]} in the Resources block of the template"
        )
    return argument[1] if scope.conditions[argument[0]] else argument[2]


def _if(argument: Any, scope: Scope) -> Any:
    return evaluate(choose(argument, scope), scope)


def _needs_extension(name: str, scope: Scope) -> None:
    if not scope.extended:
        raise template_error(
            f"Fn::{name} is used without declaring the AWS::LanguageExtensions transform"
        )


def _length(argument: Any, scope: Scope) -> Any:
    _needs_extension("Length", scope)
    value = evaluate(argument, scope)
    if isinstance(value, str) and is_pending(value):
        return PENDING
    if not isinstance(value, list):
        raise template_error("Fn::Length expects a list")
    return len(value)


def _to_json_string(argument: Any, scope: Scope) -> Any:
    _needs_extension("ToJsonString", scope)
    if not isinstance(argument, dict | list):
        raise template_error("Fn::ToJsonString expects an object or an array")
    value = evaluate(argument, scope)
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _boolean_only(name: str) -> Callable[[Any, Scope], Any]:
    def refuse(_argument: Any, _scope: Scope) -> Any:
        raise template_error(f"{name} may be used only in the Conditions block of the template")

    return refuse


FUNCTIONS: dict[str, Callable[[Any, Scope], Any]] = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::FindInMap": _find_in_map,
    "Fn::Base64": _base64,
    "Fn::Cidr": _cidr,
    "Fn::GetAZs": _get_azs,
    "Fn::ImportValue": _import_value,
    "Fn::If": _if,
    "Fn::Length": _length,
    "Fn::ToJsonString": _to_json_string,
    **{
        name: _boolean_only(name)
        for name in ("Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::Contains")
    },
}
