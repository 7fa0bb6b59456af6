"""Which paths of a document an expression reads."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.tree import Expression

#: Field names from the document down; empty for the whole document.
Path = tuple[str, ...]


def path_of(node: Expression, slot: int) -> Path | None:
    """The path an expression is into the value of a slot; None for anything else."""
    names: list[str] = []
    while isinstance(node, tree.Field):
        names.append(node.name)
        node = node.base
    if isinstance(node, tree.Variable) and node.slot == slot and names:
        return tuple(reversed(names))
    return None


def root_read(node: Expression) -> tuple[int, Path] | None:
    """The slot and path that a chain of fields reads; META's is in the slot after."""
    names: list[str] = []
    while isinstance(node, tree.Field):
        names.append(node.name)
        node = node.base
    path = tuple(reversed(names))
    if isinstance(node, tree.Variable):
        return node.slot, path
    return (node.slot + 1, path[:1]) if isinstance(node, tree.MetaOf) else None


def paths_of(node: tree.Node, slot: int) -> list[Path]:
    """All paths of a slot that are read anywhere in an expression."""
    if isinstance(node, (tree.Field, tree.Variable, tree.MetaOf)):
        found = root_read(node)
        if found is not None:
            return [found[1]] if found[0] == slot else []
    return [path for child in tree.children(node) for path in paths_of(child, slot)]
