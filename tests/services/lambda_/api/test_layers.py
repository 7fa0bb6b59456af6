from __future__ import annotations

from typing import Any

import pytest
from tests.services.lambda_.world import World, package

from cloudlet.aws.errors import AWSError


async def _publish(world: World, text: str = "x = 1") -> dict[str, Any]:
    return await world.call(
        "PublishLayerVersion", LayerName="l", Description="d",
        Content={"ZipFile": package({"python/lib.py": text})}, CompatibleRuntimes=["python3.11"],
    )  # fmt: skip


async def test_a_function_sees_its_layers(world: World):
    made = await _publish(world)
    assert made["LayerVersionArn"].endswith(":layer:l:1")
    created = await world.create(Layers=[made["LayerVersionArn"]])
    assert created["Layers"][0]["Arn"] == made["LayerVersionArn"]
    await world.call("Invoke", FunctionName="f")
    (layer,) = world.compute.invocations[0][0].layers
    assert (layer / "python" / "lib.py").read_text() == "x = 1"


async def test_a_deleted_layer_stays_with_its_functions(world: World):
    arn = (await _publish(world))["LayerVersionArn"]
    await world.create(Layers=[arn])
    await world.call("DeleteLayerVersion", LayerName="l", VersionNumber=1)
    await world.state.sweep()
    await world.call("Invoke", FunctionName="f")
    assert world.compute.invocations[0][0].layers[0].exists()
    with pytest.raises(AWSError, match="does not exist"):
        await world.create("g", Layers=[arn])
    assert (await _publish(world))["Version"] == 2


async def test_layers_are_shown_and_listed(world: World):
    await _publish(world, "x = 1")
    second = await _publish(world, "x = 2")
    listed = await world.call("ListLayerVersions", LayerName="l")
    assert [v["Version"] for v in listed["LayerVersions"]] == [2, 1]
    (layer,) = (await world.call("ListLayers", CompatibleRuntime="python3.11"))["Layers"]
    assert layer["LatestMatchingVersion"]["Version"] == 2
    assert (await world.call("ListLayers", CompatibleRuntime="nodejs20.x"))["Layers"] == []
    by_arn = await world.call("GetLayerVersionByArn", Arn=second["LayerVersionArn"])
    by_number = await world.call("GetLayerVersion", LayerName="l", VersionNumber=2)
    assert by_arn["Content"]["CodeSha256"] == by_number["Content"]["CodeSha256"]
    with pytest.raises(AWSError, match="does not exist"):
        await world.call("GetLayerVersion", LayerName="l", VersionNumber=3)


async def test_one_layer_in_two_versions_is_refused(world: World):
    arns = [(await _publish(world))["LayerVersionArn"] for _ in range(2)]
    with pytest.raises(AWSError, match="Two different versions of the same layer"):
        await world.create(Layers=arns)
