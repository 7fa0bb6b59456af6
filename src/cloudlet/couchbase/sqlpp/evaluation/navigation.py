"""Literals, variables, parameters and paths.

Navigating into NULL gives NULL; into anything else that has no such part, MISSING.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp.evaluation.dispatch import (
    Evaluate,
    Row,
    compile_expression,
    compiles,
    constant,
)
from cloudlet.couchbase.sqlpp.functions.arrays import starred
from cloudlet.couchbase.sqlpp.values import MISSING, is_binary

#: What META() has of a document by name; the attributes only where they are asked for.
META_FIELDS: Final = frozenset({"id", "cas", "expiration", "flags", "xattrs"})


compiles(tree.Literal)(lambda node: constant(node.value))


@compiles(tree.Variable)
def variable(node: tree.Variable) -> Evaluate:
    """The value in a slot."""
    slot = node.slot
    return lambda row: row[slot]


@compiles(tree.MetaOf)
def meta(node: tree.MetaOf) -> Evaluate:
    """The object META() gives: id, cas, expiration, flags and type."""
    slot = node.slot + 1

    def evaluate(row: Row) -> Any:
        found = row[slot]
        if found is None or found is MISSING:
            return MISSING
        return {
            "cas": found.cas,
            "expiration": found.expiration,
            "flags": found.flags,
            "id": found.id,
            "type": "base64" if is_binary(row[slot - 1]) else "json",
        }

    return evaluate


@compiles(tree.Parameter)
def parameter(node: tree.Parameter) -> Evaluate:
    """A parameter's value; 5010 where the request gives none."""
    name = node.name
    if isinstance(name, int):
        place = name - 1

        def positional(row: Row) -> Any:
            arguments = row[0].positional
            if place < 0 or place >= len(arguments):
                raise errors.evaluation("filter", f"No value for positional parameter ${name}.")
            return arguments[place]

        return positional

    def named(row: Row) -> Any:
        try:
            return row[0].named[name]
        except KeyError:
            raise errors.evaluation("filter", f"No value for named parameter ${name}.") from None

    return named


@compiles(tree.Field)
def field(node: tree.Field) -> Evaluate:
    """`base.name`, with short cuts for a variable's field and for META().id and the like."""
    name = node.name
    base = node.base
    if isinstance(base, tree.MetaOf) and name in META_FIELDS:
        return _meta_field(base.slot + 1, name)
    if isinstance(base, tree.Variable):
        slot = base.slot

        def of_variable(row: Row) -> Any:
            found = row[slot]
            if type(found) is dict:
                return found.get(name, MISSING)
            return None if found is None else MISSING

        return of_variable
    inner = compile_expression(base)

    def evaluate(row: Row) -> Any:
        found = inner(row)
        if type(found) is dict:
            return found.get(name, MISSING)
        return None if found is None else MISSING

    return _after_spread(base, evaluate, name) or evaluate


def _meta_field(slot: int, name: str) -> Evaluate:
    def evaluate(row: Row) -> Any:
        found = row[slot]
        return MISSING if found is None or found is MISSING else getattr(found, name)

    return evaluate


def _after_spread(base: tree.Expression, evaluate: Evaluate, name: str) -> Evaluate | None:
    if not _has_spread(base):
        return None
    # Directly after [*] the elements are looked into, not the object that [*] alone gives.
    inner = compile_expression(base.base if isinstance(base, tree.Spread) else base)

    def over_elements(row: Row) -> Any:
        found = inner(row)
        if type(found) is not list:
            return evaluate(row)
        return [item[name] for item in found if type(item) is dict and name in item]

    return over_elements


def _has_spread(node: tree.Expression) -> bool:
    while isinstance(node, (tree.Field, tree.Element)):
        node = node.base
    return isinstance(node, tree.Spread)


@compiles(tree.Spread)
def spread(node: tree.Spread) -> Evaluate:
    """`base[*]` with no path after it: ARRAY_STAR, an object of arrays from an array of objects.

    An array without objects stays what it is.
    """
    inner = compile_expression(node.base)

    def evaluate(row: Row) -> Any:
        found = inner(row)
        if type(found) is list:
            return starred(found) or found
        return MISSING if found is MISSING else None

    return evaluate


@compiles(tree.DynamicField)
def dynamic_field(node: tree.DynamicField) -> Evaluate:
    """`base.[name]`"""
    return _field(node, lambda found, name: found.get(name, MISSING))


@compiles(tree.CaselessField)
def caseless_field(node: tree.CaselessField) -> Evaluate:
    """The field of exactly that name, else the first in name order that differs in case only."""

    def look(found: dict[str, Any], name: str) -> Any:
        if name in found:
            return found[name]
        lower = name.lower()
        alike = [key for key in found if key.lower() == lower]
        return found[min(alike)] if alike else MISSING

    return _field(node, look)


def _field(
    node: tree.DynamicField | tree.CaselessField, look: Callable[[dict[str, Any], str], Any]
) -> Evaluate:
    """A field whose name is an expression, as `look` finds it in an object."""
    inner, name_of = compile_expression(node.base), compile_expression(node.name)

    def evaluate(row: Row) -> Any:
        found, name = inner(row), name_of(row)
        if found is None:
            return None
        if type(name) is not str:
            return MISSING if found is MISSING or name is MISSING else None
        return look(found, name) if type(found) is dict else MISSING

    return evaluate


def _index(value: Any) -> int | None:
    """A whole number as an index, None for anything else."""
    if type(value) is int:
        return value
    if type(value) is float and value.is_integer():
        return int(value)
    return None


@compiles(tree.Element)
def element(node: tree.Element) -> Evaluate:
    """`base[index]`; negative indexes count from the end, strings select fields."""
    inner, index_of = compile_expression(node.base), compile_expression(node.index)

    def evaluate(row: Row) -> Any:
        found, position = inner(row), index_of(row)
        if found is MISSING or position is MISSING:
            return MISSING
        place = _index(position)
        if place is None:
            if type(position) is str and type(found) is dict:
                return found.get(position, MISSING)
            return None
        if type(found) is not list:
            return None if found is None else MISSING
        size = len(found)
        if -size <= place < size:
            return found[place]
        return MISSING

    return evaluate


@compiles(tree.Slice)
def slice_(node: tree.Slice) -> Evaluate:
    """`base[start:end]`; out of bounds gives MISSING, other types NULL."""
    inner = compile_expression(node.base)
    start_of = compile_expression(node.start) if node.start is not None else constant(0)
    end_of = compile_expression(node.end) if node.end is not None else None

    def evaluate(row: Row) -> Any:
        found, start = inner(row), start_of(row)
        end = end_of(row) if end_of is not None else (len(found) if type(found) is list else 0)
        if found is MISSING or start is MISSING or end is MISSING:
            return MISSING
        low, high = _index(start), _index(end)
        if low is None or high is None or found is None:
            return None
        if type(found) is not list:
            return MISSING
        size = len(found)
        low = low + size if low < 0 else low
        high = high + size if high < 0 else high
        if 0 <= low <= high <= size:
            return found[low:high]
        return MISSING

    return evaluate
