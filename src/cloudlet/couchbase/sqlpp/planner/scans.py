"""From a match of an index to the operator that scans it."""

from __future__ import annotations

from itertools import product
from typing import Any, Final

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.evaluation import compile_expression
from cloudlet.couchbase.sqlpp.operators.index_ranges import KeyRange, RangeEnd
from cloudlet.couchbase.sqlpp.operators.index_scan import CoveredPath, IndexScan
from cloudlet.couchbase.sqlpp.operators.term_scan import TermScan
from cloudlet.couchbase.sqlpp.planner import spans
from cloudlet.couchbase.sqlpp.render import render
from cloudlet.couchbase.sqlpp.tree import Expression

# EXPLAIN writes a list of constants out, a span each, up to this many.
_SHOWN: Final = 16


def _end(end: spans.End | None) -> RangeEnd | None:
    if end is None:
        return None
    return RangeEnd(compile_expression(end.value), end.inclusive, end.unknown)


def compiled_spans(found: spans.Match) -> list[list[KeyRange]]:
    """The spans ready to run."""
    return [
        [
            KeyRange(
                _end(one.low),
                _end(one.high),
                compile_expression(one.among) if one.among is not None else None,
                one.point,
            )
            for one in span.ranges
        ]
        for span in found.spans
    ]


def built_scan(
    scan: TermScan,
    found: spans.Match,
    covered: list[CoveredPath] | None,
    condition: Expression | None,
    *,
    documents: bool,
) -> IndexScan:
    """The scan of an index for a term; documents that are to be changed come once each."""
    index = found.index
    texts: dict[str, Any] = {"spans": [s for span in found.spans for s in _shown(found, span)]}
    if covered is not None:
        keys = [render(part.expression) for part in index.parts]
        texts["covers"] = [f"cover ({key})" for key in keys]
        texts["covers"].append(f"cover ((meta(`{scan.alias}`).`id`))")
        texts["index_projection"] = {
            "entry_keys": sorted(path.place for path in covered),
            "primary_key": True,
        }
    else:
        texts["index_projection"] = {"primary_key": True}
    return IndexScan(
        scan.keyspace,
        scan.alias,
        scan.slot,
        index.definition,
        compiled_spans(found),
        [part.descending for part in index.parts],
        texts,
        compile_expression(condition) if condition is not None else None,
        render(condition) if condition is not None else None,
        covered,
        covered is not None,
        index.array is not None or documents,
    )


def _shown(found: spans.Match, span: spans.Span) -> list[dict[str, Any]]:
    choices: list[list[dict[str, Any]]] = []
    for one, part in zip(span.ranges, found.index.parts, strict=False):
        key = {"index_key": render(part.expression)}
        if one.among is None:
            choices.append([{**_ends(one), **key}])
            continue
        items = one.among.items if isinstance(one.among, tree.ArrayConstruct) else ()
        if 0 < len(items) <= _SHOWN:
            texts = [render(item) for item in items]
            choices.append([{"high": t, "inclusion": 3, "low": t, **key} for t in texts])
        else:
            text = render(one.among)
            choices.append([{"high": f"array_max({text})", "inclusion": 3,
                             "low": f"array_min({text})", **key}])  # fmt: skip
    exact = {"exact": True} if span.exact else {}
    combinations = list(product(*choices))
    if len(combinations) > _SHOWN:
        combinations = [tuple(choice[0] for choice in choices)]
    return [{**exact, "range": list(ranges)} for ranges in combinations]


def _ends(one: spans.Range) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    inclusion = 0
    if one.high is not None:
        shown["high"] = render(one.high.value)
        inclusion |= 2 if one.high.inclusive else 0
    if one.low is not None:
        shown["low"] = render(one.low.value)
        inclusion |= 1 if one.low.inclusive else 0
    shown["inclusion"] = inclusion
    return shown
