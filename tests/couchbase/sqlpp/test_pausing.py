"""Queries pause in the middle of anything, wait for the loop, end cleanly, and keep to quotas."""

from __future__ import annotations

import asyncio
import socket
import time
import weakref
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.couchbase.sqlpp.memory import MemoryKeyspaces
from tests.couchbase.sqlpp.session import Session

from cloudlet.couchbase.sqlpp.context import Context, estimated_bytes
from cloudlet.couchbase.sqlpp.encoding import encode, encoded_value
from cloudlet.couchbase.sqlpp.errors import QueryError
from cloudlet.couchbase.sqlpp.pausing import dissolve, driven, paced, pause, release, wait
from cloudlet.couchbase.sqlpp.sorting import ordered
from cloudlet.couchbase.sqlpp.tables import PART, Seen, Table


class Turns:
    look_at = 0.0

    def __init__(self) -> None:
        self.count = 0

    def over(self, now: float) -> bool:
        return now >= self.look_at

    async def turn(self) -> None:
        self.count += 1
        await asyncio.sleep(0)

    async def rest(self) -> None:
        await self.turn()


async def test_work_pauses_where_it_stands_and_goes_on() -> None:
    def deep(level: int) -> int:
        pause()
        return 1 + deep(level - 1) if level else 0

    def work() -> Iterator[int]:
        yield deep(10)
        yield deep(5)

    turns = Turns()
    assert [item async for item in driven(work(), turns)] == [10, 5]
    assert turns.count >= 17


async def test_work_can_wait_for_a_coroutine_and_sees_its_error() -> None:
    async def answer(value: int) -> int:
        await asyncio.sleep(0)
        if value < 0:
            raise ValueError(value)
        return value * 2

    def work() -> Iterator[int]:
        yield wait(answer(4))
        try:
            wait(answer(-1))
        except ValueError:
            yield -1

    assert [item async for item in driven(work(), Turns())] == [8, -1]
    with pytest.raises(RuntimeError):
        wait(answer(1))


async def test_a_slice_ends_when_something_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudlet.couchbase.sqlpp.context._SLICE_S", 60.0)
    near, far = socket.socketpair()
    arrived = False

    def take() -> None:
        nonlocal arrived
        arrived = bool(near.recv(1))

    def work() -> Iterator[bool]:
        far.send(b"x")
        end = time.monotonic() + 20
        while not arrived and time.monotonic() < end:
            pause()
        yield arrived

    asyncio.get_running_loop().add_reader(near, take)
    context = Context(Session(MemoryKeyspaces()).engine.catalog)
    with near, far:
        assert [item async for item in driven(work(), context)] == [True]
        asyncio.get_running_loop().remove_reader(near)


async def test_work_that_is_given_up_is_ended_where_it_stands() -> None:
    ended = False

    def work() -> Iterator[int]:
        nonlocal ended
        try:
            while True:
                pause()
                yield 1
        finally:
            ended = True

    async for _ in (items := driven(work(), Turns())):
        break
    await items.aclose()
    assert ended


def test_many_items_are_sorted_in_runs_and_stay_stable() -> None:
    items = [(n * 7919 % 1000, n) for n in range(3000)]
    assert ordered(items, lambda item: item[0]) == sorted(items, key=lambda item: item[0])
    assert list(paced(range(200))) == list(range(200))
    held = {n: n for n in range(1000)}
    release(held)
    assert held == {}


