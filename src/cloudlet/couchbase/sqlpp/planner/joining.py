"""How the two sides of a join meet: by an index or keys for each left row, or by a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Row
from cloudlet.couchbase.sqlpp.operators.operator import Batches, Operator

# What looking one left row up costs, in rows read for the table.
_LOOKUP: Final = 8


@dataclass(slots=True)
class JoinChoice:
    """A join that may run either way; `right_rows` is what the table would hold."""

    hashed: Operator
    looped: Operator
    right_rows: int
    chosen: Operator

    def choose(self, left_rows: int) -> None:
        """Take the cheaper way for so many left rows."""
        looks_up = left_rows * _LOOKUP < self.right_rows
        self.chosen = self.looped if looks_up else self.hashed

    def run(self, seed: Row) -> Batches:
        """The joined rows."""
        return self.chosen.run(seed)

    def explain(self) -> list[dict[str, Any]]:
        """The steps of what was chosen."""
        return self.chosen.explain()
