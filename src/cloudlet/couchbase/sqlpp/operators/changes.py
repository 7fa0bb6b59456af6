"""What all data changes share: writing batches, RETURNING, and the errors of rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.context import Context
from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.functions.registry import whole
from cloudlet.couchbase.sqlpp.keyspace import Keyspace, KeyspaceName
from cloudlet.couchbase.sqlpp.operators.operator import BATCH, Batches, QueryPlan, described
from cloudlet.couchbase.sqlpp.operators.scans import keyspace_details
from cloudlet.couchbase.sqlpp.pausing import driven, pause
from cloudlet.couchbase.sqlpp.system import ReadOnlyError
from cloudlet.couchbase.sqlpp.values import MISSING, TYPE_NAMES

# Expirations up to this many seconds count from now, later ones from 1970, as in the KV protocol.
_RELATIVE_LIMIT_S: Final = 30 * 86_400


class ChangePlan(Protocol):
    """A planned data change."""

    def run(self, context: Context, seed: Row) -> AsyncIterator[list[Any]]:
        """Batches of what RETURNING gives; empty ones without it."""

    def explain(self) -> list[dict[str, Any]]:
        """The steps, as EXPLAIN lists them."""


def expiration_of(value: Any) -> int:
    """Unix seconds from a document option's or META().expiration's value; 0 for never."""
    seconds = whole(value) or 0
    if 0 < seconds <= _RELATIVE_LIMIT_S:
        return int(time.time()) + seconds
    return max(0, seconds)


@dataclass(slots=True)
class Returning:
    """What RETURNING gives for a written row; its subqueries run for each."""

    evaluate: Evaluate
    subqueries: list[tuple[int, QueryPlan]] = field(default_factory=list)

    def results(self, rows: list[Row]) -> Iterator[Any]:
        """The results, row by row."""
        for row in rows:
            for slot, plan in self.subqueries:
                row[slot] = plan.values(row)
            yield self.evaluate(row)
            pause()


Write = Callable[[Keyspace, Row], Awaitable[bool]]


async def written(
    context: Context, rows: list[Row], write: Write, keyspace: Keyspace, returning: Returning | None
) -> list[Any]:
    """Write a batch at once; a failed row leaves an error and the others go on."""
    outcomes = await asyncio.gather(*(write(keyspace, row) for row in rows), return_exceptions=True)
    done = []
    for row, outcome in zip(rows, outcomes, strict=True):
        if outcome is True:
            context.mutation_count += 1
            done.append(row)
        elif isinstance(outcome, errors.QueryError):
            context.errors.append(outcome.with_traceback(None))
        elif isinstance(outcome, ReadOnlyError):
            raise errors.QueryError(
                11003, "Not supported for system keyspaces", http=400, fatal=True
            )
        elif isinstance(outcome, BaseException):
            raise outcome
    if returning is None:
        return []
    return [result async for result in driven(returning.results(done), context)]


async def written_all(
    context: Context,
    batches: Batches,
    write: Write,
    keyspace: Keyspace,
    returning: Returning | None,
) -> AsyncIterator[list[Any]]:
    """Write the rows as they come, in batches."""
    async for batch in driven(batches, context):
        for start in range(0, len(batch), BATCH):
            rows = batch[start : start + BATCH]
            yield await written(context, rows, write, keyspace, returning)


def target_details(name: str, keyspace: KeyspaceName, alias: str) -> dict[str, Any]:
    """EXPLAIN's entry of the step that sends the mutations."""
    return described(name, alias=alias, **keyspace_details(keyspace))


def new_document(
    context: Context, key: Any, value: Any, options: Any, *, upsert: bool
) -> tuple[str, Any, int] | None:
    """Key, value and expiration of a document to be inserted; an error is noted for a bad one."""
    word, code = ("UPSERT", 5072) if upsert else ("INSERT", 5050)
    if key is MISSING or key is None:
        context.errors.append(errors.QueryError(code, f"No {word} key for {value!r}"))
        return None
    if type(key) is not str:
        context.errors.append(
            errors.QueryError(
                5078 if upsert else 5070,
                f"Cannot {word} non-string key {key} of type {TYPE_NAMES[type(key)]}.",
            )
        )
        return None
    if value is MISSING:
        code = 5075 if upsert else 5060
        context.errors.append(errors.QueryError(code, f"No {word} value for {key}"))
        return None
    expiration = options.get("expiration") if type(options) is dict else None
    return key, value, expiration_of(expiration)