@pytest.mark.parametrize(
    "query",
    [
        "SELECT n, s FROM d ORDER BY s",
        "SELECT s, COUNT(*) FROM d GROUP BY s",
        "SELECT ARRAY_AGG(s) FROM d",
        "SELECT DISTINCT s FROM d",
        "SELECT COUNT(*) FROM d a JOIN d b ON a.n = b.n",
        "SELECT s, ROW_NUMBER() OVER (ORDER BY s) FROM d",
        "SELECT s FROM d UNION SELECT s FROM d",
        "SELECT RAW ARRAY_LENGTH((SELECT RAW s FROM d))",
        "INSERT INTO e (KEY UUID(), VALUE x) SELECT d AS x FROM d",
    ],
)
async def test_what_holds_too_much_ends_at_the_memory_quota(query: str) -> None:
    documents = {f"k{n}": {"n": n, "s": str(n) * 200} for n in range(3000)}
    session = Session(MemoryKeyspaces(d=documents, e={}))
    compiled = await session.engine.compile(query, None)
    context = Context(session.engine.catalog, memory_quota_bytes=500_000)
    with pytest.raises(QueryError) as caught:
        async for _ in session.engine.run(compiled, context):
            pass
    assert caught.value.code == 5500


async def test_a_limit_needs_no_memory_for_the_rest() -> None:
    documents = {f"k{n}": {"n": n, "s": str(n) * 200} for n in range(3000)}
    session = Session(MemoryKeyspaces(d=documents))
    compiled = await session.engine.compile("SELECT RAW n FROM d ORDER BY s LIMIT 2", None)
    context = Context(session.engine.catalog, memory_quota_bytes=500_000)
    assert [row async for rows in session.engine.run(compiled, context) for row in rows] == [
        0,
        1000,
    ]


def test_what_nobody_else_holds_is_let_go_of_and_the_rest_is_left() -> None:
    class Text(str):
        __slots__ = ("__weakref__",)

    shared = [[1], {"a": [2]}]
    owned: list[Any] = [Text("x"), [Text("y")] * 300, {"b": [shared, {"c": Text("z")}]}]
    alive = [weakref.ref(owned[0]), weakref.ref(owned[1][0]), weakref.ref(owned[2]["b"][1]["c"])]
    values = [owned, 7, shared]
    del owned
    dissolve(values)
    assert [text() for text in alive] == [None] * 3
    assert values == []
    assert shared == [[1], {"a": [2]}]


def test_many_keys_are_told_apart() -> None:
    seen: Seen = Seen()
    table: Table[int] = Table()
    assert all(seen.add(n) for n in range(5000))
    assert not any(seen.add(n) for n in range(5000))
    assert 4999 in seen
    assert 5000 not in seen
    release(seen)
    assert 4999 not in seen
    table.parts[hash("k") & PART]["k"] = 1
    release(table)
    assert not any(table.parts)


@pytest.mark.parametrize("value", [3, 3.0, "3", True, None, [3], {"a": 1}])
@pytest.mark.parametrize("known", [True, False])
async def test_many_questions_about_a_long_array_are_answered_as_one(
    value: object, known: bool
) -> None:
    items = [*range(4, 100), "x", [3], {"a": 1}, *([] if known else [None])]
    session = Session(MemoryKeyspaces(d={f"k{n}": {"v": value} for n in range(3)}))
    compiled = await session.engine.compile("SELECT RAW d.v IN $items FROM d", None)
    context = Context(session.engine.catalog, named={"items": items})
    found = [row async for rows in session.engine.run(compiled, context) for row in rows]
    inside = value in ([3], {"a": 1})
    expected = True if inside else None if value is None or not known else False
    assert found == [expected] * 3


def test_estimates_grow_with_the_value() -> None:
    assert estimated_bytes(["x" * 100] * 1000) > 100_000
    assert estimated_bytes({}) < 100


def test_large_values_are_encoded_in_parts_as_at_once() -> None:
    numbers = {str(n): n for n in range(600)}
    value = {"a": list(range(1000)), "b": [{"c": [None] * 600}, {}], "d": numbers}
    assert msgspec.json.decode(encoded_value(value)) == value
    assert encoded_value([]) == b"[]"
    for other in (
        'ü"\\' * 100_000, {"n": {"x" * 9: ["y" * 70_000]}}, [[[n] * 9] * 9 for n in range(99)],
        {"rows": [{"n": n, "t": [str(n)]} for n in range(700)]},
    ):  # fmt: skip
        assert encoded_value(other) == encode(other)
