"""The statement's first word decides which family reads it."""

from __future__ import annotations

from typing import Final

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.lexer import Kind
from cloudlet.couchbase.sqlpp.parser import changes, definitions, expressions, primaries, queries
from cloudlet.couchbase.sqlpp.parser.stream import Stream

_NOT_YET: Final = frozenset(
    """
    ADVISE ALTER ANALYZE BEGIN COMMIT FLUSH GRANT INFER MERGE REVOKE ROLLBACK SAVEPOINT SET START
    TRUNCATE
    """.split()  # noqa: SIM905
)


def statement(stream: Stream) -> s.Statement:
    """One statement of any family."""
    if queries.starts_query(stream):
        return queries.query(stream)
    if stream.is_symbol("("):
        whole = primaries.parenthesised(stream)
        if not isinstance(whole, tree.Subquery):
            raise stream.unexpected()
        return queries.continued(stream, whole.query)
    if stream.token.kind is not Kind.WORD:
        raise stream.unexpected()
    word = stream.token.upper
    match word:
        case "INSERT" | "UPSERT":
            return changes.insert(stream)
        case "UPDATE":
            if stream.ahead().upper == "STATISTICS":
                raise errors.not_supported("UPDATE STATISTICS")
            return changes.update(stream)
        case "DELETE":
            return changes.delete(stream)
        case "CREATE" | "DROP" | "BUILD":
            return definitions.definition(stream)
        case "EXPLAIN":
            return _explain(stream)
        case "PREPARE":
            return _prepare(stream)
        case "EXECUTE":
            return _execute(stream)
    if word in _NOT_YET:
        raise errors.not_supported(word)
    raise stream.unexpected()


def _explain(stream: Stream) -> s.Explain:
    stream.advance()
    start = stream.at
    inner = statement(stream)
    return s.Explain(inner, stream.taken(start))


def _prepare(stream: Stream) -> s.Prepare:
    stream.advance()
    force = stream.word("FORCE")
    name: str | None = None
    if stream.token.kind is Kind.STRING or (
        stream.is_identifier() and stream.ahead().upper in ("FROM", "AS")
    ):
        name = str(stream.advance().value)
        if not stream.word("AS"):
            stream.expect_word("FROM")
    start = stream.at
    inner = statement(stream)
    return s.Prepare(name, force, inner, stream.taken(start))


def _execute(stream: Stream) -> s.Execute:
    stream.advance()
    if stream.token.kind is Kind.STRING:
        name = str(stream.advance().value)
    else:
        name = stream.identifier()
    using = expressions.expression(stream) if stream.word("USING") else None
    return s.Execute(name, using)
