"""Literals, names, paths and operators; each example is a query without FROM."""

from __future__ import annotations

from typing import Final

from cloudlet.couchbase.sqlpp.reference.entry import Entry

LITERALS: Final = (
    Entry("'string'", r"""SELECT RAW 'it''s a \"string\"\u0021'"""),
    Entry('"string"', r"""SELECT RAW "a \"string\" with\ttab" """),
    Entry("number", "SELECT RAW [7, -7, 0.5, 2e3, 1.5E-2]"),
    Entry("TRUE, FALSE", "SELECT RAW [TRUE, false]"),
    Entry("NULL", "SELECT RAW NULL"),
    Entry("MISSING", "SELECT MISSING AS gone, NULL AS here"),
    Entry("[expression, ...]", "SELECT RAW [1 + 1, 'x', [], MISSING]"),
    Entry("{name: expression, ...}", "SELECT RAW {'a': 1, LOWER('B'): 2, 'c': MISSING}"),
    Entry("{expression, ...}", "SELECT RAW {b.n, b.kind} FROM books b WHERE b.n = 1"),
    Entry("{expression AS name}", "SELECT RAW {b.n + 1 AS more} FROM books b WHERE b.n = 1"),
    Entry("/* comment */", "SELECT RAW 1 /* a comment\nover lines */ + 1"),
    Entry("-- comment", "SELECT RAW 1 -- a comment\n + 1"),
)  # fmt: skip

NAMES: Final = (
    Entry("identifier", "SELECT RAW _v1$ FROM [5] AS _v1$"),
    Entry("`identifier`", "SELECT RAW `a b``c` FROM [5] AS `a b``c`"),
    Entry("`identifier`i", "SELECT RAW o.`NAME`i FROM [{'Name': 5}] AS o"),
    Entry("$name", "SELECT RAW $value"),
    Entry("@name", "SELECT RAW @value"),
    Entry("$1", "SELECT RAW [$2, $1]"),
    Entry("?", "SELECT RAW [?, ?]"),
    Entry("SELF", "SELECT RAW OBJECT_NAMES(SELF) FROM kinds k WHERE k.kind = 'odd'"),
)  # fmt: skip

PATHS: Final = (
    Entry("expression.name", "SELECT RAW {'a': {'b': 1}}.a.b"),
    Entry("expression.[expression]", "SELECT RAW {'ab': 1}.['a' || 'b']"),
    Entry("expression.[expression]i", "SELECT RAW {'Ab': 1}.['aB']i"),
    Entry("expression[index]", "SELECT RAW [1, 2, 3][0] + [1, 2, 3][-1]"),
    Entry("expression[start:end]", "SELECT RAW [1, 2, 3, 4][1:3]"),
    Entry("expression[start:]", "SELECT RAW [1, 2, 3, 4][-2:]"),
    Entry("expression[:end]", "SELECT RAW [1, 2, 3, 4][:2]"),
    Entry("expression[:]", "SELECT RAW [1, 2][:]"),
    Entry("expression[*]", "SELECT RAW [{'a': 1}, {'b': 2}, {'a': 3}][*].a"),
)  # fmt: skip

ARITHMETIC: Final = (
    Entry("+", "SELECT RAW 1 + 2"),
    Entry("-", "SELECT RAW 1 - 2"),
    Entry("*", "SELECT RAW 3 * 2"),
    Entry("/", "SELECT RAW [5 / 2, 4 / 2, 1 / 0]"),
    Entry("%", "SELECT RAW [7 % 3, -7 % 3]"),
    Entry("^", "SELECT RAW 2 ^ 10"),
    Entry("-expression", "SELECT RAW -(1 + 2)"),
    Entry("||", "SELECT RAW 'a' || 'b' || 'c'"),
)  # fmt: skip

