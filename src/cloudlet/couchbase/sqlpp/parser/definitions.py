"""CREATE, DROP and BUILD of indexes, scopes and collections."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.parser import expressions, index_keys, primaries, terms
from cloudlet.couchbase.sqlpp.parser.stream import Stream
from cloudlet.couchbase.sqlpp.tree import ArrayConstruct, Expression

PRIMARY_NAME = "#primary"


def definition(stream: Stream) -> s.Statement:
    """One definition statement; the first word is CREATE, DROP or BUILD."""
    word = stream.advance().upper
    if word == "BUILD":
        return _build(stream)
    if stream.is_word("PRIMARY", "INDEX"):
        return _create_index(stream) if word == "CREATE" else _drop_index(stream)
    if stream.word("SCOPE"):
        return _scope(stream, create=word == "CREATE")
    if stream.word("COLLECTION"):
        return _collection(stream, create=word == "CREATE")
    if stream.is_word("VECTOR", "BUCKET", "DATABASE", "USER", "GROUP"):
        raise errors.not_supported(f"{word} {stream.token.upper}")
    raise stream.unexpected()


def _create_index(stream: Stream) -> s.CreateIndex:
    primary = stream.word("PRIMARY")
    stream.expect_word("INDEX")
    tolerant = stream.word("IF", "NOT", "EXISTS")
    name = PRIMARY_NAME
    if not primary or stream.is_identifier():
        name = stream.identifier()
    tolerant = stream.word("IF", "NOT", "EXISTS") or tolerant
    stream.expect_word("ON")
    path = terms.keyspace_path(stream)
    keys: tuple[s.IndexKey, ...] = ()
    where = None
    if not primary:
        keys = index_keys.index_keys(stream)
    partition = _partition(stream)
    if not primary:
        where = expressions.expression(stream) if stream.word("WHERE") else None
    _using(stream)
    options = expressions.expression(stream) if stream.word("WITH") else None
    return s.CreateIndex(name, path, primary, keys, where, tolerant, options, partition)


def _partition(stream: Stream) -> tuple[Expression, ...]:
    """`PARTITION BY HASH(expression, ...)`, or nothing."""
    if not stream.word("PARTITION"):
        return ()
    stream.expect_word("BY", "HASH")
    stream.expect_symbol("(")
    if stream.is_symbol(")"):
        raise stream.unexpected()
    return tuple(primaries.items(stream, ")"))


def _using(stream: Stream) -> None:
    if stream.word("USING") and not stream.word("GSI"):
        raise stream.unexpected()


def _drop_index(stream: Stream) -> s.DropIndex:
    primary = stream.word("PRIMARY")
    stream.expect_word("INDEX")
    tolerant = stream.word("IF", "EXISTS")
    if primary:
        name = stream.identifier() if stream.is_identifier() else PRIMARY_NAME
        tolerant = stream.word("IF", "EXISTS") or tolerant
        stream.expect_word("ON")
        path = terms.keyspace_path(stream)
        tolerant = stream.word("IF", "EXISTS") or tolerant
        _using(stream)
        return s.DropIndex(name, path, True, tolerant)
    path = terms.keyspace_path(stream)
    if len(path.parts) == 1 and path.namespace is None:
        tolerant = stream.word("IF", "EXISTS") or tolerant
        stream.expect_word("ON")
        name = path.parts[0]
        path = terms.keyspace_path(stream)
    else:
        # The older form: the index is the last part of the keyspace's path.
        name = path.parts[-1]
        path = s.Path(path.parts[:-1], path.namespace, path.at)
    tolerant = stream.word("IF", "EXISTS") or tolerant
    _using(stream)
    return s.DropIndex(name, path, False, tolerant)


def _build(stream: Stream) -> s.BuildIndex:
    stream.expect_word("INDEX", "ON")
    path = terms.keyspace_path(stream)
    stream.expect_symbol("(")
    names = []
    others: list[Expression] = []
    while True:
        if stream.is_identifier():
            names.append(stream.identifier())
        else:
            others.append(expressions.expression(stream))
        if stream.symbol(")"):
            break
        stream.expect_symbol(",")
    _using(stream)
    query = None
    if others:
        given = s.Projection(ArrayConstruct(tuple(others)))
        query = s.Query(s.Select((given,), raw=True))
    return s.BuildIndex(path, tuple(names), query)


def _scope(stream: Stream, *, create: bool) -> s.ChangeScope:
    tolerant = stream.word("IF", "NOT", "EXISTS") if create else stream.word("IF", "EXISTS")
    path = terms.keyspace_path(stream)
    tolerant = tolerant or stream.word("IF", "NOT", "EXISTS") or stream.word("IF", "EXISTS")
    return s.ChangeScope(create, path, tolerant)


def _collection(stream: Stream, *, create: bool) -> s.ChangeCollection:
    tolerant = stream.word("IF", "NOT", "EXISTS") if create else stream.word("IF", "EXISTS")
    path = terms.keyspace_path(stream)
    tolerant = tolerant or stream.word("IF", "NOT", "EXISTS") or stream.word("IF", "EXISTS")
    options = expressions.expression(stream) if create and stream.word("WITH") else None
    return s.ChangeCollection(create, path, tolerant, options)


def flush(stream: Stream) -> s.FlushCollection:
    """FLUSH or TRUNCATE COLLECTION."""
    stream.advance()
    stream.expect_word("COLLECTION")
    return s.FlushCollection(terms.keyspace_path(stream))
