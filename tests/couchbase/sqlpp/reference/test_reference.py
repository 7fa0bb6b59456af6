"""Every form of the reference is shown by a test, and the forms are those that the parser has."""

from __future__ import annotations

import re
from collections import Counter
from typing import get_args

import pytest
from tests.couchbase.sqlpp.reference import (
    test_changes,
    test_definitions,
    test_expressions,
    test_hints,
    test_queries,
    test_utilities,
)

from cloudlet.couchbase.sqlpp import statements
from cloudlet.couchbase.sqlpp.error_codes import CODES
from cloudlet.couchbase.sqlpp.errors import QueryError
from cloudlet.couchbase.sqlpp.lexer import RESERVED, Kind, tokenize
from cloudlet.couchbase.sqlpp.parser import parse
from cloudlet.couchbase.sqlpp.reference import EXPRESSIONS, STATEMENTS

MODULES = (test_changes, test_definitions, test_expressions, test_hints, test_queries,
           test_utilities)  # fmt: skip
CHAPTERS = STATEMENTS | EXPRESSIONS
ENTRIES = [entry for chapter in CHAPTERS.values() for entry in chapter]
SHOWN = {form for module in MODULES for form in module.CASES} | set(test_utilities.TRANSACTIONS)

#: Reserved words that no statement of the reference has: "reserved for future use" there.
UNUSED = frozenset(
    """
    BINARY BOOLEAN BREAK CALL CAST CLUSTER COLLATE CONNECT CONTINUE CORRELATED COVER DATASET
    DATASTORE DECLARE DECREMENT DERIVED DESCRIBE DO EACH FETCH GOLANG ILIKE LSM MAP MAPPING
    MATERIALIZED MINUS NAMESPACE NUMBER OPTION PARSE POOL PREVIOUS PRIVATE PRIVILEGE PROCEDURE
    PUBLIC REALM REDUCE RENAME RETURN SCHEMA SEMI SHOW STRING TRIGGER UNDER UNIQUE VIA VIEW WHILE
    XOR DATABASE PATH USER
    """.split()  # noqa: SIM905
)


def test_every_form_is_shown() -> None:
    built = {entry.form for entry in ENTRIES if entry.refused is None}
    assert built - SHOWN == set()
    assert SHOWN - {entry.form for entry in ENTRIES} == set()
    assert set().union(*(module.CHAPTERS for module in MODULES)) == set(CHAPTERS)


def test_no_form_is_there_twice() -> None:
    assert [form for form, count in Counter(one.form for one in ENTRIES).items() if count > 1] == []


def test_every_refusal_has_a_code_of_the_reference() -> None:
    codes = {entry.refused for entry in ENTRIES if entry.refused is not None}
    assert codes - set(CODES) == set()


def test_every_statement_and_keyword_is_in_a_form() -> None:
    kinds = set()
    words: set[str] = set()
    for entry in ENTRIES:
        words |= {token.upper for token in tokenize(entry.example) if token.kind is Kind.WORD}
        try:
            kinds.add(type(parse(entry.example)))
        except QueryError:
            assert entry.refused is not None, entry.form
    assert set(get_args(statements.Statement)) - kinds == set()
    assert set(RESERVED) - words - UNUSED == set()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_an_example_has_the_words_of_its_form(chapter: str) -> None:
    """Keywords of a form are in its example, so that no example shows something else."""
    for entry in CHAPTERS[chapter]:
        words = set(re.findall(r"\b[A-Z_]{2,}\b", entry.form.partition(" without ")[0]))
        missing = words - set(re.findall(r"\b[A-Z_]{2,}\b", entry.example.upper()))
        alternatives = "," in entry.form
        assert not missing or (alternatives and missing < words), (entry.form, missing)
