"""SELECT: the query block from FROM to its result list, and what stands over blocks."""

from __future__ import annotations

from typing import Final

from cloudlet.couchbase.sqlpp.reference.entry import Entry

RESULTS: Final = (
    Entry("SELECT expression, ...", "SELECT 1 + 1, 'x'"),
    Entry("SELECT expression AS alias", "SELECT n AS m FROM books LIMIT 1"),
    Entry("SELECT expression alias", "SELECT n m FROM books LIMIT 1"),
    Entry("SELECT *", "SELECT * FROM kinds AS k WHERE k.kind = 'prime'"),
    Entry("SELECT path.*", "SELECT k.* FROM kinds k WHERE k.kind = 'prime'"),
    Entry("SELECT ALL", "SELECT ALL kind FROM books WHERE n < 3"),
    Entry("SELECT DISTINCT", "SELECT DISTINCT kind FROM books ORDER BY kind"),
    Entry("SELECT RAW", "SELECT RAW n FROM books WHERE n > 5"),
    Entry("SELECT ELEMENT", "SELECT ELEMENT n FROM books WHERE n > 5"),
    Entry("SELECT VALUE", "SELECT VALUE n FROM books WHERE n > 5"),
    Entry("SELECT DISTINCT RAW", "SELECT DISTINCT RAW kind FROM books ORDER BY kind"),
    Entry("SELECT ... EXCLUDE", "SELECT b.* EXCLUDE name, tags FROM books b WHERE b.n = 1"),
    Entry("FROM ... SELECT", "FROM books b WHERE b.n = 1 SELECT b.name"),
)  # fmt: skip

FROM: Final = (
    Entry("FROM keyspace", "SELECT RAW books.n FROM books WHERE n = 2"),
    Entry("FROM keyspace AS alias", "SELECT RAW b.n FROM books AS b WHERE b.n = 2"),
    Entry("FROM namespace:keyspace", "SELECT RAW n FROM default:books WHERE n = 2"),
    Entry("FROM bucket.scope.collection",
          "SELECT RAW b.n FROM books.`_default`.`_default` b WHERE b.n = 2"),
    Entry("FROM (subquery) AS alias",
          "SELECT RAW x.m FROM (SELECT n * 2 AS m FROM books WHERE n < 2) AS x"),
    Entry("FROM expression AS alias", "SELECT RAW v FROM ARRAY_CONCAT([1], [2, 3]) AS v"),
    Entry("FROM parameter AS alias", "SELECT RAW v.x FROM $values AS v"),
    Entry("FROM term, term",
          "SELECT RAW [a.n, b.n] FROM books a, books b WHERE a.n = 2 AND b.n < 2"),
    Entry("FROM term, LATERAL term",
          "SELECT RAW [k.kind, x] FROM kinds k, LATERAL"
          " (SELECT RAW COUNT(*) FROM books b WHERE b.kind = k.kind) AS x"),
)  # fmt: skip

USE: Final = (
    Entry("USE KEYS", "SELECT RAW n FROM books USE KEYS ['b3', 'b1', 'none']"),
    Entry("USE PRIMARY KEYS", "SELECT RAW n FROM books USE PRIMARY KEYS 'b3'"),
    Entry("USE KEYS VALIDATE", "SELECT RAW n FROM books USE KEYS VALIDATE ['b3', 'none']"),
    Entry("USE INDEX",
          "EXPLAIN SELECT * FROM books USE INDEX (by_kind) WHERE n = 1 AND kind = 'odd'"),
    Entry("USE INDEX (USING GSI)",
          "EXPLAIN SELECT * FROM books USE INDEX (by_kind USING GSI) WHERE n = 1 AND kind = 'odd'"),
    Entry("USE INDEX (USING FTS)",
          "EXPLAIN SELECT * FROM books USE INDEX (USING FTS) WHERE kind = 'odd'"),
    Entry("USE HASH",
          "EXPLAIN SELECT 1 FROM books b JOIN kinds k USE HASH (PROBE) ON b.kind = k.kind"),
    Entry("USE NL", "EXPLAIN SELECT 1 FROM books b JOIN kinds k USE NL ON b.kind = k.kind"),
    Entry("USE HASH ... INDEX",
          "EXPLAIN SELECT 1 FROM books b JOIN kinds k USE HASH (BUILD) INDEX (by_kind)"
          " ON b.kind = k.kind"),
)  # fmt: skip

