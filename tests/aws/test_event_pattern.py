from __future__ import annotations

from typing import Any

import pytest

from cloudlet.aws.event_pattern import InvalidPattern, compile_pattern

EVENT = {
    "source": "shop",
    "body": {"price": 12.5, "count": 3, "tags": ["a", "b"], "gone": None, "sold": True},
    "items": [{"id": "x1"}, {"id": "y2"}],
    "ip": "10.0.0.7",
}


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ({"source": ["shop"]}, True),
        ({"source": ["other"]}, False),
        ({"source": ["other", {"prefix": "sh"}]}, True),
        ({"source": [{"suffix": "op"}], "ip": [{"cidr": "10.0.0.0/24"}]}, True),
        ({"ip": [{"cidr": "10.0.1.0/24"}]}, False),
        ({"source": [{"equals-ignore-case": "SHOP"}]}, True),
        ({"source": [{"prefix": {"equals-ignore-case": "SH"}}]}, True),
        ({"source": [{"wildcard": "s*p"}]}, True),
        ({"source": [{"wildcard": "s*x*p"}]}, False),
        ({"source": [{"wildcard": "*ho*"}]}, True),
        ({"body": {"price": [{"numeric": [">", 10, "<=", 12.5]}]}}, True),
        ({"body": {"price": [{"numeric": ["<", 10]}]}}, False),
        ({"body": {"count": [3]}}, True),
        ({"body": {"count": [3.0]}}, True),
        ({"body": {"count": ["3"]}}, False),
        ({"body": {"sold": [True]}}, True),
        ({"body": {"sold": [1]}}, False),
        ({"body": {"tags": ["b"]}}, True),
        ({"body": {"gone": [None]}}, True),
        ({"body": {"absent": [None]}}, False),
        ({"body": {"absent": [{"exists": False}], "count": [{"exists": True}]}}, True),
        ({"body": {"tags": [{"anything-but": "c"}]}}, True),
        ({"source": [{"anything-but": ["shop", "b"]}]}, False),
        ({"source": [{"anything-but": {"prefix": "sh"}}]}, False),
        ({"absent": [{"anything-but": "x"}]}, False),
        ({"items": {"id": ["y2"]}}, True),
        ({"items": {"id": ["z3"]}}, False),
        ({"$or": [{"source": ["x"]}, {"body": {"count": [3]}}]}, True),
        ({"$or": [{"source": ["x"]}, {"body": {"count": [4]}}]}, False),
    ],
)
def test_patterns_match_as_eventbridge_does(pattern: dict[str, Any], matches: bool):
    assert compile_pattern(pattern)(EVENT) is matches


@pytest.mark.parametrize("event", [None, [], "text", 7, {"body": "text"}, {"body": [1]}])
def test_any_event_can_be_asked(event: Any):
    assert compile_pattern({"body": {"a": ["x"]}})(event) is False


@pytest.mark.parametrize(
    "pattern",
    [
        "{", "[]", "{}", '{"a": "b"}', '{"a": []}', '{"a": {}}', '{"a": [["b"]]}',
        '{"a": [{"unknown": "b"}]}', '{"a": [{"numeric": [">"]}]}',
        '{"a": [{"numeric": ["~", 1]}]}',
        '{"a": [{"exists": "yes"}]}', '{"a": [{"prefix": 1}]}', '{"a": [{"cidr": "x"}]}',
        '{"a": [{"wildcard": "a**b"}]}', '{"a": [{"anything-but": {"x": 1}}]}', '{"$or": []}',
        '{"a": ' * 200 + '["b"]' + "}" * 200,
    ],
)  # fmt: skip
def test_what_is_no_pattern_is_refused(pattern: str):
    with pytest.raises(InvalidPattern):
        compile_pattern(pattern)
