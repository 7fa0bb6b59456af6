"""FROM terms: keyspaces, subqueries, expressions, joins, nests and unnests."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.hints import JOIN_HINTS, Hint
from cloudlet.couchbase.sqlpp.lexer import Kind
from cloudlet.couchbase.sqlpp.parser import expressions, primaries
from cloudlet.couchbase.sqlpp.parser.stream import Stream
from cloudlet.couchbase.sqlpp.tree import Expression


def from_clause(stream: Stream) -> s.FromTerm:
    """Everything after FROM; a comma, after all JOINs, is an inner join without a condition."""
    term = _joined(stream, simple(stream))
    while stream.symbol(","):
        stream.word("LATERAL")
        term = _unmixed(s.Join(term, simple(stream), "inner", None))
    return term


def _joined(stream: Stream, term: s.FromTerm) -> s.FromTerm:
    while True:
        start = stream.at
        kind = "inner"
        if stream.word("LEFT"):
            kind = "left"
            stream.word("OUTER")
        elif not isinstance(term, (s.Join, s.Unnest)) and stream.word("RIGHT"):
            kind = "right"
            stream.word("OUTER")
        else:
            stream.word("INNER")
        if stream.word("JOIN"):
            term = _unmixed(_join(stream, term, kind, nest=False))
        elif kind != "right" and stream.word("NEST"):
            term = _unmixed(_join(stream, term, kind, nest=True))
        elif stream.is_word("UNNEST", "FLATTEN") and kind != "right":
            stream.advance()
            term = _unnest(stream, term, outer=kind == "left")
        elif stream.at != start:
            raise stream.unexpected()
        else:
            return term


def _join(stream: Stream, left: s.FromTerm, kind: str, *, nest: bool) -> s.Join:
    lateral = stream.word("LATERAL")
    at = stream.position()
    right = simple(stream)
    what = "nest" if nest else "join"
    if lateral and kind == "right":
        raise _not_lateral("RIGHT OUTER JOIN", right, at)
    stream.expect_word("ON")
    if not (stream.word("PRIMARY") or stream.is_word("KEYS", "KEY")):
        return s.Join(left, right, kind, expressions.expression(stream), None, nest)
    _check_lookup(right, what.upper(), at)
    if kind == "right":
        raise stream.unexpected()
    if stream.word("KEY"):
        if lateral:
            raise _not_lateral(f"index {what} with ON KEY...FOR clause", right, at)
        return s.Join(left, right, kind, _index_join(stream, left, what), None, nest, True)
    stream.expect_word("KEYS")
    if lateral:
        raise _not_lateral(f"lookup {what} with ON KEYS clause", right, at)
    stream.word("VALIDATE")
    return s.Join(left, right, kind, None, expressions.expression(stream), nest, True)


def _unmixed(join: s.Join) -> s.Join:
    """3200 for joins by conditions and joins by keys in one FROM."""
    left = join.left
    while isinstance(left, (s.Join, s.Unnest)):
        if isinstance(left, s.Join) and left.by_key is not join.by_key:
            words = [
                f"{'non ' if one.by_key else ''}ANSI {'NEST' if one.nest else 'JOIN'}"
                f" on {one.right.alias}"
                for one in (join, left)
            ]
            raise errors.semantic(3200, f"Cannot mix {words[0]} with {words[1]}.")
        left = left.left
    return join


def _check_lookup(right: s.KeyspaceTerm | s.ExpressionTerm, what: str, at: tree.Position) -> None:
    """A join by keys is on a keyspace, and takes no hints."""
    if not isinstance(right, s.KeyspaceTerm):
        raise errors.syntax(f"{what} must be done on a keyspace{errors.near(at)}", *at)
    on = f"{what} on {right.alias} cannot have"
    if right.use_keys is not None:
        raise errors.semantic(3120, f"{on} USE KEYS.")
    for hint in right.hints:
        if hint.name in JOIN_HINTS:
            raise errors.semantic(3110, f"{on} join hint (USE HASH or USE NL).")
        raise errors.semantic(3130, f"{on} USE INDEX.")


def _not_lateral(
    where: str, term: s.KeyspaceTerm | s.ExpressionTerm, at: tree.Position
) -> errors.QueryError:
    return errors.syntax(
        f"LATERAL cannot be specified in {where} ({term.alias}){errors.near(at)}", *at
    )


def _index_join(stream: Stream, left: s.FromTerm, what: str) -> Expression:
    """`ON KEY expression FOR alias`: the expression holds the key of the alias's document."""
    stream.word("VALIDATE")
    key = expressions.expression(stream)
    stream.expect_word("FOR")
    at = stream.position()
    alias = tree.Name(stream.identifier(), at)
    if alias.name not in _aliases(left):
        raise errors.semantic(4025, f"Unknown {what.upper()} for alias {alias.name}")
    return tree.Comparison("=", key, tree.Field(tree.Call("meta", (alias,), at), "id"))


