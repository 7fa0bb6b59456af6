from __future__ import annotations

import pytest
from tests.services.lambda_.world import World

from cloudlet.aws.errors import AWSError


async def _put(world: World, qualifier: str, count: int) -> None:
    await world.call(
        "PutProvisionedConcurrencyConfig",
        FunctionName="f",
        Qualifier=qualifier,
        ProvisionedConcurrentExecutions=count,
    )


async def test_environments_of_the_version_are_wanted(world: World):
    await world.create(Publish=True)
    await _put(world, "1", 3)
    assert list(world.compute.ready.values()) == [3]
    shown = await world.call("GetProvisionedConcurrencyConfig", FunctionName="f", Qualifier="1")
    assert (shown["Status"], shown["AvailableProvisionedConcurrentExecutions"]) == ("READY", 3)
    await world.call("DeleteProvisionedConcurrencyConfig", FunctionName="f", Qualifier="1")
    assert list(world.compute.ready.values()) == [0]


async def test_an_aliass_environments_follow_it(world: World):
    await world.create(Publish=True)
    await world.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=9)
    await world.call("PublishVersion", FunctionName="f")
    await world.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    await _put(world, "live", 2)
    assert sorted(world.compute.ready.values()) == [0, 2]
    before = {key for key, count in world.compute.ready.items() if count}
    await world.call("UpdateAlias", FunctionName="f", Name="live", FunctionVersion="2")
    after = {key for key, count in world.compute.ready.items() if count}
    assert len(after) == 1
    assert after != before


@pytest.mark.parametrize(
    ("qualifier", "count", "words"),
    [
        ("$LATEST", 1, "unpublished function versions"),
        ("1", 1001, "greater than account's unreserved"),
        ("1", 901, "below its minimum value"),
        ("live", 1, "already Provisioned version"),
    ],
)
async def test_what_cannot_be_provisioned_is_refused(
    world: World, qualifier: str, count: int, words: str
):
    await world.create(Publish=True)
    await world.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    if qualifier == "live":
        await _put(world, "1", 1)
    with pytest.raises(AWSError, match=words):
        await _put(world, qualifier, count)
