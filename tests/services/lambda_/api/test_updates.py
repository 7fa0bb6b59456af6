from __future__ import annotations

from typing import Any

import pytest
from tests.services.lambda_.world import World, package

from cloudlet.aws.errors import AWSError


async def test_new_code_runs_from_the_answer_on(world: World):
    before = await world.create()
    await world.call("Invoke", FunctionName="f")
    updated = await world.call(
        "UpdateFunctionCode", FunctionName="f", ZipFile=package({"app.py": "handler = 2"})
    )
    assert updated["LastUpdateStatus"] == "InProgress"
    assert updated["CodeSha256"] != before["CodeSha256"]
    await world.call("Invoke", FunctionName="f")
    (old, _), (new, _) = world.compute.invocations
    assert world.compute.retired == [old.key]
    assert new.key != old.key
    assert (new.code / "app.py").read_text() == "handler = 2"
    shown = await world.call("GetFunctionConfiguration", FunctionName="f")
    assert shown["LastUpdateStatus"] == "Successful"


async def test_a_dry_run_changes_nothing(world: World):
    before = await world.create()
    await world.call(
        "UpdateFunctionCode", FunctionName="f", ZipFile=package({"x.py": ""}), DryRun=True
    )
    after = await world.call("GetFunctionConfiguration", FunctionName="f")
    assert after["CodeSha256"] == before["CodeSha256"]
    assert after["RevisionId"] == before["RevisionId"]


async def test_configuration_that_is_not_given_stays(world: World):
    await world.create(Environment={"Variables": {"AA": "1"}}, Description="d")
    await world.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=9, MemorySize=256)
    shown = await world.call("GetFunctionConfiguration", FunctionName="f")
    assert (shown["Timeout"], shown["MemorySize"], shown["Description"]) == (9, 256, "d")
    assert shown["Environment"] == {"Variables": {"AA": "1"}}
    await world.call("UpdateFunctionConfiguration", FunctionName="f", Environment={"Variables": {}})
    assert "Environment" not in await world.call("GetFunctionConfiguration", FunctionName="f")


async def test_another_runtime_gets_a_tree_of_its_own(world: World):
    await world.create()
    await world.call("UpdateFunctionConfiguration", FunctionName="f", Runtime="nodejs20.x")
    await world.call("Invoke", FunctionName="f")
    spec, _ = world.compute.invocations[0]
    assert spec.runtime == "nodejs20.x"
    assert not (spec.code / "__pycache__").exists()


@pytest.mark.parametrize(
    ("operation", "given"),
    [("UpdateFunctionCode", {"ZipFile": package()}), ("UpdateFunctionConfiguration", {})],
)
async def test_an_old_revision_is_refused(world: World, operation: str, given: dict[str, Any]):
    await world.create()
    with pytest.raises(AWSError) as refused:
        await world.call(operation, FunctionName="f", RevisionId="old", **given)
    assert (refused.value.code, refused.value.status) == ("PreconditionFailedException", 412)
