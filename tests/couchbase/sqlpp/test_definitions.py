from __future__ import annotations

import asyncio

import pytest
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.errors import QueryError


async def test_a_primary_index_is_listed_and_used(session: Session) -> None:
    await session("CREATE PRIMARY INDEX ON books")
    (row,) = await session("SELECT RAW i FROM system:indexes AS i WHERE keyspace_id = 'books'")
    assert row["name"] == "#primary"
    assert (row["is_primary"], row["using"], row["state"]) == (True, "gsi", "online")
    (plan,) = await session("EXPLAIN SELECT n FROM books")
    assert plan["plan"]["~children"][0]["index"] == "#primary"
    await session("DROP PRIMARY INDEX ON books")
    assert await session("SELECT * FROM system:indexes") == []


async def test_a_deferred_index_is_used_when_built(session: Session) -> None:
    await session("CREATE PRIMARY INDEX p ON books WITH {'defer_build': true}")
    assert await session("SELECT RAW state FROM system:indexes") == ["deferred"]
    await session("BUILD INDEX ON books (p)")
    states: list[str] = []
    while states[-1:] != ["online"]:
        states += await session("SELECT RAW state FROM system:indexes")
        await asyncio.sleep(0)
    assert set(states) <= {"pending", "building", "online"}


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DROP PRIMARY INDEX ON books", 12004),
        ("DROP INDEX nope ON books", 12016),
        ("DROP INDEX books.nope", 12016),
        ("CREATE PRIMARY INDEX ON nope", 12003),
        ("CREATE PRIMARY INDEX ON books WITH {'odd': 1}", 5000),
        ("CREATE SCOPE nope.s", 12003),
        ("CREATE COLLECTION books.nope.c", 12021),
        ("DROP SCOPE books.nope", 12021),
        ("DROP COLLECTION books._default.nope", 12003),
    ],
)
async def test_errors(session: Session, statement: str, code: int) -> None:
    with pytest.raises(QueryError) as caught:
        await session(statement)
    assert caught.value.code == code


async def test_if_exists_and_if_not_exists_are_quiet(session: Session) -> None:
    for statement in (
        "CREATE PRIMARY INDEX ON books",
        "CREATE PRIMARY INDEX IF NOT EXISTS ON books",
        "DROP INDEX nope IF EXISTS ON books",
        "CREATE SCOPE books.s",
        "CREATE SCOPE books.s IF NOT EXISTS",
        "DROP COLLECTION books.s.c IF EXISTS",
        "DROP SCOPE books.s",
        "DROP SCOPE books.s IF EXISTS",
    ):
        await session(statement)
    with pytest.raises(QueryError) as caught:
        await session("CREATE PRIMARY INDEX ON books")
    assert (caught.value.code, caught.value.message) == (4300, "The index #primary already exists.")