JOINS: Final = (
    Entry("JOIN ... ON",
          "SELECT b.n, k.words FROM books b JOIN kinds k ON b.kind = k.kind WHERE b.n < 4"),
    Entry("INNER JOIN ... ON",
          "SELECT b.n, k.words FROM books b INNER JOIN kinds k ON b.kind = k.kind WHERE b.n < 4"),
    Entry("LEFT OUTER JOIN ... ON",
          "SELECT b.n, k.words FROM books b LEFT OUTER JOIN kinds k ON b.kind = k.kind"
          " WHERE b.n < 2"),
    Entry("RIGHT OUTER JOIN ... ON",
          "SELECT b.n, k.words FROM books b RIGHT OUTER JOIN kinds k"
          " ON b.kind = k.kind AND b.n = 1 ORDER BY k.words"),
    Entry("JOIN (subquery) AS alias ON",
          "SELECT k.kind, x.c FROM kinds k JOIN"
          " (SELECT kind, COUNT(*) AS c FROM books GROUP BY kind) AS x ON x.kind = k.kind"),
    Entry("JOIN expression AS alias ON",
          "SELECT b.n, v FROM books b JOIN [3, 9] AS v ON b.n = v"),
    Entry("JOIN LATERAL ... ON",
          "SELECT k.kind, x FROM kinds k JOIN LATERAL"
          " (SELECT RAW MAX(b.n) FROM books b WHERE b.kind = k.kind) AS x ON x > 1"),
    Entry("JOIN ... ON KEYS",
          "SELECT k.kind, b.n FROM kinds k JOIN books b ON KEYS ['b1', 'b2', 'none']"
          " WHERE k.kind = 'odd'"),
    Entry("JOIN ... ON PRIMARY KEYS",
          "SELECT b.n FROM kinds k JOIN books b ON PRIMARY KEYS 'b1' WHERE k.kind = 'odd'"),
    Entry("LEFT JOIN ... ON KEYS",
          "SELECT k.kind, b.n FROM kinds k LEFT JOIN books b"
          " ON KEYS CASE WHEN k.kind = 'odd' THEN 'b1' ELSE 'none' END"),
    Entry("JOIN ... ON KEY ... FOR",
          "SELECT b.n, k.kind FROM kinds k JOIN books b ON KEY 'k' || TO_STRING(b.n) FOR k"
          " ORDER BY b.n"),
    Entry("NEST ... ON",
          "SELECT k.kind, ARRAY_SORT(b[*].n) AS ns FROM kinds k NEST books b ON b.kind = k.kind"),
    Entry("LEFT OUTER NEST ... ON",
          "SELECT k.kind, ARRAY_LENGTH(b) AS c FROM kinds k LEFT OUTER NEST books b"
          " ON b.kind = k.kind"),
    Entry("NEST ... ON KEYS",
          "SELECT k.kind, b[*].n AS ns FROM kinds k INNER NEST books b ON KEYS ['b2', 'b1']"
          " WHERE k.kind = 'odd'"),
    Entry("NEST ... ON KEY ... FOR",
          "SELECT k.kind, b[*].n AS ns FROM kinds k NEST books b"
          " ON KEY 'k' || TO_STRING(b.n) FOR k"),
    Entry("UNNEST ... AS alias",
          "SELECT RAW t FROM books b UNNEST b.tags AS t WHERE b.n = 2"),
    Entry("UNNEST path", "SELECT RAW tags FROM books b UNNEST b.tags WHERE b.n = 2"),
    Entry("LEFT OUTER UNNEST",
          "SELECT b.n, t FROM books b LEFT OUTER UNNEST b.tags AS t WHERE b.n < 2"),
    Entry("FLATTEN", "SELECT RAW t FROM books b FLATTEN b.tags AS t WHERE b.n = 2"),
    Entry("UNNEST of an UNNEST",
          "SELECT RAW w FROM [{'v': [[1, 2], [3]]}] AS d UNNEST d.v AS u UNNEST u AS w"),
)  # fmt: skip

