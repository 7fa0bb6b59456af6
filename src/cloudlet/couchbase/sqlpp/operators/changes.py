"""INSERT, UPSERT, UPDATE and DELETE: rows in, mutations awaited, RETURNING rows out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.context import Context
from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.functions.registry import whole
from cloudlet.couchbase.sqlpp.keyspace import (
    CasMismatchError,
    KeyExistsError,
    KeyNotFoundError,
    Keyspace,
    KeyspaceName,
)
from cloudlet.couchbase.sqlpp.operators.base import BATCH, Operator, QueryPlan, described
from cloudlet.couchbase.sqlpp.operators.scans import chunks, keyspace_details
from cloudlet.couchbase.sqlpp.system import ReadOnlyError
from cloudlet.couchbase.sqlpp.values import MISSING, TYPE_NAMES, is_binary

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


async def _written(
    context: Context,
    rows: list[Row],
    write: Callable[[Keyspace, Row], Awaitable[bool]],
    keyspace: Keyspace,
    returning: Evaluate | None,
) -> list[Any]:
    """Write a batch at once; a failed row leaves an error and the others go on."""
    outcomes = await asyncio.gather(*(write(keyspace, row) for row in rows), return_exceptions=True)
    results = []
    for row, outcome in zip(rows, outcomes, strict=True):
        if outcome is True:
            context.mutation_count += 1
            if returning is not None:
                results.append(returning(row))
        elif isinstance(outcome, errors.QueryError):
            context.errors.append(outcome)
        elif isinstance(outcome, ReadOnlyError):
            raise errors.QueryError(
                11003, "Not supported for system keyspaces", http=400, fatal=True
            )
        elif isinstance(outcome, BaseException):
            raise outcome
    return results


def _described(name: str, keyspace: KeyspaceName, alias: str) -> dict[str, Any]:
    return described(name, alias=alias, **keyspace_details(keyspace))


@dataclass(slots=True)
class Insert:
    """INSERT or UPSERT. The rows come from VALUES or, read to the end first, from a query."""

    keyspace: KeyspaceName
    alias: str
    slot: int
    upsert: bool
    values: list[tuple[Evaluate, Evaluate, Evaluate | None]]
    query: QueryPlan | None
    key: Evaluate | None
    value: Evaluate | None
    options: Evaluate | None
    returning: Evaluate | None
    source: Operator

    async def run(self, context: Context, seed: Row) -> AsyncIterator[list[Any]]:
        """Write every document."""
        keyspace = context.resolve(self.keyspace)
        pending: list[tuple[str, Any, int, Row]] = []
        for batch in self._documents(context, seed):
            await context.turn()
            pending.extend(batch)
        for start in range(0, len(pending), BATCH):
            rows = []
            for key, value, expiration, row in pending[start : start + BATCH]:
                row[self.slot] = value
                row[self.slot + 1] = (key, expiration)
                rows.append(row)
            yield await _written(context, rows, self._write, keyspace, self.returning)
            await context.turn()

    def _documents(self, context: Context, seed: Row) -> Iterator[list[tuple[str, Any, int, Row]]]:
        for batch in self.source.run(seed):
            yield []
            for base in batch:
                for key, value, options in self.values:
                    found = self._document(context, base.copy(), key, value, options)
                    yield [found] if found is not None else []
                if self.query is not None:
                    yield from self._from_query(context, base)

    def _from_query(self, context: Context, base: Row) -> Iterator[list[tuple[str, Any, int, Row]]]:
        assert self.query is not None
        assert self.key is not None
        slot = self.query.slot
        value = self.value if self.value is not None else (lambda row: row[slot])
        for values in self.query.run(base):
            batch = []
            for result in values:
                row = base.copy()
                row[slot] = result
                found = self._document(context, row, self.key, value, self.options)
                if found is not None:
                    batch.append(found)
            yield batch

    def _document(
        self,
        context: Context,
        row: Row,
        key_of: Evaluate,
        value_of: Evaluate,
        options_of: Evaluate | None,
    ) -> tuple[str, Any, int, Row] | None:
        key, value = key_of(row), value_of(row)
        options = options_of(row) if options_of is not None else None
        word, code = ("UPSERT", 5072) if self.upsert else ("INSERT", 5050)
        if key is MISSING or key is None:
            context.errors.append(errors.QueryError(code, f"No {word} key for {value!r}"))
            return None
        if type(key) is not str:
            context.errors.append(
                errors.QueryError(
                    5078 if self.upsert else 5070,
                    f"Cannot {word} non-string key {key} of type {TYPE_NAMES[type(key)]}.",
                )
            )
            return None
        if value is MISSING:
            code = 5075 if self.upsert else 5060
            context.errors.append(errors.QueryError(code, f"No {word} value for {key}"))
            return None
        expiration = options.get("expiration") if type(options) is dict else None
        return key, value, expiration_of(expiration), row

    async def _write(self, keyspace: Keyspace, row: Row) -> bool:
        key, expiration = row[self.slot + 1]
        value = row[self.slot]
        if self.upsert:
            row[self.slot + 1] = await keyspace.upsert(key, value, expiration=expiration)
            return True
        try:
            row[self.slot + 1] = await keyspace.insert(key, value, expiration=expiration)
        except KeyExistsError:
            raise errors.duplicate_key(key) from None
        return True

    def explain(self) -> list[dict[str, Any]]:
        """SendInsert or SendUpsert after its source."""
        name = "SendUpsert" if self.upsert else "SendInsert"
        before = self.query.operator.explain() if self.query else [described("ValueScan")]
        return [*before, _described(name, self.keyspace, self.alias)]


# One step of a path: a field's name or an element's place.
Step = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class PathChange:
    """One SET or UNSET; without steps it is the whole document, `expiration` is META's."""

    steps: tuple[Step, ...]
    value: Evaluate | None
    expiration: bool = False


