"""MERGE: every source row changes, removes or adds a document of the target."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.context import Context
from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.keyspace import Keyspace, KeyspaceName
from cloudlet.couchbase.sqlpp.operators.changes import (
    Returning,
    new_document,
    target_details,
    written,
)
from cloudlet.couchbase.sqlpp.operators.inserts import inserted
from cloudlet.couchbase.sqlpp.operators.operator import BATCH, Operator
from cloudlet.couchbase.sqlpp.operators.steps import row_count
from cloudlet.couchbase.sqlpp.operators.updates import Changes, changed_row, removed, replaced
from cloudlet.couchbase.sqlpp.pausing import driven, pause
from cloudlet.couchbase.sqlpp.values import MISSING, truth


@dataclass(frozen=True, slots=True)
class MergeInsert:
    """The document that a row without a partner adds."""

    key: Evaluate
    value: Evaluate
    options: Evaluate | None
    where: Evaluate | None


# What is to be done with a row.
Action = tuple[str, Row]


@dataclass(slots=True)
class Merge:
    """The source is read and joined to the end before anything is written."""

    keyspace: KeyspaceName
    alias: str
    slot: int
    source: Operator
    update: Changes | None
    update_where: Evaluate | None
    delete: bool
    delete_where: Evaluate | None
    insert: MergeInsert | None
    limit: Evaluate | None
    returning: Returning | None

    async def run(self, context: Context, seed: Row) -> AsyncIterator[list[Any]]:
        """Do what every row asks for; 5320 and 5330 where two rows ask for one document."""
        keyspace = context.resolve(self.keyspace)
        found = driven(self._actions(context, seed), context)
        actions = [action async for action in found if action is not None]
        for start in range(0, len(actions), BATCH):
            some = actions[start : start + BATCH]
            verbs = {id(row): verb for verb, row in some}

            async def write(keyspace: Keyspace, row: Row, verbs: dict[int, str] = verbs) -> bool:
                return await self._write(verbs[id(row)], keyspace, row)

            rows = [row for _, row in some]
            yield await written(context, rows, write, keyspace, self.returning)
            await context.turn()

    def _actions(self, context: Context, seed: Row) -> Iterator[Action | None]:
        left = row_count(self.limit, seed, "LIMIT") if self.limit is not None else -1
        changed: set[str] = set()
        added: set[str] = set()
        for batch in self.source.run(seed):
            yield None
            for row in batch:
                pause()
                if left == 0:
                    return
                matched = row[self.slot + 1] is not MISSING
                action = (
                    self._matched(context, row, changed)
                    if matched
                    else self._not_matched(context, row, added)
                )
                if action is not None:
                    left -= 1
                    if context.has_quota:
                        context.hold_row(row)
                    yield action, row

    def _matched(self, context: Context, row: Row, changed: set[str]) -> str | None:
        key = row[self.slot + 1].id
        action = None
        if self.update is not None and _holds(self.update_where, row):
            action = "update"
        elif self.delete and _holds(self.delete_where, row):
            action = "delete"
        if action is None:
            return None
        if key in changed:
            raise errors.QueryError(
                5320,
                f"Multiple UPDATE/DELETE of the same document (document key '{key}') "
                "in a MERGE statement",
                http=400,
            )
        changed.add(key)
        if action == "update":
            assert self.update is not None
            if not changed_row(context, self.update, row, self.slot):
                return None
        return action

    def _not_matched(self, context: Context, row: Row, added: set[str]) -> str | None:
        insert = self.insert
        if insert is None or not _holds(insert.where, row):
            return None
        options = insert.options(row) if insert.options is not None else None
        found = new_document(context, insert.key(row), insert.value(row), options, upsert=False)
        if found is None:
            return None
        key, row[self.slot], expiration = found
        if key in added:
            raise errors.QueryError(
                5330,
                f"Multiple INSERT of the same document (document key '{key}') in a MERGE statement",
                http=400,
            )
        added.add(key)
        row[self.slot + 1] = (key, expiration)
        return "insert"

    async def _write(self, verb: str, keyspace: Keyspace, row: Row) -> bool:
        if verb == "update":
            return await replaced(keyspace, row, self.slot)
        if verb == "delete":
            return await removed(keyspace, row, self.slot)
        key, expiration = row[self.slot + 1]
        row[self.slot + 1] = await inserted(keyspace, key, row[self.slot], expiration)
        return True

    def explain(self) -> list[dict[str, Any]]:
        """Merge after the join of source and target."""
        return [*self.source.explain(), target_details("Merge", self.keyspace, self.alias)]


def _holds(condition: Evaluate | None, row: Row) -> bool:
    return condition is None or truth(condition(row)) is True
