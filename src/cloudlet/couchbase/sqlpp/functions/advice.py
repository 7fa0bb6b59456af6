"""Functions that take statements: ADVISOR and EVALUATE; and CURL, which leaves the server."""

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


@function("evaluate", context=True)
def evaluate(context: Any, statement: Any, parameters: Any = None) -> Any:
    """The array of a read-only statement's results, with parameters from an object or array."""
    if statement is MISSING or parameters is MISSING:
        return MISSING
    if type(statement) is not str or type(parameters) not in (dict, list, type(None)):
        return None
    if context.evaluate is None:
        raise errors.evaluation("EVALUATE()", "there is no running statement")
    return context.evaluate(statement, parameters)


@function("curl")
def curl(address: Any, _options: Any = None) -> Any:
    """Refused with 5007: no address is on the server's list, which is empty as the reference's
    is until an administrator fills it."""
    raise errors.QueryError(
        5007,
        "Error executing CURL function",
        http=500,
        cause={"error": f"The address is not on the allowed list: {address}"},
    )


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