def _aliases(term: s.FromTerm) -> set[str]:
    if isinstance(term, s.Join):
        return {*_aliases(term.left), term.right.alias}
    return {*_aliases(term.left), term.alias} if isinstance(term, s.Unnest) else {term.alias}


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
    value = expressions.expression(stream)
    alias = alias_of(stream) or primaries.implied_alias(value)
    use = stream.position()
    keys, hints = _use(stream, alias or "") if stream.word("USE") else (None, ())
    if keys is not None or any(hint.name not in JOIN_HINTS for hint in hints):
        kind = "Subquery" if isinstance(value, tree.Subquery) else "Expression"
        raise errors.syntax(
            f"FROM {kind} cannot have USE KEYS or USE INDEX{errors.near(use)}", *use
        )
    if alias is None:
        kind = "subquery" if isinstance(value, tree.Subquery) else "expression"
        raise errors.semantic(4010, f"FROM {kind} term{errors.near(at)} must have a name or alias")
    return s.ExpressionTerm(value, alias, hints)


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
    keys, hints = _use(stream, alias) if stream.word("USE") else (None, ())
    return s.KeyspaceTerm(path, alias, keys, hints)


def _use(stream: Stream, alias: str) -> tuple[Expression | None, tuple[Hint, ...]]:
    """Keys or indexes, and the way to join, each at most once, in any order."""
    keys: Expression | None = None
    hints: list[Hint] = []
    reached = joined = False
    while True:
        if not reached and (stream.word("PRIMARY", "KEYS") or stream.word("KEYS")):
            stream.word("VALIDATE")
            keys = expressions.expression(stream)
            reached = True
        elif not reached and stream.word("INDEX"):
            hints.extend(_index_hints(stream, alias))
            reached = True
        elif not joined and stream.is_word("NL", "HASH"):
            hints.append(_join_hint(stream, alias))
            joined = True
        else:
            raise stream.unexpected()
        if not stream.is_word("INDEX", "NL", "HASH", "KEYS"):
            return keys, tuple(hints)


def _join_hint(stream: Stream, alias: str) -> Hint:
    if stream.word("NL"):
        return Hint("USE_NL", alias, derived=True)
    stream.expect_word("HASH")
    stream.expect_symbol("(")
    option = stream.token.upper
    if not (stream.word("BUILD") or stream.word("PROBE")):
        raise stream.unexpected()
    stream.expect_symbol(")")
    return Hint("USE_HASH", alias, option=option, derived=True)


def _index_hints(stream: Stream, alias: str) -> list[Hint]:
    """`([name] [USING GSI|FTS], ...)`: a hint for each kind of index."""
    names: dict[str, list[str]] = {}
    stream.expect_symbol("(")
    while True:
        name = stream.identifier() if stream.is_identifier() else None
        kind = "INDEX"
        if stream.word("USING") and not stream.word("GSI"):
            stream.expect_word("FTS")
            kind = "INDEX_FTS"
        found = names.setdefault(kind, [])
        if name is not None:
            found.append(name)
        if stream.symbol(")"):
            break
        stream.expect_symbol(",")
    return [Hint(kind, alias, tuple(found), derived=True) for kind, found in names.items()]
