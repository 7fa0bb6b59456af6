"""Optimizer hints in comments after SELECT, UPDATE, DELETE and MERGE; EXPLAIN tells their fate."""

from __future__ import annotations

from typing import Final

from cloudlet.couchbase.sqlpp.reference.entry import Entry

HINTS: Final = (
    Entry("/*+ hint */", "EXPLAIN SELECT /*+ INDEX(books by_kind) */ * FROM books"
          " WHERE kind = 'odd' AND n = 1"),
    Entry("--+ hint", "EXPLAIN SELECT --+ INDEX(books by_kind)\n * FROM books"
          " WHERE kind = 'odd' AND n = 1"),
    Entry("/*+ {json} */",
          'EXPLAIN SELECT /*+ {"index": {"keyspace": "books", "indexes": "by_kind"}} */ *'
          " FROM books WHERE kind = 'odd' AND n = 1"),
    Entry("/*+ hint hint */", "EXPLAIN SELECT /*+ INDEX(b by_kind) USE_NL(k) */ 1 FROM books b"
          " JOIN kinds k ON b.kind = k.kind WHERE b.kind = 'odd' AND b.n = 1"),
    Entry("two hint comments", "SELECT /*+ ORDERED */ /*+ USE_NL(k) */ 1 FROM books b"
          " JOIN kinds k ON b.kind = k.kind", 3000),
    Entry("INDEX",
          "EXPLAIN SELECT /*+ INDEX(b by_n by_kind) */ 1 FROM books b WHERE b.kind = 'odd'"),
    Entry("INDEX_COMBINE, INDEX_ALL",
          "EXPLAIN SELECT /*+ INDEX_ALL(b by_n by_kind) */ * FROM books b"
          " WHERE b.kind = 'odd' AND b.n > 1", None, "8.0"),
    Entry("NO_INDEX", "EXPLAIN SELECT /*+ NO_INDEX(b by_n) */ * FROM books b"
          " WHERE b.kind = 'odd' AND b.n = 1", None, "8.0"),
    Entry("AVOID_INDEX", "EXPLAIN SELECT /*+ AVOID_INDEX(b by_n) */ * FROM books b"
          " WHERE b.kind = 'odd' AND b.n = 1"),
    Entry("INDEX_FTS", "EXPLAIN SELECT /*+ INDEX_FTS(b text) */ * FROM books b WHERE b.n = 1"),
    Entry("NO_INDEX_FTS, AVOID_INDEX_FTS",
          "EXPLAIN SELECT /*+ AVOID_INDEX_FTS(b text) */ * FROM books b WHERE b.n = 1"),
    Entry("USE_HASH", "EXPLAIN SELECT /*+ USE_HASH(k) */ 1 FROM books b JOIN kinds k"
          " ON b.kind = k.kind WHERE b.n = 1"),
    Entry("USE_HASH(keyspace/BUILD)", "EXPLAIN SELECT /*+ USE_HASH(k/BUILD) */ 1 FROM books b"
          " JOIN kinds k ON b.kind = k.kind"),
    Entry("USE_HASH(keyspace/PROBE)", "EXPLAIN SELECT /*+ USE_HASH(k/PROBE) */ 1 FROM books b"
          " JOIN kinds k ON b.kind = k.kind"),
    Entry("USE_NL", "EXPLAIN SELECT /*+ USE_NL(k) */ 1 FROM books b JOIN kinds k"
          " ON b.kind = k.kind"),
    Entry("NO_USE_HASH, AVOID_HASH", "EXPLAIN SELECT /*+ AVOID_HASH(k) */ 1 FROM books b"
          " JOIN kinds k ON b.kind = k.kind"),
    Entry("NO_USE_NL, AVOID_NL", "EXPLAIN SELECT /*+ AVOID_NL(k) */ 1 FROM books b JOIN kinds k"
          " ON b.kind = k.kind WHERE b.n = 1"),
    Entry("ORDERED", "EXPLAIN SELECT /*+ ORDERED */ 1 FROM books b JOIN kinds k"
          " ON b.kind = k.kind"),
    Entry("hint with an unknown name", "EXPLAIN SELECT /*+ INDEX_SS(b by_n) */ * FROM books b"
          " WHERE b.n = 1"),
    Entry("hint that cannot be followed", "EXPLAIN SELECT /*+ INDEX(b by_n) */ * FROM books b"
          " WHERE b.kind IS MISSING"),
    Entry("hint on a keyspace that is not there",
          "EXPLAIN SELECT /*+ INDEX(c by_n) USE_NL(c) */ * FROM books b WHERE b.n = 1"),
    Entry("hint beside USE INDEX", "EXPLAIN SELECT /*+ INDEX(b by_kind) */ * FROM books b"
          " USE INDEX (by_kind) WHERE b.kind = 'odd' AND b.n = 1"),
    Entry("UPDATE /*+ hint */",
          "EXPLAIN UPDATE /*+ INDEX(books by_kind) */ books SET a = 1 WHERE kind = 'odd'"
          " AND n = 1"),
    Entry("DELETE /*+ hint */",
          "EXPLAIN DELETE /*+ INDEX(books by_kind) */ FROM books WHERE kind = 'odd' AND n = 1"),
    Entry("MERGE /*+ hint */",
          "EXPLAIN MERGE /*+ USE_NL(k) */ INTO books b USING kinds k ON b.kind = k.kind"
          " WHEN MATCHED THEN DELETE"),
)  # fmt: skip
