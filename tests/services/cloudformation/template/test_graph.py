from __future__ import annotations

from typing import Any

import pytest

from cloudlet.services.cloudformation.engine.plan import order
from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.template import graph
from cloudlet.services.cloudformation.template.document import validate
from cloudlet.services.cloudformation.template.scope import Scope


def needs(resources: dict[str, Any], **conditions: bool) -> dict[str, set[str]]:
    for resource in resources.values():
        resource.setdefault("Type", "T")
    document = validate({"Resources": resources, "Conditions": dict.fromkeys(conditions, True)})
    scope = Scope({"Param": "p"}, conditions=conditions)
    found = graph.active(document, conditions)
    return graph.dependencies(document, found, scope, lambda _, name: name != "Nope")


def of(node: Any, **more: Any) -> dict[str, Any]:
    return {"Properties": {"P": node}, **more}


def test_references_of_every_kind_are_found() -> None:
    found = needs(
        {
            "A": of({"Ref": "B"}),
            "B": of({"Fn::GetAtt": ["C", "Arn"]}),
            "C": of({"Fn::Sub": "${D.Arn}-${Param}-${!E}"}),
            "D": of({"Fn::Join": ["", [{"Ref": "E"}]]}),
            "E": of(1, DependsOn=["F"]),
            "F": of({"Fn::Sub": ["${X}", {"X": {"Ref": "G"}}]}),
            "G": of(1),
        }
    )
    assert found == {
        "A": {"B"}, "B": {"C"}, "C": {"D"}, "D": {"E"}, "E": {"F"}, "F": {"G"}, "G": set(),
    }  # fmt: skip
    assert order(found) == list("GFEDCBA")


def test_only_the_chosen_branch_counts() -> None:
    resources = {
        "A": of({"Fn::If": ["C", {"Ref": "B"}, "x"]}, DependsOn="B"),
        "B": of(1, Condition="C"),
    }
    assert needs(resources, C=True)["A"] == {"B"}
    assert needs(resources, C=False) == {"A": set()}


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"A": of({"Ref": "X"})}, "Unresolved resource dependencies [X] in the Resources block"),
        ({"A": of(1, DependsOn="X")}, "Unresolved resource dependencies [X]"),
        ({"A": of({"Fn::GetAtt": ["X", "Arn"]})}, "Fn::GetAtt references undefined resource X"),
        (
            {"A": of({"Fn::GetAtt": ["B", "Nope"]}), "B": of(1)},
            "resource B does not support attribute type Nope in Fn::GetAtt",
        ),
        (
            {"A": of({"Ref": "B"}), "B": of({"Ref": "A"}), "C": of({"Ref": "A"}), "D": of(1)},
            "Circular dependency between resources: [A, B]",
        ),
    ],
)
def test_mistakes(resources: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        needs(resources)
    assert message in caught.value.message
