from __future__ import annotations

from typing import Any

import pytest

from cloudlet.services.cloudformation.resources import TYPES
from cloudlet.services.cloudformation.resources.schema import (
    BOOLEAN,
    INTEGER,
    JSON,
    STRING,
    InvalidProperties,
    Update,
    check,
    differences,
    listing,
    mapping,
    properties,
    refused,
    replaces,
    required,
    shape,
    structure,
)

DECLARED = properties(
    Name=replaces(STRING),
    Size=INTEGER,
    On=BOOLEAN,
    List=listing(STRING),
    Map=mapping(STRING),
    Deep=structure(Inner=required(INTEGER)),
    Any=JSON,
    Never=refused("it is not here"),
)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({"Size": "5"}, {"Size": 5}),
        ({"Size": 5.0}, {"Size": 5}),
        ({"On": "true"}, {"On": True}),
        ({"Name": 7}, {"Name": "7"}),
        ({"Name": True}, {"Name": "true"}),
        ({"List": "one"}, {"List": ["one"]}),
        ({"Map": {"a": 1}}, {"Map": {"a": "1"}}),
        ({"Any": {"x": [1, None]}}, {"Any": {"x": [1, None]}}),
    ],
)
def test_scalars_get_their_declared_type(given: dict[str, Any], made: dict[str, Any]) -> None:
    assert check(DECLARED, given) == made


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Nope": 1}, "#: extraneous key [Nope] is not permitted"),
        ({"Deep": {"Inner": 1, "X": 2}}, "#/Deep: extraneous key [X] is not permitted"),
        ({"Deep": {}}, "#/Deep: required key [Inner] not found"),
        ({"Size": "x"}, "#/Size: expected type: Integer, found: String"),
        ({"Name": {"a": 1}}, "#/Name: expected type: String, found: JSONObject"),
        ({"Map": "x"}, "#/Map: expected type: JSONObject, found: String"),
        ({"Never": 1}, "#/Never: not supported by cloudlet: it is not here"),
    ],
)
def test_mistakes(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidProperties) as caught:
        check(DECLARED, given)
    assert str(caught.value) == message


def test_differences_say_what_they_need() -> None:
    found = dict(differences(DECLARED, {"Name": "a", "Size": 1}, {"Name": "b", "On": True}))
    assert found == {"Name": Update.REPLACE, "Size": Update.IN_PLACE, "On": Update.IN_PLACE}


def test_a_models_shape_is_a_kind() -> None:
    kind = shape("lambda", "Environment")
    assert kind.members["Variables"].kind.item is STRING


@pytest.mark.parametrize("name", sorted(TYPES))
def test_types_are_consistent(name: str) -> None:
    type_ = TYPES[name]
    assert name == type_.name
    assert type_.named is None or type_.properties[type_.named].update is Update.REPLACE
    if type_.tagged:
        assert type_.properties["Tags"].kind.name == {"list": "List", "map": "Map"}[type_.tagged]
    changeable = any(
        p.update is Update.IN_PLACE and not p.refused and not p.ignored
        for p in type_.properties.values()
    )
    assert not changeable or "update" in vars(type(type_))
