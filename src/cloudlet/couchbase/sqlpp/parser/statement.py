"""The statement's first word decides which family reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.lexer import Kind
from cloudlet.couchbase.sqlpp.parser import (
    changes,
    definitions,
    expressions,
    functions,
    primaries,
    queries,
    terms,
    transactions,
    utilities,
)
from cloudlet.couchbase.sqlpp.parser.stream import Stream


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
    reader = _READERS.get(word)
    if reader is None:
        raise stream.unexpected()
    return reader(stream)


def _update(stream: Stream) -> s.Statement:
    if stream.ahead().upper == "STATISTICS":
        return utilities.statistics(stream)
    return changes.update(stream)


def _define(stream: Stream) -> s.Statement:
    create = stream.token.upper == "CREATE"
    following = stream.ahead().upper
    if following == "FUNCTION" or (create and following == "OR"):
        stream.advance()
        if create:
            return functions.create_function(stream)
        stream.advance()
        return functions.drop_function(stream)
    if following == "SEQUENCE":
        stream.advance()
        stream.advance()
        if create:
            return functions.change_sequence(stream, create=True)
        return functions.drop_sequence(stream)
    return definitions.definition(stream)


def _advise(stream: Stream) -> s.Advise:
    stream.advance()
    stream.word("INDEX")
    start = stream.at
    inner = statement(stream)
    if not isinstance(inner, (s.Query, s.Update, s.Delete, s.Merge)):
        raise errors.semantic(
            3250, "Advise supports SELECT, MERGE, UPDATE and DELETE statements only."
        )
    return s.Advise(inner, stream.taken(start))


def _explain(stream: Stream) -> s.Explain | s.ExplainFunction:
    stream.advance()
    if stream.word("FUNCTION"):
        return s.ExplainFunction(terms.keyspace_path(stream))
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


def _execute(stream: Stream) -> s.Execute | s.Query:
    stream.advance()
    if stream.word("FUNCTION"):
        return functions.execute_function(stream)
    if stream.token.kind is Kind.STRING:
        name = str(stream.advance().value)
    else:
        name = stream.identifier()
    using = expressions.expression(stream) if stream.word("USING") else None
    return s.Execute(name, using)


_READERS: Final[dict[str, Callable[[Stream], s.Statement]]] = {
    "ADVISE": _advise,
    "ALTER": utilities.alter,
    "ANALYZE": utilities.statistics,
    "BEGIN": transactions.control,
    "BUILD": definitions.definition,
    "COMMIT": transactions.control,
    "CREATE": _define,
    "DELETE": changes.delete,
    "DROP": _define,
    "EXECUTE": _execute,
    "EXPLAIN": _explain,
    "FLUSH": definitions.flush,
    "GRANT": utilities.roles,
    "INFER": utilities.infer,
    "INSERT": changes.insert,
    "MERGE": changes.merge,
    "PREPARE": _prepare,
    "REVOKE": utilities.roles,
    "ROLLBACK": transactions.control,
    "SAVEPOINT": transactions.control,
    "SET": transactions.control,
    "START": transactions.control,
    "TRUNCATE": definitions.flush,
    "UPDATE": _update,
    "UPSERT": changes.insert,
}
