"""What runs before a block's own rows, and what makes them unnecessary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Row
from cloudlet.couchbase.sqlpp.keyspace import KeyspaceName
from cloudlet.couchbase.sqlpp.operators.operator import Batches, Operator, described
from cloudlet.couchbase.sqlpp.operators.scans import keyspace_details


@dataclass(slots=True)
class Prelude:
    """Runs the body with what the set-up put into the seed row (WITH, subqueries)."""

    setup: Operator
    body: Operator

    def run(self, seed: Row) -> Batches:
        """The body's rows."""
        for batch in self.setup.run(seed):
            for row in batch:
                yield from self.body.run(row)
            yield []

    def explain(self) -> list[dict[str, Any]]:
        """The set-up's steps, then the body's."""
        return [*self.setup.explain()[1:], *self.body.explain()]


@dataclass(slots=True)
class CountScan:
    """COUNT(*) of a whole keyspace, which the store knows."""

    keyspace: KeyspaceName
    alias: str
    slot: int

    def run(self, seed: Row) -> Batches:
        """One row with the count."""
        row = seed.copy()
        row[self.slot] = seed[0].resolve(self.keyspace).count()
        yield [row]

    def explain(self) -> list[dict[str, Any]]:
        """CountScan."""
        details = keyspace_details(self.keyspace)
        return [described("CountScan", **{"as": self.alias}, **details)]
