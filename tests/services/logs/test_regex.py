from __future__ import annotations

import random
import re
import time

import pytest

from cloudlet.aws.errors import AWSError
from cloudlet.services.logs.regex import Regex


@pytest.mark.parametrize(
    ("expression", "message", "matches"),
    [
        ("error", "an error", True),
        ("^error", "an error", False),
        ("error$", "an error", True),
        ("error$", "an error!", False),
        ("colou?r", "color", True),
        ("a{2,3}b", "xab", False),
        ("^a{2,3}b", "aaab", True),
        ("^a{2,3}b", "aaaab", False),
        ("a{2}", "aa", True),
        ("^a{2,}$", "aaaaaa", True),
        ("gray|grey", "a grey cat", True),
        ("10\\.10\\.0\\.1", "10.10.0.1", True),
        ("10\\.10", "10x10", False),
        ("[^0-9]", "123", False),
        ("[a-c-]+$", "x-", True),
        ("\\w+\\s\\d\\D", "ab 1x", True),
        ("\\x41", "A", True),
        ("^$", "", True),
        ("^$", "x", False),
        (".", "\n", False),
        ("", "anything", True),
    ],
)
def test_expressions_match_as_documented(expression: str, message: str, matches: bool):
    assert Regex(expression).search(message) is matches


@pytest.mark.parametrize(
    "expression", ["(a)", "a)", "[a", "[]", "[z-a]", "a{3,2}", "*", "a**", "é", "\\q", "a{999}"]
)
def test_what_aws_does_not_support_is_refused(expression: str):
    with pytest.raises(AWSError):
        Regex(expression)


def test_it_agrees_with_a_backtracking_matcher():
    source = random.Random(7)
    atoms = ["a", "b", ".", "[ab]", "[^a]", "\\d"]
    repeats = ["", "", "?", "*", "+", "{2}", "{1,2}"]
    for _ in range(400):
        expression = "|".join(
            source.choice(["", "^"])
            + "".join(
                source.choice(atoms) + source.choice(repeats) for _ in range(source.randint(1, 4))
            )
            + source.choice(["", "$"])
            for _ in range(source.randint(1, 2))
        )
        message = "".join(source.choice("ab1") for _ in range(source.randint(0, 6)))
        assert Regex(expression).search(message) is bool(re.search(expression, message)), (
            expression,
            message,
        )


def test_a_hostile_expression_is_not_slow():
    started = time.perf_counter()
    assert not Regex("a*" * 100 + "b").search("a" * 5_000)
    assert time.perf_counter() - started < 2
