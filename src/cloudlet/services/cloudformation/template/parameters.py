"""Template parameters: declarations, the values given for them, and their constraints.

Source: CloudFormation User Guide, "CloudFormation template Parameters syntax".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudlet.services.cloudformation.errors import ValidationError, template_format_error
from cloudlet.services.cloudformation.template import patterns
from cloudlet.services.cloudformation.template.intrinsics import refuse_dynamic, text_of

MASK = "****"
MAX_VALUE = 4096  # bytes
_KEYS = {
    "AllowedPattern", "AllowedValues", "ConstraintDescription", "Default", "Description",
    "MaxLength", "MaxValue", "MinLength", "MinValue", "NoEcho", "Type",
}  # fmt: skip
_SPECIFIC = re.compile(r"AWS::(?:EC2|Route53)::[A-Za-z:]+(?:Id|Name|KeyName|GroupName)\Z")
_SSM = re.compile(r"AWS::SSM::Parameter::Value<.+>\Z")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?\Z")


@dataclass(frozen=True, slots=True)
class Given:
    """A value from a request: the text, or the one that the stack has."""

    value: str | None
    use_previous: bool = False


def is_hidden(declaration: Mapping[str, Any]) -> bool:
    """Whether NoEcho hides the parameter's value."""
    return text_of(declaration.get("NoEcho", False)).lower() == "true"


def is_list(type_: str) -> bool:
    """Whether the type's value is a list."""
    return type_ == "CommaDelimitedList" or type_.startswith("List<")


def validate_declarations(parameters: Mapping[str, Any]) -> None:
    """Raise `ValidationError` for a declaration that is not well-formed."""
    for name, declaration in parameters.items():
        if not re.fullmatch(r"[A-Za-z0-9]{1,255}", name):
            raise template_format_error(f"Parameter name {name} is non alphanumeric.")
        if not isinstance(declaration, dict) or "Type" not in declaration:
            raise template_format_error("Every Parameters object must contain a Type member.")
        unknown = sorted(set(declaration) - _KEYS)
        if unknown:
            raise template_format_error(f"Invalid template parameter property '{unknown[0]}'")
        _check_type(declaration["Type"])
        default = declaration.get("Default")
        if isinstance(default, dict | list):
            raise template_format_error("Every Default member must be a string.")
        _check_members(name, declaration)
        pattern = declaration.get("AllowedPattern")
        if pattern is not None:
            try:
                re.compile(patterns.python_form(text_of(pattern)))
            except re.error as error:
                raise template_format_error(
                    f"Parameter '{name}' AllowedPattern is not a valid regular expression"
                ) from error


def _check_members(name: str, declaration: Mapping[str, Any]) -> None:
    for key in ("AllowedPattern", "ConstraintDescription", "Description"):
        if isinstance(declaration.get(key, ""), dict | list):
            raise template_format_error(f"Every {key} member must be a string.")
    for key in ("MaxLength", "MaxValue", "MinLength", "MinValue"):
        if key in declaration and not _NUMBER.match(text_of(declaration[key])):
            raise template_format_error(f"Parameter '{name}' {key} must be a number.")
    allowed = declaration.get("AllowedValues", [])
    if not isinstance(allowed, list) or any(isinstance(each, dict | list) for each in allowed):
        raise template_format_error("Every AllowedValues member must be a list of strings.")


def _check_type(type_: Any) -> None:
    if not isinstance(type_, str):
        raise template_format_error("Every Type member must be a string.")
    inner = type_[5:-1] if type_.startswith("List<") and type_.endswith(">") else type_
    if inner in ("String", "Number", "CommaDelimitedList", "AWS::SSM::Parameter::Name"):
        return
    if _SSM.match(type_):
        raise ValidationError(
            f"The parameter type {type_} needs the SSM Parameter Store, which cloudlet does not "
            "have yet; pass the value as a String parameter."
        )
    if not _SPECIFIC.match(inner):
        raise template_format_error(f"Unrecognized parameter type: {type_}")


