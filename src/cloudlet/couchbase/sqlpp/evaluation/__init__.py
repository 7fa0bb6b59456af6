"""From a resolved expression tree to one Python closure that maps a row to a value.

A row is a list: slot 0 holds the request's Context, every name of the statement has a slot of
its own. Nothing is looked up by name while rows run.
"""

from __future__ import annotations

from cloudlet.couchbase.sqlpp.evaluation import (
    arithmetic,
    calls,
    comparison,
    construction,
    logic,
    navigation,
    ranges,
)
from cloudlet.couchbase.sqlpp.evaluation.dispatch import Evaluate, Row, compile_expression

__all__ = [
    "Evaluate",
    "Row",
    "arithmetic",
    "calls",
    "comparison",
    "compile_expression",
    "construction",
    "logic",
    "navigation",
    "ranges",
]
