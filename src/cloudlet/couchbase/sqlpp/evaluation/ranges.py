"""ANY, EVERY, ARRAY, FIRST and OBJECT over one or more collections at once.

The variables are slots of the row, set for each combination; several bindings advance together,
to the end of the shortest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.evaluation.dispatch import (
    Evaluate,
    Row,
    compile_expression,
    compiles,
)
from cloudlet.couchbase.sqlpp.pausing import paced
from cloudlet.couchbase.sqlpp.values import MISSING, truth

# The slots to set, their values step by step; or MISSING or None where a collection is no array.
Steps = Iterator[tuple[Any, ...]]


class Bindings:
    """The compiled bindings of one range expression."""

    def __init__(self, bindings: tuple[tree.RangeBinding, ...]) -> None:
        self._collections = [
            (compile_expression(b.collection), b.within, b.name_slot >= 0) for b in bindings
        ]
        self._elements = {b.slot: place for place, b in enumerate(bindings)}
        self.slots = [slot for b in bindings for slot in (b.name_slot, b.slot) if slot >= 0]

    def steps(self, row: Row) -> Steps | Any | None:
        """The values for the slots, step by step; MISSING or None where there are none."""
        found: list[list[tuple[Any, ...]]] = []
        result: Any = True
        for collection, within, named in self._collections:
            value = collection(row)
            items = _items(value, within=within, named=named)
            if items is None:
                result = MISSING if value is MISSING or result is MISSING else None
            else:
                found.append(items)
        if result is not True:
            return result
        if len(found) == 1:
            return paced(found[0], 32)
        return (sum(step, ()) for step in zip(*found, strict=False))

    def replace_element(self, row: Row, slot: int, step: int, new: Any) -> None:
        """Put a value where the element lies that a variable stands for at a step."""
        place = self._elements.get(slot)
        if place is None:
            return
        collection, within, _ = self._collections[place]
        items = collection(row)
        if within:
            return
        if type(items) is list and step < len(items):
            items[step] = new
        elif type(items) is dict and step < len(items):
            items[sorted(items)[step]] = new


def _items(value: Any, *, within: bool, named: bool) -> list[tuple[Any, ...]] | None:
    if within:
        if type(value) not in (list, dict):
            return None
        pairs = paced(_descendant_pairs(value))
        return list(pairs) if named else [(item,) for _, item in pairs]
    if type(value) is list:
        return list(paced(enumerate(value), 512)) if named else [(i,) for i in paced(value, 512)]
    if named and type(value) is dict:
        return sorted(value.items(), key=lambda pair: pair[0])
    return None


def _descendant_pairs(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = sorted(value.items()) if type(value) is dict else enumerate(value)
    for name, item in pairs:
        yield name, item
        if type(item) in (list, dict):
            yield from _descendant_pairs(item)


@compiles(tree.Quantified)
def quantified(node: tree.Quantified) -> Evaluate:
    """ANY (SOME), EVERY, ANY AND EVERY."""
    bindings = Bindings(node.bindings)
    slots, condition = bindings.slots, compile_expression(node.condition)
    stop_on = node.quantifier == "any"
    when_empty = node.quantifier == "every"

    def evaluate(row: Row) -> Any:
        steps = bindings.steps(row)
        if steps is None or steps is MISSING:
            return steps
        anything = False
        for step in steps:
            anything = True
            for slot, value in zip(slots, step, strict=True):
                row[slot] = value
            if (truth(condition(row)) is True) is stop_on:
                return stop_on
        return not stop_on if anything else when_empty

    return evaluate


@compiles(tree.Comprehension)
def comprehension(node: tree.Comprehension) -> Evaluate:
    """ARRAY, FIRST and OBJECT; a MISSING value is left out."""
    bindings = Bindings(node.bindings)
    values = _chosen(node, bindings)
    if node.kind == "array":

        def array(row: Row) -> Any:
            steps = bindings.steps(row)
            if steps is None or steps is MISSING:
                return steps
            return [value for _, value in values(row, steps)]

        return array
    if node.kind == "first":

        def first(row: Row) -> Any:
            steps = bindings.steps(row)
            if steps is None or steps is MISSING:
                return steps
            return next((value for _, value in values(row, steps)), MISSING)

        return first

    def object_(row: Row) -> Any:
        steps = bindings.steps(row)
        if steps is None or steps is MISSING:
            return steps
        return {name: value for name, value in values(row, steps) if type(name) is str}

    return object_


def _chosen(node: tree.Comprehension, bindings: Bindings) -> Any:
    slots = bindings.slots
    value_of = compile_expression(node.value)
    key_of = compile_expression(node.key) if node.key is not None else None
    condition = compile_expression(node.condition) if node.condition is not None else None

    def values(row: Row, steps: Steps) -> Iterator[tuple[Any, Any]]:
        for step in steps:
            for slot, item in zip(slots, step, strict=True):
                row[slot] = item
            if condition is not None and truth(condition(row)) is not True:
                continue
            value = value_of(row)
            if value is not MISSING:
                yield (key_of(row) if key_of is not None else None), value

    return values
