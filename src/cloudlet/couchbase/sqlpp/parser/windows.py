"""OVER and the WINDOW clause."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp.parser import expressions, queries
from cloudlet.couchbase.sqlpp.parser.stream import Stream

#: The window functions: least and most arguments, and what their OVER must and may have.
FUNCTIONS: Final[dict[str, tuple[int, int]]] = {
    "row_number": (0, 0),
    "rank": (0, 0),
    "dense_rank": (0, 0),
    "percent_rank": (0, 0),
    "cume_dist": (0, 0),
    "ntile": (1, 1),
    "lag": (1, 3),
    "lead": (1, 3),
    "first_value": (1, 1),
    "last_value": (1, 1),
    "nth_value": (2, 2),
    "ratio_to_report": (1, 1),
}
_NEEDS_ORDER: Final = frozenset(
    {"rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead"}
)
_NULLS: Final = frozenset({"first_value", "last_value", "nth_value", "lag", "lead"})
_NO_FRAME: Final = frozenset(FUNCTIONS) - {"first_value", "last_value", "nth_value"}


def refused(name: str, clause: str, reason: str) -> errors.QueryError:
    """3220: a window function where, or as, it cannot be."""
    return errors.semantic(3220, f"{name.upper()} window function {clause} {reason}")


def call(
    stream: Stream,
    name: str,
    arguments: list[tree.Expression],
    at: tree.Position,
    *,
    distinct: bool = False,
    condition: tree.Expression | None = None,
) -> tree.WindowCall:
    """The options and the OVER clause after a function's arguments."""
    from_last = False
    if name == "nth_value" and stream.word("FROM"):
        from_last = stream.word("LAST")
        if not from_last:
            stream.expect_word("FIRST")
    ignore_nulls = False
    if name in _NULLS and stream.is_word("RESPECT", "IGNORE"):
        ignore_nulls = stream.advance().upper == "IGNORE"
        stream.expect_word("NULLS")
    stream.expect_word("OVER")
    if stream.symbol("("):
        window = _definition(stream)
        stream.expect_symbol(")")
    else:
        window = tree.Window(base=stream.identifier(), as_it_is=True)
    if name in FUNCTIONS:
        least, most = FUNCTIONS[name]
        if not least <= len(arguments) <= most:
            wanted = str(least) if least == most else f"between {least} and {most}"
            raise errors.syntax(
                f"Number of arguments to function {name.upper()}{errors.near(at)} must be {wanted}."
            )
    return tree.WindowCall(
        name, tuple(arguments), window, distinct, condition, from_last, ignore_nulls, at
    )


def clause(stream: Stream) -> tuple[tuple[str, tree.Window], ...]:
    """`WINDOW name AS (definition), ...`, or nothing."""
    if not stream.word("WINDOW"):
        return ()
    found: list[tuple[str, tree.Window]] = []
    while True:
        name = stream.identifier()
        if any(name == other for other, _ in found):
            raise errors.semantic(3220, f"Duplicate window clause alias {name}")
        stream.expect_word("AS")
        stream.expect_symbol("(")
        found.append((name, _definition(stream)))
        stream.expect_symbol(")")
        if not stream.symbol(","):
            return tuple(found)


def _definition(stream: Stream) -> tree.Window:
    base = stream.identifier() if stream.is_identifier() else None
    partition: list[tree.Expression] = []
    order: list[tree.WindowOrder] = []
    if stream.word("PARTITION"):
        stream.expect_word("BY")
        partition.append(expressions.expression(stream))
        while stream.symbol(","):
            partition.append(expressions.expression(stream))
    if stream.word("ORDER"):
        stream.expect_word("BY")
        while True:
            value = expressions.expression(stream)
            order.append(tree.WindowOrder(value, *queries.ordering(stream)))
            if not stream.symbol(","):
                break
    return tree.Window(base, tuple(partition), tuple(order), _frame(stream))


def _frame(stream: Stream) -> tree.Frame | None:
    if not stream.is_word("ROWS", "RANGE", "GROUPS"):
        return None
    unit = stream.advance().upper.lower()
    if stream.word("BETWEEN"):
        start = _bound(stream)
        stream.expect_word("AND")
        end = _bound(stream)
    else:
        start, end = _bound(stream), tree.FrameBound("current")
    order = ("unbounded preceding", "preceding", "current", "following", "unbounded following")
    if (
        start.kind == order[-1]
        or end.kind == order[0]
        or (order.index(start.kind) > order.index(end.kind))
    ):
        raise errors.semantic(3220, "window function frame clause has invalid bounds")
    exclude = "no others"
    if stream.word("EXCLUDE"):
        if stream.word("CURRENT", "ROW"):
            exclude = "current row"
        elif stream.word("NO", "OTHERS"):
            exclude = "no others"
        elif stream.is_word("GROUP", "TIES"):
            exclude = stream.advance().upper.lower()
        else:
            raise stream.unexpected()
    return tree.Frame(unit, start, end, exclude)


def _bound(stream: Stream) -> tree.FrameBound:
    if stream.word("CURRENT", "ROW"):
        return tree.FrameBound("current")
    offset = None
    kind = ""
    if stream.word("UNBOUNDED"):
        kind = "unbounded "
    else:
        offset = expressions.expression(stream, power=110)
    if not stream.is_word("PRECEDING", "FOLLOWING"):
        raise stream.unexpected()
    return tree.FrameBound(kind + stream.advance().upper.lower(), offset)


def completed(node: tree.WindowCall, named: dict[str, tree.Window]) -> tree.Window:
    """The call's window with its named base filled in; 3220 for what does not fit together."""
    window = _based(node.window, named, node.name)
    name = node.name
    if name in _NEEDS_ORDER and not window.order:
        raise refused(name, "ORDER BY clause", "is required.")
    if window.frame is not None and (name in _NO_FRAME):
        raise refused(name, "frame clause", "is not allowed.")
    if name == "ratio_to_report" and window.order:
        raise refused(name, "ORDER BY clause", "is not allowed.")
    if window.frame is not None and not window.order:
        raise refused(name, "frame clause", "requires an ORDER BY clause.")
    if node.distinct and (window.order or window.frame):
        raise refused(name, "DISTINCT", "is not allowed with an ORDER BY or frame clause.")
    frame = window.frame
    if (
        frame is not None
        and frame.unit == "range"
        and len(window.order) != 1
        and any(bound.offset is not None for bound in (frame.start, frame.end))
    ):
        raise refused(name, "frame clause", "RANGE with a value needs one ORDER BY expression.")
    return window


def _based(window: tree.Window, named: dict[str, tree.Window], name: str) -> tree.Window:
    """The window with what it goes on from; one of the WINDOW clause sees those before it."""
    if window.base is None:
        return window
    if window.base not in named:
        raise errors.semantic(3220, f"Window {window.base} not in the scope of window clause")
    places = list(named)
    before = {other: named[other] for other in places[: places.index(window.base)]}
    base = _based(named[window.base], before, name)
    if window.as_it_is:
        return base
    if window.partition:
        raise refused(name, "PARTITION BY clause", f"is not allowed with window {window.base}.")
    if base.order and window.order:
        raise refused(name, "ORDER BY clause", f"is in window {window.base} already.")
    if base.frame is not None:
        raise refused(name, "frame clause", f"is in window {window.base} already.")
    return replace(window, base=None, partition=base.partition, order=window.order or base.order)
