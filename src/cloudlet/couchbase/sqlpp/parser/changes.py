"""INSERT, UPSERT, UPDATE, DELETE and MERGE."""

from __future__ import annotations

from typing import Any

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.hints import JOIN_HINTS
from cloudlet.couchbase.sqlpp.parser import expressions, hints, primaries, queries, terms
from cloudlet.couchbase.sqlpp.parser.stream import Stream
from cloudlet.couchbase.sqlpp.tree import Expression


def insert(stream: Stream) -> s.Insert:
    """INSERT or UPSERT INTO a keyspace."""
    upsert = stream.advance().upper == "UPSERT"
    stream.expect_word("INTO")
    path = terms.keyspace_path(stream)
    alias = terms.alias_of(stream) or path.parts[-1]
    target = s.KeyspaceTerm(path, alias)
    key = value = options = None
    if stream.symbol("("):
        key, value, options = _header(stream)
    if key is None and stream.is_word("VALUES"):
        pairs = _values(stream)
        returning = _returning(stream)
        return s.Insert(upsert, target, values=pairs, returning=returning)
    if key is None or not (queries.starts_query(stream) or stream.is_symbol("(")):
        raise stream.unexpected()
    query = queries.query(stream)
    return s.Insert(
        upsert,
        target,
        key=key,
        value=value,
        options=options,
        query=query,
        returning=_returning(stream),
    )


def _header(
    stream: Stream,
) -> tuple[Expression | None, Expression | None, Expression | None]:
    """`([PRIMARY] KEY [expr] [, VALUE [expr]] [, OPTIONS [expr]])` after the opening bracket."""
    stream.word("PRIMARY")
    stream.expect_word("KEY")
    parts: list[Expression | None] = [None, None, None]
    if not stream.is_symbol(",", ")"):
        parts[0] = expressions.expression(stream)
    for number, word in ((1, "VALUE"), (2, "OPTIONS")):
        if stream.is_symbol(",") and stream.ahead().upper == word:
            stream.advance()
            stream.advance()
            if not stream.is_symbol(",", ")"):
                parts[number] = expressions.expression(stream)
    stream.expect_symbol(")")
    return parts[0], parts[1], parts[2]


def _values(
    stream: Stream,
) -> tuple[tuple[Expression, Expression, Expression | None], ...]:
    pairs = []
    stream.expect_word("VALUES")
    while True:
        stream.expect_symbol("(")
        key = expressions.expression(stream)
        stream.expect_symbol(",")
        value = expressions.expression(stream)
        options = expressions.expression(stream) if stream.symbol(",") else None
        stream.expect_symbol(")")
        pairs.append((key, value, options))
        if not stream.symbol(","):
            return tuple(pairs)
        stream.word("VALUES")


def _returning(stream: Stream) -> s.Returning | None:
    if not stream.word("RETURNING"):
        return None
    return s.Returning(*queries.result_list(stream))


def update(stream: Stream) -> s.Update:
    """UPDATE with SET and UNSET."""
    stream.advance()
    hinted = hints.comment(stream)
    target = _target(stream, "DELETE or UPDATE")
    let = queries.let_bindings(stream, "LET")
    set_: tuple[s.Assignment, ...] = ()
    unset: tuple[s.Assignment, ...] = ()
    if stream.word("SET"):
        set_ = _assignments(stream, with_value=True)
    if stream.word("UNSET"):
        unset = _assignments(stream, with_value=False)
    if not (set_ or unset):
        raise stream.unexpected()
    where = expressions.expression(stream) if stream.word("WHERE") else None
    limit = expressions.expression(stream) if stream.word("LIMIT") else None
    return s.Update(target, set_, unset, where, limit, let, _returning(stream), hinted)


def _target(stream: Stream, statement: str) -> s.KeyspaceTerm:
    """What is changed, with its USE clause, which can hold no join hint."""
    at = stream.position()
    target = terms.keyspace_rest(stream, terms.keyspace_path(stream))
    if any(hint.name in JOIN_HINTS for hint in target.hints):
        raise errors.syntax(
            "Keyspace reference cannot have join hint (USE HASH or USE NL) in "
            f"{statement} statement{errors.near(at)}", *at,
        )  # fmt: skip
    return target


def _assignments(stream: Stream, *, with_value: bool) -> tuple[s.Assignment, ...]:
    found = []
    while True:
        path = expressions.expression(stream, power=140)
        if not isinstance(path, (tree.Name, tree.Field, tree.Element, tree.DynamicField)):
            raise stream.unexpected()
        value = None
        if with_value:
            stream.expect_symbol("=")
            value = expressions.expression(stream)
        found.append(s.Assignment(path, value, *_update_for(stream)))
        if not stream.symbol(","):
            return tuple(found)


