"""What a scan of an index does in place of the steps after it: limits and aggregates."""

from __future__ import annotations

from typing import Any, Final

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.evaluation.dispatch import constant
from cloudlet.couchbase.sqlpp.operators import grouping, scans
from cloudlet.couchbase.sqlpp.operators.index_ranges import KeyRange, RangeEnd
from cloudlet.couchbase.sqlpp.operators.index_scan import (
    EntryAggregate,
    IndexAggregates,
    IndexCount,
    IndexScan,
)
from cloudlet.couchbase.sqlpp.operators.operator import Operator
from cloudlet.couchbase.sqlpp.operators.prelude import CountScan
from cloudlet.couchbase.sqlpp.planner import spans
from cloudlet.couchbase.sqlpp.planner.access import Access, Term
from cloudlet.couchbase.sqlpp.planner.resolver import Aggregates
from cloudlet.couchbase.sqlpp.render import render

# Aggregates that are taken of index entries as they are read, without rows.
_OF_ENTRIES: Final = frozenset({"count", "countn", "sum", "avg", "mean", "min", "max"})

Bounds = tuple[Any, Any, str | None, str | None]


def _only_term(access: Access) -> Term | None:
    """The block's only source, where nothing is filtered after it."""
    if len(access.terms) != 1 or access.unnested:
        return None
    if access.remaining is not None and access.remaining.condition is not None:
        return None
    return access.terms[0]


def bounded(access: Access, bounds: Bounds) -> Bounds:
    """LIMIT and OFFSET given to an index scan that needs no filter; what remains to be done."""
    term = _only_term(access)
    scan = term.scan.chosen if term is not None else None
    if term is None or term.match is None or not isinstance(scan, IndexScan):
        return bounds
    if not term.match.exact or scan.once or bounds[0] is None:
        return bounds
    limit, offset, limit_text, offset_text = bounds
    scan.limit, scan.offset = limit, offset
    scan.texts["limit"] = limit_text
    if scan.covered is None or offset is None:
        return bounds
    scan.texts["offset"] = offset_text
    return limit, None, limit_text, None


def aggregated(access: Access, group: grouping.Group, aggregates: Aggregates) -> Operator:
    """COUNT by the bounds of an index's spans, MIN and MAX by their first or last entry."""
    term = _only_term(access)
    calls = list(aggregates.slots.items())
    if term is None or not calls or aggregates.pending:
        return group
    if any(call.distinct or call.condition is not None for call, _ in calls):
        return group
    scan = term.scan.chosen
    counting = all(call.name == "count" for call, _ in calls)
    if isinstance(scan, scans.KeyspaceScan):
        stars = all(call.argument is None for call, _ in calls)
        if counting and stars and len(calls) == 1 and scan.condition is None:
            return CountScan(scan.keyspace, scan.alias, calls[0][1])
        return group
    found = term.match
    if found is None or not isinstance(scan, IndexScan) or not found.exact or scan.once:
        return group
    if counting and all(_counted(found, call) for call, _ in calls):
        texts = [render_argument(call) for call, _ in calls]
        return IndexCount(scan, tuple(slot for _, slot in calls), texts)
    if len(calls) == 1 and calls[0][0].name in ("min", "max"):
        _first_only(found, scan, calls[0][0])
        return group
    places = {part.expression: at for at, part in enumerate(found.index.parts)}
    if scan.covered is not None and all(
        call.name in _OF_ENTRIES and (call.argument is None or call.argument in places)
        for call, _ in calls
    ):
        entries = [
            EntryAggregate(
                call.name,
                slot,
                places[call.argument] if call.argument is not None else None,
                render_argument(call),
            )
            for call, slot in calls
        ]
        return IndexAggregates(scan, entries)
    return group


def render_argument(call: tree.Aggregate) -> str:
    """The argument as EXPLAIN shows it."""
    return "1" if call.argument is None else render(call.argument)


def _counted(found: spans.Match, call: tree.Aggregate) -> bool:
    """Whether every entry counts: COUNT(*), or an argument that the spans make sure is known."""
    if call.argument is None:
        return True
    for place, part in enumerate(found.index.parts):
        if part.expression == call.argument:
            return all(
                len(span.ranges) > place and _known(span.ranges[place]) for span in found.spans
            )
    return False


def _known(one: spans.Range) -> bool:
    if one.among is not None:
        return True
    low = one.low
    return low is not None and not (low.unknown and low.inclusive)


def _first_only(found: spans.Match, scan: IndexScan, call: tree.Aggregate) -> None:
    """Read the one entry that MIN or MAX is in, where the spans are in its order."""
    if len(found.spans) != 1:
        return
    ranges = found.spans[0].ranges
    place = 0
    while place < len(ranges) and ranges[place].point and ranges[place].among is None:
        place += 1
    if place >= len(found.index.parts) or found.index.parts[place].expression != call.argument:
        return
    if len(ranges) > place:
        if not _known(ranges[place]):
            return
    else:
        known = RangeEnd(constant(None), False, True)
        scan.spans[0] = [*scan.spans[0], KeyRange(low=known)]
    scan.backward = (call.name == "max") is not found.index.parts[place].descending
    scan.limit = constant(1)
    scan.texts["limit"] = "1"
    scan.texts["index_group_aggs"] = {
        "aggregates": [{"aggregate": call.name.upper(), "expr": render_argument(call)}]
    }
