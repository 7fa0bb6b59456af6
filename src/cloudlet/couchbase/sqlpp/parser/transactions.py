"""BEGIN, COMMIT, ROLLBACK, SAVEPOINT and SET TRANSACTION."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.parser.stream import Stream


def control(stream: Stream) -> s.TransactionControl:
    """One statement that begins, marks or ends a transaction."""
    word = stream.advance().upper
    if word == "SAVEPOINT":
        return s.TransactionControl("savepoint", stream.identifier())
    if word == "SET":
        stream.expect_word("TRANSACTION")
        _isolation(stream, required=True)
        return s.TransactionControl("set")
    named = stream.word("WORK") or stream.word("TRAN") or stream.word("TRANSACTION")
    if word == "START" and not named:
        raise stream.unexpected()
    if word in ("BEGIN", "START"):
        _isolation(stream, required=False)
        return s.TransactionControl("begin")
    if word == "ROLLBACK" and stream.word("TO"):
        stream.expect_word("SAVEPOINT")
        return s.TransactionControl("rollback", stream.identifier())
    return s.TransactionControl(word.lower())


def _isolation(stream: Stream, *, required: bool) -> None:
    if required or stream.is_word("ISOLATION"):
        stream.expect_word("ISOLATION", "LEVEL", "READ", "COMMITTED")
