from __future__ import annotations

import asyncio

import pytest
from tests.services.lambda_.world import World, build_world, outcome, package

from cloudlet.services.lambda_ import state as state_module
from cloudlet.services.lambda_.state import LambdaService


async def test_functions_survive_a_restart(world: World):
    await world.create(Publish=True)
    await world.call("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=7)
    location = (await world.call("GetFunction", FunctionName="f"))["Code"]["Location"]
    again = build_world(world.parts.data)
    await again.state.start()
    answer = await again.call("Invoke", FunctionName="f:1")
    assert answer["ExecutedVersion"] == "1"
    assert (again.compute.invocations[0][0].code / "app.py").exists()
    assert again.state.targets.account("000000000000", "us-east-1").unreserved == 993
    assert again.state.is_signed(*location.rsplit("/", 3)[1:])
    await again.state.stop()
    again.parts.records.close()


async def test_lost_trees_are_unpacked_again_at_the_start(world: World):
    await world.create()
    await world.state.code.sweep([(next(world.state.store.codes())[0], "", "/opt")])
    assert list(world.state.code.trees.iterdir()) == []
    again = build_world(world.parts.data)
    await again.state.start()
    await again.call("Invoke", FunctionName="f")
    assert (again.compute.invocations[0][0].code / "app.py").exists()
    await again.state.stop()
    again.parts.records.close()


async def test_a_reset_leaves_nothing(world: World):
    await world.create()
    await world.call("Invoke", FunctionName="f")
    await world.parts.records.clear()
    await world.state.reset()
    assert (await world.call("ListFunctions"))["Functions"] == []
    assert list(world.state.code.trees.iterdir()) == []
    await world.create()
    assert (await world.call("Invoke", FunctionName="f"))["StatusCode"] == 200


async def test_replaced_code_stays_while_an_invocation_runs(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(state_module, "SWEEP_S", 0.01)
    started, release = asyncio.Event(), asyncio.Event()

    async def wait(_invocation: object):
        started.set()
        await release.wait()
        return outcome()

    world.compute.answer = wait
    await world.create()
    running = asyncio.create_task(world.call("Invoke", FunctionName="f"))
    await started.wait()
    old = world.compute.invocations[0][0].code
    await world.call("UpdateFunctionCode", FunctionName="f", ZipFile=package({"app.py": "new"}))
    await asyncio.sleep(0.05)
    assert old.exists()
    release.set()
    await running
    sweep = world.state._sweep
    assert sweep is not None
    await asyncio.wait_for(sweep, 5)
    assert not old.exists()


@pytest.mark.parametrize(("place", "value"), [(0, "0" * 64), (1, "1"), (1, "x"), (2, "0" * 64)])
async def test_a_download_address_cannot_be_made_up(world: World, place: int, value: str):
    await world.create()
    location = (await world.call("GetFunction", FunctionName="f"))["Code"]["Location"]
    parts = location.rsplit("/", 3)[1:]
    state: LambdaService = world.state
    assert state.is_signed(*parts)
    parts[place] = value
    assert not state.is_signed(*parts)
