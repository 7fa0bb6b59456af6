"""The keys of CREATE INDEX: expressions, arrays' elements, their order and what they leave out."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.parser import expressions
from cloudlet.couchbase.sqlpp.parser.stream import Stream


def index_keys(stream: Stream) -> tuple[s.IndexKey, ...]:
    """The keys in their parentheses."""
    stream.expect_symbol("(")
    keys = []
    while True:
        keys.append(index_key(stream))
        if stream.symbol(")"):
            return tuple(keys)
        stream.expect_symbol(",")


def index_key(stream: Stream) -> s.IndexKey:
    """One key: `[ALL|DISTINCT] expression [INCLUDE MISSING] [ASC|DESC]`."""
    bracket = stream.is_symbol("(") and stream.ahead().upper in ("ALL", "DISTINCT")
    if bracket:
        stream.advance()
    array = None
    if stream.word("DISTINCT"):
        array = "distinct"
    elif stream.word("ALL"):
        array = "all"
    expression = expressions.expression(stream)
    if bracket:
        stream.expect_symbol(")")
    missing = descending = False
    while True:
        if stream.word("DESC"):
            descending = True
        elif stream.word("INCLUDE", "MISSING"):
            missing = True
        elif not stream.word("ASC"):
            return s.IndexKey(expression, array, descending, missing)