def _update_for(
    stream: Stream,
) -> tuple[tuple[tuple[tree.RangeBinding, ...], ...], Expression | None]:
    """`FOR variable IN array, ... [FOR ...] [WHEN condition] END`, or nothing.

    Written inside out: the first FOR may use the variables of the next.
    """
    dimensions: list[tuple[tree.RangeBinding, ...]] = []
    condition = None
    while stream.word("FOR"):
        dimensions.append(primaries.range_bindings(stream))
    if dimensions:
        condition = expressions.expression(stream) if stream.word("WHEN") else None
        stream.expect_word("END")
    return tuple(reversed(dimensions)), condition


def merge(stream: Stream) -> s.Merge:
    """MERGE INTO a keyspace USING a source."""
    stream.advance()
    hinted = hints.comment(stream)
    stream.expect_word("INTO")
    at = stream.position()
    target = _target(stream, "MERGE")
    if target.use_keys is not None:
        raise errors.syntax(
            f"Keyspace reference cannot have USE KEYS hint in MERGE statement{errors.near(at)}", *at
        )
    stream.expect_word("USING")
    source = terms.simple(stream)
    stream.expect_word("ON")
    on_key = condition = None
    if stream.word("PRIMARY", "KEY") or stream.word("KEY"):
        on_key = expressions.expression(stream)
        _check_on_key(target, source)
    else:
        condition = expressions.expression(stream)
    actions = _merge_actions(stream, by_key=on_key is not None)
    limit = expressions.expression(stream) if stream.word("LIMIT") else None
    return s.Merge(
        target, source, on_key, condition, limit=limit, returning=_returning(stream),
        hints=hinted, **actions,
    )  # fmt: skip


def _check_on_key(target: s.KeyspaceTerm, source: s.KeyspaceTerm | s.ExpressionTerm) -> None:
    if target.hints:
        raise errors.semantic(
            3180, "MERGE with ON KEY clause cannot have USE INDEX hint specified on target."
        )
    if any(hint.name in JOIN_HINTS for hint in source.hints):
        raise errors.semantic(
            3190, "MERGE with ON KEY clause cannot have join hint specified on source."
        )


def _merge_actions(stream: Stream, *, by_key: bool) -> dict[str, Any]:
    """The WHEN clauses, each at most once."""
    actions: dict[str, Any] = {}
    while stream.word("WHEN"):
        name: str
        action: s.MergeInsert | s.MergeUpdate | bool
        if stream.word("NOT", "MATCHED", "THEN", "INSERT"):
            name, action = "insert", _merge_insert(stream, by_key=by_key)
        else:
            stream.expect_word("MATCHED", "THEN")
            if stream.word("UPDATE"):
                set_ = _assignments(stream, with_value=True) if stream.word("SET") else ()
                unset = _assignments(stream, with_value=False) if stream.word("UNSET") else ()
                if not (set_ or unset):
                    raise stream.unexpected()
                name, action = "update", s.MergeUpdate(set_, unset, _where(stream))
            else:
                stream.expect_word("DELETE")
                name, action = "delete", True
                actions["delete_where"] = _where(stream)
        if name in actions:
            raise stream.unexpected()
        actions[name] = action
    if not actions:
        raise stream.unexpected()
    return actions


def _where(stream: Stream) -> Expression | None:
    return expressions.expression(stream) if stream.word("WHERE") else None


def _merge_insert(stream: Stream, *, by_key: bool) -> s.MergeInsert:
    at = stream.position()
    if by_key and not (stream.is_symbol("(") and stream.ahead().upper == "KEY"):
        return s.MergeInsert(None, expressions.expression(stream), None, _where(stream))
    if by_key:
        raise errors.semantic(
            3150,
            "MERGE with ON KEY clause cannot have document key specification in INSERT action"
            f"{errors.near(at)}.",
        )
    if not stream.symbol("("):
        raise errors.semantic(
            3160,
            "MERGE with ON clause must have document key specification in INSERT action"
            f"{errors.near(at)}.",
        )
    stream.word("PRIMARY")
    stream.word("KEY")
    parts: list[Expression | None] = [expressions.expression(stream), None, None]
    for number, word in ((1, "VALUE"), (2, "OPTIONS")):
        if stream.symbol(","):
            stream.word(word)
            parts[number] = expressions.expression(stream)
    stream.expect_symbol(")")
    return s.MergeInsert(parts[0], parts[1], parts[2], _where(stream))


def delete(stream: Stream) -> s.Delete:
    """DELETE FROM a keyspace."""
    stream.advance()
    hinted = hints.comment(stream)
    stream.expect_word("FROM")
    target = _target(stream, "DELETE or UPDATE")
    let = queries.let_bindings(stream, "LET")
    where = expressions.expression(stream) if stream.word("WHERE") else None
    limit = offset = None
    while stream.is_word("LIMIT", "OFFSET"):
        if limit is None and stream.word("LIMIT"):
            limit = expressions.expression(stream)
        elif offset is None and stream.word("OFFSET"):
            offset = expressions.expression(stream)
        else:
            raise stream.unexpected()
    return s.Delete(target, where, limit, offset, let, _returning(stream), hinted)
