"""What an expression starts with: literals, names, calls, constructions, ranges, subqueries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp.lexer import Kind
from cloudlet.couchbase.sqlpp.parser import expressions, functions, index_keys, queries, windows
from cloudlet.couchbase.sqlpp.parser.stream import Stream
from cloudlet.couchbase.sqlpp.tree import Expression
from cloudlet.couchbase.sqlpp.values import MISSING

# The aggregate functions; the same names with a plain array argument are ARRAY_ functions.
AGGREGATES: Final = frozenset(
    """
    array_agg avg count countn max min sum mean median stddev stddev_pop stddev_samp
    variance variance_pop variance_samp var_pop var_samp
    """.split()  # noqa: SIM905
)
_CONSTANTS: Final = {"TRUE": True, "FALSE": False, "NULL": None, "MISSING": MISSING}


def primary(stream: Stream) -> Expression:
    """One operand without its path."""
    token = stream.token
    if token.kind in (Kind.STRING, Kind.NUMBER):
        stream.advance()
        return tree.Literal(token.value)
    if token.kind is Kind.PARAMETER:
        stream.advance()
        if token.value is None:
            return tree.Parameter(stream.next_unnamed_parameter())
        return tree.Parameter(token.value)
    if token.kind is Kind.SYMBOL:
        return _from_symbol(stream)
    if token.kind is Kind.WORD:
        if token.upper in _CONSTANTS and not (token.upper == "MISSING" and _is_call(stream)):
            stream.advance()
            return tree.Literal(_CONSTANTS[token.upper])
        special = _SPECIAL.get(token.upper)
        if special is not None and not (stream.ahead().upper == "(" and token.upper == "SELF"):
            stream.advance()
            return special(stream)
        value = functions.sequence_value(stream)
        if value is not None:
            return value
    if token.kind is Kind.CASELESS:
        at = stream.position()
        return tree.CaselessName(str(stream.advance().value), at)
    namespaced = _namespaced(stream)
    if namespaced is not None:
        return namespaced
    if _is_call(stream) and token.kind in (Kind.WORD, Kind.QUOTED):
        return _call(stream)
    at = stream.position()
    return tree.Name(stream.identifier(), at)


def _is_call(stream: Stream) -> bool:
    following = stream.ahead()
    return following.kind is Kind.SYMBOL and following.upper == "("


def _from_symbol(stream: Stream) -> Expression:
    if stream.is_symbol("("):
        return parenthesised(stream)
    if stream.symbol("["):
        return tree.ArrayConstruct(tuple(items(stream, "]")))
    if stream.symbol("{"):
        return _object(stream)
    raise stream.unexpected()


def items(stream: Stream, closing: str) -> list[Expression]:
    """Expressions with commas between, up to the closing symbol."""
    found: list[Expression] = []
    if stream.symbol(closing):
        return found
    while True:
        found.append(expressions.expression(stream))
        if stream.symbol(closing):
            return found
        stream.expect_symbol(",")


def _object(stream: Stream) -> Expression:
    pairs: list[tuple[Expression, Expression]] = []
    if stream.symbol("}"):
        return tree.ObjectConstruct(())
    while True:
        start = stream.token
        key = expressions.expression(stream)
        if stream.symbol(":"):
            pairs.append((key, expressions.expression(stream)))
        else:
            name = stream.identifier() if stream.word("AS") else implied_alias(key)
            if name is None:
                raise errors.syntax(f"Object member missing name or value: {start.text}")
            pairs.append((tree.Literal(name), key))
        if stream.symbol("}"):
            return tree.ObjectConstruct(tuple(pairs))
        stream.expect_symbol(",")


def implied_alias(expression: Expression) -> str | None:
    """The name an expression has without AS: an identifier's, or a path's last one."""
    if isinstance(expression, (tree.Name, tree.Field)):
        return expression.name
    if isinstance(expression, tree.CaselessName):
        return expression.name
    if isinstance(expression, tree.CaselessField) and isinstance(expression.name, tree.Literal):
        return str(expression.name.value)
    if isinstance(expression, tree.Spread):
        return implied_alias(expression.base)
    return None


def parenthesised(stream: Stream) -> Expression:
    """`( expression )` or `( query )`."""
    start = stream.at
    stream.expect_symbol("(")
    if queries.starts_query(stream):
        query = queries.query(stream)
        stream.expect_symbol(")")
        return tree.Subquery(query, stream.taken(start))
    inner = expressions.expression(stream)
    if isinstance(inner, tree.Subquery) and not stream.is_symbol(")", ","):
        query = queries.continued(stream, inner.query)
        stream.expect_symbol(")")
        return tree.Subquery(query, stream.taken(start))
    stream.expect_symbol(")")
    return inner


def bare_query(stream: Stream) -> Expression:
    """A query as an expression, without parentheses around it."""
    start = stream.at
    query = queries.query(stream)
    return tree.Subquery(query, f"({stream.taken(start)})")


def _namespaced(stream: Stream) -> Expression | None:
    """`default:[bucket.scope.]function(...)`; None, with nothing taken, where it is none."""
    if stream.ahead().upper != ":" or stream.token.text.strip("`").lower() != "default":
        return None
    place = 2
    while stream.ahead(place).kind in (Kind.WORD, Kind.QUOTED) and (
        stream.ahead(place + 1).upper == "."
    ):
        place += 2
    if place not in (2, 6) or stream.ahead(place + 1).upper != "(":
        return None
    at = stream.position()
    path = tuple(str(stream.ahead(n).value) for n in range(2, place + 1, 2))
    for _ in range(place + 2):
        stream.advance()
    return tree.UserCall(("default:", *path), tuple(items(stream, ")")), at)


def _call(stream: Stream) -> Expression:
    at = stream.position()
    name = str(stream.advance().value).lower()
    stream.expect_symbol("(")
    if name in AGGREGATES:
        return _aggregate(stream, name, at)
    if name == "flatten_keys":
        return tree.Call(name, index_keys.flattened(stream), at)
    arguments = [] if stream.symbol(")") else _arguments(stream)
    if name in windows.FUNCTIONS:
        return windows.call(stream, name, arguments, at)
    return tree.Call(name, tuple(arguments), at)


def _arguments(stream: Stream) -> list[Expression]:
    if queries.starts_query(stream):
        # A query as the only argument needs no parentheses of its own.
        arguments: list[Expression] = [bare_query(stream)]
        stream.expect_symbol(")")
        return arguments
    return items(stream, ")")


def _aggregate(stream: Stream, name: str, at: tree.Position) -> Expression:
    distinct = stream.word("DISTINCT")
    if not distinct:
        stream.word("ALL")
    argument: Expression | None = None
    if name == "count" and stream.is_symbol("*") and stream.ahead().upper == ")":
        stream.advance()
    else:
        argument = expressions.expression(stream)
    stream.expect_symbol(")")
    condition = None
    if stream.word("FILTER"):
        stream.expect_symbol("(")
        stream.expect_word("WHERE")
        condition = expressions.expression(stream)
        stream.expect_symbol(")")
    if stream.is_word("OVER"):
        arguments = [] if argument is None else [argument]
        return windows.call(stream, name, arguments, at, distinct=distinct, condition=condition)
    return tree.Aggregate(name, argument, distinct, condition, at)


def _case(stream: Stream) -> Expression:
    operand = None if stream.is_word("WHEN") else expressions.expression(stream)
    branches = []
    while stream.word("WHEN"):
        condition = expressions.expression(stream)
        stream.expect_word("THEN")
        branches.append((condition, expressions.expression(stream)))
    if not branches:
        raise stream.unexpected()
    otherwise = expressions.expression(stream) if stream.word("ELSE") else None
    stream.expect_word("END")
    return tree.Case(operand, tuple(branches), otherwise)


def range_bindings(stream: Stream) -> tuple[tree.RangeBinding, ...]:
    """`[name :] variable IN|WITHIN collection, ...`"""
    bindings = []
    while True:
        name_variable = None
        variable = stream.identifier()
        if stream.symbol(":"):
            name_variable, variable = variable, stream.identifier()
        within = stream.word("WITHIN")
        if not within:
            stream.expect_word("IN")
        collection = expressions.expression(stream)
        bindings.append(tree.RangeBinding(variable, name_variable, collection, within))
        if not stream.symbol(","):
            return tuple(bindings)


def _any(stream: Stream) -> Expression:
    quantifier = "any and every" if stream.word("AND", "EVERY") else "any"
    return _satisfies(stream, quantifier)


def _every(stream: Stream) -> Expression:
    return _satisfies(stream, "every")


def _satisfies(stream: Stream, quantifier: str) -> Expression:
    bindings = range_bindings(stream)
    stream.expect_word("SATISFIES")
    condition = expressions.expression(stream)
    stream.expect_word("END")
    return tree.Quantified(quantifier, bindings, condition)


def _comprehension(kind: str) -> Callable[[Stream], Expression]:
    def parse(stream: Stream) -> Expression:
        key = None
        value = expressions.expression(stream)
        if kind == "object":
            stream.expect_symbol(":")
            key, value = value, expressions.expression(stream)
        stream.expect_word("FOR")
        bindings = range_bindings(stream)
        condition = expressions.expression(stream) if stream.word("WHEN") else None
        stream.expect_word("END")
        return tree.Comprehension(kind, key, value, bindings, condition)

    return parse


def _self(stream: Stream) -> Expression:
    return tree.Name("self", stream.position())


_SPECIAL: Final[dict[str, Callable[[Stream], Expression]]] = {
    "CASE": _case,
    "ANY": _any,
    "SOME": _any,
    "EVERY": _every,
    "ARRAY": _comprehension("array"),
    "FIRST": _comprehension("first"),
    "OBJECT": _comprehension("object"),
    "SELF": _self,
}
