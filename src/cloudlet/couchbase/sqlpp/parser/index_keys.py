"""The keys of CREATE INDEX: expressions, arrays' elements, their order and what they leave out."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.parser import expressions
from cloudlet.couchbase.sqlpp.parser.stream import Stream


def index_keys(stream: Stream) -> tuple[s.IndexKey, ...]:
    """The keys in their parentheses; only the first one can include MISSING."""
    stream.expect_symbol("(")
    keys: list[s.IndexKey] = []
    while True:
        at = stream.position()
        key = index_key(stream)
        if keys and key.missing:
            raise errors.syntax(
                f"INCLUDE MISSING attribute only allowed with gsi leading key{errors.near(at)}", *at
            )
        keys.append(key)
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
    return s.IndexKey(expression, array, *_attributes(stream))


def _attributes(stream: Stream) -> tuple[bool, bool]:
    """`[ASC|DESC] [INCLUDE MISSING]` in any order, each at most once: descending, missing."""
    order = missing = None
    while True:
        if order is None and stream.is_word("ASC", "DESC"):
            order = stream.advance().upper
        elif missing is None and stream.word("INCLUDE", "MISSING"):
            missing = True
        elif stream.is_word("ASC", "DESC", "INCLUDE"):
            raise errors.syntax(
                f"Duplicate or Invalid index key attribute{errors.near(stream.position())}"
            )
        else:
            return order == "DESC", missing is True


def flattened(stream: Stream) -> tuple[tree.Expression, ...]:
    """The arguments of FLATTEN_KEYS after the bracket, each with its order."""
    found: list[tree.Expression] = []
    while True:
        value = expressions.expression(stream)
        descending, missing = _attributes(stream)
        attributed = descending or missing
        found.append(tree.FlattenedKey(value, descending, missing) if attributed else value)
        if stream.symbol(")"):
            return tuple(found)
        stream.expect_symbol(",")
