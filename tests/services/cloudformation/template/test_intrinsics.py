from __future__ import annotations

from typing import Any

import pytest

from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.template.intrinsics import evaluate
from cloudlet.services.cloudformation.template.scope import (
    NO_VALUE,
    PENDING,
    Scope,
    pseudo_parameters,
)


class Resources:
    def ref(self, logical_id: str) -> Any:
        return {"Bucket": "my-bucket", "New": PENDING}[logical_id]

    def attribute(self, logical_id: str, name: str) -> Any:
        return {("Bucket", "Arn"): "arn:b", ("New", "Arn"): PENDING}[logical_id, name]


def scope(**changes: Any) -> Scope:
    return Scope(
        parameters={
            "Name": "n",
            "List": ["a", "b"],
            **pseudo_parameters("123456789012", "eu-west-1", "s", "arn:stack", []),
        },
        mappings={"M": {"k": {"v": "found", "l": [1, 2]}}},
        conditions={"Yes": True, "No": False},
        exports={"shared": "value"}.get,
        references=Resources(),
        **changes,
    )


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"Ref": "Name"}, "n"),
        ({"Ref": "List"}, ["a", "b"]),
        ({"Ref": "Bucket"}, "my-bucket"),
        ({"Ref": "AWS::Region"}, "eu-west-1"),
        ({"Ref": "AWS::URLSuffix"}, "amazonaws.com"),
        ({"Fn::GetAtt": ["Bucket", "Arn"]}, "arn:b"),
        ({"Fn::GetAtt": "Bucket.Arn"}, "arn:b"),
        (
            {"Fn::Sub": "${Name}-${Bucket}-${Bucket.Arn}-${!Literal}"},
            "n-my-bucket-arn:b-${Literal}",
        ),
        ({"Fn::Sub": ["${A}${Name}", {"A": {"Ref": "Bucket"}}]}, "my-bucketn"),
        ({"Fn::Sub": "arn:${AWS::Partition}:x"}, "arn:aws:x"),
        ({"Fn::Sub": "no $ {x} here"}, "no $ {x} here"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Name"}, 1, True]]}, "a-n-1-true"),
        ({"Fn::Join": [",", {"Ref": "List"}]}, "a,b"),
        ({"Fn::Select": [1, {"Ref": "List"}]}, "b"),
        ({"Fn::Select": ["0", ["x", "y"]]}, "x"),
        ({"Fn::Split": [",", "a,b,"]}, ["a", "b", ""]),
        ({"Fn::Select": [2, {"Fn::Split": [":", "a:b:c"]}]}, "c"),
        ({"Fn::FindInMap": ["M", "k", "v"]}, "found"),
        ({"Fn::FindInMap": ["M", {"Fn::Sub": "k"}, "l"]}, [1, 2]),
        ({"Fn::Base64": {"Fn::Sub": "${Name}"}}, "bg=="),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::GetAZs": ""}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ({"Fn::GetAZs": {"Ref": "AWS::Region"}}, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]),
        ({"Fn::ImportValue": {"Fn::Sub": "shared"}}, "value"),
        ({"Fn::If": ["Yes", 1, 2]}, 1),
        ({"a": {"Fn::If": ["No", 1, {"Ref": "AWS::NoValue"}]}, "b": 2}, {"b": 2}),
        ([1, {"Ref": "AWS::NoValue"}, 2], [1, 2]),
        ({"Ref": "AWS::NoValue"}, NO_VALUE),
        ({"Condition": {"StringEquals": {"a": "b"}}}, {"Condition": {"StringEquals": {"a": "b"}}}),
        ({"Fn::Sub": "x-${New}"}, f"x-{PENDING}"),
        ({"Fn::Select": [5, {"Fn::Split": [":", {"Fn::GetAtt": ["New", "Arn"]}]}]}, PENDING),
    ],
)
def test_functions(node: Any, value: Any) -> None:
    assert evaluate(node, scope()) == value


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"Fn::Length": {"Ref": "List"}}, 2),
        ({"Fn::ToJsonString": {"a": {"Ref": "Name"}, "b": [1]}}, '{"a":"n","b":[1]}'),
        ({"Fn::FindInMap": ["M", "none", "v", {"DefaultValue": "d"}]}, "d"),
    ],
)
def test_language_extensions(node: Any, value: Any) -> None:
    assert evaluate(node, scope(extended=True)) == value
    with pytest.raises(ValidationError):
        evaluate(node, scope())


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"Ref": "Nope"}, "Unresolved resource dependencies [Nope] in the Resources block"),
        ({"Fn::GetAtt": ["Nope", "Arn"]}, "Fn::GetAtt references undefined resource Nope"),
        ({"Fn::GetAtt": ["Bucket"]}, "every Fn::GetAtt object requires two non-empty parameters"),
        ({"Fn::Sub": "${a b}"}, "variable names in Fn::Sub syntax must contain only alphanumeric"),
        ({"Fn::Sub": ["x"]}, "One or more Fn::Sub intrinsic functions don't specify"),
        ({"Fn::Join": ["-"]}, "every Fn::Join object requires two parameters"),
        ({"Fn::Join": ["-", [{"a": 1}]]}, "every Fn::Join object requires two parameters"),
        ({"Fn::Select": [7, ["a"]]}, "Fn::Select cannot select nonexistent value at index 7"),
        ({"Fn::Split": ["", "a"]}, "every Fn::Split object requires two parameters"),
        ({"Fn::FindInMap": ["M", "k", "x"]}, "Unable to get mapping for M::k::x"),
        ({"Fn::FindInMap": ["X", "k", "x"]}, "Mapping named 'X' is not present"),
        ({"Fn::Cidr": ["10.0.0.0/24", 300, 8]}, "every Fn::Cidr object"),
        ({"Fn::ImportValue": "nope"}, "No export named nope found."),
        ({"Fn::If": ["Nope", 1, 2]}, "Unresolved condition dependency Nope"),
        ({"Fn::Nope": 1}, "Unrecognized intrinsic function Fn::Nope"),
        ({"Fn::Equals": [1, 1]}, "only in the Conditions block"),
        ("{{resolve:ssm:/a/b}}", "{{resolve:ssm:/a/b}}: cloudlet has no ssm service yet"),
        ({"Fn::Sub": "{{resolve:secretsmanager:x}}"}, "cloudlet has no secretsmanager service"),
    ],
)
def test_mistakes_have_awss_words(node: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        evaluate(node, scope())
    assert message in caught.value.message


def test_imports_are_noted() -> None:
    within = scope()
    evaluate({"Fn::ImportValue": "shared"}, within)
    assert within.imports == {"shared"}
