from __future__ import annotations

import time

import pytest

from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.template.reading import read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Ref A", {"Ref": "A"}),
        ("!GetAtt A.B.C", {"Fn::GetAtt": ["A", "B.C"]}),
        ("!GetAtt [A, B]", {"Fn::GetAtt": ["A", "B"]}),
        ("!Sub '${A}'", {"Fn::Sub": "${A}"}),
        ("!Sub ['${A}', {A: !Ref B}]", {"Fn::Sub": ["${A}", {"A": {"Ref": "B"}}]}),
        (
            "!Join ['-', [!Ref A, !GetAtt B.C]]",
            {"Fn::Join": ["-", [{"Ref": "A"}, {"Fn::GetAtt": ["B", "C"]}]]},
        ),
        ("!If [C, !Ref A, !Ref B]", {"Fn::If": ["C", {"Ref": "A"}, {"Ref": "B"}]}),
        ("!Not [!Condition C]", {"Fn::Not": [{"Condition": "C"}]}),
        ("2012-10-17", "2012-10-17"),
        ("2001-01-01T00:00:00Z", "2001-01-01T00:00:00Z"),
        ("012345678901", "012345678901"),
        ("128", 128),
        ("1.5", 1.5),
        ("yes", True),
        ("'yes'", "yes"),
        ("~", None),
        ("|\n    a\n    b\n", "a\nb\n"),
        ("{a: 1, b: [x, y]}", {"a": 1, "b": ["x", "y"]}),
    ],
)
def test_yaml_values(text: str, value: object) -> None:
    found = read(f"Key: {text}")["Key"]
    assert found == value
    assert type(found) is type(value)


def test_anchors_and_merges_are_expanded() -> None:
    found = read("A: &a {x: 1, y: 2}\nB: *a\nC: {<<: *a, y: 3}\n")
    assert found["B"] == {"x": 1, "y": 2}
    assert found["C"] == {"x": 1, "y": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A: 1\nB: 2\nA: 3\n", "Duplicate key 'A' (line 3, column 1)"),
        ("A: [1, 2\n", "YAML not well-formed. (line 2"),
        ("A: !Nope x\n", "Unknown tag '!Nope' (line 1, column 4)"),
        ("A: !GetAtt\n  ? [a]\n  : b", "YAML not well-formed."),
        ('{"A": }', "JSON not well-formed. (line 1, column 7)"),
        ("- a\n- b\n", "unsupported structure."),
        ("", "unsupported structure."),
        ("A: *b\n", "YAML not well-formed."),
        ("A: 1\n---\nB: 2\n", "YAML not well-formed."),
    ],
)
def test_what_is_not_a_template_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(text)
    assert caught.value.message.startswith("Template format error: ")
    assert message in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "A: " + "[" * 200_000,
        "A: " + "[" * 500 + "]" * 500,
        '{"A": ' + "[" * 200_000,
        '{"A": ' + "[" * 500 + "]" * 500 + "}",
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{n}: &{n} [{','.join([f'*{p}'] * 9)}]\n"
            for p, n in zip("abcdefgh", "bcdefghi", strict=True)
        ),
    ],
    ids=["yaml-open", "yaml-deep", "json-open", "json-deep", "bomb"],
)
def test_hostile_templates_are_refused_quickly(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(ValidationError):
        read(text)
    assert time.monotonic() - began < 2