def values_of(
    declarations: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, Given],
    previous: Mapping[str, str] | None,
) -> dict[str, str]:
    """The text of every declared parameter, checked against its constraints.

    `previous` are the stack's present values, for UsePreviousValue. Raises `ValidationError`.
    """
    unknown = [name for name in given if name not in declarations]
    if unknown:
        raise ValidationError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    values: dict[str, str] = {}
    missing = []
    for name, declaration in declarations.items():
        value = _value(name, declaration, given.get(name), previous)
        if value is None:
            missing.append(name)
        else:
            values[name] = value
    if missing:
        raise ValidationError(f"Parameters: [{', '.join(missing)}] must have values")
    for name, value in values.items():
        _check(name, declarations[name], value)
    return values


def _value(
    name: str,
    declaration: Mapping[str, Any],
    given: Given | None,
    previous: Mapping[str, str] | None,
) -> str | None:
    if given is not None and given.use_previous:
        if given.value:
            raise ValidationError(
                f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true "
                "and non empty value for a parameter"
            )
        if previous is None:
            raise ValidationError(
                f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true "
                "for a parameter key not in the previous template"
            )
        return previous.get(name)
    if given is not None and given.value is not None:
        return given.value
    default = declaration.get("Default")
    return None if default is None else text_of(default)


def _check(name: str, declaration: Mapping[str, Any], value: str) -> None:
    if len(value.encode()) > MAX_VALUE:
        raise ValidationError(f"Parameter '{name}' must be at most {MAX_VALUE} bytes long")
    refuse_dynamic(value)
    type_ = declaration["Type"]
    if is_list(type_):
        parts = [part.strip() for part in value.split(",")] if value else []
    else:
        parts = [value]
    problem = None
    for part in parts:
        problem = problem or _problem(name, declaration, part, "Number" in type_)
    if problem is None:
        return
    described = declaration.get("ConstraintDescription")
    if described is not None:
        problem = f"Parameter {name} failed to satisfy constraint: {described}"
    raise ValidationError(problem)


def _problem(name: str, declaration: Mapping[str, Any], value: str, number: bool) -> str | None:
    allowed = declaration.get("AllowedValues")
    if isinstance(allowed, list) and value not in map(text_of, allowed):
        listed = ", ".join(map(text_of, allowed))
        return f"Parameter '{name}' must be one of AllowedValues" + (
            f" [{listed}]" if not is_hidden(declaration) else ""
        )
    if number:
        if not _NUMBER.match(value):
            return f"Parameter '{name}' must be a number."
        if "MinValue" in declaration and float(value) < float(declaration["MinValue"]):
            return f"Parameter '{name}' must be a number not less than {declaration['MinValue']}"
        if "MaxValue" in declaration and float(value) > float(declaration["MaxValue"]):
            return f"Parameter '{name}' must be a number not greater than {declaration['MaxValue']}"
        return None
    if "MinLength" in declaration and len(value) < float(declaration["MinLength"]):
        return f"Parameter '{name}' must contain at least {declaration['MinLength']} characters"
    if "MaxLength" in declaration and len(value) > float(declaration["MaxLength"]):
        return f"Parameter '{name}' must contain at most {declaration['MaxLength']} characters"
    pattern = declaration.get("AllowedPattern")
    if pattern is not None and not patterns.matches(text_of(pattern), value):
        return f"Parameter '{name}' must match pattern {pattern}"
    return None


def typed(
    declarations: Mapping[str, Mapping[str, Any]], values: Mapping[str, str]
) -> dict[str, Any]:
    """The values as Ref gives them: lists for the list types, texts otherwise."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        type_ = declarations[name]["Type"] if name in declarations else "String"
        if is_list(type_):
            found[name] = [part.strip() for part in value.split(",")] if value else []
        else:
            found[name] = value
    return found


def echoed(
    declarations: Mapping[str, Mapping[str, Any]], values: Mapping[str, str]
) -> dict[str, str]:
    """The values as they may be shown: NoEcho ones masked."""
    return {
        name: MASK if is_hidden(declarations.get(name, {})) else value
        for name, value in values.items()
    }
