from __future__ import annotations

import pytest

from cloudlet.couchbase.sqlpp.errors import QueryError
from cloudlet.couchbase.sqlpp.lexer import Kind, tokenize


def values(text: str) -> list[object]:
    return [token.value for token in tokenize(text)[:-1]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'it''s'", "it's"),
        ('"a\\n\\u00e9"', "a\né"),
        ('"\\ud83d\\ude00"', "\U0001f600"),
        ("`a``b`", "a`b"),
        ("1.5e3", 1500),
        ("9223372036854775807", 9223372036854775807),
        ("9223372036854775808", 9.223372036854776e18),
        ("$name", "name"),
        ("$2", 2),
        ("?", None),
    ],
)
def test_values_of_tokens(text: str, value: object) -> None:
    (found,) = values(text)
    assert found == value
    assert type(found) is type(value)


def test_comments_are_space() -> None:
    kinds = [token.text for token in tokenize("a -- x\n /* y\n z */ b")]
    assert kinds == ["a", "b", ""]


def test_the_last_token_is_the_end() -> None:
    assert tokenize("")[-1].kind is Kind.END


@pytest.mark.parametrize("text", ["'abc", "SELECT /* x", "a # b", '"\\q"'])
def test_bad_text_is_error_3000_with_its_place(text: str) -> None:
    with pytest.raises(QueryError) as caught:
        tokenize(text)
    assert caught.value.code == 3000
    assert "line 1, column" in caught.value.message


@pytest.mark.parametrize("quote", ["'", '"'])
def test_long_strings_are_read_as_short_ones(quote: str) -> None:
    doubled, long = quote * 2, "x" * 5000
    body = f"{long}{doubled}\\n\\{quote}{long}\\\\"
    text = f"SELECT {quote}{body}{quote} AS a /* {long} * / */ , {doubled}"
    values = [token.value for token in tokenize(text) if token.kind is Kind.STRING]
    assert values == [f"{long}{quote}\n{quote}{long}\\", ""]
    with pytest.raises(QueryError):
        tokenize(f"SELECT {quote}{body}")
    with pytest.raises(QueryError):
        tokenize(f"SELECT /* {long} *")