def assigned(value: Any, steps: list[Any], new: Any) -> Any:
    """A copy of `value` with the part at the path changed; parents are not made up.

    MISSING takes a field away and makes an element NULL. Nothing that is shared is changed.
    """
    if not steps:
        return new
    step, rest = steps[0], steps[1:]
    if type(value) is dict and type(step) is str:
        if rest and step not in value:
            return value
        changed = assigned(value.get(step), rest, new)
        if changed is MISSING:
            return {name: item for name, item in value.items() if name != step}
        return {**value, step: changed}
    place = whole(step) if type(step) in (int, float) else None
    if type(value) is list and place is not None and -len(value) <= place < len(value):
        changed = assigned(value[place], rest, new)
        copy = value.copy()
        copy[place] = None if changed is MISSING else changed
        return copy
    return value


@dataclass(slots=True)
class Update:
    """UPDATE of the rows of a source."""

    keyspace: KeyspaceName
    alias: str
    slot: int
    source: Operator
    changes: list[PathChange]
    returning: Evaluate | None

    async def run(self, context: Context, seed: Row) -> AsyncIterator[list[Any]]:
        """Change every document the source gives."""
        keyspace = context.resolve(self.keyspace)
        for batch in self.source.run(seed):
            await context.turn()
            for rows in chunks(batch):
                yield await _written(context, rows, self._write, keyspace, self.returning)

    async def _write(self, keyspace: Keyspace, row: Row) -> bool:
        meta = row[self.slot + 1]
        document = row[self.slot]
        if is_binary(document):
            raise errors.binary_document("UPDATE", meta.id)
        expiration: int | None = None if row[0].preserve_expiry else 0
        for change in self.changes:
            new = change.value(row) if change.value is not None else MISSING
            if change.expiration:
                expiration = expiration_of(new)
            else:
                document = assigned(document, [step(row) for step in change.steps], new)
        try:
            written = await keyspace.replace(meta.id, document, cas=meta.cas, expiration=expiration)
        except KeyNotFoundError:
            return False
        except CasMismatchError:
            raise errors.cas_mismatch("UPDATE", meta.id) from None
        row[self.slot], row[self.slot + 1] = document, written
        return True

    def explain(self) -> list[dict[str, Any]]:
        """Clone, Set and SendUpdate after the source."""
        return [*self.source.explain(), _described("SendUpdate", self.keyspace, self.alias)]


@dataclass(slots=True)
class Delete:
    """DELETE of the rows of a source."""

    keyspace: KeyspaceName
    alias: str
    slot: int
    source: Operator
    returning: Evaluate | None

    async def run(self, context: Context, seed: Row) -> AsyncIterator[list[Any]]:
        """Remove every document the source gives."""
        keyspace = context.resolve(self.keyspace)
        for batch in self.source.run(seed):
            await context.turn()
            for rows in chunks(batch):
                yield await _written(context, rows, self._write, keyspace, self.returning)

    async def _write(self, keyspace: Keyspace, row: Row) -> bool:
        meta = row[self.slot + 1]
        try:
            await keyspace.delete(meta.id, cas=meta.cas)
        except KeyNotFoundError:
            return False
        except CasMismatchError:
            raise errors.cas_mismatch("DELETE", meta.id) from None
        return True

    def explain(self) -> list[dict[str, Any]]:
        """SendDelete after the source."""
        return [*self.source.explain(), _described("SendDelete", self.keyspace, self.alias)]
