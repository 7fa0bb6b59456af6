from __future__ import annotations

from typing import Any

import pytest

from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.template.conditions import check_rules, evaluate_conditions
from cloudlet.services.cloudformation.template.scope import Scope

SCOPE = Scope({"Stage": "prod", "Count": "1", "Zones": ["a", "b"]})


@pytest.mark.parametrize(
    ("condition", "value"),
    [
        ({"Fn::Equals": [{"Ref": "Stage"}, "prod"]}, True),
        ({"Fn::Equals": [{"Ref": "Count"}, 1]}, True),
        ({"Fn::Equals": ["true", True]}, True),
        ({"Fn::Not": [{"Condition": "Other"}]}, True),
        ({"Fn::And": [{"Condition": "Other"}, {"Fn::Equals": [1, 1]}]}, False),
        ({"Fn::Or": [{"Condition": "Other"}, {"Fn::Equals": [1, 1]}]}, True),
    ],
)
def test_conditions(condition: Any, value: bool) -> None:
    found = evaluate_conditions({"C": condition, "Other": {"Fn::Equals": ["a", "b"]}}, SCOPE)
    assert found == {"C": value, "Other": False}


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"A": {"Condition": "B"}, "B": {"Condition": "A"}}, "circular condition dependency"),
        ({"A": {"Fn::Equals": [{"Ref": "Bucket"}, 1]}}, "Unresolved dependencies [Bucket]. Cannot"),
        ({"A": {"Fn::And": [True]}}, "at least 2 and at most 10"),
        ({"A": "text"}, "Every Conditions member must be a function"),
        ({"A": {"Condition": "Nope"}}, "Unresolved dependencies [Nope]"),
    ],
)
def test_mistakes(conditions: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        evaluate_conditions(conditions, SCOPE)
    assert message in caught.value.message


def test_a_broken_rule_is_reported_with_its_description() -> None:
    rules = {
        "R": {
            "RuleCondition": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
            "Assertions": [
                {
                    "Assert": {"Fn::Contains": [["dev"], {"Ref": "Stage"}]},
                    "AssertDescription": "not in production",
                }
            ],
        }
    }
    with pytest.raises(ValidationError, match="not in production"):
        check_rules(rules, SCOPE)
