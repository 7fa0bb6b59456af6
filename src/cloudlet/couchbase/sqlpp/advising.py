"""ADVISE: which index a statement would gain from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp import tree
from cloudlet.couchbase.sqlpp.planner.conditions import conjuncts
from cloudlet.couchbase.sqlpp.render import quoted
from cloudlet.couchbase.sqlpp.tree import Expression


def advised(statement: s.Statement, text: str, plan: dict[str, Any]) -> dict[str, Any]:
    """The row that ADVISE gives, from a statement and its plan."""
    used = sorted({step["index"]: step for step in _scans(plan)}.items())
    current = [
        {"index_statement": _statement_of(step), "index_status": _status(step)}
        for name, step in used
        if not name.startswith("#sequential")
    ]
    wanted = [] if any(_is_secondary(step) for _, step in used) else list(_recommended(statement))
    info: dict[str, Any] = {"current_indexes": current}
    if wanted:
        info["recommended_indexes"] = {"indexes": wanted}
    else:
        info["recommended_indexes"] = "No index recommendation at this time."
    return {
        "#operator": "Advise",
        "advice": {"#operator": "IndexAdvice", "adviseinfo": info},
        "query": text,
    }


def _scans(node: Any) -> Iterator[dict[str, Any]]:
    if type(node) is list:
        for item in node:
            yield from _scans(item)
    elif type(node) is dict:
        if "index" in node and "Scan" in node.get("#operator", ""):
            yield node
        for value in node.values():
            yield from _scans(value)


def _is_secondary(step: dict[str, Any]) -> bool:
    return str(step["#operator"]).startswith("IndexScan")


def _statement_of(step: dict[str, Any]) -> str:
    word = "INDEX" if _is_secondary(step) else "PRIMARY INDEX"
    return f"CREATE {word} {step['index']} ON {quoted(str(step.get('keyspace', '')))}"


def _status(step: dict[str, Any]) -> str:
    return "SAME TO THE INDEX WE CAN RECOMMEND" if _is_secondary(step) else "SUBOPTIMAL"


def _recommended(statement: s.Statement) -> Iterator[dict[str, Any]]:
    term, where = _source(statement)
    if term is None or where is None:
        return
    equal: list[str] = []
    ranged: list[str] = []
    for part in conjuncts(where):
        path, is_equal = _path(part, term.alias)
        if path is not None:
            (equal if is_equal else ranged).append(path)
    keys = list(dict.fromkeys([*equal, *ranged]))
    if not keys:
        return
    name = "adv_" + "_".join(key.replace(".", "_").replace("`", "") for key in keys)
    path_text = ".".join(quoted(part) for part in term.path.parts)
    columns = ",".join(keys)
    yield {
        "index_statement": f"CREATE INDEX {name} ON {path_text}({columns})",
        "keyspace_alias": f"{term.path.parts[-1]}_{term.alias}",
        "recommending_rule": "Index keys follow order of predicate types: "
        + ", ".join(word for word, found in (("1. equality", equal), ("2. range", ranged)) if found)
        + ".",
    }


def _source(statement: s.Statement) -> tuple[s.KeyspaceTerm | None, Expression | None]:
    if isinstance(statement, (s.Update, s.Delete)):
        return statement.target, statement.where
    if isinstance(statement, s.Query) and isinstance(statement.body, s.Select):
        source = statement.body.source
        while isinstance(source, (s.Join, s.Unnest)):
            source = source.left
        if isinstance(source, s.KeyspaceTerm):
            return source, statement.body.where
    return None, None


def _path(part: Expression, alias: str) -> tuple[str | None, bool]:
    """The field a predicate is about, and whether it must equal something."""
    if isinstance(part, tree.Comparison) and part.operator != "!=":
        for side in (part.left, part.right):
            found = _field(side, alias)
            if found is not None:
                return found, part.operator == "="
    if isinstance(part, tree.In) and not part.within:
        return _field(part.operand, alias), True
    if isinstance(part, (tree.Between, tree.Like, tree.Is)):
        return _field(part.operand, alias), False
    return None, False


def _field(node: Expression, alias: str) -> str | None:
    names: list[str] = []
    while isinstance(node, tree.Field):
        names.append(node.name)
        node = node.base
    if not isinstance(node, tree.Name):
        return None
    if node.name != alias or not names:
        names.append(node.name)
    return ".".join(quoted(name) for name in reversed(names))
