from __future__ import annotations

from typing import Any

import pytest

from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.template.parameters import (
    Given,
    echoed,
    typed,
    validate_declarations,
    values_of,
)


def one(declaration: dict[str, Any], value: str) -> str:
    return values_of({"P": declaration}, {"P": Given(value)}, None)["P"]


@pytest.mark.parametrize(
    ("declaration", "value", "message"),
    [
        (
            {"Type": "String", "AllowedValues": ["a", "b"]},
            "c",
            "Parameter 'P' must be one of Allow",
        ),
        ({"Type": "Number"}, "x", "Parameter 'P' must be a number."),
        ({"Type": "Number", "MinValue": 3}, "2", "must be a number not less than 3"),
        ({"Type": "Number", "MaxValue": 3}, "4", "must be a number not greater than 3"),
        ({"Type": "List<Number>"}, "1,x", "must be a number"),
        ({"Type": "String", "MinLength": "3"}, "ab", "must contain at least 3 characters"),
        ({"Type": "String", "MaxLength": 3}, "abcd", "must contain at most 3 characters"),
        ({"Type": "String", "AllowedPattern": "[a-z]*"}, "A", "must match pattern [a-z]*"),
        (
            {"Type": "String", "AllowedPattern": "[a-z]*", "ConstraintDescription": "lower case"},
            "A",
            "Parameter P failed to satisfy constraint: lower case",
        ),
    ],
)
def test_constraints(declaration: dict[str, Any], value: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        one(declaration, value)
    assert message in caught.value.message


def test_a_pattern_that_explodes_is_ended() -> None:
    with pytest.raises(ValidationError, match="could not be matched in time"):
        one({"Type": "String", "AllowedPattern": "(a+)+$"}, "a" * 40 + "b")


def test_a_pattern_with_a_repeated_group_matches() -> None:
    assert one({"Type": "String", "AllowedPattern": "([a-z]+-)*[a-z]+"}, "ab-cd-ef")


def test_missing_and_unknown_parameters_are_named() -> None:
    declared: dict[str, Any] = {"A": {"Type": "String"}, "B": {"Type": "String", "Default": 5}}
    with pytest.raises(ValidationError, match=r"Parameters: \[A\] must have values"):
        values_of(declared, {}, None)
    with pytest.raises(ValidationError, match=r"Parameters: \[C\] do not exist in the template"):
        values_of(declared, {"A": Given("x"), "C": Given("y")}, None)
    assert values_of(declared, {"A": Given(None, True)}, {"A": "old"}) == {"A": "old", "B": "5"}


def test_lists_and_hidden_values() -> None:
    declared = {"L": {"Type": "CommaDelimitedList"}, "S": {"Type": "String", "NoEcho": "true"}}
    values = values_of(declared, {"L": Given("a, b"), "S": Given("secret")}, None)
    assert typed(declared, values) == {"L": ["a", "b"], "S": "secret"}
    assert echoed(declared, values) == {"L": "a, b", "S": "****"}


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        ("AWS::SSM::Parameter::Value<String>", "needs the SSM Parameter Store"),
        ("Strng", "Unrecognized parameter type: Strng"),
    ],
)
def test_types_that_are_refused(type_: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        validate_declarations({"P": {"Type": type_}})
