"""FROM terms: keyspaces, subqueries, expressions, joins, nests and unnests."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.lexer import Kind
from cloudlet.couchbase.sqlpp.parser import expressions, primaries
from cloudlet.couchbase.sqlpp.parser.stream import Stream
from cloudlet.couchbase.sqlpp.tree import Expression


def from_clause(stream: Stream) -> s.FromTerm:
    """Everything after FROM; a comma is an inner join without a condition."""
    term = _joined(stream, simple(stream))
    while stream.symbol(","):
        if stream.word("UNNEST"):
            term = _unnest(stream, term, outer=False)
        else:
            term = s.Join(term, simple(stream), "inner", None)
        term = _joined(stream, term)
    return term


def _joined(stream: Stream, term: s.FromTerm) -> s.FromTerm:
    while True:
        start = stream.at
        kind = "inner"
        if stream.word("LEFT"):
            kind = "left"
            stream.word("OUTER")
        elif stream.word("RIGHT"):
            kind = "right"
            stream.word("OUTER")
        else:
            stream.word("INNER")
        if stream.word("JOIN"):
            term = _join(stream, term, kind, nest=False)
        elif kind != "right" and stream.word("NEST"):
            term = _join(stream, term, kind, nest=True)
        elif stream.is_word("UNNEST", "FLATTEN") and kind != "right":
            stream.advance()
            term = _unnest(stream, term, outer=kind == "left")
        elif stream.at != start:
            raise stream.unexpected()
        else:
            return term


def _join(stream: Stream, left: s.FromTerm, kind: str, *, nest: bool) -> s.Join:
    right = simple(stream)
    stream.expect_word("ON")
    if stream.word("PRIMARY") or stream.is_word("KEYS", "KEY"):
        if stream.word("KEY"):
            return s.Join(left, right, kind, _index_join(stream), None, nest)
        stream.expect_word("KEYS")
        return s.Join(left, right, kind, None, expressions.expression(stream), nest)
    return s.Join(left, right, kind, expressions.expression(stream), None, nest)


def _index_join(stream: Stream) -> Expression:
    """`ON KEY expression FOR alias`: the expression holds the key of the alias's document."""
    key = expressions.expression(stream)
    stream.expect_word("FOR")
    at = stream.position()
    alias = tree.Name(stream.identifier(), at)
    return tree.Comparison("=", key, tree.Field(tree.Call("meta", (alias,), at), "id"))


def _unnest(stream: Stream, left: s.FromTerm, *, outer: bool) -> s.Unnest:
    at = stream.position()
    value = expressions.expression(stream)
    alias = alias_of(stream) or primaries.implied_alias(value)
    if alias is None:
        raise errors.semantic(4010, f"UNNEST term{errors.near(at)} must have a name or alias")
    return s.Unnest(left, value, alias, outer)


def alias_of(stream: Stream) -> str | None:
    """`[AS] alias`, or None."""
    if stream.word("AS") or stream.is_identifier():
        return stream.identifier()
    return None


def simple(stream: Stream) -> s.KeyspaceTerm | s.ExpressionTerm:
    """One FROM term that is no join."""
    at = stream.position()
    path = _keyspace_path(stream)
    if path is not None:
        return keyspace_rest(stream, path)
    value = expressions.path(stream, primaries.primary(stream))
    alias = alias_of(stream) or primaries.implied_alias(value)
    if alias is None:
        kind = "subquery" if isinstance(value, tree.Subquery) else "expression"
        raise errors.semantic(4010, f"FROM {kind} term{errors.near(at)} must have a name or alias")
    return s.ExpressionTerm(value, alias)


def _keyspace_path(stream: Stream) -> s.Path | None:
    """A dotted name that may be a keyspace; None (nothing taken) where it cannot be one."""
    start = stream.at
    if not stream.is_identifier() and not (
        stream.is_word("SYSTEM") and stream.ahead().upper == ":"
    ):
        return None
    path = keyspace_path(stream)
    if path.namespace is None and stream.is_symbol("(", "["):
        stream.rewind(start)
        return None
    if stream.is_symbol(".") and stream.ahead().upper == "[":
        stream.rewind(start)
        return None
    return path


def keyspace_path(stream: Stream) -> s.Path:
    """`[namespace:] name [. name ...]`"""
    at = stream.position()
    namespace = None
    if stream.ahead().upper == ":":
        if stream.token.kind not in (Kind.WORD, Kind.QUOTED):
            raise stream.unexpected()
        namespace = str(stream.advance().value)
        stream.advance()
        # Names in system: may be reserved words, as in system:functions.
        if namespace.lower() == "system" and stream.token.kind is Kind.WORD:
            return s.Path((str(stream.advance().value),), "system", at)
    parts = [stream.identifier()]
    while stream.is_symbol(".") and stream.ahead().upper not in ("[", "*"):
        stream.advance()
        parts.append(stream.identifier())
    return s.Path(tuple(parts), namespace, at)


def keyspace_rest(stream: Stream, path: s.Path) -> s.KeyspaceTerm:
    """The alias and USE clause after a keyspace's name."""
    alias = alias_of(stream) or path.parts[-1]
    keys: Expression | None = None
    indexes: tuple[str, ...] = ()
    if stream.word("USE"):
        keys, indexes = _use(stream)
    return s.KeyspaceTerm(path, alias, keys, indexes)


def _use(stream: Stream) -> tuple[Expression | None, tuple[str, ...]]:
    keys: Expression | None = None
    indexes: list[str] = []
    while True:
        if stream.word("PRIMARY", "KEYS") or stream.word("KEYS"):
            stream.word("VALIDATE")
            keys = expressions.expression(stream)
        elif stream.word("INDEX"):
            stream.expect_symbol("(")
            while not stream.symbol(")"):
                if stream.is_identifier():
                    indexes.append(stream.identifier())
                if stream.word("USING") and not (stream.word("GSI") or stream.word("FTS")):
                    raise stream.unexpected()
                stream.symbol(",")
        elif stream.word("NL"):
            pass
        elif stream.word("HASH"):
            stream.expect_symbol("(")
            if not (stream.word("BUILD") or stream.word("PROBE")):
                raise stream.unexpected()
            stream.expect_symbol(")")
        else:
            raise stream.unexpected()
        if not (stream.is_word("INDEX", "NL", "HASH", "KEYS")):
            return keys, tuple(indexes)
