"""Examples of the language reference's pages on functions."""

from __future__ import annotations

from typing import Any

import pytest

from cloudlet.couchbase.sqlpp.errors import QueryError
from cloudlet.couchbase.sqlpp.evaluation import compile_expression
from cloudlet.couchbase.sqlpp.parser import parse_expression
from cloudlet.couchbase.sqlpp.values import MISSING


def value(text: str) -> Any:
    return compile_expression(parse_expression(text))([None])


@pytest.mark.parametrize(
    ("text", "result"),
    [
        # strings
        ("LOWER('SQL++')", "sql++"),
        ("TITLE('in the beginning')", "In The Beginning"),
        ("LENGTH('Espa\u00f1a')", 7),
        ("MB_LENGTH('Espa\u00f1a')", 6),
        ("POSITION('SQL++ is awesome', 'awesome')", 9),
        ("POSITION1('SQL++', 'x')", 0),
        ("SUBSTR('abcdef', 2, 3)", "cde"),
        ("SUBSTR('abcdef', -2)", "ef"),
        ("SUBSTR1('abcdef', 1, 2)", "ab"),
        ("SPLIT('a,b', ',')", ["a", "b"]),
        ("REPLACE('aaa', 'a', 'b', 2)", "bba"),
        ("TRIM('...abc...', '.')", "abc"),
        ("CONCAT2('-', 'a', ['b', 'c'])", "a-b-c"),
        ("LPAD('a', 3, '*')", "**a"),
        ("CONTAINS(1, 'a')", None),
        ("UPPER(MISSING)", MISSING),
        # numbers
        ("ROUND(2.5)", 3),
        ("ROUND(-2.5)", -3),
        ("ROUND_EVEN(2.5)", 2),
        ("ROUND(123.456, 2)", 123.46),
        ("TRUNC(-2.7)", -2),
        ("SQRT(-1)", None),
        ("IDIV(-7, 2)", -3),
        ("IMOD(-7, 2)", -1),
        ("GREATEST(1, 'a', NULL)", "a"),
        ("LEAST(1, 2, NULL)", 1),
        ("BITAND(6, 3)", 2),
        # dates
        ("STR_TO_MILLIS('2016-05-15T03:59:00Z')", 1463284740000),
        ("MILLIS_TO_UTC(1463284740000)", "2016-05-15T03:59:00Z"),
        ("MILLIS_TO_UTC(1463284740000, '1111-11-11')", "2016-05-15"),
        ("MILLIS_TO_TZ(1463284740000, 'Asia/Kolkata')", "2016-05-15T09:29:00+05:30"),
        ("DATE_PART_STR('2016-05-15T03:59:00Z', 'month')", 5),
        ("DATE_PART_STR('2016-05-15', 'day_of_week')", 0),
        ("DATE_ADD_STR('2020-01-31', 1, 'month')", "2020-02-29"),
        ("DATE_DIFF_STR('2016-05-18', '2016-05-15', 'day')", 3),
        ("DATE_TRUNC_STR('2016-05-18T03:59:00Z', 'month')", "2016-05-01T00:00:00Z"),
        ("DATE_FORMAT_STR('2016-05-15T00:00:23+00:00', '1111-11-11')", "2016-05-15"),
        ("STR_TO_MILLIS('nonsense')", None),
        # arrays
        ("ARRAY_APPEND([1], 2, 3)", [1, 2, 3]),
        ("ARRAY_PREPEND(0, [1])", [0, 1]),
        ("ARRAY_CONTAINS([1, 2], TRUE)", False),
        ("ARRAY_DISTINCT([1, TRUE, 1.0, NULL, NULL])", [1, True, None]),
        ("ARRAY_AVG([1, 'a', 3])", 2),
        ("ARRAY_COUNT([1, NULL])", 1),
        ("ARRAY_FLATTEN([1, [2, [3]]], 1)", [1, 2, [3]]),
        ("ARRAY_INSERT([1, 3], 1, 2)", [1, 2, 3]),
        ("ARRAY_POSITION([1, 2], 3)", -1),
        ("ARRAY_PUT([1], 1, 2)", [1, 2]),
        ("ARRAY_RANGE(0, 6, 2)", [0, 2, 4]),
        ("ARRAY_REMOVE([1, 2, 1], 1)", [2]),
        ("ARRAY_SORT(['a', 1, NULL, TRUE])", [None, True, 1, "a"]),
        ("ARRAY_INTERSECT([1, 2], [2, 3])", [2]),
        ("ARRAY_SUM([])", 0),
        ("ARRAY_MAX([1, 'a', NULL])", "a"),
        # objects
        ("OBJECT_NAMES({'b': 1, 'a': 2})", ["a", "b"]),
        ("OBJECT_PAIRS({'a': 1})", [{"name": "a", "val": 1}]),
        ("OBJECT_PUT({'a': 1}, 'a', MISSING)", {}),
        ("OBJECT_ADD({'a': 1}, 'a', 2)", {"a": 1}),
        ("OBJECT_CONCAT({'a': 1}, {'b': 2})", {"a": 1, "b": 2}),
        ("OBJECT_RENAME({'a': 1}, 'a', 'b')", {"b": 1}),
        # conditional and types
        ("IFMISSING(MISSING, NULL, 1)", None),
        ("IFNULL(NULL, 1)", 1),
        ("COALESCE(MISSING, NULL, 2)", 2),
        ("NVL2(NULL, 1, 2)", 2),
        ("NULLIF(1, 1.0)", None),
        ("MISSINGIF(1, 2)", 1),
        ("DECODE(2, 1, 'a', 2, 'b', 'c')", "b"),
        ("TYPE(MISSING)", "missing"),
        ("TYPE(1.5)", "number"),
        ("IS_NUMBER(TRUE)", False),
        ("IS_ARRAY(NULL)", None),
        ("TO_NUMBER('12.5')", 12.5),
        ("TO_NUMBER('x')", None),
        ("TO_STRING(TRUE)", "true"),
        ("TO_STRING(1.0)", "1"),
        ("TO_ARRAY(1)", [1]),
        ("TO_BOOLEAN('')", False),
        # JSON and regular expressions
        ("ENCODE_JSON({'a': [1]})", '{"a":[1]}'),
        ("DECODE_JSON('{\"a\": 1}')", {"a": 1}),
        ("BASE64_DECODE(BASE64_ENCODE([1]))", [1]),
        ("REGEXP_CONTAINS('abc', 'b.')", True),
        ("REGEXP_LIKE('abc', 'b.')", False),
        ("REGEXP_REPLACE('aXbX', 'X', 'y', 1)", "aybX"),
        ("REGEXP_REPLACE('john smith', '(\\\\w+) (\\\\w+)', '$2 $1')", "smith john"),
        ("REGEXP_MATCHES('a1b22', '[0-9]+')", ["1", "22"]),
    ],
)
def test_functions(text: str, result: Any) -> None:
    found = value(text)
    assert type(found) is type(result)
    assert found == result


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("LOWER()", 3000),
        ("LOWER('a', 'b')", 3000),
        ("NO_SUCH('a')", 10101),
        ("REPEAT('a', 100000000)", 5035),
        ("ARRAY_RANGE(0, 100000000)", 5035),
        ("ABORT('enough')", 5011),
        ("REGEXP_LIKE('aaa', '(a)\\\\1')", 5011),
    ],
)
def test_misuse_is_an_error(text: str, code: int) -> None:
    with pytest.raises(QueryError) as caught:
        value(text)
    assert caught.value.code == code
