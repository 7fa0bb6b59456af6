"""Literals, names, paths and operators: the value that each form has."""

from __future__ import annotations

from typing import Final

import pytest
from tests.couchbase.sqlpp.reference.shown import Shown, check, entries
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.reference import Entry

CHAPTERS: Final = (
    "Literals, constructions and comments",
    "Names and parameters",
    "Paths",
    "Arithmetic and concatenation",
    "Comparison",
    "Logic and conditions",
    "Collections",
    "Calls and sequences",
)
CASES: Final[dict[str, Shown]] = {
    # Literals, constructions and comments
    "'string'": Shown(['it\'s a "string"!']),
    '"string"': Shown(['a "string" with\ttab']),
    "number": Shown([[7, -7, 0.5, 2000, 0.015]]),
    "TRUE, FALSE": Shown([[True, False]]),
    "NULL": Shown([None]),
    "MISSING": Shown([{"here": None}]),
    "[expression, ...]": Shown([[2, "x", [], None]]),
    "{name: expression, ...}": Shown([{"a": 1, "b": 2}]),
    "{expression, ...}": Shown([{"n": 1, "kind": "odd"}]),
    "{expression AS name}": Shown([{"more": 2}]),
    "/* comment */": Shown([2]),
    "-- comment": Shown([2]),
    # Names and parameters
    "identifier": Shown([5]),
    "`identifier`": Shown([5]),
    "`identifier`i": Shown([5]),
    "$name": Shown([5], named={"value": 5}),
    "@name": Shown([5], named={"value": 5}),
    "$1": Shown([[6, 5]], positional=(5, 6)),
    "?": Shown([[5, 6]], positional=(5, 6)),
    "SELF": Shown([["kind", "words"]]),
    # Paths
    "expression.name": Shown([1]),
    "expression.[expression]": Shown([1]),
    "expression.[expression]i": Shown([1]),
    "expression[index]": Shown([4]),
    "expression[start:end]": Shown([[2, 3]]),
    "expression[start:]": Shown([[3, 4]]),
    "expression[:end]": Shown([[1, 2]]),
    "expression[:]": Shown([[1, 2]]),
    "expression[*]": Shown([[1, 3]]),
    # Arithmetic and concatenation
    "+": Shown([3]),
    "-": Shown([-1]),
    "*": Shown([6]),
    "/": Shown([[2.5, 2, None]]),
    "%": Shown([[1, -1]]),
    "^": Shown([1024]),
    "-expression": Shown([-3]),
    "||": Shown(["abc"]),
    # Comparison
    "=": Shown([[True, False, None]]),
    "==": Shown([True]),
    "!=": Shown([True]),
    "<>": Shown([False]),
    "<": Shown([[True, True, True]]),
    "<=": Shown([True]),
    ">": Shown([True]),
    ">=": Shown([True]),
    "BETWEEN": Shown([[True, None]]),
    "NOT BETWEEN": Shown([True]),
    "LIKE": Shown([[True, False, True]]),
    "NOT LIKE": Shown([True]),
    "LIKE ... ESCAPE": Shown([[True, False]]),
    "NOT LIKE ... ESCAPE": Shown([True]),
    "IS NULL": Shown([{"v": [True, False]}]),
    "IS NOT NULL": Shown([{"v": [False, True]}]),
    "IS MISSING": Shown([[True, False]]),
    "IS NOT MISSING": Shown([[False, True]]),
    "IS VALUED": Shown([[True, False, False]]),
    "IS NOT VALUED": Shown([[False, True]]),
    "IS KNOWN": Shown([[True, False]]),
    "IS NOT KNOWN": Shown([[False, True]]),
    "IS UNKNOWN": Shown([[False, True]]),
    "IS NOT UNKNOWN": Shown([[True, False]]),
    "IS DISTINCT FROM": Shown([[False, True]]),
    "IS NOT DISTINCT FROM": Shown([[True, False]]),
    # Logic and conditions
    "AND": Shown([[False, False, None]]),
    "OR": Shown([[True, True, None]]),
    "NOT": Shown([[False, None, True]]),
    "CASE WHEN ... THEN ... ELSE": Shown([2]),
    "CASE WHEN ... THEN without ELSE": Shown([None]),
    "CASE expression WHEN ... THEN": Shown(["two"]),
    # Collections
    "IN": Shown([[True, False, None]]),
    "NOT IN": Shown([[True, False]]),
    "WITHIN": Shown([[True, False]]),
    "NOT WITHIN": Shown([True]),
    "EXISTS": Shown([[True, False]]),
    "ANY ... SATISFIES": Shown([[True, False]]),
    "SOME ... SATISFIES": Shown([False]),
    "EVERY ... SATISFIES": Shown([[True, True]]),
    "ANY AND EVERY ... SATISFIES": Shown([[True, False]]),
    "SOME AND EVERY ... SATISFIES": Shown([False]),
    "ANY ... WITHIN": Shown([True]),
    "ANY name:value IN": Shown([True]),
    "ANY v IN ..., w IN ...": Shown([True]),
    "ARRAY ... FOR ... IN": Shown([[10, 20]]),
    "ARRAY ... FOR ... WHEN": Shown([[1, 3]]),
    "ARRAY ... FOR ... WITHIN": Shown([[1, 2, 3]]),
    "ARRAY ... FOR name:value": Shown([["ax", "by"]]),
    "ARRAY ... FOR v IN ..., w IN ...": Shown([["ax", "by"]]),
    "FIRST ... FOR ... WHEN": Shown([2]),
    "OBJECT ... FOR ... WHEN": Shown([{"k1": 1, "k3": 3}]),
    # Calls and sequences
    "function(expression, ...)": Shown(["A"]),
    "namespace:bucket.scope.function(...)": Shown([8]),
    "bucket.scope.function(...)": Shown([8]),
    "META().xattrs.name.path": Shown(["b2"]),
    "NEXT VALUE FOR": Shown([0, 1]),
    "NEXTVAL FOR": Shown([0]),
    "PREV VALUE FOR": Shown([[0, 0]]),
    "PREVVAL FOR": Shown([[0, 0]]),
}


@pytest.mark.parametrize("entry", entries(*CHAPTERS), ids=lambda entry: entry.form)
async def test_forms(session: Session, entry: Entry) -> None:
    await check(session, entry, CASES.get(entry.form))
