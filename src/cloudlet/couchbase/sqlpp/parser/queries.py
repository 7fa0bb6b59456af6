"""SELECT: blocks, FROM terms, set operations, ordering and limits."""

from __future__ import annotations

from typing import Any

from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.parser import expressions, hints, primaries, terms, windows
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
    recursive = stream.word("RECURSIVE")
    bindings = []
    while True:
        at = stream.position()
        name = stream.identifier()
        stream.expect_word("AS")
        value = expressions.expression(stream)
        recursion = _recursion(stream) if recursive else None
        bindings.append(s.LetBinding(name, value, at, recursion))
        if not stream.symbol(","):
            return tuple(bindings)


def _recursion(stream: Stream) -> s.Recursion:
    """`[CYCLE field, ... RESTRICT] [OPTIONS object]` after a term of WITH RECURSIVE."""
    fields: list[tree.Expression] = []
    if stream.word("CYCLE"):
        fields.append(expressions.expression(stream))
        while stream.symbol(","):
            fields.append(expressions.expression(stream))
        stream.expect_word("RESTRICT")
    options = expressions.expression(stream) if stream.word("OPTIONS") else None
    return s.Recursion(tuple(fields), options)


def _block(stream: Stream) -> s.Select:
    clauses: dict[str, Any] = {}
    from_first = stream.is_word("FROM")
    if from_first:
        clauses = _clauses(stream)
    stream.expect_word("SELECT")
    hinted = hints.comment(stream)
    distinct = stream.word("DISTINCT")
    if not distinct:
        stream.word("ALL")
    projections, raw = result_list(stream)
    exclude = _exclude(stream)
    if not from_first:
        clauses = _clauses(stream)
    return s.Select(projections, raw, distinct, exclude=exclude, hints=hinted, **clauses)


def _exclude(stream: Stream) -> tuple[tree.Expression, ...]:
    """`EXCLUDE path, ...`: paths, or strings that hold paths."""
    if not stream.word("EXCLUDE"):
        return ()
    found = [expressions.expression(stream, power=140)]
    while stream.symbol(","):
        found.append(expressions.expression(stream, power=140))
    return tuple(found)


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


def _clauses(stream: Stream) -> dict[str, Any]:
    """FROM to WINDOW, as parts of a Select."""
    source = terms.from_clause(stream) if stream.word("FROM") else None
    let = let_bindings(stream, "LET")
    where = expressions.expression(stream) if stream.word("WHERE") else None
    group, group_as = _group(stream)
    letting = let_bindings(stream, "LETTING")
    grouped = group is not None
    having = expressions.expression(stream) if grouped and stream.word("HAVING") else None
    if letting and group is None:
        group = ()
    return {
        "source": source,
        "let": let,
        "where": where,
        "group": group,
        "group_as": group_as,
        "letting": letting,
        "having": having,
        "windows": windows.clause(stream),
    }


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


def _group(stream: Stream) -> tuple[tuple[s.GroupTerm, ...] | None, str | None]:
    if not stream.word("GROUP"):
        return None, None
    stream.expect_word("BY")
    found = []
    while True:
        value = expressions.expression(stream)
        alias = None
        if stream.word("AS") or stream.is_identifier():
            alias = stream.identifier()
        found.append(s.GroupTerm(value, alias))
        if not stream.symbol(","):
            break
    name = None
    if stream.word("GROUP", "AS"):
        name = stream.identifier()
    return tuple(found), name


def ordering(stream: Stream) -> tuple[bool, bool | None]:
    """`[ASC|DESC] [NULLS FIRST|LAST]`: whether descending, and where NULLs are put last."""
    descending = stream.word("DESC")
    if not descending:
        stream.word("ASC")
    nulls_last = None
    if stream.word("NULLS"):
        nulls_last = stream.word("LAST")
        if not nulls_last:
            stream.expect_word("FIRST")
    return descending, nulls_last


def _order(stream: Stream) -> tuple[s.OrderTerm, ...]:
    if not stream.word("ORDER"):
        return ()
    stream.expect_word("BY")
    found = []
    while True:
        value = expressions.expression(stream)
        found.append(s.OrderTerm(value, *ordering(stream)))
        if not stream.symbol(","):
            return tuple(found)
