"""Expressions written back as text, in the canonical form Couchbase prints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.evaluation.calls import InlineCall, InlineQuery, SequenceValue
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.values import MISSING


def render(node: tree.Expression | None) -> str:
    """The expression's text: names in backticks, operators in brackets."""
    if node is None:
        return ""
    pause()
    found = _RENDERERS.get(type(node))
    return found(node) if found is not None else f"<{type(node).__name__}>"


def literal(value: Any) -> str:
    """A constant as it is written."""
    return "missing" if value is MISSING else msgspec.json.encode(value).decode()


def quoted(name: str) -> str:
    """A name in backticks."""
    return "`" + name.replace("`", "``") + "`"


def _list(nodes: tuple[tree.Expression, ...]) -> str:
    return ", ".join(render(node) for node in nodes)


def _variable(node: tree.Variable) -> str:
    return node.name if node.name.startswith("(") else quoted(node.name)


def _path_base(node: tree.Expression) -> str:
    return f"({render(node)})"


def _field(node: tree.Field) -> str:
    return f"({render(node.base)}.{quoted(node.name)})"


def _caseless_field(node: tree.CaselessField) -> str:
    if isinstance(node.name, tree.Literal) and type(node.name.value) is str:
        return f"({render(node.base)}.{quoted(node.name.value)}i)"
    return f"{_path_base(node.base)}.[{render(node.name)}]i"


def _flattened_key(node: tree.FlattenedKey) -> str:
    missing = " include missing" if node.missing else ""
    return render(node.expression) + missing + (" desc" if node.descending else "")


def _slice(node: tree.Slice) -> str:
    start = render(node.start) if node.start is not None else ""
    end = render(node.end) if node.end is not None else ""
    return f"{_path_base(node.base)}[{start}:{end}]"


def _is(node: tree.Is) -> str:
    return f"({render(node.operand)} is {'not ' if node.negated else ''}{node.what})"


def _like(node: tree.Like) -> str:
    escape = f" escape {render(node.escape)}" if node.escape is not None else ""
    return f"({render(node.operand)} like {render(node.pattern)}{escape})"


def _case(node: tree.Case) -> str:
    parts = ["case"]
    if node.operand is not None:
        parts.append(render(node.operand))
    for condition, result in node.branches:
        parts.append(f"when {render(condition)} then {render(result)}")
    if node.otherwise is not None:
        parts.append(f"else {render(node.otherwise)}")
    return " ".join([*parts, "end"])


def _bindings(bindings: tuple[tree.RangeBinding, ...]) -> str:
    parts = []
    for b in bindings:
        name = f"{quoted(b.name_variable)} : " if b.name_variable else ""
        word = "within" if b.within else "in"
        parts.append(f"{name}{quoted(b.variable)} {word} {render(b.collection)}")
    return ", ".join(parts)


def _quantified(node: tree.Quantified) -> str:
    return f"{node.quantifier} {_bindings(node.bindings)} satisfies {render(node.condition)} end"


def _comprehension(node: tree.Comprehension) -> str:
    key = f"{render(node.key)} : " if node.key is not None else ""
    when = f" when {render(node.condition)}" if node.condition is not None else ""
    return f"{node.kind} {key}{render(node.value)} for {_bindings(node.bindings)}{when} end"


def _object(node: tree.ObjectConstruct) -> str:
    return "{" + ", ".join(f"{render(k)}: {render(v)}" for k, v in node.pairs) + "}"


def _aggregate(node: tree.Aggregate) -> str:
    argument = "*" if node.argument is None else render(node.argument)
    distinct = "distinct " if node.distinct else ""
    where = f" filter (where {render(node.condition)})" if node.condition is not None else ""
    return f"{node.name}({distinct}{argument}){where}"


def _bound(bound: tree.FrameBound) -> str:
    if bound.kind == "current":
        return "current row"
    return f"{render(bound.offset)} {bound.kind}" if bound.offset is not None else bound.kind


def _window(node: tree.WindowCall) -> str:
    arguments = _list(node.arguments) if node.arguments else ("*" if node.name == "count" else "")
    call = f"{node.name}({'distinct ' if node.distinct else ''}{arguments})"
    if node.condition is not None:
        call += f" filter (where {render(node.condition)})"
    if node.from_last:
        call += " from last"
    if node.ignore_nulls:
        call += " ignore nulls"
    parts = []
    window = node.window
    if window.partition:
        parts.append(f"partition by {_list(window.partition)}")
    if window.order:
        terms = (render(t.expression) + (" desc" if t.descending else "") for t in window.order)
        parts.append(f"order by {', '.join(terms)}")
    if window.frame is not None:
        frame = window.frame
        parts.append(f"{frame.unit} between {_bound(frame.start)} and {_bound(frame.end)}")
        if frame.exclude != "no others":
            parts.append(f"exclude {frame.exclude}")
    return f"{call} over ({' '.join(parts)})"


_RENDERERS: dict[type, Callable[[Any], str]] = {
    tree.Literal: lambda n: literal(n.value),
    tree.Name: lambda n: quoted(n.name),
    tree.Variable: _variable,
    tree.MetaOf: lambda n: f"meta({quoted(n.name)})",
    tree.Parameter: lambda n: f"${n.name}",
    tree.Field: _field,
    tree.DynamicField: lambda n: f"{_path_base(n.base)}.[{render(n.name)}]",
    tree.CaselessName: lambda n: quoted(n.name) + "i",
    tree.CaselessField: _caseless_field,
    tree.FlattenedKey: _flattened_key,
    tree.Element: lambda n: f"{_path_base(n.base)}[{render(n.index)}]",
    tree.Slice: _slice,
    tree.Spread: lambda n: f"{_path_base(n.base)}[*]",
    tree.Negate: lambda n: f"(-{render(n.operand)})",
    tree.Arithmetic: lambda n: f"({render(n.left)} {n.operator} {render(n.right)})",
    tree.Comparison: lambda n: f"({render(n.left)} {n.operator} {render(n.right)})",
    tree.And: lambda n: "(" + " and ".join(map(render, n.operands)) + ")",
    tree.Or: lambda n: "(" + " or ".join(map(render, n.operands)) + ")",
    tree.Not: lambda n: f"(not {render(n.operand)})",
    tree.Is: _is,
    tree.Between: lambda n: f"({render(n.operand)} between {render(n.low)} and {render(n.high)})",
    tree.Like: _like,
    tree.In: lambda n: (
        f"({render(n.operand)} {'within' if n.within else 'in'} {render(n.collection)})"
    ),
    tree.Exists: lambda n: f"(exists {render(n.operand)})",
    tree.Case: _case,
    tree.Quantified: _quantified,
    tree.Comprehension: _comprehension,
    tree.ArrayConstruct: lambda n: f"[{_list(n.items)}]",
    tree.ObjectConstruct: _object,
    tree.Call: lambda n: f"{n.name}({_list(n.arguments)})",
    tree.Aggregate: _aggregate,
    InlineCall: lambda n: f"{quoted(n.name)}({_list(n.arguments)})",
    InlineQuery: lambda n: n.text,
    SequenceValue: lambda n: (
        f"{'prev' if n.previous else 'next'} value for {'.'.join(map(quoted, n.path))}"
    ),
    tree.WindowCall: _window,
    tree.Subquery: lambda n: n.text,
}
