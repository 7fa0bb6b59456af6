"""Arrays and objects made from expressions: MISSING becomes NULL in one, vanishes in the other."""

from __future__ import annotations

from typing import Any

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.evaluation.dispatch import (
    Evaluate,
    Row,
    compile_expression,
    compiles,
    constant,
)
from cloudlet.couchbase.sqlpp.pausing import paced
from cloudlet.couchbase.sqlpp.values import MISSING


@compiles(tree.ArrayConstruct)
def array(node: tree.ArrayConstruct) -> Evaluate:
    """A new array; made once where every item is a constant."""
    items = [compile_expression(item) for item in node.items]
    literal = all(isinstance(item, tree.Literal) for item in paced(node.items))

    def evaluate(row: Row) -> Any:
        values = [item(row) for item in items]
        return [None if value is MISSING else value for value in values]

    if literal:
        return constant(evaluate([]))
    return evaluate


@compiles(tree.ObjectConstruct)
def object_(node: tree.ObjectConstruct) -> Evaluate:
    """A new object; a name that is not a string makes the whole NULL."""
    if all(isinstance(key, tree.Literal) and type(key.value) is str for key, _ in node.pairs):
        return _with_known_names(node)
    pairs = [(compile_expression(key), compile_expression(value)) for key, value in node.pairs]

    def evaluate(row: Row) -> Any:
        result: dict[str, Any] = {}
        for key, value in pairs:
            name = key(row)
            if type(name) is not str:
                return MISSING if name is MISSING else None
            found = value(row)
            if found is not MISSING:
                result[name] = found
        return result

    return evaluate


def _with_known_names(node: tree.ObjectConstruct) -> Evaluate:
    pairs = [
        (key.value, compile_expression(value))
        for key, value in node.pairs
        if isinstance(key, tree.Literal)
    ]

    def evaluate(row: Row) -> Any:
        result: dict[str, Any] = {}
        for name, value in pairs:
            found = value(row)
            if found is not MISSING:
                result[name] = found
        return result

    return evaluate
