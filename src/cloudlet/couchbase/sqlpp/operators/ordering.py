"""ORDER BY: sorted in parts small enough for a time slice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import total_ordering
from operator import itemgetter
from typing import Any, Final

from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row
from cloudlet.couchbase.sqlpp.operators.operator import BATCH, Batches, Operator, described
from cloudlet.couchbase.sqlpp.operators.steps import row_count
from cloudlet.couchbase.sqlpp.pausing import pause, released
from cloudlet.couchbase.sqlpp.sorting import Column, evaluated, order_of
from cloudlet.couchbase.sqlpp.values import MISSING, RANK, scalar_sort_key

# Where a limit lets no more rows than this through, only the best so far are kept.
_FEW: Final = 1024
_RUN: Final = 256


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

    def column(self) -> Column:
        """An empty column of the term's values."""
        return Column(self.descending, self.nulls_last)


@dataclass(slots=True)
class Order:
    """All rows in order; only the first ones are kept where a limit follows."""

    source: Operator
    terms: list[SortTerm]
    limit: Evaluate | None = None
    offset: Evaluate | None = None

    def run(self, seed: Row) -> Batches:
        """The rows in order, after all input is read; equal ones as they came."""
        if self.limit is not None:
            keep = row_count(self.limit, seed, "LIMIT")
            if self.offset is not None:
                keep += row_count(self.offset, seed, "OFFSET")
            if keep <= _FEW:
                yield from self._best(seed, max(keep, 1))
                return
        yield from self._all(seed)

    def _all(self, seed: Row) -> Batches:
        rows: list[Row | None] = []
        columns = [term.column() for term in self.terms]
        with released(rows, *(column.values for column in columns)):
            yield from self._sorted(seed, rows, columns)

    def _sorted(self, seed: Row, rows: list[Row | None], columns: list[Column]) -> Batches:
        context = seed[0]
        for batch in self.source.run(seed):
            if context.has_quota:
                context.hold_rows(batch)
            for term, column in zip(self.terms, columns, strict=True):
                column.values += evaluated(term.evaluate, batch)
            rows += batch
            yield []
        context.sort_count = (context.sort_count or 0) + len(rows)
        places = order_of(columns)
        for start in range(0, len(rows), BATCH):
            some = []
            for place in places[start : start + BATCH]:
                row = rows[place]
                assert row is not None
                some.append(row)
                # Given up one by one: freeing all rows at the end would be one long stop.
                rows[place] = None
            yield some

    def _best(self, seed: Row, keep: int) -> Batches:
        """The first `keep` rows in order."""
        first, *others = [term.key() for term in self.terms]
        kept: list[tuple[Any, Row]] = []
        limit: Any = None  # the key of the last row that is wanted so far
        count = 0
        for batch in self.source.run(seed):
            count += len(batch)
            for row in batch:
                pause()
                leading = first(row)
                if limit is not None and limit[0] < leading:
                    continue
                key = (leading, *[other(row) for other in others])
                if limit is None or key < limit:
                    kept.append((key, row))
            if len(kept) >= keep + _RUN:
                kept.sort(key=itemgetter(0))
                del kept[keep:]
                limit = kept[-1][0]
            yield []
        kept.sort(key=itemgetter(0))
        seed[0].sort_count = (seed[0].sort_count or 0) + count
        for start in range(0, min(keep, len(kept)), BATCH):
            yield [row for _, row in kept[start : min(keep, start + BATCH)]]

    def explain(self) -> list[dict[str, Any]]:
        """Order."""
        terms = [
            described("", expr=t.text, desc='"desc"' if t.descending else None) for t in self.terms
        ]
        for term in terms:
            del term["#operator"]
        return [*self.source.explain(), described("Order", sort_terms=terms)]
