"""How many documents an access gives, by what the indexes know of themselves."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.indexes import IndexData
from cloudlet.couchbase.sqlpp.keyspace import KeyspaceName, UnknownKeyspaceError
from cloudlet.couchbase.sqlpp.operators.index_ranges import intervals
from cloudlet.couchbase.sqlpp.planner import spans
from cloudlet.couchbase.sqlpp.planner.catalog import Catalog
from cloudlet.couchbase.sqlpp.planner.scans import compiled_spans
from cloudlet.couchbase.sqlpp.tree import Expression

# What an open range is taken to leave, and one with two ends.
_OPEN_SHARE = 3
_CLOSED_SHARE = 10


def documents(catalog: Catalog, name: KeyspaceName) -> int:
    """Documents in the keyspace."""
    try:
        return catalog.keyspace(name).count()
    except UnknownKeyspaceError:
        return 0


def rows(catalog: Catalog, found: spans.Match) -> int:
    """About how many entries the spans hold; counted where all bounds are constants."""
    data = catalog.loaded_data(found.index.definition)
    if data is None or not len(data.entries):
        index = found.index.definition
        name = KeyspaceName(index.bucket, index.scope, index.collection)
        return max(1, sum(_guess(documents(catalog, name), None, span) for span in found.spans))
    if all(_constant(span) for span in found.spans):
        descends = [part.descending for part in found.index.parts]
        entries = data.entries
        return sum(
            max(0, entries.position(end) - entries.position(start))
            for start, end in intervals(compiled_spans(found), descends, [None])
        )
    return sum(_guess(len(data.entries), data, span) for span in found.spans)


def _constant(span: spans.Span) -> bool:
    return all(
        _known(node)
        for one in span.ranges
        for node in (
            one.among,
            one.low.value if one.low is not None else None,
            one.high.value if one.high is not None else None,
        )
        if node is not None
    )


def _known(node: Expression) -> bool:
    if isinstance(node, tree.ArrayConstruct):
        return all(isinstance(item, tree.Literal) for item in node.items)
    return isinstance(node, tree.Literal)


def _guess(total: int, data: IndexData | None, span: spans.Span) -> int:
    points = 0
    number = float(total)
    for one in span.ranges:
        if not one.point:
            number /= _CLOSED_SHARE if one.low is not None and one.high is not None else _OPEN_SHARE
            break
        points += 1
    if points:
        share = data.distinct_share(points) if data is not None else 0.1
        number = min(number, max(1.0, 1.0 / share))
    return max(1, int(number))
