"""A scan of a part of a secondary index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.indexes import Bound, IndexData
from cloudlet.couchbase.sqlpp.keyspace import IndexDefinition, KeyspaceName
from cloudlet.couchbase.sqlpp.operators.base import BATCH, Batches, described
from cloudlet.couchbase.sqlpp.operators.scans import fetch_and_filter, keyspace_details, passing
from cloudlet.couchbase.sqlpp.values import hash_key


@dataclass(slots=True)
class IndexScan:
    """The documents of an index span that pass the whole condition."""

    keyspace: KeyspaceName
    alias: str
    slot: int
    index: IndexDefinition
    equal: list[Evaluate]
    low: tuple[Evaluate, bool] | None
    high: tuple[Evaluate, bool] | None
    among: Evaluate | None
    span: dict[str, Any]
    condition: Evaluate
    condition_text: str

    def run(self, seed: Row) -> Batches:
        """Documents in the index's order."""
        keyspace = seed[0].resolve(self.keyspace)
        data = seed[0].catalog.index_data(self.index)
        for _ in data.catch_up(keyspace):
            yield []
        keys = self._keys(seed, data)
        for start in range(0, len(keys), BATCH):
            found = keyspace.get_many(keys[start : start + BATCH])
            entries = [entry for entry in found if entry is not None]
            yield passing(seed, self.slot, entries, self.condition)

    def _keys(self, seed: Row, data: IndexData) -> list[str]:
        equal = [evaluate(seed) for evaluate in self.equal]
        if self.among is not None:
            values = self.among(seed)
            if type(values) is not list:
                return []
            distinct = {hash_key(value): value for value in values}
            return [
                key for value in distinct.values() for key in data.find([*equal, value], None, None)
            ]
        low = Bound(self.low[0](seed), self.low[1]) if self.low is not None else None
        high = Bound(self.high[0](seed), self.high[1]) if self.high is not None else None
        return data.find(equal, low, high)

    def explain(self) -> list[dict[str, Any]]:
        """IndexScan3, Fetch, and the filter."""
        scan = described(
            "IndexScan3",
            index=self.index.name,
            index_id=self.index.id,
            spans=[self.span],
            using="gsi",
            **{"as": self.alias},
            **keyspace_details(self.keyspace),
        )
        return [scan, *fetch_and_filter(self.keyspace, self.alias, self.condition_text)]
