"""UPDATE with FOR, and subqueries in RETURNING."""

from __future__ import annotations

from typing import Any

import pytest
from tests.couchbase.sqlpp.session import Session

ITEMS = [{"a": 1, "b": [{"c": 1}, {"c": 2}]}, {"a": 2, "b": [{"c": 3}]}]


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ("SET i.a = i.a + 1 FOR i IN items END", [2, 3]),
        ("SET i.a = i.a + 1 FOR i IN items WHEN i.a = 2 END", [1, 3]),
        ("SET items[p].a = p FOR p : i IN items END", [0, 1]),
        ("SET i.a = x FOR i IN items, x IN [7, 8] END", [7, 8]),
        ("SET v.a = 0 FOR v WITHIN items WHEN v.a = 1 END", [0, 2]),
        ("UNSET i.a FOR i IN items WHEN i.a = 1 END", [None, 2]),
    ],
)
async def test_for(session: Session, change: str, wanted: list[Any]) -> None:
    await session("UPDATE books SET items = $items WHERE n = 1", items=ITEMS)
    rows = await session(f"UPDATE books {change} WHERE n = 1 RETURNING RAW items")
    assert [item.get("a") for item in rows[0]] == wanted
    assert ITEMS[0]["a"] == 1  # what others hold is not changed


async def test_nested_for_is_written_inside_out(session: Session) -> None:
    await session("UPDATE books SET items = $items WHERE n = 1", items=ITEMS)
    rows = await session(
        "UPDATE books d SET j.c = j.c * 10 + i.a FOR j IN i.b FOR i IN d.items WHEN j.c > 1 END, "
        "d.done = TRUE WHERE n = 1 RETURNING RAW d"
    )
    assert rows[0]["items"] == [
        {"a": 1, "b": [{"c": 1}, {"c": 21}]},
        {"a": 2, "b": [{"c": 32}]},
    ]
    assert rows[0]["done"] is True


async def test_for_sets_the_elements_themselves(session: Session) -> None:
    rows = await session(
        "UPDATE books SET t = t || t FOR t IN tags WHEN t != 'b' END WHERE n = 3 RETURNING RAW tags"
    )
    assert rows == [["aa", "b", "cc"]]


async def test_returning_runs_correlated_subqueries(session: Session) -> None:
    rows = await session(
        "UPDATE books SET kind = 'prime' WHERE n IN [2, 3] "
        "RETURNING n, (SELECT RAW k.words FROM kinds k WHERE k.kind = books.kind) AS words"
    )
    assert rows == [{"n": 2, "words": ["few"]}, {"n": 3, "words": ["few"]}]
