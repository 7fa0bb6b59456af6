"""SELECT: blocks, FROM terms, set operations, ordering and limits."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.parser import expressions, primaries, terms
from cloudlet.couchbase.sqlpp.parser.stream import Stream

_SET_OPERATIONS = ("UNION", "INTERSECT", "EXCEPT")


def starts_query(stream: Stream) -> bool:
    """Whether a query begins here."""
    return stream.is_word("SELECT", "FROM", "WITH")


def query(stream: Stream) -> s.Query:
    """A query with its WITH, set operations, ORDER BY, LIMIT and OFFSET."""
    with_ = _with(stream)
    body = _set_operand(stream)
    return _tail(stream, body, with_)


def continued(stream: Stream, left: s.Query) -> s.Query:
    """The rest of a query whose first operand was a query in parentheses."""
    return _tail(stream, left, ())


def _tail(stream: Stream, body: s.Select | s.Query, with_: tuple[s.LetBinding, ...]) -> s.Query:
    node: s.Select | s.SetOperation | s.Query = body
    while stream.is_word(*_SET_OPERATIONS):
        operator = stream.advance().upper.lower()
        keeps_all = stream.word("ALL")
        if not keeps_all:
            stream.word("DISTINCT")
        right = _set_operand(stream)
        node = s.SetOperation(operator, keeps_all, _as_query(node), _as_query(right))
    order = _order(stream)
    limit = offset = None
    while stream.is_word("LIMIT", "OFFSET"):
        if limit is None and stream.word("LIMIT"):
            limit = expressions.expression(stream)
        elif offset is None and stream.word("OFFSET"):
            offset = expressions.expression(stream)
        else:
            raise stream.unexpected()
    return s.Query(node, order, limit, offset, with_)


def _as_query(node: s.Select | s.SetOperation | s.Query) -> s.Query:
    return node if isinstance(node, s.Query) else s.Query(node)


def _set_operand(stream: Stream) -> s.Select | s.Query:
    if stream.symbol("("):
        inner = query(stream)
        stream.expect_symbol(")")
        return inner
    return _block(stream)


def _with(stream: Stream) -> tuple[s.LetBinding, ...]:
    if not stream.word("WITH"):
        return ()
    if stream.word("RECURSIVE"):
        raise errors.not_supported("WITH RECURSIVE")
    bindings = []
    while True:
        at = stream.position()
        name = stream.identifier()
        stream.expect_word("AS")
        bindings.append(s.LetBinding(name, expressions.expression(stream), at))
        if not stream.symbol(","):
            return tuple(bindings)


def _block(stream: Stream) -> s.Select:
    source = None
    let: tuple[s.LetBinding, ...] = ()
    where = group = having = None
    letting: tuple[s.LetBinding, ...] = ()
    from_first = stream.is_word("FROM")
    if from_first:
        source, let, where, group, letting, having = _clauses(stream)
    stream.expect_word("SELECT")
    distinct = stream.word("DISTINCT")
    if not distinct:
        stream.word("ALL")
    projections, raw = result_list(stream)
    if stream.is_word("EXCLUDE"):
        raise errors.not_supported("EXCLUDE")
    if not from_first:
        source, let, where, group, letting, having = _clauses(stream)
    if stream.is_word("WINDOW"):
        raise expressions.window_refused()
    return s.Select(projections, raw, distinct, source, let, where, group, letting, having)


def result_list(stream: Stream) -> tuple[tuple[s.Projection, ...], bool]:
    """The result terms of SELECT or RETURNING, and whether they are RAW."""
    if stream.is_word("RAW", "ELEMENT", "VALUE"):
        stream.advance()
        value = expressions.expression(stream)
        alias = _alias(stream)
        return (s.Projection(value, alias),), True
    found = [_projection(stream)]
    while stream.symbol(","):
        found.append(_projection(stream))
    return tuple(found), False


def _projection(stream: Stream) -> s.Projection:
    if stream.symbol("*"):
        return s.Projection(None, star=True)
    value = expressions.expression(stream)
    if stream.is_symbol(".") and stream.ahead().upper == "*":
        stream.advance()
        stream.advance()
        return s.Projection(value, star=True)
    return s.Projection(value, _alias(stream) or primaries.implied_alias(value))


def _alias(stream: Stream) -> str | None:
    if stream.word("AS") or stream.is_identifier():
        return stream.identifier()
    return None


def _clauses(
    stream: Stream,
) -> tuple[
    s.FromTerm | None,
    tuple[s.LetBinding, ...],
    tree.Expression | None,
    tuple[s.GroupTerm, ...] | None,
    tuple[s.LetBinding, ...],
    tree.Expression | None,
]:
    source = terms.from_clause(stream) if stream.word("FROM") else None
    let = let_bindings(stream, "LET")
    where = expressions.expression(stream) if stream.word("WHERE") else None
    group = _group(stream)
    letting = let_bindings(stream, "LETTING")
    having = expressions.expression(stream) if stream.word("HAVING") else None
    if group is None and (letting or having is not None):
        group = ()
    return source, let, where, group, letting, having


def let_bindings(stream: Stream, word: str) -> tuple[s.LetBinding, ...]:
    """`LET name = expression, ...`, or nothing."""
    if not stream.word(word):
        return ()
    bindings = []
    while True:
        at = stream.position()
        name = stream.identifier()
        stream.expect_symbol("=")
        bindings.append(s.LetBinding(name, expressions.expression(stream), at))
        if not stream.symbol(","):
            return tuple(bindings)


def _group(stream: Stream) -> tuple[s.GroupTerm, ...] | None:
    if not stream.word("GROUP"):
        return None
    stream.expect_word("BY")
    found = []
    while True:
        value = expressions.expression(stream)
        alias = stream.identifier() if stream.word("AS") else None
        found.append(s.GroupTerm(value, alias))
        if not stream.symbol(","):
            break
    if stream.word("GROUP"):
        raise errors.not_supported("GROUP AS")
    return tuple(found)


def _order(stream: Stream) -> tuple[s.OrderTerm, ...]:
    if not stream.word("ORDER"):
        return ()
    stream.expect_word("BY")
    found = []
    while True:
        value = expressions.expression(stream)
        descending = stream.word("DESC")
        if not descending:
            stream.word("ASC")
        nulls_last = None
        if stream.word("NULLS"):
            nulls_last = stream.word("LAST")
            if not nulls_last:
                stream.expect_word("FIRST")
        found.append(s.OrderTerm(value, descending, nulls_last))
        if not stream.symbol(","):
            return tuple(found)
