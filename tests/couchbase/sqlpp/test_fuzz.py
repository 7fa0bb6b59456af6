"""Statements made up and broken: nothing but reported errors comes of them, and in time."""

from __future__ import annotations

import asyncio
import random
import time

import pytest
from tests.couchbase.sqlpp.memory import MemoryKeyspaces
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.context import Context
from cloudlet.couchbase.sqlpp.errors import QueryError
from cloudlet.couchbase.sqlpp.functions import FUNCTIONS
from cloudlet.couchbase.sqlpp.functions.aggregates import AGGREGATES
from cloudlet.couchbase.sqlpp.functions.window import WINDOW_FUNCTIONS
from cloudlet.couchbase.sqlpp.lexer import RESERVED

SEEDS = [
    "SELECT d.n, COUNT(*) AS c FROM d LET x = d.n + 1 WHERE d.n > 1 GROUP BY d.n HAVING c > 0",
    (
        "SELECT n, SUM(n) OVER (PARTITION BY k ORDER BY n ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)"
        " FROM d ORDER BY n DESC NULLS LAST LIMIT 5 OFFSET 1"
    ),
    "SELECT * FROM d a LEFT JOIN d b ON a.n = b.n UNNEST a.tags t NEST d c ON KEYS t",
    "WITH RECURSIVE r AS (SELECT 1 a UNION SELECT r.a + 1 a FROM r WHERE r.a < 5) SELECT * FROM r",
    "SELECT ANY t IN tags SATISFIES t LIKE 'a%' END, ARRAY t FOR t IN tags WHEN t != 'b' END x",
    "SELECT RAW (SELECT RAW e.n FROM d e WHERE e.n = d.n)[0] FROM d",
    "SELECT 1 UNION ALL SELECT 2 EXCEPT SELECT 3 ORDER BY 1",
    "INSERT INTO d (KEY, VALUE) VALUES ('x', {'n': 1}) RETURNING *",
    "UPSERT INTO d (KEY k, VALUE v) SELECT META().id k, d v FROM d",
    "UPDATE d SET n = n + 1, t.x = 2 FOR t IN tags END UNSET k WHERE n < 3 RETURNING n",
    "DELETE FROM d WHERE n = 9 LIMIT 1 RETURNING META().id",
    (
        "MERGE INTO d USING [{'n': 1}] s ON d.n = s.n WHEN MATCHED THEN UPDATE SET d.m = 1 "
        "WHEN NOT MATCHED THEN INSERT (KEY 'y', VALUE s)"
    ),
    "CREATE INDEX i ON d(n, DISTINCT ARRAY t FOR t IN tags END) WHERE n > 1",
    "CREATE OR REPLACE FUNCTION f(a, b) { a + b }",
    "EXPLAIN SELECT f(n, 1) FROM d USE KEYS ['a'] WHERE n BETWEEN 1 AND 3 OR k IN ['x', $1]",
    "INFER d WITH {'sample_size': 10}",
    "SELECT CASE WHEN n > 1 THEN 'a' ELSE {'b': [n, -n]} END, tags[0:1], t.* FROM d, d.tags t",
]
ATOMS = [
    "NULL", "MISSING", "TRUE", "-1", "0", "1e308", "9223372036854775808", "''", "'a'", "[]", "{}",
    "d", "n", "tags", "k", "META()", "$1", "$name", "?", "(", ")", "[", "]", "{", "}", ",", ".",
    ":", "*", "+", "-", "/", "%", "||", "=", "!=", "<", ">=", "`x`", "\\", "\"", "'", "/*", "--",
    "\u0000", "é", "😀", "..", ";", "@",
]  # fmt: skip
CALLS = (*FUNCTIONS, *AGGREGATES, *WINDOW_FUNCTIONS)
WORDS = sorted(RESERVED) + [f"{name.upper()}(" for name in CALLS]


def _pieces(text: str) -> list[str]:
    return text.replace("(", " ( ").replace(")", " ) ").replace(",", " , ").split()


def _mutated(chance: random.Random) -> str:
    pieces = _pieces(chance.choice(SEEDS))
    for _ in range(chance.randrange(6)):
        place = chance.randrange(len(pieces) + 1)
        match chance.randrange(6):
            case 0:
                pieces[place:place] = [chance.choice(ATOMS)]
            case 1:
                pieces[place:place] = [chance.choice(WORDS)]
            case 2:
                del pieces[place : place + chance.randrange(1, 4)]
            case 3:
                other = _pieces(chance.choice(SEEDS))
                start = chance.randrange(len(other))
                pieces[place:place] = other[start : start + chance.randrange(1, 8)]
            case 4:
                arguments = ", ".join(chance.choices(ATOMS[:14], k=chance.randrange(4)))
                pieces[place : place + 1] = [f"{chance.choice(CALLS)}({arguments})"]
            case _:
                pieces[place:place] = pieces[place : place + 3] * chance.randrange(1, 4)
        pieces = pieces or ["SELECT"]
    return " ".join(pieces)


async def _run(seconds: float, seed: int) -> int:
    chance = random.Random(seed)
    tried = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        documents = {f"k{n}": {"n": n, "k": "xyz"[n % 3], "tags": ["a", "b"]} for n in range(12)}
        session = Session(MemoryKeyspaces(d=documents))
        for _ in range(200):
            text = _mutated(chance)
            tried += 1
            try:
                compiled = await session.engine.compile(text, None)
                context = Context(
                    session.engine.catalog, named={"name": 1}, positional=[1], timeout_s=2,
                    timeout_text="2s", memory_quota_bytes=64 * 1024 * 1024,
                )  # fmt: skip
                async for _rows in session.engine.run(compiled, context):
                    pass
            except QueryError:
                continue
            except Exception as error:
                raise AssertionError(f"seed {seed}, statement {tried}: {text}") from error
            if time.monotonic() > end:
                break
    return tried


def test_broken_statements_give_reported_errors() -> None:
    assert asyncio.run(_run(5, 1)) > 100


@pytest.mark.soak
@pytest.mark.timeout(700)
def test_broken_statements_for_ten_minutes() -> None:
    assert asyncio.run(_run(600, int(time.time()))) > 10_000
