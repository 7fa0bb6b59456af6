from __future__ import annotations

import pytest

from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.errors import QueryError
from cloudlet.couchbase.sqlpp.parser import parse, parse_expression
from cloudlet.couchbase.sqlpp.render import render


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("1 + 2 * 3", "(1 + (2 * 3))"),
        ("a OR b AND NOT c = d", "(`a` or (`b` and (not (`c` = `d`))))"),
        ("a = b < c", "(`a` = (`b` < `c`))"),
        ("a NOT IN b", "(not (`a` in `b`))"),
        ("a BETWEEN 1 AND 2 AND b", "((`a` between 1 and 2) and `b`)"),
        ("a || b LIKE c", "((`a` || `b`) like `c`)"),
        ("-a.b[0]", "(-((`a`.`b`))[0])"),
        ("a IS NOT VALUED", "(`a` is not valued)"),
        ("a IS KNOWN", "(`a` is valued)"),
        ("a[1:][*].b", "((((`a`)[1:])[*].`b`))"),
        ("a <> b", "(`a` != `b`)"),
        ("CASE a WHEN 1 THEN 2 END", "case `a` when 1 then 2 end"),
        ("EVERY x IN a SATISFIES x END", "every `x` in `a` satisfies `x` end"),
        ("{a, 'b': 1}", '{"a": `a`, "b": 1}'),
        ("COUNT(DISTINCT a)", "count(distinct `a`)"),
    ],
)
def test_precedence_and_forms(text: str, meaning: str) -> None:
    found = render(parse_expression(text)).replace("((((", "((((")
    assert found.replace("(", "").replace(")", "") == meaning.replace("(", "").replace(")", "")
    assert parse_expression(found if "[" not in text else text) == parse_expression(text)


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("SELCT 1", "syntax error - line 1, column 1, at: SELCT", (1, 1)),
        ("SELECT * FRM t", "syntax error - line 1, column 10, near 'SELECT * ', at: FRM", (1, 10)),
        (
            "CREATE VIEW v AS SELECT 1",
            "syntax error - line 1, column 8, near 'CREATE ', at: VIEW (reserved word)",
            (1, 8),
        ),
        ("SELECT (1", "syntax error - at end of input", (0, 0)),
        (
            "SELECT\n user",
            "syntax error - line 2, column 2, near ' ', at: user (reserved word)",
            (2, 2),
        ),
    ],
)
def test_syntax_errors_tell_line_column_and_text(
    text: str, message: str, place: tuple[int, int]
) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert (caught.value.code, caught.value.message) == (3000, message)
    assert (caught.value.line, caught.value.column) == place


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("FROM b SELECT n", s.Query),
        ("(SELECT 1) UNION ALL (SELECT 2) ORDER BY a", s.Query),
        ("INSERT INTO b (KEY, VALUE) VALUES ('a', 1), VALUES ('b', 2)", s.Insert),
        ("UPSERT INTO b (KEY k, VALUE v) SELECT 1 AS k", s.Insert),
        ("UPDATE b AS x USE KEYS 'a' SET x.y = 1 UNSET x.z RETURNING *", s.Update),
        ("DELETE FROM b WHERE x LIMIT 1 RETURNING RAW y", s.Delete),
        ("CREATE PRIMARY INDEX IF NOT EXISTS `i` ON default:`b` USING GSI", s.CreateIndex),
        ("DROP INDEX b.i", s.DropIndex),
        ("EXPLAIN SELECT 1", s.Explain),
        ("PREPARE p AS SELECT 1", s.Prepare),
        ("EXECUTE p USING [1]", s.Execute),
    ],
)
def test_statement_families(text: str, kind: type) -> None:
    assert isinstance(parse(text + " ;"), kind)


@pytest.mark.parametrize("text", ["CREATE USER x", "ALTER BUCKET x", "CREATE VECTOR INDEX x"])
def test_what_is_not_there_says_so(text: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert caught.value.code == 1020


def test_endless_nesting_is_an_error() -> None:
    with pytest.raises(QueryError) as caught:
        parse("SELECT " + "(" * 5000 + "1" + ")" * 5000)
    assert caught.value.code == 3000
