"""User-defined functions and sequences: CREATE, ALTER, DROP, and their use in expressions."""

from __future__ import annotations

from typing import Final

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.lexer import Kind
from cloudlet.couchbase.sqlpp.parser import expressions, primaries, terms
from cloudlet.couchbase.sqlpp.parser.stream import Stream
from cloudlet.couchbase.sqlpp.tree import Expression


def create_function(stream: Stream) -> s.CreateFunction:
    """After CREATE: `[OR REPLACE] FUNCTION name(parameters) body`."""
    replace = stream.word("OR")
    if replace:
        stream.expect_word("REPLACE")
    stream.expect_word("FUNCTION")
    tolerant = stream.word("IF", "NOT", "EXISTS")
    path = terms.keyspace_path(stream)
    parameters = _parameters(stream)
    tolerant = stream.word("IF", "NOT", "EXISTS") or tolerant
    if replace and tolerant:
        raise errors.syntax("syntax error - OR REPLACE and IF NOT EXISTS are mutually exclusive")
    braces = stream.symbol("{")
    if not braces:
        stream.expect_word("LANGUAGE")
        if stream.is_word("JAVASCRIPT", "GOLANG"):
            raise errors.functions_not_supported(stream.token.text.lower())
        stream.expect_word("INLINE", "AS")
    start = stream.at
    if stream.is_word("SELECT", "FROM", "WITH"):
        body: Expression = primaries.bare_query(stream)
    else:
        body = expressions.expression(stream)
    text = stream.taken(start)
    if braces:
        stream.expect_symbol("}")
    return s.CreateFunction(path, parameters, body, text, replace, tolerant)


def _parameters(stream: Stream) -> tuple[str, ...] | None:
    stream.expect_symbol("(")
    if stream.symbol("."):
        stream.expect_symbol(".")
        stream.expect_symbol(".")
        stream.expect_symbol(")")
        return None
    found: list[str] = []
    while not stream.symbol(")"):
        at = stream.position()
        name = stream.identifier()
        if name in found:
            raise errors.duplicate_variable(name, at)
        found.append(name)
        if not stream.is_symbol(")"):
            stream.expect_symbol(",")
    return tuple(found)


def drop_function(stream: Stream) -> s.DropFunction:
    """After DROP FUNCTION."""
    tolerant = stream.word("IF", "EXISTS")
    path = terms.keyspace_path(stream)
    return s.DropFunction(path, stream.word("IF", "EXISTS") or tolerant)


def execute_function(stream: Stream) -> s.Query:
    """After EXECUTE FUNCTION: the call, as the query it is."""
    at = stream.position()
    path = terms.keyspace_path(stream)
    stream.expect_symbol("(")
    arguments = tuple(primaries.items(stream, ")"))
    call: Expression = tree.UserCall(names(path), arguments, at)
    return s.Query(s.Select((s.Projection(call),), raw=True))


def names(path: s.Path) -> tuple[str, ...]:
    """A path as a call has it: with the namespace first where it is written."""
    return path.parts if path.namespace is None else (path.namespace + ":", *path.parts)


_NUMBERS: Final = ("START", "RESTART", "INCREMENT", "MAXVALUE", "MINVALUE", "CACHE")


def change_sequence(stream: Stream, *, create: bool) -> s.ChangeSequence:
    """After CREATE or ALTER SEQUENCE."""
    tolerant = create and stream.word("IF", "NOT", "EXISTS")
    path = terms.keyspace_path(stream)
    tolerant = (create and stream.word("IF", "NOT", "EXISTS")) or tolerant
    options: list[tuple[str, Expression | bool | None]] = []
    if stream.word("WITH"):
        options.append(("WITH", expressions.expression(stream)))
        return s.ChangeSequence(create, path, tuple(options), tolerant)
    while stream.token.kind is Kind.WORD:
        negative = stream.word("NO")
        word = stream.token.upper
        if any(word == name for name, _ in options):
            raise stream.unexpected()
        if word == "CYCLE":
            stream.advance()
            options.append(("CYCLE", not negative))
        elif word in _NUMBERS and not (negative and word in _NUMBERS[:3]):
            stream.advance()
            options.append((word, None if negative else _number(stream, word)))
        else:
            raise stream.unexpected()
    return s.ChangeSequence(create, path, tuple(options), tolerant)


def _number(stream: Stream, word: str) -> Expression | None:
    if word == "RESTART" and not stream.word("WITH"):
        return None
    if word == "START":
        stream.expect_word("WITH")
    if word == "INCREMENT":
        stream.expect_word("BY")
    return expressions.expression(stream, power=110)


def drop_sequence(stream: Stream) -> s.DropSequence:
    """After DROP SEQUENCE."""
    tolerant = stream.word("IF", "EXISTS")
    path = terms.keyspace_path(stream)
    return s.DropSequence(path, stream.word("IF", "EXISTS") or tolerant)


def sequence_value(stream: Stream) -> Expression | None:
    """`NEXT VALUE FOR path`, `NEXTVAL FOR path` and the same with PREV; None for anything else."""
    word = stream.token.upper
    if word in ("NEXTVAL", "PREVVAL"):
        stream.advance()
    elif word in ("NEXT", "PREV") and stream.ahead().upper == "VALUE":
        stream.advance()
        stream.advance()
    else:
        return None
    stream.expect_word("FOR")
    return tree.Sequence(names(terms.keyspace_path(stream)), word.startswith("PREV"))
