from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator

import pytest

from cloudlet.compute import corner as corners
from cloudlet.compute.corner import Corner, allowed, corner, elsewhere

pytestmark = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < 2, reason="one processor has no corner"
)


@pytest.fixture
async def place() -> AsyncIterator[Corner]:
    place = Corner()
    yield place
    place.close()


def mine() -> list[int]:
    return sorted(os.sched_getaffinity(os.getpid()))


def test_the_corner_and_the_rest_are_all_processors() -> None:
    assert sorted({*corner(), *elsewhere()}) == allowed()
    assert not set(corner()) & set(elsewhere())


async def test_while_there_is_work_in_it_our_thread_stays_out(place: Corner) -> None:
    assert place.left() == allowed()
    place.occupy(0.02)
    place.occupy(0.05)
    assert place.left() == elsewhere()
    assert mine() == elsewhere()
    await asyncio.sleep(0.03)
    assert mine() == elsewhere()
    await asyncio.sleep(0.05)
    assert place.left() == allowed()
    assert mine() == allowed()


async def test_what_was_begun_meanwhile_runs_everywhere_afterwards(place: Corner) -> None:
    place.occupy()
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    with subprocess.Popen(  # noqa: ASYNC220 - a moment
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE
    ) as child:
        assert sorted(os.sched_getaffinity(child.pid)) == elsewhere()
        place.close()
        assert sorted(os.sched_getaffinity(child.pid)) == allowed()
        assert thread.native_id is not None
        assert sorted(os.sched_getaffinity(thread.native_id)) == allowed()
    done.set()
    thread.join()


async def test_who_holds_up_others_begins_there_and_others_elsewhere_for_a_while(
    place: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place.processors_for("crowd") == place.processors_for("other") == allowed()
    place.send("crowd")
    assert place.processors_for("crowd") == corner()
    assert place.processors_for("other") == elsewhere()
    monkeypatch.setattr(corners, "_LATELY_S", 0.0)
    assert place.processors_for("crowd") == place.processors_for("other") == allowed()


async def test_the_keys_that_are_remembered_are_limited(place: Corner) -> None:
    for number in range(3000):
        place.send(str(number))
    assert len(place._sent) <= 1024
    assert place.processors_for("2999") == corner()


async def test_our_thread_has_it_while_it_is_busy(
    place: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, used_s = 1000.0, 0.0
    monkeypatch.setattr(corners, "perf_counter", lambda: now)
    monkeypatch.setattr(corners, "thread_time", lambda: used_s)
    moved: list[list[int]] = []
    monkeypatch.setattr(corners, "move", lambda threads, where: moved.append(where))
    for part, occupied in ((0.7, False), (0.9, True), (0.7, True), (0.5, False)):
        now, used_s = now + 0.1, used_s + 0.1 * part
        moved.clear()
        assert place.left() == (elsewhere() if occupied else allowed())
        assert moved == ([corner(), allowed()] if occupied else [])


@pytest.mark.parametrize("busy_s", [0.0, 1e6])
async def test_not_so_beside_an_environment_that_was_sent_there(
    busy_s: float, place: Corner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corners, "thread_time", lambda: busy_s)
    place.left()
    place.occupy()
    assert mine() == (allowed() if busy_s else elsewhere())
    place.send("key")
    assert place.left() == elsewhere()
    assert mine() == elsewhere()


async def test_one_processor_for_us_and_environments_is_narrow(place: Corner) -> None:
    assert not place.is_narrow()
    place.occupy()
    assert place.is_narrow() is (len(elsewhere()) == 1)
