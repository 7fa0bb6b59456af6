"""INSERT, UPSERT, UPDATE, DELETE and MERGE with their clauses."""

from __future__ import annotations

from typing import Final

from cloudlet.couchbase.sqlpp.reference.entry import Entry

INSERTS: Final = (
    Entry("INSERT INTO ... VALUES", "INSERT INTO books VALUES ('x', {'n': 10})"),
    Entry("INSERT INTO ... (KEY, VALUE) VALUES",
          "INSERT INTO books (KEY, VALUE) VALUES ('x', {'n': 10}), VALUES ('y', {'n': 11})"),
    Entry("INSERT INTO ... (PRIMARY KEY, VALUE) VALUES",
          "INSERT INTO books (PRIMARY KEY, VALUE) VALUES ('x', {'n': 10}), ('y', {'n': 11})"),
    Entry("INSERT INTO ... (KEY, VALUE, OPTIONS) VALUES",
          "INSERT INTO books (KEY, VALUE, OPTIONS) VALUES ('x', 1, {'expiration': 3000000000})"),
    Entry("INSERT INTO ... (KEY expression) SELECT",
          "INSERT INTO books (KEY 'c-' || kind) SELECT k.kind FROM kinds k"),
    Entry("INSERT INTO ... (KEY ..., VALUE ...) SELECT",
          "INSERT INTO books (KEY 'c-' || kind, VALUE {'w': words}) SELECT kind, words FROM kinds"),
    Entry("INSERT INTO ... (KEY ..., OPTIONS ...) SELECT",
          "INSERT INTO books (KEY 'c-' || kind, OPTIONS {'expiration': 3000000000})"
          " SELECT kind FROM kinds"),
    Entry("INSERT of a key that is taken", "INSERT INTO books VALUES ('b1', 0)", 12009),
    Entry("UPSERT INTO ... VALUES", "UPSERT INTO books VALUES ('b1', {'n': 10}), ('x', {'n': 11})"),
    Entry("UPSERT INTO ... SELECT",
          "UPSERT INTO books (KEY id, VALUE {'n': m}) SELECT META(b).id, b.n * 2 AS m FROM books b"
          " WHERE b.n = 3"),
)  # fmt: skip

UPDATES: Final = (
    Entry("UPDATE ... SET", "UPDATE books SET a = n + 1, o.p = 2 WHERE n = 3"),
    Entry("SET path[index]", "UPDATE books SET tags[0] = 'z' WHERE n = 3"),
    Entry("SET path.[expression]", "UPDATE books SET books.['ki' || 'nd'] = 'x' WHERE n = 3"),
    Entry("UPDATE ... UNSET", "UPDATE books UNSET kind, name WHERE n = 3"),
    Entry("SET ... UNSET", "UPDATE books SET a = 1 UNSET name WHERE n = 3"),
    Entry("SET ... FOR ... IN ... END",
          "UPDATE books SET t = t || '!' FOR t IN tags END WHERE n = 2"),
    Entry("SET ... FOR ... WHEN ... END",
          "UPDATE books SET t = 'z' FOR t IN tags WHEN t = 'b' END WHERE n = 3"),
    Entry("SET ... FOR position:variable",
          "UPDATE books SET tags[p] = p FOR p:t IN tags END WHERE n = 2"),
    Entry("SET ... FOR ... WITHIN",
          "UPDATE books SET v.a = 2 FOR v WITHIN items WHEN v.a = 1 END WHERE n = 6"),
    Entry("SET ... FOR ... FOR",
          "UPDATE books SET j.c = j.c + 1 FOR j IN i.b FOR i IN items END WHERE n = 6"),
    Entry("UNSET ... FOR", "UPDATE books UNSET i.b FOR i IN items END WHERE n = 6"),
    Entry("SET META().expiration", "UPDATE books SET META().expiration = 3000000000 WHERE n = 3"),
    Entry("UPDATE ... USE KEYS", "UPDATE books USE KEYS ['b1', 'none'] SET a = 1"),
    Entry("UPDATE ... USE INDEX", "UPDATE books USE INDEX (by_kind) SET a = 1 WHERE kind = 'odd'"),
    Entry("UPDATE ... LIMIT", "UPDATE books SET a = 1 WHERE kind = 'odd' LIMIT 2"),
)  # fmt: skip