FILTERS: Final = (
    Entry("LET", "SELECT RAW x FROM books LET x = n * 10, y = x + 1 WHERE y > 60"),
    Entry("WHERE", "SELECT RAW n FROM books WHERE n > 2 AND kind = 'even'"),
    Entry("GROUP BY", "SELECT kind, COUNT(*) AS c FROM books GROUP BY kind ORDER BY kind"),
    Entry("GROUP BY expression AS alias",
          "SELECT RAW [g, COUNT(*)] FROM books GROUP BY n % 3 AS g ORDER BY g"),
    Entry("GROUP AS", "SELECT RAW ARRAY_SORT(g[*].b.n) FROM books b WHERE b.n < 4"
          " GROUP BY b.kind GROUP AS g ORDER BY b.kind"),
    Entry("LETTING", "SELECT kind, total FROM books GROUP BY kind LETTING total = SUM(n)"
          " ORDER BY kind"),
    Entry("LETTING without GROUP BY", "SELECT RAW most FROM books LETTING most = MAX(n)"),
    Entry("HAVING", "SELECT RAW kind FROM books GROUP BY kind HAVING MIN(n) > 0"),
    Entry("LETTING ... HAVING",
          "SELECT RAW kind FROM books GROUP BY kind LETTING s = SUM(n) HAVING s > 12"),
)  # fmt: skip

AGGREGATES: Final = (
    Entry("aggregate(expression)", "SELECT RAW [SUM(n), COUNT(n), MAX(n)] FROM books"),
    Entry("aggregate(ALL expression)", "SELECT RAW COUNT(ALL kind) FROM books"),
    Entry("aggregate(DISTINCT expression)", "SELECT RAW COUNT(DISTINCT kind) FROM books"),
    Entry("COUNT(*)", "SELECT RAW COUNT(*) FROM books"),
    Entry("COUNT(path.*)", "SELECT RAW COUNT(b.*) FROM books b", 3000),
    Entry("FILTER (WHERE ...)", "SELECT RAW SUM(n) FILTER (WHERE kind = 'odd') FROM books"),
)  # fmt: skip

