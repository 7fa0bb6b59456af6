"""The window calls of a block become operators, one for each partitioning and order."""

from __future__ import annotations

from collections.abc import Callable

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.evaluation import compile_expression
from cloudlet.couchbase.sqlpp.operators import frames, ordering, windows
from cloudlet.couchbase.sqlpp.operators.grouping import AggregateCall
from cloudlet.couchbase.sqlpp.operators.operator import Operator
from cloudlet.couchbase.sqlpp.parser.windows import FUNCTIONS
from cloudlet.couchbase.sqlpp.render import render
from cloudlet.couchbase.sqlpp.tree import Expression

Checked = Callable[[Expression], Expression]


def with_windows(
    operator: Operator, calls: dict[tree.WindowCall, int], checked: Checked
) -> Operator:
    """The operator followed by one for every window; `checked` replaces group keys."""
    found: dict[tuple[object, object], windows.WindowAggregate] = {}
    for call, slot in calls.items():
        key = (call.window.partition, call.window.order)
        step = found.get(key)
        if step is None:
            partition = [compile_expression(checked(node)) for node in call.window.partition]
            order = [_term(term, checked) for term in call.window.order]
            step = found[key] = windows.WindowAggregate(operator, partition, order, [])
            operator = step
        step.functions.append(_function(call, slot, checked))
    return operator


def _term(term: tree.WindowOrder, checked: Checked) -> ordering.SortTerm:
    value = checked(term.expression)
    return ordering.SortTerm(
        compile_expression(value), term.descending, term.nulls_last, render(value)
    )


def _function(call: tree.WindowCall, slot: int, checked: Checked) -> windows.WindowFunction:
    arguments = tuple(compile_expression(checked(node)) for node in call.arguments)
    text = render(call)
    aggregate = None
    if call.name not in FUNCTIONS:
        condition = compile_expression(checked(call.condition)) if call.condition else None
        aggregate = AggregateCall(
            call.name, slot, arguments[0] if arguments else None, call.distinct, condition, text
        )
    return windows.WindowFunction(
        call.name, slot, arguments, _frame(call.window.frame, checked), aggregate,
        call.from_last, call.ignore_nulls, text,
    )  # fmt: skip


def _frame(frame: tree.Frame | None, checked: Checked) -> frames.Frame | None:
    if frame is None:
        return None
    ends = []
    for bound in (frame.start, frame.end):
        offset = compile_expression(checked(bound.offset)) if bound.offset is not None else None
        ends.append(frames.Bound(bound.kind, offset))
    return frames.Frame(frame.unit, ends[0], ends[1], frame.exclude)