COMPARISON: Final = (
    Entry("=", "SELECT RAW [1 = 1.0, 1 = '1', NULL = 1]"),
    Entry("==", "SELECT RAW 1 == 1"),
    Entry("!=", "SELECT RAW 1 != 2"),
    Entry("<>", "SELECT RAW 1 <> 1"),
    Entry("<", "SELECT RAW [1 < 2, 9 < '1', 'a' < []]"),
    Entry("<=", "SELECT RAW 2 <= 2"),
    Entry(">", "SELECT RAW [1, 3] > [1, 2]"),
    Entry(">=", "SELECT RAW {} >= []"),
    Entry("BETWEEN", "SELECT RAW [2 BETWEEN 1 AND 2, NULL BETWEEN 1 AND 2]"),
    Entry("NOT BETWEEN", "SELECT RAW 3 NOT BETWEEN 1 AND 2"),
    Entry("LIKE", "SELECT RAW ['abc' LIKE 'a%', 'abc' LIKE '_b', 'a%' LIKE 'a\\\\%']"),
    Entry("NOT LIKE", "SELECT RAW 'abc' NOT LIKE 'b%'"),
    Entry("LIKE ... ESCAPE",
          "SELECT RAW ['a%c' LIKE 'a!%c' ESCAPE '!', 'abc' LIKE 'a!%c' ESCAPE '!']"),
    Entry("NOT LIKE ... ESCAPE", "SELECT RAW 'abc' NOT LIKE 'a!%c' ESCAPE '!'"),
    Entry("IS NULL", "SELECT [NULL IS NULL, 1 IS NULL] AS v, MISSING IS NULL AS m"),
    Entry("IS NOT NULL", "SELECT [NULL IS NOT NULL, 1 IS NOT NULL] AS v, MISSING IS NOT NULL AS m"),
    Entry("IS MISSING", "SELECT RAW [MISSING IS MISSING, NULL IS MISSING]"),
    Entry("IS NOT MISSING", "SELECT RAW [MISSING IS NOT MISSING, NULL IS NOT MISSING]"),
    Entry("IS VALUED", "SELECT RAW [1 IS VALUED, NULL IS VALUED, MISSING IS VALUED]"),
    Entry("IS NOT VALUED", "SELECT RAW [1 IS NOT VALUED, NULL IS NOT VALUED]"),
    Entry("IS KNOWN", "SELECT RAW [1 IS KNOWN, NULL IS KNOWN]"),
    Entry("IS NOT KNOWN", "SELECT RAW [1 IS NOT KNOWN, NULL IS NOT KNOWN]"),
    Entry("IS UNKNOWN", "SELECT RAW [1 IS UNKNOWN, MISSING IS UNKNOWN]"),
    Entry("IS NOT UNKNOWN", "SELECT RAW [1 IS NOT UNKNOWN, MISSING IS NOT UNKNOWN]"),
    Entry("IS DISTINCT FROM", "SELECT RAW [NULL IS DISTINCT FROM NULL, 1 IS DISTINCT FROM NULL]"),
    Entry("IS NOT DISTINCT FROM",
          "SELECT RAW [NULL IS NOT DISTINCT FROM NULL, 1 IS NOT DISTINCT FROM NULL]"),
)  # fmt: skip

LOGIC: Final = (
    Entry("AND", "SELECT RAW [TRUE AND FALSE, FALSE AND NULL, TRUE AND NULL]"),
    Entry("OR", "SELECT RAW [TRUE OR FALSE, TRUE OR NULL, FALSE OR NULL]"),
    Entry("NOT", "SELECT RAW [NOT TRUE, NOT NULL, NOT FALSE]"),
    Entry("CASE WHEN ... THEN ... ELSE",
          "SELECT RAW CASE WHEN NULL THEN 1 WHEN 2 > 1 THEN 2 ELSE 3 END"),
    Entry("CASE WHEN ... THEN without ELSE", "SELECT RAW CASE WHEN FALSE THEN 1 END"),
    Entry("CASE expression WHEN ... THEN",
          "SELECT RAW CASE 2 WHEN 1 THEN 'one' WHEN 2 THEN 'two' END"),
)  # fmt: skip

