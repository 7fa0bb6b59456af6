"""MERGE by key and by condition."""

from __future__ import annotations

import pytest
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.errors import QueryError


async def test_on_key_updates_and_inserts(session: Session) -> None:
    rows = await session(
        "MERGE INTO books b USING [{'id': 'b1', 'v': 100}, {'id': 'new', 'v': 5}] AS s "
        "ON KEY s.id WHEN MATCHED THEN UPDATE SET b.v = s.v UNSET b.tags "
        "WHEN NOT MATCHED THEN INSERT {'v': s.v} RETURNING META(b).id, b.v, b.tags"
    )
    assert rows == [{"id": "b1", "v": 100}, {"id": "new", "v": 5}]
    assert session.context.mutation_count == 2
    assert await session("SELECT RAW v FROM books USE KEYS ['b1', 'new']") == [100, 5]


async def test_on_condition_deletes_and_inserts_with_where(session: Session) -> None:
    rows = await session(
        "MERGE INTO books AS b USING kinds k ON b.kind = k.kind "
        "WHEN MATCHED THEN DELETE WHERE b.n < 4 "
        "WHEN NOT MATCHED THEN INSERT (KEY 'n' || k.kind, VALUE {'w': k.words}, "
        "OPTIONS {'expiration': 3000000000}) WHERE k.words != '' RETURNING META(b).id"
    )
    assert rows == [{"id": "b1"}, {"id": "b3"}, {"id": "nprime"}]
    assert await session("SELECT RAW META().expiration FROM books USE KEYS 'nprime'") == [
        3000000000
    ]
    left = await session("SELECT RAW META().id FROM books")
    assert left == ["b0", "b2", "b4", "b5", "b6", "b7", "nprime"]


async def test_update_before_delete_and_limit(session: Session) -> None:
    await session(
        "MERGE INTO books b USING (SELECT n FROM books ORDER BY n) s ON b.n = s.n "
        "WHEN MATCHED THEN UPDATE SET b.seen = TRUE WHERE b.n = 0 "
        "WHEN MATCHED THEN DELETE LIMIT 3"
    )
    assert await session("SELECT RAW n FROM books") == [0, 3, 4, 5, 6, 7]
    assert await session("SELECT RAW seen FROM books WHERE n = 0") == [True]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("USING [1, 1] s ON KEY 'b' || TO_STRING(s) WHEN MATCHED THEN UPDATE SET b.x = 1", 5320),
        ("USING [1, 1] s ON KEY 'x' WHEN NOT MATCHED THEN INSERT {}", 5330),
        ("USING [1] s ON b.n = s WHEN NOT MATCHED THEN INSERT {}", 3160),
        ("USING [1] s ON KEY 'x' WHEN NOT MATCHED THEN INSERT (KEY 'y', VALUE {})", 3150),
        ("USING [1] s ON KEY 'x'", 3000),
        ("USING [1] s ON KEY 'x' WHEN MATCHED THEN DELETE WHEN MATCHED THEN DELETE", 3000),
    ],
)
async def test_errors(session: Session, statement: str, code: int) -> None:
    with pytest.raises(QueryError) as caught:
        await session(f"MERGE INTO books b {statement}")
    assert caught.value.code == code