WINDOWS: Final = (
    Entry("OVER ()", "SELECT RAW SUM(n) OVER () FROM books WHERE n < 3"),
    Entry("OVER (PARTITION BY ...)",
          "SELECT n, SUM(n) OVER (PARTITION BY kind) AS s FROM books WHERE n < 4 ORDER BY n"),
    Entry("OVER (ORDER BY ...)",
          "SELECT n, SUM(n) OVER (ORDER BY n) AS s FROM books WHERE n < 4 ORDER BY n"),
    Entry("OVER name", "SELECT n, RANK() OVER w AS r FROM books WHERE n < 3"
          " WINDOW w AS (ORDER BY n DESC) ORDER BY n"),
    Entry("WINDOW name AS (name ...)",
          "SELECT n, COUNT(*) OVER v AS c FROM books WHERE n < 4"
          " WINDOW w AS (PARTITION BY kind), v AS (w ORDER BY n) ORDER BY n"),
    Entry("ROWS UNBOUNDED PRECEDING",
          "SELECT RAW SUM(n) OVER (ORDER BY n ROWS UNBOUNDED PRECEDING) FROM books WHERE n < 4"),
    Entry("ROWS n PRECEDING",
          "SELECT RAW SUM(n) OVER (ORDER BY n ROWS 1 PRECEDING) FROM books WHERE n < 4"),
    Entry("ROWS CURRENT ROW",
          "SELECT RAW SUM(n) OVER (ORDER BY n ROWS CURRENT ROW) FROM books WHERE n < 4"),
    Entry("ROWS BETWEEN ... AND ...",
          "SELECT RAW SUM(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)"
          " FROM books WHERE n < 4"),
    Entry("ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
          "SELECT RAW SUM(n) OVER (ORDER BY n ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)"
          " FROM books WHERE n < 4"),
    Entry("RANGE BETWEEN ... AND ...",
          "SELECT RAW COUNT(*) OVER (ORDER BY n RANGE BETWEEN 2 PRECEDING AND CURRENT ROW)"
          " FROM books WHERE n IN [0, 1, 3, 6]"),
    Entry("GROUPS BETWEEN ... AND ...",
          "SELECT n, COUNT(*) OVER (ORDER BY kind GROUPS BETWEEN 1 PRECEDING AND 1 PRECEDING)"
          " AS c FROM books WHERE n < 3 ORDER BY n"),
    Entry("EXCLUDE CURRENT ROW",
          "SELECT RAW SUM(n) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING"
          " EXCLUDE CURRENT ROW) FROM books WHERE n < 4"),
    Entry("EXCLUDE GROUP",
          "SELECT n, SUM(n) OVER (ORDER BY kind ROWS BETWEEN UNBOUNDED PRECEDING AND"
          " UNBOUNDED FOLLOWING EXCLUDE GROUP) AS s FROM books WHERE n < 4 ORDER BY n"),
    Entry("EXCLUDE TIES",
          "SELECT n, SUM(n) OVER (ORDER BY kind ROWS BETWEEN UNBOUNDED PRECEDING AND"
          " UNBOUNDED FOLLOWING EXCLUDE TIES) AS s FROM books WHERE n < 4 ORDER BY n"),
    Entry("EXCLUDE NO OTHERS",
          "SELECT RAW SUM(n) OVER (ORDER BY n ROWS 1 PRECEDING EXCLUDE NO OTHERS)"
          " FROM books WHERE n < 4"),
    Entry("RESPECT NULLS",
          "SELECT RAW LAG(v) RESPECT NULLS OVER (ORDER BY p) FROM [1, NULL, 3] AS v LET p = v"),
    Entry("IGNORE NULLS",
          "SELECT RAW FIRST_VALUE(NULLIF(n, 0)) IGNORE NULLS OVER (ORDER BY n) FROM books"
          " WHERE n < 3"),
    Entry("FROM FIRST", "SELECT RAW NTH_VALUE(n, 2) FROM FIRST OVER (ORDER BY n ROWS BETWEEN"
          " UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM books WHERE n < 4"),
    Entry("FROM LAST", "SELECT RAW NTH_VALUE(n, 2) FROM LAST OVER (ORDER BY n ROWS BETWEEN"
          " UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM books WHERE n < 4"),
)  # fmt: skip

ORDERS: Final = (
    Entry("ORDER BY", "SELECT RAW n FROM books WHERE n < 4 ORDER BY kind, n"),
    Entry("ORDER BY ... ASC", "SELECT RAW n FROM books WHERE n < 3 ORDER BY n ASC"),
    Entry("ORDER BY ... DESC", "SELECT RAW n FROM books WHERE n < 3 ORDER BY n DESC"),
    Entry("NULLS FIRST", "SELECT RAW v FROM [1, NULL, 2] AS v ORDER BY v DESC NULLS FIRST"),
    Entry("NULLS LAST", "SELECT RAW v FROM [1, NULL, 2] AS v ORDER BY v NULLS LAST"),
    Entry("LIMIT", "SELECT RAW n FROM books ORDER BY n LIMIT 2"),
    Entry("OFFSET", "SELECT RAW n FROM books ORDER BY n OFFSET 6"),
    Entry("LIMIT ... OFFSET", "SELECT RAW n FROM books ORDER BY n LIMIT 2 OFFSET 3"),
    Entry("OFFSET ... LIMIT", "SELECT RAW n FROM books ORDER BY n OFFSET 3 LIMIT 1 + 1"),
)  # fmt: skip

