from __future__ import annotations

from typing import Any

import pytest
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.errors import QueryError


async def index_of(session: Session, statement: str) -> str:
    (row,) = await session("EXPLAIN " + statement)
    scan = row["plan"]["~children"][0]
    return str(scan.get("scan", scan).get("index"))


@pytest.mark.parametrize(
    ("definition", "condition", "result"),
    [
        ("(n)", "n = 5", [5]),
        ("(n)", "5 = n", [5]),
        ("(n)", "n > 5", [6, 7]),
        ("(n)", "n >= 6 AND n < 7", [6]),
        ("(n)", "n BETWEEN 2 AND 3", [2, 3]),
        ("(n)", "n IN [1, 1, 4, 99]", [1, 4]),
        ("(n)", "n = NULL", []),
        ("(n)", "n != 5 AND n > 3", [4, 6, 7]),
        ("(n)", "n = 5 OR n BETWEEN 1 AND 2 OR n >= 7", [1, 2, 5, 7]),
        ("(n DESC)", "n > 1 AND n <= 3", [2, 3]),
        ("(name)", "name LIKE 'N1%'", [1]),
        ("(n INCLUDE MISSING)", "n IS MISSING OR n > 6", [7]),
        ("(n) WHERE n > 2", "n > 5", [6, 7]),
        ("(n) WHERE kind IN ['odd', 'even']", "kind = 'odd' AND n > 4", [5, 7]),
        ("(n) WHERE n IS NOT MISSING", "n IN [3, 4]", [3, 4]),
        ("(DISTINCT ARRAY t FOR t IN tags END)", "ANY t IN tags SATISFIES t = 'c' END", [3, 7]),
        ("(ALL tags, n)", "ANY t IN tags SATISFIES t = 'c' END AND n > 3", [7]),
        (
            "(kind, ALL ARRAY t FOR t IN tags END)",
            "kind = 'odd' AND ANY AND EVERY t IN tags SATISFIES t >= 'a' END",
            [1, 3, 5, 7],
        ),
        ("(kind, n DESC)", "kind = 'odd' AND n <= 3", [1, 3]),
        ("(kind, n)", "kind = 'odd' AND n IN [1, 2]", [1]),
        ("(LOWER(name))", "LOWER(name) = 'n4'", [4]),
        ("(n) WHERE kind = 'odd'", "kind = 'odd' AND n > 4", [5, 7]),
    ],
)
async def test_a_fitting_index_is_used_and_finds_the_same(
    session: Session, definition: str, condition: str, result: list[Any]
) -> None:
    statement = f"SELECT RAW b.n FROM books AS b WHERE {condition} ORDER BY b.n"
    assert await session(statement) == result
    await session(f"CREATE INDEX i ON books{definition}")
    assert await index_of(session, statement) == "i"
    assert await session(statement) == result


@pytest.mark.parametrize(
    ("definition", "condition"),
    [
        ("(kind, n)", "n = 5"),
        ("(n)", "n = 5 OR kind = 'odd'"),
        ("(n) WHERE kind = 'odd'", "n = 5"),
        ("(n)", "n = b.m"),
        ("(n)", "n IS MISSING"),
        ("(n) WHERE n > 5", "n > 4"),
    ],
)
async def test_an_index_that_does_not_fit_is_left(
    session: Session, definition: str, condition: str
) -> None:
    await session(f"CREATE INDEX i ON books{definition}")
    assert await index_of(session, f"SELECT 1 FROM books AS b WHERE {condition}") == (
        "#sequentialscan"
    )


async def test_an_index_follows_every_change(session: Session) -> None:
    await session("CREATE INDEX i ON books(n)")
    statement = "SELECT RAW META().id FROM books WHERE n > 5"
    assert await session(statement) == ["b6", "b7"]
    await session("UPDATE books SET n = 100 WHERE n = 0")
    await session("DELETE FROM books WHERE n = 6")
    await session("INSERT INTO books VALUES ('x', {'n': 50}), ('y', {'m': 1})")
    assert await session(statement) == ["b7", "x", "b0"]
    assert await session("SELECT RAW 1 FROM books WHERE n = 6 OR n = 0") == []


async def test_prepared_plans_follow_indexes_that_come_and_go(session: Session) -> None:
    statement = "SELECT RAW n FROM books WHERE n = $1"
    assert await session(statement, 3) == [3]
    await session("CREATE INDEX i ON books(n)")
    assert await session(statement, 3) == [3]
    await session("DROP INDEX i ON books")
    assert await session(statement, 3) == [3]


@pytest.mark.parametrize("key", ["1", "UUID()", "NOW_MILLIS()", "n = $1", "(SELECT 1)"])
async def test_keys_must_depend_on_the_document_alone(session: Session, key: str) -> None:
    with pytest.raises(QueryError) as caught:
        await session(f"CREATE INDEX i ON books({key})")
    assert caught.value.code == 3280
    assert await session("SELECT * FROM system:indexes") == []


async def test_system_indexes_shows_keys_and_condition(session: Session) -> None:
    await session("CREATE INDEX i ON books(a.b, n DESC) WHERE kind = 'odd'")
    (row,) = await session("SELECT RAW i FROM system:indexes i")
    assert row["index_key"] == ["(`a`.`b`)", "`n` DESC"]
    assert row["condition"] == '(`kind` = "odd")'
