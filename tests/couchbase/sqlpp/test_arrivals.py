"""What has come for a loop, asyncio's or uvloop, is seen until the loop has taken it up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest
import uvloop

from cloudlet.couchbase.sqlpp.arrivals import Arrivals


async def seen() -> list[bool]:
    loop = asyncio.get_running_loop()
    near, far = socket.socketpair()
    with near, far:
        loop.add_reader(near, lambda: near.recv(1))
        await asyncio.sleep(0.01)
        arrivals = Arrivals()
        found = [arrivals.waiting()]
        far.send(b"x")
        found.append(arrivals.waiting())
        await asyncio.sleep(0.01)
        found.append(arrivals.waiting())
        loop.call_soon_threadsafe(lambda: None)
        found.append(arrivals.waiting())
        await asyncio.sleep(0.01)
        loop.remove_reader(near)
        return [*found, arrivals.waiting()]


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_what_has_come_is_seen_until_it_is_taken_up(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(seen()) == [False, True, False, True, False]
