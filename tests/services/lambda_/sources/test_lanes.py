from __future__ import annotations

import asyncio
import json
from collections import defaultdict

from tests.services.lambda_.sources.mapping import mapped, position
from tests.services.lambda_.sources.source import Stream, record
from tests.services.lambda_.world import World, outcome

from cloudlet.compute.environment import Invocation, Outcome

KEYS = ("one", "two", "three", "four")


class Gate:
    """A function whose invocations wait, record by record, until they are let through."""

    def __init__(self, world: World) -> None:
        self.begun: list[str] = []
        self.done: list[str] = []
        self.changed = asyncio.Condition()
        self.shut: set[str] = set()
        world.compute.answer = self

    async def __call__(self, invocation: Invocation) -> Outcome:
        ids = [one["messageId"] for one in json.loads(invocation.payload)["Records"]]
        async with self.changed:
            self.begun += ids
            self.changed.notify_all()
            await self.changed.wait_for(lambda: not self.shut & set(ids))
            self.done += ids
            self.changed.notify_all()
        return outcome(b"{}")

    async def until(self, *ids: str) -> None:
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(lambda: set(ids) <= set(self.done))

    async def open(self) -> None:
        async with self.changed:
            self.shut.clear()
            self.changed.notify_all()


async def test_a_key_that_is_held_up_holds_up_no_other(world: World) -> None:
    records = [record(f"{key}-{n}", key=key) for n in range(3) for key in KEYS]
    gate = Gate(world)
    gate.shut = {"one-0"}
    await mapped(world, Stream(*records), ParallelizationFactor=10, BatchSize=1)
    others = [one.id for one in records if one.key != "one"]
    await gate.until(*others)
    assert "one-1" not in gate.begun
    # The first record is not done, so that nothing counts as read.
    assert not list(world.state.store.checkpoints.everywhere())
    await gate.open()
    await gate.until("one-2")
    await position(world, records[-1].id)
    order = defaultdict(list)
    for id_ in gate.done:
        order[id_.partition("-")[0]].append(id_)
    assert all(ids == sorted(ids) for ids in order.values())


async def test_what_was_not_done_comes_again_after_a_restart(world: World) -> None:
    stream = Stream(*(record(f"{key}-0", key=key) for key in KEYS))
    gate = Gate(world)
    gate.shut = {"two-0"}
    await mapped(world, stream, ParallelizationFactor=10, BatchSize=1)
    await gate.until("one-0", "three-0", "four-0")
    await position(world, "one-0")
    await world.state.pollers.stop()
    gate.done.clear()
    gate.shut.clear()
    world.state.pollers.start()
    await gate.until("two-0", "three-0", "four-0")
    assert "one-0" not in gate.done
