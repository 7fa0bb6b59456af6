from __future__ import annotations

from typing import Any

import pytest

from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.template.loops import expand
from cloudlet.services.cloudformation.template.scope import Scope

SCOPE = Scope({"Names": ["a-1", "b"]})


def test_loops_are_unrolled_in_keys_and_values() -> None:
    raw = {
        "Resources": {
            "Fn::ForEach::Each": [
                "Name",
                {"Ref": "Names"},
                {
                    "Bucket&{Name}": {
                        "Type": "T",
                        "Properties": {
                            "N": {"Ref": "Name"},
                            "S": {"Fn::Sub": "x-${Name}"},
                            "Fn::ForEach::Inner": ["K", ["p", "q"], {"Key${K}": "${Name}${K}"}],
                        },
                    }
                },
            ]
        }
    }
    found = expand(raw, SCOPE)["Resources"]
    assert list(found) == ["Bucketa1", "Bucketb"]
    assert found["Bucketb"]["Properties"] == {
        "N": "b",
        "S": {"Fn::Sub": "x-b"},
        "Keyp": "bp",
        "Keyq": "bq",
    }


@pytest.mark.parametrize(
    "argument", [["X", ["a"]], ["X", "a", {}], ["X", ["a", "b"], {"Same": 1}], "x"]
)
def test_mistakes(argument: Any) -> None:
    with pytest.raises(ValidationError, match="AWS::LanguageExtensions failed with"):
        expand({"Resources": {"Fn::ForEach::L": argument}}, SCOPE)


def test_loops_in_loops_are_bounded() -> None:
    body: dict[str, Any] = {"K${A}x${B}x${C}": 1}
    for name in "CBA":
        body = {f"Fn::ForEach::{name}": [name, [str(n) for n in range(30)], body]}
    with pytest.raises(ValidationError, match="more than"):
        expand({"Resources": body}, SCOPE)
