"""Truth tables, comparison and navigation as the language reference states them."""

from __future__ import annotations

from typing import Any

import pytest

from cloudlet.couchbase.sqlpp.evaluation import compile_expression
from cloudlet.couchbase.sqlpp.parser import parse_expression
from cloudlet.couchbase.sqlpp.values import MISSING


def value(text: str) -> Any:
    return compile_expression(parse_expression(text))([None])


def same(found: Any, wanted: Any) -> bool:
    return type(found) is type(wanted) and found == wanted


@pytest.mark.parametrize(
    ("a", "b", "conjunction", "disjunction"),
    [
        ("TRUE", "TRUE", True, True),
        ("TRUE", "FALSE", False, True),
        ("TRUE", "NULL", None, True),
        ("TRUE", "MISSING", MISSING, True),
        ("FALSE", "FALSE", False, False),
        ("FALSE", "NULL", False, None),
        ("FALSE", "MISSING", False, MISSING),
        ("NULL", "NULL", None, None),
        ("NULL", "MISSING", MISSING, None),
        ("MISSING", "MISSING", MISSING, MISSING),
    ],
)
def test_and_or_over_four_values(a: str, b: str, conjunction: Any, disjunction: Any) -> None:
    for x, y in ((a, b), (b, a)):
        assert same(value(f"{x} AND {y}"), conjunction)
        assert same(value(f"{x} OR {y}"), disjunction)
        assert same(value(f"{x} AND {y} AND TRUE"), conjunction)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        # Types differ, so nothing is equal, and the collation order decides.
        ("1 = TRUE", False),
        ("0 = FALSE", False),
        ("1 = 1.0", True),
        ("'1' = 1", False),
        ("1 < '0'", True),
        ("TRUE < 0", True),
        ("[] < {}", True),
        ("'z' < []", True),
        ("NULL = NULL", None),
        ("NULL < 1", None),
        ("MISSING = 1", MISSING),
        ("MISSING = NULL", MISSING),
        ("[1, [2]] = [1, [2]]", True),
        ("[1, NULL] = [1, NULL]", None),
        ("[1, TRUE] = [1, 1]", False),
        ("{'a': 1} = {'a': 1.0}", True),
        ("{'a': 1} = {'b': 1}", False),
        ("[1, 2] < [1, 3]", True),
        ("NULL IS NULL", True),
        ("MISSING IS NULL", MISSING),
        ("MISSING IS NOT NULL", MISSING),
        ("NULL IS MISSING", False),
        ("NULL IS NOT MISSING", True),
        ("MISSING IS VALUED", False),
        ("0 IS VALUED", True),
        ("1 IN [1, 2]", True),
        ("TRUE IN [1]", False),
        ("3 IN [1, NULL]", None),
        ("NULL IN [1]", None),
        ("1 IN 1", None),
        ("1 NOT IN [2]", True),
        ("3 WITHIN {'a': [1, {'b': 3}]}", True),
        ("2 BETWEEN 1 AND 2", True),
        ("NULL IS DISTINCT FROM NULL", False),
        ("1 IS NOT DISTINCT FROM 1.0", True),
        ("EXISTS [1]", True),
        ("EXISTS []", False),
    ],
)
def test_comparisons(text: str, result: Any) -> None:
    assert same(value(text), result)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("1 + 2", 3),
        ("5 / 2", 2.5),
        ("4 / 2", 2),
        ("1 / 0", None),
        ("-7 % 3", -1),
        ("2 ^ 10", 1024),
        ("0.1 + 0.2", 0.1 + 0.2),
        ("1 + '1'", None),
        ("1 + TRUE", None),
        ("1 + NULL", None),
        ("1 + MISSING", MISSING),
        ("9223372036854775807 + 1", 9.223372036854776e18),
        ("'a' || 'b'", "ab"),
        ("'a' || 1", None),
        ("-'a'", None),
    ],
)
def test_arithmetic(text: str, result: Any) -> None:
    assert same(value(text), result)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{'a': {'b': 1}}.a.b", 1),
        ("{'a': 1}.b", MISSING),
        ("NULL.a", None),
        ("'x'.a", MISSING),
        ("[1, 2, 3][-1]", 3),
        ("[1, 2, 3][3]", MISSING),
        ("[1, 2, 3]['a']", None),
        ("{'a': 1}['a']", 1),
        ("{'a': 1}.['a']", 1),
        ("[1, 2, 3][1:]", [2, 3]),
        ("[1, 2, 3][0:-1]", [1, 2]),
        ("[1, 2, 3][2:9]", MISSING),
        ("[{'a': 1}, {'b': 2}, {'a': 3}][*].a", [1, 3]),
        ("[MISSING, 1]", [None, 1]),
        ("{'a': MISSING, 'b': NULL}", {"b": None}),
    ],
)
def test_navigation_and_construction(text: str, result: Any) -> None:
    assert same(value(text), result)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("'abc' LIKE 'a%'", True),
        ("'abc' LIKE 'a_c'", True),
        ("'abc' LIKE 'b'", False),
        ("'a%c' LIKE 'a\\\\%c'", True),
        ("'abc' LIKE 'a\\\\%c'", False),
        ("'a%c' LIKE 'a!%c' ESCAPE '!'", True),
        ("'a.c' LIKE 'a.c'", True),
        ("'abcabc' LIKE '%b_a%'", True),
        ("'ab' LIKE 'a%b%c'", False),
        ("'line\\nbreak' LIKE '%break'", True),
        ("1 LIKE 'a'", None),
        ("MISSING LIKE 'a'", MISSING),
        ("'x' NOT LIKE 'y'", True),
    ],
)
def test_like(text: str, result: Any) -> None:
    assert same(value(text), result)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("CASE WHEN NULL THEN 1 WHEN TRUE THEN 2 END", 2),
        ("CASE WHEN FALSE THEN 1 END", None),
        ("CASE 1 WHEN TRUE THEN 'no' WHEN 1.0 THEN 'yes' ELSE 'else' END", "yes"),
    ],
)
def test_case(text: str, result: Any) -> None:
    assert same(value(text), result)
