from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloudlet.storage.queue import Queue


async def test_items_come_in_their_order_and_go_when_done(tmp_path: Path):
    queue = Queue(tmp_path / "q.db")
    for body in (b"1", b"2"):
        await queue.put("lane", body)
    first, second = await queue.take(), await queue.take()
    assert (await queue.body(first), await queue.body(second)) == (b"1", b"2")
    await queue.done(first)
    with pytest.raises(LookupError):
        await queue.body(first)
    queue.close()
    queue = Queue(tmp_path / "q.db")
    assert await queue.body(await queue.take()) == b"2"
    assert len(queue) == 0
    queue.close()


async def test_a_taker_waits_for_an_item(tmp_path: Path):
    queue = Queue(tmp_path / "q.db")
    taking = asyncio.create_task(queue.take())
    await asyncio.sleep(0.01)
    assert not taking.done()
    await queue.put("lane", b"x")
    assert (await asyncio.wait_for(taking, 2)).lane == "lane"
    queue.close()


async def test_a_retried_item_is_due_later_and_counts(tmp_path: Path):
    queue = Queue(tmp_path / "q.db")
    await queue.put("a", b"late")
    late = await queue.take()
    await queue.retry(late, 0.05)
    await queue.put("b", b"now")
    other = await queue.take()
    assert other.lane == "b"
    await queue.done(other)
    again = await asyncio.wait_for(queue.take(), 2)
    assert (again.id, again.attempts, again.postponed) == (late.id, 1, 0)
    await queue.postpone(again, 0)
    queue.close()
    queue = Queue(tmp_path / "q.db")
    last = await asyncio.wait_for(queue.take(), 2)
    assert (last.attempts, last.postponed, last.added_ms) == (1, 1, late.added_ms)
    queue.close()


async def test_clearing_removes_what_waits(tmp_path: Path):
    queue = Queue(tmp_path / "q.db")
    await queue.put("a", b"x")
    await queue.clear()
    queue.close()
    queue = Queue(tmp_path / "q.db")
    assert len(queue) == 0
    queue.close()


_WRITER = """
import asyncio, os, sys
from pathlib import Path
from cloudlet.storage.queue import Queue
async def main():
    queue = Queue(Path(sys.argv[1]))
    while True:
        id_ = await queue.put("lane", b"x")
        os.write(1, b"%d\\n" % id_)
asyncio.run(main())
"""


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path):
    path = tmp_path / "q.db"
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, os.fspath(path)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    acknowledged = [int(process.stdout.readline()) for _ in range(20)]
    process.kill()
    acknowledged += [int(line) for line in process.stdout.read().splitlines()]
    process.stdout.close()
    process.wait()
    queue = Queue(path)
    stored = {id_ for _, id_, _ in queue._waiting}
    queue.close()
    assert set(acknowledged) <= stored
