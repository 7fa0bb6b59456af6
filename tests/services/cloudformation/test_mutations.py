"""Whatever a template says, the answer is an error of AWS's or a stack, nothing else."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from tests.services.cloudformation.fakes import Setup, thing

from cloudlet.aws.errors import AWSError

TEMPLATE: dict[str, Any] = {
    "Parameters": {
        "P": {"Type": "String", "Default": "x", "AllowedPattern": "[a-z]*", "MinLength": 1},
        "L": {"Type": "CommaDelimitedList", "Default": "a,b"},
    },
    "Mappings": {"M": {"a": {"b": "c"}}},
    "Conditions": {
        "C": {"Fn::Equals": [{"Ref": "P"}, "x"]},
        "D": {"Fn::Not": [{"Condition": "C"}]},
    },
    "Rules": {"R": {"Assertions": [{"Assert": {"Fn::Contains": [["x"], {"Ref": "P"}]}}]}},
    "Resources": {
        "A": thing(Note={"Fn::Sub": ["${B.Arn}-${V}", {"V": {"Ref": "P"}}]}, Size="3"),
        "B": {**thing(Note={"Fn::FindInMap": ["M", "a", "b"]}), "DeletionPolicy": "Retain"},
        "E": {**thing(Note={"Fn::If": ["C", "x", {"Ref": "AWS::NoValue"}]}), "Condition": "C"},
        "F": thing(Note={"Fn::Join": ["-", [{"Fn::Select": [0, {"Ref": "L"}]}, "x"]]}),
    },
    "Outputs": {
        "O": {
            "Value": {"Fn::GetAtt": ["A", "Arn"]},
            "Condition": "C",
            "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-o"}},
        }
    },
}
VALUES: list[Any] = [
    None, 1, -1, 1.5, True, "", "x", "C", [], {}, [1], [[]], {"Ref": "P"}, {"Ref": "Nope"},
    {"Ref": []}, {"Fn::GetAtt": "A"}, {"Fn::GetAtt": [[], 1]}, {"Fn::Sub": "${A.Arn}${"},
    {"Fn::Sub": ["x", 1]}, {"Fn::If": ["Q", 1, 2]}, {"Fn::Join": [1, 2]}, {"Condition": []},
    {"Fn::Select": ["a", ["b"]]}, {"Fn::Split": ["a", [1]]}, {"Fn::FindInMap": ["M", {}, []]},
    {"Fn::Transform": {"Name": "X"}}, {"Ref": "AWS::NoValue"}, {"Fn::ImportValue": []},
    {"Fn::Cidr": ["a", "b", "c"]}, {"Fn::Base64": []}, {"Fn::And": [1, 2]}, 10**30, "\ud800",
    {"Fn::ForEach::A": ["x", ["a"], {"${x}": 1}]}, "AWS::LanguageExtensions",
]  # fmt: skip


def paths(node: Any, under: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if under:
        yield under
    inside: Any = enumerate(node) if isinstance(node, list) else ()
    for key, value in node.items() if isinstance(node, dict) else inside:
        yield from paths(value, (*under, key))


def mutated(chance: random.Random) -> dict[str, Any]:
    template = copy.deepcopy(TEMPLATE)
    for _ in range(chance.randint(1, 3)):
        *above, last = chance.choice(list(paths(template)))
        node: Any = template
        for key in above:
            node = node[key]
        if chance.random() < 0.8:
            node[last] = copy.deepcopy(chance.choice(VALUES))
        else:
            del node[last]
    return template


@pytest.mark.parametrize("seed", range(4))
async def test_mutated_templates(cfn: Setup, seed: int) -> None:
    chance = random.Random(seed)
    made = 0
    for n in range(60):
        body = json.dumps(mutated(chance))
        try:
            await cfn.call(
                "CreateStack",
                StackName=f"s{n}",
                TemplateBody=body,
                Capabilities=["CAPABILITY_AUTO_EXPAND"],
            )
        except AWSError:
            continue
        await cfn.idle()
        made += await cfn.status(f"s{n}") in ("CREATE_COMPLETE", "ROLLBACK_COMPLETE")
        assert "Internal failure" not in str(await cfn.events(f"s{n}"))
    assert made