DELETES: Final = (
    Entry("DELETE FROM ... WHERE", "DELETE FROM books WHERE kind = 'odd'"),
    Entry("DELETE FROM ... AS alias", "DELETE FROM books AS b WHERE b.n > 5"),
    Entry("DELETE ... USE KEYS", "DELETE FROM books USE KEYS ['b1', 'none']"),
    Entry("DELETE ... USE INDEX", "DELETE FROM books USE INDEX (by_kind) WHERE kind = 'odd'"),
    Entry("DELETE ... LIMIT", "DELETE FROM books WHERE n >= 0 LIMIT 3"),
    Entry("DELETE ... OFFSET", "DELETE FROM books WHERE n >= 0 OFFSET 6"),
    Entry("DELETE ... LIMIT ... OFFSET", "DELETE FROM books WHERE n >= 0 LIMIT 2 OFFSET 1"),
)  # fmt: skip

MERGES: Final = (
    Entry("MERGE INTO ... USING ... ON",
          "MERGE INTO books b USING kinds k ON b.kind = k.kind"
          " WHEN MATCHED THEN UPDATE SET b.words = k.words"),
    Entry("MERGE ... ON KEY",
          "MERGE INTO books b USING [{'id': 'b1'}, {'id': 'x'}] AS s ON KEY s.id"
          " WHEN MATCHED THEN UPDATE SET b.a = 1 WHEN NOT MATCHED THEN INSERT {'a': 2}"),
    Entry("MERGE ... ON PRIMARY KEY",
          "MERGE INTO books b USING ['b1'] AS s ON PRIMARY KEY s WHEN MATCHED THEN DELETE"),
    Entry("MERGE ... USING (subquery)",
          "MERGE INTO books b USING (SELECT RAW n FROM books WHERE n > 5) AS s ON b.n = s"
          " WHEN MATCHED THEN UPDATE SET b.a = s"),
    Entry("MERGE INTO ... USE INDEX",
          "MERGE INTO books b USE INDEX (by_kind) USING kinds k ON b.kind = k.kind"
          " WHEN MATCHED THEN DELETE"),
    Entry("MERGE ... USING ... USE HASH",
          "MERGE INTO books b USING kinds k USE HASH (PROBE) ON b.kind = k.kind"
          " WHEN MATCHED THEN DELETE"),
    Entry("WHEN MATCHED THEN UPDATE ... WHERE",
          "MERGE INTO books b USING kinds k ON b.kind = k.kind"
          " WHEN MATCHED THEN UPDATE SET b.a = 1 UNSET b.name WHERE b.n > 3"),
    Entry("WHEN MATCHED THEN DELETE ... WHERE",
          "MERGE INTO books b USING kinds k ON b.kind = k.kind"
          " WHEN MATCHED THEN DELETE WHERE b.n > 3"),
    Entry("WHEN NOT MATCHED THEN INSERT (KEY ..., VALUE ..., OPTIONS ...)",
          "MERGE INTO books b USING kinds k ON b.kind = k.kind WHEN NOT MATCHED THEN INSERT"
          " (KEY 'x-' || k.kind, VALUE {'w': k.words}, OPTIONS {'expiration': 3000000000})"),
    Entry("WHEN NOT MATCHED THEN INSERT ... WHERE",
          "MERGE INTO books b USING ['x', 'y'] AS s ON KEY s"
          " WHEN NOT MATCHED THEN INSERT {'s': s} WHERE s = 'y'"),
    Entry("MERGE ... LIMIT",
          "MERGE INTO books b USING ['b1', 'b2', 'b3'] AS s ON KEY s"
          " WHEN MATCHED THEN DELETE LIMIT 2"),
)  # fmt: skip

RETURNINGS: Final = (
    Entry("RETURNING expression, ...",
          "UPDATE books SET a = n WHERE n = 3 RETURNING a, META().id AS id"),
    Entry("RETURNING *", "INSERT INTO books AS b VALUES ('x', {'n': 10}) RETURNING *"),
    Entry("RETURNING RAW", "DELETE FROM books WHERE n > 5 RETURNING RAW n"),
    Entry("RETURNING ELEMENT", "DELETE FROM books WHERE n > 5 RETURNING ELEMENT n"),
    Entry("RETURNING VALUE", "DELETE FROM books WHERE n > 5 RETURNING VALUE n"),
    Entry("MERGE ... RETURNING",
          "MERGE INTO books b USING ['b1'] AS s ON KEY s WHEN MATCHED THEN UPDATE SET b.a = 1"
          " RETURNING b.n, b.a"),
)  # fmt: skip
