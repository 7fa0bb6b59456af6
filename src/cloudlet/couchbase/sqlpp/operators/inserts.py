"""INSERT and UPSERT."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.context import Context
from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.keyspace import KeyExistsError, Keyspace, KeyspaceName
from cloudlet.couchbase.sqlpp.operators.changes import (
    Returning,
    new_document,
    target_details,
    written,
)
from cloudlet.couchbase.sqlpp.operators.operator import (
    BATCH,
    Batches,
    Operator,
    QueryPlan,
    described,
)
from cloudlet.couchbase.sqlpp.pausing import driven, pause


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
    returning: Returning | None
    source: Operator

    async def run(self, context: Context, seed: Row) -> AsyncIterator[list[Any]]:
        """Write every document; an error ends it with the batch that it is in."""
        keyspace = context.resolve(self.keyspace)
        pending: list[Row] = []
        async for batch in driven(self._documents(context, seed), context):
            pending.extend(batch)
        for start in range(0, len(pending), BATCH):
            rows = pending[start : start + BATCH]
            yield await written(context, rows, self._write, keyspace, self.returning)
            if context.errors:
                return
            await context.turn()

    def _documents(self, context: Context, seed: Row) -> Batches:
        for batch in self.source.run(seed):
            for base in batch:
                for key, value, options in self.values:
                    yield self._document(context, base.copy(), key, value, options)
                    pause()
                if self.query is not None:
                    yield from self._from_query(context, base)

    def _from_query(self, context: Context, base: Row) -> Batches:
        assert self.query is not None
        assert self.key is not None
        slot = self.query.slot
        value = self.value if self.value is not None else (lambda row: row[slot])
        for values in self.query.run(base):
            for result in values:
                row = base.copy()
                row[slot] = result
                yield self._document(context, row, self.key, value, self.options)
                pause()

    def _document(
        self,
        context: Context,
        row: Row,
        key_of: Evaluate,
        value_of: Evaluate,
        options_of: Evaluate | None,
    ) -> list[Row]:
        options = options_of(row) if options_of is not None else None
        found = new_document(context, key_of(row), value_of(row), options, upsert=self.upsert)
        if found is None:
            return []
        key, row[self.slot], expiration = found
        row[self.slot + 1] = (key, expiration)
        if context.has_quota:
            context.hold_row(row)
        return [row]

    async def _write(self, keyspace: Keyspace, row: Row) -> bool:
        key, expiration = row[self.slot + 1]
        value = row[self.slot]
        if self.upsert:
            row[self.slot + 1] = await keyspace.upsert(key, value, expiration=expiration)
        else:
            row[self.slot + 1] = await inserted(keyspace, key, value, expiration)
        return True

    def explain(self) -> list[dict[str, Any]]:
        """SendInsert or SendUpsert after its source."""
        name = "SendUpsert" if self.upsert else "SendInsert"
        before = self.query.operator.explain() if self.query else [described("ValueScan")]
        return [*before, target_details(name, self.keyspace, self.alias)]


async def inserted(keyspace: Keyspace, key: str, value: Any, expiration: int) -> Any:
    """The meta of a new document; 12009 where the key is taken."""
    try:
        return await keyspace.insert(key, value, expiration=expiration)
    except KeyExistsError:
        raise errors.duplicate_key(key) from None