SETS: Final = (
    Entry("UNION", "SELECT RAW v FROM [1, 1, 2] AS v UNION SELECT RAW 2 ORDER BY v"),
    Entry("UNION ALL", "SELECT RAW v FROM [1, 1] AS v UNION ALL SELECT RAW w FROM [1, 2] AS w"),
    Entry("INTERSECT",
          "SELECT RAW v FROM [1, 1, 2] AS v INTERSECT SELECT RAW w FROM [1, 1, 3] AS w"),
    Entry("INTERSECT ALL",
          "SELECT RAW v FROM [1, 1, 1, 2] AS v INTERSECT ALL SELECT RAW w FROM [1, 1, 3] AS w"),
    Entry("EXCEPT", "SELECT RAW v FROM [1, 2, 2, 3, 3] AS v EXCEPT SELECT RAW w FROM [3] AS w"),
    Entry("EXCEPT ALL",
          "SELECT RAW v FROM [2, 2, 3, 3] AS v EXCEPT ALL SELECT RAW w FROM [3, 2] AS w"),
    Entry("(SELECT) UNION (SELECT)",
          "(SELECT RAW n FROM books ORDER BY n LIMIT 1) UNION ALL"
          " (SELECT RAW n FROM books ORDER BY n DESC LIMIT 1)"),
)  # fmt: skip

WITHS: Final = (
    Entry("WITH name AS (SELECT)",
          "WITH w AS (SELECT RAW n FROM books WHERE n < 2) SELECT RAW v * 10 FROM w AS v"),
    Entry("WITH name AS (expression), ...",
          "WITH one AS (1), two AS (one + 1) SELECT RAW [one, two]"),
    Entry("WITH RECURSIVE",
          "WITH RECURSIVE c AS (SELECT 1 AS v UNION SELECT c.v + 1 AS v FROM c WHERE c.v < 4)"
          " SELECT RAW c.v FROM c"),
    Entry("CYCLE ... RESTRICT",
          "WITH RECURSIVE c AS (SELECT 1 AS v UNION ALL SELECT c.v % 3 + 1 AS v FROM c)"
          " CYCLE v RESTRICT SELECT RAW c.v FROM c"),
    Entry("OPTIONS {levels, documents}",
          "WITH RECURSIVE c AS (SELECT 1 AS v UNION ALL SELECT c.v + 1 AS v FROM c)"
          " OPTIONS {'levels': 2} SELECT RAW c.v FROM c"),
)  # fmt: skip

SUBQUERIES: Final = (
    Entry("(SELECT) as an expression", "SELECT (SELECT RAW MAX(n) FROM books)[0] AS most"),
    Entry("correlated subquery",
          "SELECT k.kind, (SELECT RAW b.n FROM books b WHERE b.kind = k.kind AND b.n < 4) AS ns"
          " FROM kinds k"),
    Entry("subquery over an outer term's path",
          "SELECT RAW (SELECT RAW UPPER(t) FROM b.tags AS t) FROM books b WHERE b.n = 2"),
    Entry("IN (SELECT)",
          "SELECT RAW n FROM books WHERE kind IN (SELECT RAW kind FROM kinds) AND n < 4"),
    Entry("EXISTS (SELECT)",
          "SELECT RAW k.kind FROM kinds k WHERE EXISTS"
          " (SELECT 1 FROM books b WHERE b.kind = k.kind)"),
    Entry("function(SELECT)", "SELECT RAW ARRAY_SUM((SELECT RAW n FROM books))"),
    Entry("subquery in LET", "SELECT RAW m FROM books LET m = (SELECT RAW MAX(x.n) FROM books x)[0]"
          " LIMIT 1"),
)  # fmt: skip
