"""The language reference as data: what there is of it, and what is refused with which code.

After Couchbase's "SQL++ for Query Reference" (7.6, with what 8.0 adds where `since` says so).
Functions have their own table (`functions.FUNCTIONS`), and so have error codes. A test runs every
example and fails for one whose results nobody has written down.
"""

from __future__ import annotations

from typing import Final

from cloudlet.couchbase.sqlpp.reference import (
    changes,
    definitions,
    expressions,
    hints,
    queries,
    utilities,
)  # fmt: skip
from cloudlet.couchbase.sqlpp.reference.entry import Entry

#: Statements and their clauses by the reference's chapters.
STATEMENTS: Final[dict[str, tuple[Entry, ...]]] = {
    "SELECT: results": queries.RESULTS,
    "FROM": queries.FROM,
    "USE": queries.USE,
    "JOIN, NEST and UNNEST": queries.JOINS,
    "LET, WHERE and GROUP BY": queries.FILTERS,
    "Aggregates": queries.AGGREGATES,
    "Windows": queries.WINDOWS,
    "ORDER BY, LIMIT and OFFSET": queries.ORDERS,
    "Set operations": queries.SETS,
    "WITH": queries.WITHS,
    "Subqueries": queries.SUBQUERIES,
    "Optimizer hints": hints.HINTS,
    "INSERT and UPSERT": changes.INSERTS,
    "UPDATE": changes.UPDATES,
    "DELETE": changes.DELETES,
    "MERGE": changes.MERGES,
    "RETURNING": changes.RETURNINGS,
    "Indexes": definitions.INDEXES,
    "Buckets, scopes and collections": definitions.KEYSPACES,
    "User-defined functions": definitions.FUNCTIONS,
    "Sequences": definitions.SEQUENCES,
    "EXPLAIN, PREPARE, INFER and statistics": utilities.UTILITIES,
    "Roles and users": utilities.ROLES,
    "Transactions": utilities.TRANSACTIONS,
    "System catalogs": utilities.CATALOGS,
}

#: What expressions are made of.
EXPRESSIONS: Final[dict[str, tuple[Entry, ...]]] = {
    "Literals, constructions and comments": expressions.LITERALS,
    "Names and parameters": expressions.NAMES,
    "Paths": expressions.PATHS,
    "Arithmetic and concatenation": expressions.ARITHMETIC,
    "Comparison": expressions.COMPARISON,
    "Logic and conditions": expressions.LOGIC,
    "Collections": expressions.COLLECTIONS,
    "Calls and sequences": expressions.CALLS,
}

__all__ = ["EXPRESSIONS", "STATEMENTS", "Entry"]
