"""EXCLUDE: which parts are taken out of a result."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp import errors, tree
from cloudlet.couchbase.sqlpp.parser import parse_expression
from cloudlet.couchbase.sqlpp.tree import Expression

#: Field names from the result down; `*` stands for every element of an array.
Path = tuple[str, ...]


def paths(terms: tuple[Expression, ...]) -> list[Path]:
    """The paths of EXCLUDE terms; a string may hold several, parted by commas."""
    found: list[Path] = []
    for term in terms:
        if isinstance(term, tree.Literal) and type(term.value) is str:
            found.extend(_path(parse_expression(part)) for part in term.value.split(","))
        else:
            found.append(_path(term))
    return found


def _path(node: Expression) -> Path:
    steps: list[str] = []
    while not isinstance(node, tree.Name):
        if isinstance(node, tree.Field):
            steps.append(node.name)
        elif isinstance(node, tree.Spread):
            steps.append("*")
        else:
            raise errors.semantic(3100, "EXCLUDE terms must be paths.")
        node = node.base
    steps.append(node.name)
    return tuple(reversed(steps))
