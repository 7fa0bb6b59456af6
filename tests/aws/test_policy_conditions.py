from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudlet.aws.policy.conditions import OPERATORS, BadCondition, compile_conditions


def holds(block: dict[str, Any], values: dict[str, Any]) -> bool:
    conditions = compile_conditions(block, variables=True)
    return all(condition.holds(values.get) for condition in conditions)


@pytest.mark.parametrize(
    ("operator", "wanted", "given", "expected"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a*", "ab", False),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringEqualsIgnoreCase", "JohnDoe", "johndoe", True),
        ("StringNotEqualsIgnoreCase", "JohnDoe", "johndoe", False),
        ("StringLike", "home/${aws:username}/*", "home/bob/x", True),
        ("StringNotLike", "ho?e/*", "home/x", False),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericLessThan", 10, "10", False),
        ("NumericGreaterThan", "9.5", "10", True),
        ("NumericEquals", "10", "ten", False),
        ("NumericNotEquals", "10", "11", True),
        ("DateGreaterThan", "2020-04-01T00:00:00Z", "2026-01-01T00:00:00+00:00", True),
        ("DateLessThan", "2020-04-01T00:00:00Z", "1585699199", True),
        ("Bool", "true", "True", True),
        ("Bool", True, "false", False),
        ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", True),
        ("IpAddress", ["203.0.113.0/24", "2001:DB8:1234:5678::/64"], "203.0.113.77", True),
        ("IpAddress", ["203.0.113.0/24", "2001:DB8:1234:5678::/64"], "2001:db8:1234:5678::1", True),
        ("IpAddress", "203.0.113.0/24", "192.0.2.1", False),
        ("NotIpAddress", "203.0.113.0/24", "192.0.2.1", True),
        ("ArnLike", "arn:aws:sns:*:111122223333:t-*", "arn:aws:sns:r:111122223333:t-1", True),
        ("ArnEquals", "arn:aws:sns:*:t", "arn:aws:sns:r:111122223333:t", False),
        ("ArnNotLike", "arn:aws:s3:::b", "arn:aws:s3:::b", False),
    ],
)
def test_an_operator_compares_as_aws_documents(
    operator: str, wanted: Any, given: str, expected: bool
) -> None:
    assert holds({operator: {"k": wanted}}, {"k": given, "aws:username": "bob"}) is expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("StringEqualsIfExists", True),
        ("StringLikeIfExists", True),
        ("NumericLessThan", False),
        ("NotIpAddress", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
    ],
)
def test_a_missing_key(operator: str, expected: bool) -> None:
    wanted = "10.0.0.0/8" if "Ip" in operator else "10"
    assert holds({operator: {"missing": wanted}}, {}) is expected


@pytest.mark.parametrize(
    ("operator", "given", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "c"], False),
        ("ForAllValues:StringEquals", [], True),
        ("ForAnyValue:StringEquals", ["c", "a"], True),
        ("ForAnyValue:StringEquals", ["c"], False),
        ("ForAllValues:StringNotEquals", ["c", "d"], True),
        ("ForAllValues:StringNotEquals", ["c", "a"], False),
        ("ForAnyValue:StringNotEquals", ["c", "a"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], False),
    ],
)
def test_set_operators(operator: str, given: list[str], expected: bool) -> None:
    assert holds({operator: {"aws:TagKeys": ["a", "b"]}}, {"aws:tagkeys": given}) is expected


def test_null_asks_whether_a_key_is_there() -> None:
    assert holds({"Null": {"k": "true"}}, {})
    assert not holds({"Null": {"k": "true"}}, {"k": "v"})
    assert holds({"Null": {"k": False}}, {"k": "v"})


def test_all_operators_and_keys_must_hold() -> None:
    block = {"StringEquals": {"a": "1", "b": "2"}, "Bool": {"c": "true"}}
    assert holds(block, {"a": "1", "b": "2", "c": "true"})
    assert not holds(block, {"a": "1", "b": "2", "c": "false"})
    assert not holds(block, {"a": "1", "c": "true"})


@pytest.mark.parametrize(
    "block",
    [
        {"StringSomething": {"k": "v"}},
        {"NumericEquals": {"k": "ten"}},
        {"IpAddress": {"k": "300.1.1.1"}},
        {"StringEquals": "v"},
        {"StringEquals": {"k": {"nested": "v"}}},
        {"NullIfExists": {"k": "true"}},
    ],
)
def test_a_bad_condition_is_refused(block: dict[str, Any]) -> None:
    with pytest.raises(BadCondition):
        compile_conditions(block, variables=True)


texts = st.text(max_size=6) | st.sampled_from(
    ["1", "nan", "1e999", "2020-01-01", "0001-01-01T00:00:00+23:59", "10.0.0.0/8", "${a}", "*", "="]
)


@given(
    st.sampled_from(sorted(OPERATORS)),
    st.sampled_from(["", "ForAllValues:", "ForAnyValue:"]),
    st.lists(texts, max_size=2),
    texts | st.lists(texts, max_size=3),
)
def test_no_value_raises_anything_else(
    operator: str, prefix: str, wanted: list[str], given_value: Any
) -> None:
    with contextlib.suppress(BadCondition):
        assert holds({prefix + operator: {"k": wanted}}, {"k": given_value}) in (True, False)
