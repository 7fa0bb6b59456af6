"""Comparisons, BETWEEN, IN, WITHIN, LIKE, IS and EXISTS."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.evaluation.dispatch import (
    Evaluate,
    Row,
    compile_expression,
    compiles,
)
from cloudlet.couchbase.sqlpp.evaluation.members import LONG, SCALARS, members
from cloudlet.couchbase.sqlpp.patterns import like_matcher
from cloudlet.couchbase.sqlpp.pausing import paced
from cloudlet.couchbase.sqlpp.values import MISSING, NUMBER_OR_TEXT, compare, equals, hash_key

_ORDER: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@compiles(tree.Comparison)
def comparison(node: tree.Comparison) -> Evaluate:
    """=, !=, <, <=, >, >=; across types the collation order decides."""
    right_side = node.right
    left = compile_expression(node.left)
    if isinstance(right_side, tree.Literal) and type(right_side.value) in (str, int, float):
        return _with_constant(node.operator, left, right_side.value)
    right = compile_expression(right_side)
    if node.operator == "=":
        return lambda row: equals(left(row), right(row))
    if node.operator == "!=":

        def unequal(row: Row) -> Any:
            same = equals(left(row), right(row))
            return not same if same is True or same is False else same

        return unequal
    return _ordered(_ORDER[node.operator], left, right)


def _ordered(order: Callable[[Any, Any], Any], left: Evaluate, right: Evaluate) -> Evaluate:
    def ordered(row: Row) -> Any:
        a, b = left(row), right(row)
        if (type(a), type(b)) in NUMBER_OR_TEXT:
            return order(a, b)
        if a is MISSING or b is MISSING:
            return MISSING
        if a is None or b is None:
            return None
        return order(compare(a, b), 0)

    return ordered


def _with_constant(symbol: str, left: Evaluate, value: Any) -> Evaluate:
    """The common case: a path against a string or number known when compiling."""
    kinds = (str,) if type(value) is str else (int, float)
    first, last = kinds[0], kinds[-1]
    if symbol in ("=", "!="):
        when_other_type = symbol == "!="
        test = operator.eq if symbol == "=" else operator.ne
    else:
        when_other_type = None
        test = _ORDER[symbol]

    def evaluate(row: Row) -> Any:
        a = left(row)
        kind = type(a)
        if kind is first or kind is last:
            return test(a, value)
        if a is MISSING or a is None:
            return a
        if when_other_type is None:
            return test(compare(a, value), 0)
        return when_other_type

    return evaluate


@compiles(tree.Between)
def between(node: tree.Between) -> Evaluate:
    """`low <= operand AND operand <= high`"""
    return compile_expression(
        tree.And(
            (
                tree.Comparison(">=", node.operand, node.low),
                tree.Comparison("<=", node.operand, node.high),
            )
        )
    )


@compiles(tree.In)
def membership(node: tree.In) -> Evaluate:
    """IN, and WITHIN, which also looks into nested arrays and objects."""
    operand = compile_expression(node.operand)
    constants = _constant_scalars(node)
    if constants is not None:
        return _in_constants(operand, constants)
    collection = compile_expression(node.collection)
    within = node.within

    def evaluate(row: Row) -> Any:
        value, items = operand(row), collection(row)
        if value is MISSING or items is MISSING:
            return MISSING
        if value is None or not (type(items) is list or (within and type(items) is dict)):
            return None
        found: Iterable[Any] = descendants(items) if within else items
        if len(items) > LONG:
            if type(items) is list and type(value) in SCALARS and not within:
                known = members(row[0], id(node), items)
                if known is not None:
                    return known.hold(value)
            found = paced(found, 256)
        unknown = False
        for item in found:
            same = equals(value, item)
            if same is True:
                return True
            unknown = unknown or same is not False
        return None if unknown else False

    return evaluate


def _constant_scalars(node: tree.In) -> set[Any] | None:
    if node.within or not isinstance(node.collection, tree.ArrayConstruct):
        return None
    found = set()
    for item in paced(node.collection.items):
        if not isinstance(item, tree.Literal) or item.value is None or item.value is MISSING:
            return None
        found.add(hash_key(item.value))
    return found


def _in_constants(operand: Evaluate, constants: set[Any]) -> Evaluate:
    def evaluate(row: Row) -> Any:
        value = operand(row)
        if value is MISSING or value is None:
            return value
        return hash_key(value) in constants

    return evaluate


def descendants(value: Any) -> Iterator[Any]:
    """Every value inside an array or object, at any depth, parents first."""
    items = value.values() if type(value) is dict else value
    for item in items:
        yield item
        if type(item) in (dict, list):
            yield from descendants(item)


@compiles(tree.Like)
def like(node: tree.Like) -> Evaluate:
    """LIKE with `_`, `%` and an escape character, backslash unless given."""
    operand, pattern = compile_expression(node.operand), compile_expression(node.pattern)
    escape = compile_expression(node.escape) if node.escape is not None else None
    fixed = None
    if isinstance(node.pattern, tree.Literal) and type(node.pattern.value) is str and not escape:
        fixed = like_matcher(node.pattern.value, "\\")

    def evaluate(row: Row) -> Any:
        value = operand(row)
        if fixed is not None and type(value) is str:
            return fixed(value)
        form = pattern(row)
        sign = escape(row) if escape is not None else "\\"
        if value is MISSING or form is MISSING or sign is MISSING:
            return MISSING
        if type(value) is not str or type(form) is not str or type(sign) is not str:
            return None
        return like_matcher(form, sign)(value)

    return evaluate


@compiles(tree.Is)
def is_(node: tree.Is) -> Evaluate:
    """IS [NOT] NULL, MISSING, VALUED.

    IS NULL of MISSING is MISSING, and so is IS NOT NULL; the other tests are true or false.
    """
    operand = compile_expression(node.operand)
    what, negated = node.what, node.negated
    if what == "missing":
        return lambda row: (operand(row) is MISSING) is not negated
    if what == "valued":

        def valued(row: Row) -> Any:
            value = operand(row)
            return (value is not None and value is not MISSING) is not negated

        return valued

    def null(row: Row) -> Any:
        value = operand(row)
        return MISSING if value is MISSING else (value is None) is not negated

    return null


@compiles(tree.Exists)
def exists(node: tree.Exists) -> Evaluate:
    """Whether the operand is an array with anything in it."""
    operand = compile_expression(node.operand)

    def evaluate(row: Row) -> Any:
        value = operand(row)
        if value is MISSING:
            return MISSING
        return bool(value) if type(value) is list else False

    return evaluate
