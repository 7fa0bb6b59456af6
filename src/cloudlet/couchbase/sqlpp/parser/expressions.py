"""Expressions: binding powers as in the reference's table of operator precedence."""

from __future__ import annotations

from typing import Final

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.lexer import Kind
from cloudlet.couchbase.sqlpp.parser import primaries
from cloudlet.couchbase.sqlpp.parser.stream import Stream
from cloudlet.couchbase.sqlpp.tree import Expression

_OR, _AND, _NOT, _EQUAL, _ORDER, _LIKE, _BETWEEN, _IN, _EXISTS, _IS = range(10, 110, 10)
_CONCAT, _ADD, _MULTIPLY, _NEGATE = 110, 120, 130, 140

_SYMBOL_POWER: Final = {
    "=": _EQUAL, "==": _EQUAL, "!=": _EQUAL, "<>": _EQUAL,
    "<": _ORDER, "<=": _ORDER, ">": _ORDER, ">=": _ORDER,
    "||": _CONCAT, "+": _ADD, "-": _ADD, "*": _MULTIPLY, "/": _MULTIPLY, "%": _MULTIPLY,
    "^": _MULTIPLY,
}  # fmt: skip
_WORD_POWER: Final = {
    "OR": _OR, "AND": _AND, "LIKE": _LIKE, "BETWEEN": _BETWEEN, "IN": _IN, "WITHIN": _IN,
    "IS": _IS, "NOT": _LIKE,
}  # fmt: skip


def expression(stream: Stream, power: int = 0) -> Expression:
    """The longest expression whose operators bind tighter than `power`."""
    left = _prefix(stream)
    while True:
        token = stream.token
        if token.kind is Kind.SYMBOL:
            binding = _SYMBOL_POWER.get(token.upper, 0)
            if binding <= power:
                return left
            stream.advance()
            left = _symbol_operator(stream, token.upper, left, binding)
        elif token.kind is Kind.WORD:
            binding = _WORD_POWER.get(token.upper, 0)
            if binding <= power:
                return left
            if token.upper == "NOT" and stream.ahead().upper not in (
                "LIKE", "BETWEEN", "IN", "WITHIN",
            ):  # fmt: skip
                return left
            stream.advance()
            left = _word_operator(stream, token.upper, left)
        else:
            return left


def _prefix(stream: Stream) -> Expression:
    if stream.word("NOT"):
        return tree.Not(expression(stream, _NOT))
    if stream.word("EXISTS"):
        return tree.Exists(expression(stream, _EXISTS))
    if stream.symbol("-"):
        operand = expression(stream, _NEGATE)
        if isinstance(operand, tree.Literal) and type(operand.value) in (int, float):
            return tree.Literal(-operand.value)
        return tree.Negate(operand)
    if stream.symbol("+"):
        return expression(stream, _NEGATE)
    return path(stream, primaries.primary(stream))


def path(stream: Stream, base: Expression) -> Expression:
    """The base with every `.name`, `.[name]`, `[index]`, `[a:b]` and `[*]` after it."""
    while True:
        if stream.is_symbol(".") and stream.ahead().upper != "*":
            stream.advance()
            if stream.symbol("["):
                base = _dynamic_field(stream, base)
            elif stream.token.kind is Kind.CASELESS:
                base = tree.CaselessField(base, tree.Literal(stream.advance().value))
            else:
                base = tree.Field(base, stream.identifier())
        elif stream.symbol("["):
            base = _bracket(stream, base)
        elif stream.is_symbol("(") and isinstance(base, tree.Field):
            base = _scoped_call(stream, base)
        else:
            return base


def _dynamic_field(stream: Stream, base: Expression) -> Expression:
    """`.[name]`, or `.[name]i` for a name in any case."""
    name = expression(stream)
    end = stream.token.end
    stream.expect_symbol("]")
    if stream.token.start == end and stream.token.text == "i":
        stream.advance()
        return tree.CaselessField(base, name)
    return tree.DynamicField(base, name)


def _scoped_call(stream: Stream, path: tree.Field) -> Expression:
    """`scope.function(...)` or `bucket.scope.function(...)`: the path was read as fields."""
    names = [path.name]
    node = path.base
    while isinstance(node, tree.Field):
        names.insert(0, node.name)
        node = node.base
    if not isinstance(node, tree.Name) or len(names) > 2:
        raise stream.unexpected()
    stream.advance()
    return tree.UserCall((node.name, *names), tuple(primaries.items(stream, ")")), node.at)


def _bracket(stream: Stream, base: Expression) -> Expression:
    if stream.is_symbol("*") and stream.ahead().upper == "]":
        stream.advance()
        stream.advance()
        return tree.Spread(base)
    start = None if stream.is_symbol(":") else expression(stream)
    if stream.symbol(":"):
        end = None if stream.is_symbol("]") else expression(stream)
        stream.expect_symbol("]")
        return tree.Slice(base, start, end)
    stream.expect_symbol("]")
    assert start is not None
    return tree.Element(base, start)


def _symbol_operator(stream: Stream, symbol: str, left: Expression, binding: int) -> Expression:
    right = expression(stream, binding)
    if binding in (_EQUAL, _ORDER):
        operator = {"==": "=", "<>": "!="}.get(symbol, symbol)
        return tree.Comparison(operator, left, right)
    return tree.Arithmetic(symbol, left, right)


def _word_operator(stream: Stream, word: str, left: Expression) -> Expression:
    if word == "AND":
        right = expression(stream, _AND)
        return tree.And((*_operands(left, tree.And), right))
    if word == "OR":
        right = expression(stream, _OR)
        return tree.Or((*_operands(left, tree.Or), right))
    if word == "IS":
        return _is(stream, left)
    if word == "NOT":
        inner = stream.advance().upper
        return tree.Not(_word_operator(stream, inner, left))
    if word == "BETWEEN":
        low = expression(stream, _BETWEEN)
        stream.expect_word("AND")
        return tree.Between(left, low, expression(stream, _BETWEEN))
    if word == "LIKE":
        pattern = expression(stream, _LIKE)
        escape = expression(stream, _LIKE) if stream.word("ESCAPE") else None
        return tree.Like(left, pattern, escape)
    return tree.In(left, expression(stream, _IN), word == "WITHIN")


def _operands(left: Expression, kind: type[tree.And] | type[tree.Or]) -> tuple[Expression, ...]:
    return left.operands if isinstance(left, kind) else (left,)


def _is(stream: Stream, left: Expression) -> Expression:
    negated = stream.word("NOT")
    if stream.word("DISTINCT", "FROM"):
        # IS [NOT] DISTINCT FROM compares NULL and MISSING as values.
        right = expression(stream, _IS)
        call = tree.Call("is_not_distinct_from", (left, right))
        return call if negated else tree.Not(call)
    for word, what in (
        ("NULL", "null"), ("MISSING", "missing"), ("VALUED", "valued"), ("KNOWN", "valued"),
        ("UNKNOWN", "unknown"),
    ):  # fmt: skip
        if stream.word(word):
            if what == "unknown":
                what, negated = "valued", not negated
            return tree.Is(left, what, negated)
    if stream.is_word("ARRAY", "OBJECT", "BOOLEAN", "NUMBER", "STRING", "ATOM", "BINARY"):
        test: Expression = tree.Call("is_" + stream.advance().upper.lower(), (left,))
        return tree.Not(test) if negated else test
    raise stream.unexpected()