COLLECTIONS: Final = (
    Entry("IN", "SELECT RAW [2 IN [1, 2], '2' IN [1, 2], 3 IN [1, NULL]]"),
    Entry("NOT IN", "SELECT RAW [3 NOT IN [1, 2], 2 NOT IN [1, 2]]"),
    Entry("WITHIN", "SELECT RAW [3 WITHIN {'a': [1, {'b': 3}]}, 4 WITHIN [1, [2]]]"),
    Entry("NOT WITHIN", "SELECT RAW 4 NOT WITHIN [1, [2]]"),
    Entry("EXISTS", "SELECT RAW [EXISTS [1], EXISTS []]"),
    Entry("ANY ... SATISFIES", "SELECT RAW [ANY v IN [1, 2] SATISFIES v > 1 END,"
          " ANY v IN [] SATISFIES TRUE END]"),
    Entry("SOME ... SATISFIES", "SELECT RAW SOME v IN [1, 2] SATISFIES v > 2 END"),
    Entry("EVERY ... SATISFIES", "SELECT RAW [EVERY v IN [1, 2] SATISFIES v > 0 END,"
          " EVERY v IN [] SATISFIES FALSE END]"),
    Entry("ANY AND EVERY ... SATISFIES", "SELECT RAW [ANY AND EVERY v IN [1] SATISFIES v > 0 END,"
          " ANY AND EVERY v IN [] SATISFIES TRUE END]"),
    Entry("SOME AND EVERY ... SATISFIES",
          "SELECT RAW SOME AND EVERY v IN [1, 2] SATISFIES v > 1 END"),
    Entry("ANY ... WITHIN", "SELECT RAW ANY v WITHIN {'a': [{'b': 3}]} SATISFIES v.b = 3 END"),
    Entry("ANY name:value IN",
          "SELECT RAW ANY i:v IN ['x', 'y'] SATISFIES i = 1 AND v = 'y' END"),
    Entry("ANY v IN ..., w IN ...",
          "SELECT RAW ANY v IN [1, 2], w IN [2, 1] SATISFIES v = 2 AND w = 1 END"),
    Entry("ARRAY ... FOR ... IN", "SELECT RAW ARRAY v * 10 FOR v IN [1, 2] END"),
    Entry("ARRAY ... FOR ... WHEN", "SELECT RAW ARRAY v FOR v IN [1, 2, 3] WHEN v != 2 END"),
    Entry("ARRAY ... FOR ... WITHIN",
          "SELECT RAW ARRAY v FOR v WITHIN [1, [2, [3]]] WHEN IS_NUMBER(v) END"),
    Entry("ARRAY ... FOR name:value",
          "SELECT RAW ARRAY n || v FOR n:v IN {'a': 'x', 'b': 'y'} END"),
    Entry("ARRAY ... FOR v IN ..., w IN ...",
          "SELECT RAW ARRAY v || w FOR v IN ['a', 'b'], w IN ['x', 'y'] END"),
    Entry("FIRST ... FOR ... WHEN", "SELECT RAW FIRST v FOR v IN [1, 2, 3] WHEN v > 1 END"),
    Entry("OBJECT ... FOR ... WHEN",
          "SELECT RAW OBJECT 'k' || TO_STRING(v) : v FOR v IN [1, 2, 3] WHEN v != 2 END"),
)  # fmt: skip

CALLS: Final = (
    Entry("function(expression, ...)", "SELECT RAW UPPER('a')"),
    Entry("namespace:bucket.scope.function(...)",
          "SELECT RAW default:books.`_default`.twice(4)"),
    Entry("bucket.scope.function(...)", "SELECT RAW books.`_default`.twice(4)"),
    Entry("META().xattrs.name.path",
          "SELECT RAW META().xattrs.note.`of` FROM books WHERE META().id = 'b2'"),
    Entry("NEXT VALUE FOR", "SELECT RAW NEXT VALUE FOR counter FROM [1, 2] AS v"),
    Entry("NEXTVAL FOR", "SELECT RAW NEXTVAL FOR counter"),
    Entry("PREV VALUE FOR", "SELECT RAW [NEXT VALUE FOR counter, PREV VALUE FOR counter]"),
    Entry("PREVVAL FOR", "SELECT RAW [NEXTVAL FOR counter, PREVVAL FOR counter]"),
)  # fmt: skip
