"""From a statement's text to its tree: recursive descent for clauses, Pratt for expressions."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.parser.expressions import expression
from cloudlet.couchbase.sqlpp.parser.index_keys import index_key
from cloudlet.couchbase.sqlpp.parser.primaries import bare_query
from cloudlet.couchbase.sqlpp.parser.queries import starts_query
from cloudlet.couchbase.sqlpp.parser.statement import statement
from cloudlet.couchbase.sqlpp.parser.stream import Stream
from cloudlet.couchbase.sqlpp.pausing import released
from cloudlet.couchbase.sqlpp.statements import IndexKey, Statement
from cloudlet.couchbase.sqlpp.tree import Expression


def parse(text: str) -> Statement:
    """The tree of one statement; QueryError 3000 with line, column and the text before."""
    stream = Stream(text)
    with released(stream.tokens):
        try:
            tree = statement(stream)
            stream.symbol(";")
            stream.expect_end()
        except RecursionError:
            raise errors.syntax("syntax error - statement is nested too deeply") from None
    return tree


def parse_expression(text: str) -> Expression:
    """The tree of one expression, such as an index key kept as text."""
    stream = Stream(text)
    tree = expression(stream)
    stream.expect_end()
    return tree


def parse_index_key(text: str) -> IndexKey:
    """An index key kept as text, with its array word and its order."""
    stream = Stream(text)
    key = index_key(stream)
    stream.expect_end()
    return key


def parse_body(text: str) -> Expression:
    """The tree of an inline function's body: an expression, or a query without parentheses."""
    stream = Stream(text)
    found = bare_query(stream) if starts_query(stream) else expression(stream)
    stream.expect_end()
    return found
