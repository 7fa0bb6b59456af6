"""A keyspace term whose access is chosen when the whole block is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.keyspace import KeyspaceName
from cloudlet.couchbase.sqlpp.operators.operator import Batches, Operator, described
from cloudlet.couchbase.sqlpp.operators.steps import matching


@dataclass(slots=True)
class TermScan:
    """Stands for a keyspace term; until something better is chosen, it reads all documents."""

    keyspace: KeyspaceName
    alias: str
    slot: int
    #: Names of indexes that hints ask to prefer, to avoid, and to intersect.
    hinted: tuple[tuple[str, ...], ...]
    chosen: Operator
    settled: bool = False

    def settle(self, operator: Operator) -> None:
        """Take this way to the documents."""
        self.chosen, self.settled = operator, True

    def run(self, seed: Row) -> Batches:
        """The rows of what was chosen."""
        return self.chosen.run(seed)

    def explain(self) -> list[dict[str, Any]]:
        """The steps of what was chosen."""
        return self.chosen.explain()


@dataclass(slots=True)
class Remaining:
    """The part of WHERE that no scan took over; None where they took all."""

    source: Operator
    condition: Evaluate | None
    text: str

    def run(self, seed: Row) -> Batches:
        """The rows for which the condition is true."""
        if self.condition is None:
            return self.source.run(seed)
        return matching(self.source, seed, self.condition)

    def explain(self) -> list[dict[str, Any]]:
        """Filter, where there is something left."""
        steps = self.source.explain()
        if self.condition is not None:
            steps.append(described("Filter", condition=self.text))
        return steps
