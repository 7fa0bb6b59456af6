"""Runs the examples of the language reference and compares with what is written down for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.errors import QueryError
from cloudlet.couchbase.sqlpp.reference import EXPRESSIONS, STATEMENTS, Entry
from cloudlet.couchbase.sqlpp.values import MISSING

#: What examples find besides the documents.
PREPARED: Final = (
    "CREATE FUNCTION thrice(n) { n * 3 }",
    "CREATE FUNCTION default:books.`_default`.twice(n) { n * 2 }",
    "CREATE SEQUENCE counter",
    "CREATE SCOPE books.made",
    "CREATE COLLECTION books.made.there",
)
INDEXES: Final = ("CREATE INDEX by_kind ON books(kind)", "CREATE INDEX by_n ON books(n)")


@dataclass(frozen=True)
class Shown:
    """What an example gives: its rows, the documents it changes (None: gone), what is then so."""

    rows: Any = field(default_factory=list)
    changed: dict[str, Any] = field(default_factory=dict)
    then: str = ""
    gives: Any = None
    before: tuple[str, ...] = ()
    positional: tuple[Any, ...] = ()
    named: dict[str, Any] = field(default_factory=dict)
    #: Where the rows are too long to be written down: whether they are as they must be.
    holds: Callable[[list[Any]], bool] | None = None


def book(n: int, *without: str, **changes: Any) -> dict[str, Any]:
    """The document `b<n>` with some fields taken out and others changed."""
    document = {"n": n, "kind": "odd" if n % 2 else "even", "name": f"N{n}",
                "tags": ["a", "b", "c"][: n % 4]}  # fmt: skip
    return {key: value for key, value in document.items() if key not in without} | changes


def entries(*chapters: str) -> list[Entry]:
    """The entries of some chapters."""
    return [entry for name in chapters for entry in (STATEMENTS | EXPRESSIONS)[name]]


def _documents(session: Session) -> dict[str, Any]:
    keyspace = session.keyspaces.resolve("books", "_default", "_default")
    return {meta.id: value for batch in keyspace.scan() for value, meta in batch}


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The documents that were changed, and None for those that have gone."""
    changed = {key: after.get(key) for key in before if before[key] != after.get(key)}
    return changed | {key: value for key, value in after.items() if key not in before}


def same(found: Any, wanted: Any) -> bool:
    """Equality in which TRUE is not 1, and 1.0 is not 1."""
    return msgspec.json.encode(found, order="sorted") == msgspec.json.encode(wanted, order="sorted")


async def check(session: Session, entry: Entry, shown: Shown | None) -> None:
    """Run one example: an error where it is refused, else what is written down."""
    for statement in PREPARED + (shown.before if shown is not None else ()):
        await session(statement)
    before = _documents(session)
    if entry.refused is not None:
        assert await refusal(session, entry.example) == entry.refused
        assert differences(before, _documents(session)) == {}
        return
    assert shown is not None, f"nothing is written down for {entry.form}"
    rows = await session(entry.example, *shown.positional, **shown.named)
    assert session.context.errors == []
    if shown.holds is not None:
        assert shown.holds(rows), rows
    else:
        assert same([row for row in rows if row is not MISSING], shown.rows), rows
    assert differences(before, _documents(session)) == shown.changed
    if shown.then:
        assert await session(shown.then) == shown.gives


async def refusal(session: Session, statement: str) -> int | None:
    """The code that a statement fails with, before it runs or while it does."""
    try:
        await session(statement)
    except QueryError as error:
        return error.code
    return session.context.errors[0].code if session.context.errors else None
