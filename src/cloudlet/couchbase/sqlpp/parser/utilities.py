"""INFER, ADVISE, UPDATE STATISTICS and ANALYZE, GRANT and REVOKE, ALTER."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.parser import expressions, functions, terms
from cloudlet.couchbase.sqlpp.parser.stream import Stream


def infer(stream: Stream) -> s.Infer:
    """INFER [COLLECTION|KEYSPACE] keyspace [WITH options], or of an expression's documents."""
    stream.advance()
    path = documents = None
    if stream.is_word("COLLECTION", "KEYSPACE"):
        stream.advance()
        path = terms.keyspace_path(stream)
    elif stream.is_identifier() or stream.is_word("SYSTEM"):
        path = terms.keyspace_path(stream)
    else:
        given = expressions.expression(stream)
        documents = s.Query(s.Select((s.Projection(given),), raw=True))
    options = expressions.expression(stream) if stream.word("WITH") else None
    return s.Infer(path, options, documents)


def statistics(stream: Stream) -> s.UpdateStatistics:
    """UPDATE STATISTICS [FOR] or ANALYZE, in all forms of the reference."""
    if stream.advance().upper == "UPDATE":
        stream.expect_word("STATISTICS")
        stream.word("FOR")
    elif stream.is_word("KEYSPACE", "COLLECTION"):
        stream.advance()
    if stream.word("INDEX"):
        found = _one_index(stream)
    else:
        path = terms.keyspace_path(stream)
        _what(stream)
        found = s.UpdateStatistics(path)
    if stream.word("USING"):
        stream.expect_word("GSI")
    if stream.word("WITH"):
        expressions.expression(stream)
    return found


def _one_index(stream: Stream) -> s.UpdateStatistics:
    path = terms.keyspace_path(stream)
    if stream.word("ON"):
        return s.UpdateStatistics(terms.keyspace_path(stream), path.parts[-1])
    return s.UpdateStatistics(s.Path(path.parts[:-1], path.namespace, path.at), path.parts[-1])


def _what(stream: Stream) -> None:
    """The expressions or indexes of interest: on one node all of them are up to date anyway."""
    if stream.word("DELETE"):
        if stream.word("ALL"):
            return
        if stream.word("STATISTICS") and not stream.is_symbol("("):
            return
    elif stream.word("INDEX") and stream.word("ALL"):
        return
    stream.expect_symbol("(")
    while True:
        expressions.expression(stream)
        if stream.symbol(")"):
            return
        stream.expect_symbol(",")


def roles(stream: Stream) -> s.ChangeRoles:
    """GRANT roles [ON keyspaces] TO users, or REVOKE ... FROM users."""
    grant = stream.advance().upper == "GRANT"
    stream.word("ROLE")
    found = [_role(stream)]
    while stream.symbol(","):
        found.append(_role(stream))
    keyspaces: list[s.Path] = []
    if stream.word("ON"):
        keyspaces.append(terms.keyspace_path(stream))
        while stream.symbol(","):
            keyspaces.append(terms.keyspace_path(stream))
    stream.expect_word("TO" if grant else "FROM")
    plural = stream.token.upper
    groups = plural in ("GROUP", "GROUPS")
    if groups or (plural in ("USER", "USERS") and stream.ahead().upper not in (",", "")):
        stream.advance()
    members = [_member(stream)]
    while stream.symbol(","):
        members.append(_member(stream))
    names = tuple(members)
    return s.ChangeRoles(
        grant, tuple(found), tuple(keyspaces), () if groups else names, names if groups else ()
    )


def _role(stream: Stream) -> str:
    # The older words for roles are reserved.
    if stream.is_word("SELECT", "INSERT", "UPDATE", "DELETE"):
        return "query_" + stream.advance().upper.lower()
    return stream.identifier().lower()


def _member(stream: Stream) -> str:
    name = stream.identifier()
    if stream.symbol(":"):
        if name != "local":
            raise errors.QueryError(
                5210, f"Unable to find user {name}:{stream.identifier()}", http=404
            )
        name = stream.identifier()
    return name


def alter(stream: Stream) -> s.Statement:
    """ALTER INDEX or ALTER SEQUENCE."""
    stream.advance()
    if stream.token.upper == "SEQUENCE":
        stream.advance()
        return functions.change_sequence(stream, create=False)
    if not stream.is_word("INDEX"):
        if stream.is_word("BUCKET", "DATABASE", "USER", "GROUP", "VECTOR"):
            raise errors.not_supported(f"ALTER {stream.token.upper}")
        raise stream.unexpected()
    stream.advance()
    path = terms.keyspace_path(stream)
    name = path.parts[-1]
    if stream.word("ON"):
        path = terms.keyspace_path(stream)
    else:
        path = s.Path(path.parts[:-1], path.namespace, path.at)
    if stream.word("USING"):
        stream.expect_word("GSI")
    stream.expect_word("WITH")
    return s.AlterIndex(name, path, expressions.expression(stream))
