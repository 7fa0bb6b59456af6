"""What a server's sudden end leaves is gone on with by the next one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.services.cloudformation.fakes import Setup, World, thing


async def crash_at(
    path: Path, world: World, moment: str, operation: str, resources: Any
) -> tuple[World, Setup]:
    """Run `operation` up to `moment`, end the service there, and start another."""
    first = Setup(path, world)
    if operation != "create":
        await first.create("s", {"A": thing(Size=1, Kind="x"), "B": thing(["A"])})
    world.hanging = {moment}
    doing = asyncio.create_task(getattr(first, operation)("s", *resources))
    await world.hung.wait()
    await first.state.stop()
    doing.cancel()
    await asyncio.gather(doing, return_exceptions=True)
    first.records.close()
    world.hanging = set()
    second = Setup(path, world)
    await second.state.start()
    await second.idle()
    return world, second


@pytest.mark.parametrize("moment", ["begin A", "create A", "begin B", "create B"])
async def test_a_creation_is_rolled_back(tmp_path: Path, world: World, moment: str) -> None:
    resources = {"A": thing(), "B": thing(["A"])}
    world, setup = await crash_at(tmp_path, world, moment, "create", [resources])
    assert await setup.status("s") == "ROLLBACK_COMPLETE"
    assert not world.things
    assert any("cloudlet was stopped" in str(reason) for *_, reason in await setup.events("s"))
    await setup.stop()


@pytest.mark.parametrize("moment", ["update A", "begin C", "create C", "begin B", "create B"])
async def test_an_update_is_rolled_back(tmp_path: Path, world: World, moment: str) -> None:
    resources = {"A": thing(Size=2, Kind="x"), "B": thing(["A"], Kind="y"), "C": thing(["B"])}
    world, setup = await crash_at(tmp_path, world, moment, "update", [resources])
    assert await setup.status("s") == "UPDATE_ROLLBACK_COMPLETE"
    found = await setup.resources("s")
    assert set(found) == {"A", "B"}
    assert set(world.things) == {each["PhysicalResourceId"] for each in found.values()}
    assert world.things[found["A"]["PhysicalResourceId"]]["Size"] == 1
    await setup.stop()


@pytest.mark.parametrize("moment", ["delete A", "delete B"])
async def test_a_clean_up_goes_on(tmp_path: Path, world: World, moment: str) -> None:
    resources = {"A": thing(Size=1, Kind="y")}
    world, setup = await crash_at(tmp_path, world, moment, "update", [resources])
    assert await setup.status("s") == "UPDATE_COMPLETE"
    assert [each["Kind"] for each in world.things.values()] == ["y"]
    await setup.stop()


@pytest.mark.parametrize("moment", ["delete A", "delete B"])
async def test_a_deletion_goes_on(tmp_path: Path, world: World, moment: str) -> None:
    world, setup = await crash_at(tmp_path, world, moment, "delete", [])
    summaries = (await setup.call("ListStacks"))["StackSummaries"]
    assert [each["StackStatus"] for each in summaries] == ["DELETE_COMPLETE"]
    assert not world.things
    await setup.stop()
