"""Every error code is described, and is what the reference's own cases answer with."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from tests.couchbase.sqlpp.session import Session
from tests.couchbase.sqlpp.test_service import ask, call

from cloudlet.couchbase import sqlpp
from cloudlet.couchbase.sqlpp import reference
from cloudlet.couchbase.sqlpp.error_codes import CODES
from cloudlet.couchbase.sqlpp.service import QueryService

ROOT = Path(sqlpp.__file__).parent
#: Codes that only a defect or a race shows, or that another suite's clients meet.
UNMET = {4321, 5000, 17006, 17013, 17021}


def codes_in_the_source() -> set[int]:
    found = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                code = node.args[0].value
                if name in ("QueryError", "semantic", "failed", "_bad") and type(code) is int:
                    found.add(code)
    return found


def test_every_code_is_described() -> None:
    assert codes_in_the_source() - set(CODES) == set()


def test_every_code_is_met_by_a_test() -> None:
    folders = (Path(__file__).parent, Path(__file__).parents[2] / "clients")
    texts = "".join(path.read_text() for folder in folders for path in folder.rglob("*.py"))
    numbers = set(map(int, re.findall(r"\b\d{4,5}\b", texts)))
    # Forms of the reference that are refused: tests run each of them.
    forms = [entry for entries in reference.STATEMENTS.values() for entry in entries]
    numbers |= {entry.refused for entry in forms if entry.refused is not None}
    assert set(CODES) - numbers - UNMET == set()


REQUESTS: list[tuple[dict[str, Any], int]] = [
    ({"body": b'{"statement": "SELECT 1", "STATEMENT": "SELECT 2"}'}, 1060),
    ({"body": b'{"statement": "SELECT 1", "client_context_id": "a\\"b"}'}, 1110),
    ({"body": b"<x/>", "kind": "text/xml"}, 1120),
    ({"method": "DELETE"}, 1170),
    ({"body": b'{"statement": "SELECT 1", "nope": 1}'}, 1065),
    ({"body": b'{"prepared": "p", "encoded_plan": "?"}'}, 4070),
    ({"body": b'{"prepared": "p", "encoded_plan": "eyJuYW1lIjoicSIsInRleHQiOiIifQ=="}'}, 4090),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "code"), REQUESTS)
async def test_requests(service: QueryService, request_: dict[str, Any], code: int) -> None:
    answer = await call(service, **request_)
    assert answer.json["errors"][0]["code"] == code
    assert answer.status >= 400


async def test_a_service_that_closes_takes_no_more(service: QueryService) -> None:
    await service.close()
    answer = await ask(service, "SELECT 1")
    assert (answer.status, answer.json["errors"][0]["code"]) == (503, 1180)
    await service.start()


async def test_a_body_may_not_be_endless(service: QueryService) -> None:
    answer = await call(service, body=b"x" * (65 * 1024 * 1024))
    assert (answer.status, answer.json["errors"][0]["code"]) == (413, 1193)


STATEMENTS = [
    ("SELECT * FROM b RIGHT JOIN b AS c ON KEYS b.x", 3000),
    ("SELECT * FROM b RIGHT JOIN b.x AS c ON TRUE", 3100),
    ("PREPARE p FROM SELECT 1; ", None),
    ("PREPARE p FROM SELECT 2", 4060),
    ("EXECUTE p USING [b.x]", 5003),
    ("GRANT admin TO external:nobody", 5210),
    ("CREATE FUNCTION b.f() { 1 }", 10105),
    ("CREATE COLLECTION c", 10204),
    ("CREATE SCOPE b.c.d", 10207),
    ("SELECT * FROM system:nothing", 11002),
    ("INSERT INTO system:indexes VALUES ('a', 1)", 11003),
    ("CREATE INDEX i ON system:indexes(x)", 11004),
    ("SELECT * FROM other:b", 12002),
    ("CREATE SCOPE b._default", 12025),
    ("CREATE COLLECTION b._default._default", 12027),
    ("SELECT 1 FROM b c JOIN [1] AS d ON KEYS c.x", 3000),
    ("SELECT 1 FROM b c JOIN b d USE NL ON KEYS c.x", 3110),
    ("SELECT 1 FROM b c JOIN b d USE KEYS 'k' ON KEY d.x FOR c", 3120),
    ("SELECT 1 FROM b c NEST b d USE INDEX (i) ON KEYS c.x", 3130),
    ("MERGE INTO b USE INDEX (i) USING b c ON KEY c.x WHEN MATCHED THEN DELETE", 3180),
    ("MERGE INTO b USING b c USE NL ON KEY c.x WHEN MATCHED THEN DELETE", 3190),
    ("MERGE INTO b USE KEYS 'k' USING b c ON b.n = c.n WHEN MATCHED THEN DELETE", 3000),
    ("UPDATE b USE NL SET n = 1", 3000),
    ("SELECT 1 FROM b c JOIN b d ON c.n = d.n JOIN b e ON KEYS d.x", 3200),
    ("SELECT 1 FROM b c JOIN b d ON KEYS c.x JOIN b e ON d.n = e.n", 3200),
    ("SELECT 1 FROM b c JOIN b d ON KEY d.x FOR e", 4025),
    ("SELECT 1 FROM (SELECT 1) x USE KEYS 'k'", 3000),
    ("SELECT 1 FROM b c JOIN LATERAL b d ON KEYS c.x", 3000),
    ("SELECT 1 FROM b c JOIN LATERAL b d ON KEY d.x FOR c", 3000),
    ("SELECT 1 FROM b c RIGHT JOIN LATERAL b d ON c.n = d.n", 3000),
    ("BUILD INDEX ON b(1)", 5410),
    ("CREATE INDEX i ON b(x DESC ASC)", 3000),
    ("CREATE COLLECTION b._default.c WITH {'ttl': 1}", 12038),
    ("CREATE COLLECTION b._default.c WITH {'maxTTL': 'x'}", 12039),
    ("CREATE SEQUENCE b._default.s", None),
    ("CREATE SEQUENCE b._default.s", 19108),
    ("SELECT PREV VALUE FOR b._default.s", 19118),
    ("SELECT NEXT VALUE FOR b._default.t", 19106),
    ("EXECUTE __get", 17004),
    ("SELECT " + "(" * 900 + "1" + ")" * 900, 3000),
    ("CREATE SCOPE b.e", None),
    ("CREATE COLLECTION b.e.e", None),
    ("INFER b.e.e", 7014),
]


async def test_statements(service: QueryService) -> None:
    wrong = []
    for statement, code in STATEMENTS:
        answer = (await ask(service, statement.rstrip("; "))).json
        found = answer["errors"][0]["code"] if "errors" in answer else None
        if found != code:
            wrong.append((statement[:60], code, answer.get("errors")))
    assert wrong == []


async def test_syntax_errors_say_where(service: QueryService) -> None:
    answer = (await ask(service, "SELECT 1\n  FROM FROM b")).json
    (error,) = answer["errors"]
    assert (error["code"], error["line"], error["column"]) == (3000, 2, 8)
    assert "line 2, column 8" in error["msg"]
    answer = (await ask(service, "SELECT x FROM b AS c,\n b AS d")).json
    assert answer["errors"][0]["code"] == 3080
    assert (answer["errors"][0]["line"], answer["errors"][0]["column"]) == (1, 8)


@pytest.mark.parametrize(
    ("text", "codes"),
    [("FINDERR(5500)", [5500]), ("FINDERR(1)", []), ("FINDERR('no next value')", [19111]),
     ("FINDERR('^No such s.*pe')", [12021]), ("FINDERR(NULL)", None)],
)  # fmt: skip
async def test_errors_are_found(session: Session, text: str, codes: list[int] | None) -> None:
    (found,) = await session(f"SELECT RAW {text}")
    assert (None if found is None else [one["code"] for one in found]) == codes


async def test_the_statements_that_make_what_there_is(session: Session) -> None:
    for statement in (
        "CREATE SCOPE books.s", "CREATE COLLECTION books.s.c", "CREATE PRIMARY INDEX ON books",
        "CREATE INDEX j ON books.s.c(DISTINCT ARRAY v FOR v IN t END, y DESC) WHERE y > 1",
    ):  # fmt: skip
        await session(statement)
    (made,) = await session("SELECT RAW EXTRACTDDL('books')")
    assert len(made) == 4
    (some,) = await session("SELECT RAW EXTRACTDDL('b%', {'flags': ['scope', 'collection']})")
    assert some == ["CREATE SCOPE `books`.`s`;", "CREATE COLLECTION `books`.`s`.`c`;"]
    for statement in ("DROP INDEX books.`#primary`", "DROP SCOPE books.s"):
        await session(statement)
    for statement in made:
        await session(statement.rstrip(";"))
    assert await session("SELECT RAW EXTRACTDDL('books')") == [made]
