"""ADVISOR: ADVISE for one statement or many, in the form of a function."""

from __future__ import annotations

from typing import Any

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp.functions.registry import function
from cloudlet.couchbase.sqlpp.pausing import pause
from cloudlet.couchbase.sqlpp.values import MISSING


@function("advisor", context=True)
def advisor(context: Any, statements: Any) -> Any:
    """The indexes that statements use and those that they would gain from, each with its
    statements; sessions that collect statements are not offered (10501)."""
    if statements is MISSING:
        return MISSING
    if type(statements) is dict:
        raise errors.QueryError(
            10501, f"Advisor: Invalid value for 'action': {statements.get('action')}", http=500
        )
    texts = [statements] if type(statements) is str else statements
    if type(texts) is not list or context.advise is None:
        return None
    current: dict[str, dict[str, int]] = {}
    wanted: dict[str, dict[str, int]] = {}
    for item in texts:
        pause()
        text = item.get("statement") if type(item) is dict else item
        if type(text) is not str:
            continue
        info = context.advise(text)["advice"]["adviseinfo"]
        for one in info["current_indexes"]:
            _count(current, one["index_statement"], text)
        found = info["recommended_indexes"]
        for one in found["indexes"] if type(found) is dict else ():
            _count(wanted, one["index_statement"], text)
    report = {"current_used_indexes": _report(current), "recommended_indexes": _report(wanted)}
    return {name: indexes for name, indexes in report.items() if indexes}


def _count(indexes: dict[str, dict[str, int]], index: str, text: str) -> None:
    runs = indexes.setdefault(index, {})
    runs[text] = runs.get(text, 0) + 1


def _report(indexes: dict[str, dict[str, int]]) -> list[dict[str, Any]]:
    return [
        {
            "index": index,
            "statements": [{"run_count": count, "statement": text} for text, count in runs.items()],
        }
        for index, runs in indexes.items()
    ]
