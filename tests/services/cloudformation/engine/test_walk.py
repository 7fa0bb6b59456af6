from __future__ import annotations

import asyncio

import pytest

from cloudlet.services.cloudformation.engine.walk import reverse, walk

GRAPH = {"a": set[str](), "b": {"a"}, "c": {"a"}, "d": {"b", "c"}, "e": set[str]()}


async def run(failing: set[str], stop_on_failure: bool) -> list[str]:
    done: list[str] = []

    async def work(name: str) -> bool:
        await asyncio.sleep(0)
        done.append(name)
        return name not in failing

    await walk(GRAPH, work, stop_on_failure=stop_on_failure)
    return done


async def test_everything_comes_after_what_it_needs() -> None:
    done = await run(set(), True)
    assert sorted(done) == list("abcde")
    assert all(done.index(need) < done.index(name) for name in GRAPH for need in GRAPH[name])


async def test_what_needs_a_failed_one_is_left_out() -> None:
    assert sorted(await run({"b"}, False)) == list("abce")


async def test_nothing_begins_after_a_failure() -> None:
    assert sorted(await run({"a"}, True)) == ["a", "e"]


async def test_a_cancellation_reaches_the_work() -> None:
    ended = asyncio.Event()

    async def work(_: str) -> bool:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return True

    task = asyncio.create_task(walk({"a": set()}, work, stop_on_failure=True))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


def test_reverse() -> None:
    assert reverse(GRAPH)["a"] == {"b", "c"}
    assert reverse(GRAPH)["d"] == set()
