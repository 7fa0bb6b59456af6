from __future__ import annotations

from typing import Any

import pytest

from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.template.document import validate

A = {"A": {"Type": "T"}}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "At least one Resources member must be defined."),
        ({"Resources": A, "Resorces": {}}, "Invalid template property or properties [Resorces]"),
        ({"Resources": {"A": {}}}, "[/Resources/A] Every Resources object must contain a Type"),
        ({"Resources": {"a-b": {"Type": "T"}}}, "Resource name a-b is non alphanumeric."),
        ({"Resources": {"A": {"Type": "T", "X": 1}}}, "Invalid template resource property 'X'"),
        (
            {"Resources": {"A": {"Type": "T", "Properties": {"P": None}}}},
            "[/Resources/A/Properties/P] 'null' values are not allowed in templates",
        ),
        (
            {"Resources": {"A": {"Type": "T", "Condition": "C"}}},
            "Unresolved condition dependency C",
        ),
        ({"Resources": A, "AWSTemplateFormatVersion": "2011"}, "version not supported: 2011"),
        ({"Resources": A, "Outputs": {"O": {}}}, "must contain a Value object"),
        ({"Resources": {"A": {"Type": "T", "DeletionPolicy": "Keep"}}}, "Unrecognized Deletion"),
        (
            {"Resources": {f"R{n}": {"Type": "T"} for n in range(501)}},
            "greater than maximum allowed",
        ),
    ],
)
def test_mistakes(raw: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        validate(raw)
    assert message in caught.value.message


def test_transforms_are_listed_in_order() -> None:
    raw = {"Resources": A, "Transform": ["AWS::LanguageExtensions", {"Name": "AWS::Include"}]}
    assert validate(raw).transforms == ("AWS::LanguageExtensions", "AWS::Include")
