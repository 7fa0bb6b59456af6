"""The scalar functions, by family; importing this package fills the table."""

from __future__ import annotations

from cloudlet.couchbase.sqlpp.functions import (
    advice,
    arrays,
    conditional,
    dates,
    documents,
    hashing,
    numbers,
    objects,
    regular_expressions,
    strings,
    tokens,
    types,
    vectors,
)
from cloudlet.couchbase.sqlpp.functions.registry import FUNCTIONS, Function

__all__ = [
    "FUNCTIONS",
    "Function",
    "advice",
    "arrays",
    "conditional",
    "dates",
    "documents",
    "hashing",
    "numbers",
    "objects",
    "regular_expressions",
    "strings",
    "tokens",
    "types",
    "vectors",
]
