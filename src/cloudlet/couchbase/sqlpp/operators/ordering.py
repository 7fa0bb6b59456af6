"""ORDER BY: sorted in runs small enough for a time slice, then merged."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import total_ordering
from typing import Any, Final

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.operators.operator import BATCH, Batches, Operator, described
from cloudlet.couchbase.sqlpp.operators.steps import row_count
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.values import MISSING, RANK, scalar_sort_key

# At most about 2 ms of sorting.
_RUN: Final = 512


@total_ordering
class _Descending:
    """A sort key turned around."""

    __slots__ = ("key",)

    def __init__(self, key: Any) -> None:
        self.key = key

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.key < self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and self.key == other.key

    __hash__ = None  # type: ignore[assignment]


def _descending_key(value: Any) -> Any:
    """A key that sorts the other way round; numbers, the common case, need no wrapper."""
    kind = type(value)
    if kind is int or kind is float:
        return (-3, -value)
    return (-RANK[kind], _Descending(scalar_sort_key(value)))


@dataclass(frozen=True, slots=True)
class SortTerm:
    """One ORDER BY term."""

    evaluate: Evaluate
    descending: bool
    nulls_last: bool | None
    text: str

    def key(self) -> Callable[[Row], Any]:
        """The term's sort key. MISSING and NULL come first ascending and last descending,
        unless NULLS FIRST or LAST says otherwise."""
        evaluate, descending = self.evaluate, self.descending
        if self.nulls_last is None or self.nulls_last is descending:
            if descending:
                return lambda row: _descending_key(evaluate(row))
            return lambda row: scalar_sort_key(evaluate(row))
        last = self.nulls_last

        def with_nulls(row: Row) -> Any:
            value = evaluate(row)
            unknown = value is None or value is MISSING
            key = scalar_sort_key(value)
            return (unknown is last, _descending_key(value) if descending else key)

        return with_nulls


@dataclass(slots=True)
class Order:
    """All rows in order; only the first ones are kept where a limit follows."""

    source: Operator
    terms: list[SortTerm]
    limit: Evaluate | None = None
    offset: Evaluate | None = None

    def run(self, seed: Row) -> Batches:
        """The rows in order, after all input is read; equal ones as they came."""
        keys = [term.key() for term in self.terms]
        keep = None
        if self.limit is not None:
            keep = row_count(self.limit, seed, "LIMIT")
            if self.offset is not None:
                keep += row_count(self.offset, seed, "OFFSET")
        context = seed[0]
        # What a limit lets go again is not counted.
        limited = context.has_quota and keep is None
        runs: list[list[tuple[Any, int, Row]]] = []
        pending: list[tuple[Any, int, Row]] = []
        count = 0
        for batch in self.source.run(seed):
            for row in batch:
                if limited:
                    context.hold_row(row)
                pause()
                key = keys[0](row) if len(keys) == 1 else tuple([k(row) for k in keys])
                pending.append((key, count, row))
                count += 1
            yield []
            if len(pending) >= _RUN + (keep or 0):
                pending.sort(key=_key_and_place)
                if keep is not None and keep <= _RUN * 4:
                    del pending[keep:]
                else:
                    runs.append(pending)
                    pending = []
                yield []
        pending.sort(key=_key_and_place)
        runs.append(pending)
        seed[0].sort_count = (seed[0].sort_count or 0) + count
        rows: list[Row] = []
        for _, _, row in heapq.merge(*map(_drained, runs), key=_key_and_place):
            rows.append(row)
            if len(rows) >= BATCH:
                yield rows
                rows = []
        yield rows

    def explain(self) -> list[dict[str, Any]]:
        """Order."""
        terms = [
            described("", expr=t.text, desc='"desc"' if t.descending else None) for t in self.terms
        ]
        for term in terms:
            del term["#operator"]
        return [*self.source.explain(), described("Order", sort_terms=terms)]


def _drained(run: list[tuple[Any, int, Row]]) -> Iterator[tuple[Any, int, Row]]:
    """The run's items, given up one by one: freeing them all at the end would be one long stop."""
    run.reverse()
    while run:
        yield run.pop()


def _key_and_place(item: tuple[Any, int, Row]) -> tuple[Any, int]:
    return item[0], item[1]
