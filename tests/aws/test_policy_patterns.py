from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudlet.aws.policy.patterns import Patterns, tokens


def matches(pattern: str, text: str, values: dict[str, str] | None = None, *, arns=False) -> bool:
    compiled = Patterns([tokens(pattern, wildcards=True, variables=True)], arns=arns)
    return compiled.match(text, (values or {}).get)


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=12))
def test_a_pattern_matches_what_the_plain_regular_expression_matches(
    pattern: str, text: str
) -> None:
    plain = "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)
    assert matches(pattern, text) == (re.fullmatch(plain, text, re.DOTALL) is not None)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket/a/b:c", True),
        ("arn:aws:s3:::bucket/*", "arn:aws:s3:::bucket", False),
        ("arn:aws:sqs:*:111122223333:q", "arn:aws:sqs:eu-west-1:111122223333:q", True),
        ("arn:aws:sqs:*:q", "arn:aws:sqs:eu-west-1:111122223333:q", False),
        ("arn:aws:iam::*:role/x*", "arn:aws:iam::111122223333:role/xyz", True),
        ("arn:aws:lambda:*:*:function:f*:?", "arn:aws:lambda:r:a:function:foo:1", True),
        ("arn:aws:s3:*", "arn:aws:s3:::bucket/key", True),
        ("*", "anything at all", True),
    ],
)
def test_a_wildcard_does_not_leave_its_part_of_an_arn(
    pattern: str, text: str, expected: bool
) -> None:
    assert matches(pattern, text, arns=True) is expected


def test_a_variables_value_is_literal() -> None:
    assert matches("home/${aws:username}/*", "home/bob/x", {"aws:username": "bob"})
    assert not matches("home/${aws:username}/*", "home/bob/x", {"aws:username": "*"})
    assert matches("${aws:username}", "*", {"aws:username": "*"})


def test_a_variable_without_a_value_matches_nothing_unless_it_has_a_default() -> None:
    assert not matches("home/${aws:username}/*", "home//x")
    assert matches("${aws:PrincipalTag/team, 'guests'}/*", "guests/x")
    tag = {"aws:principaltag/team": "yellow"}
    assert matches("${aws:PrincipalTag/team, 'guests'}/*", "yellow/x", tag)


@pytest.mark.parametrize("sign", ["*", "?", "$"])
def test_a_quoted_sign_is_literal(sign: str) -> None:
    assert matches(f"a${{{sign}}}b", f"a{sign}b")
    assert not matches(f"a${{{sign}}}b", "axb")


def test_no_pattern_backtracks_without_bound() -> None:
    pattern, text = "*a" * 500 + "b", "a" * 5000
    started = time.perf_counter()
    assert not matches(pattern, text)
    assert time.perf_counter() - started < 0.5
