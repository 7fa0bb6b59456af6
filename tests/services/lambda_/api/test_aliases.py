from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from tests.services.lambda_.world import World

from cloudlet.aws.errors import AWSError


async def _two_versions(world: World) -> None:
    await world.create(Publish=True)
    await world.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=7)
    await world.call("PublishVersion", FunctionName="f")


async def test_an_alias_runs_the_version_it_points_to(world: World):
    await _two_versions(world)
    made = await world.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    answer = await world.call("Invoke", FunctionName="f", Qualifier="live")
    assert answer["ExecutedVersion"] == "1"
    await world.call("UpdateAlias", FunctionName="f", Name="live", FunctionVersion="2")
    answer = await world.call("Invoke", FunctionName=made["AliasArn"])
    assert answer["ExecutedVersion"] == "2"
    assert world.compute.invocations[-1][1].function_arn == made["AliasArn"]
    assert (await world.call("GetFunction", FunctionName="f:live"))["Configuration"][
        "Version"
    ] == "2"


async def test_weights_share_the_traffic(world: World):
    await _two_versions(world)
    await world.call(
        "CreateAlias", FunctionName="f", Name="live", FunctionVersion="1",
        RoutingConfig={"AdditionalVersionWeights": {"2": 0.5}},
    )  # fmt: skip
    for _ in range(60):
        await world.call("Invoke", FunctionName="f:live")
    counts = Counter(spec.version for spec, _ in world.compute.invocations)
    assert set(counts) == {"1", "2"}
    assert min(counts.values()) > 8


@pytest.mark.parametrize(
    ("version", "weights", "words"),
    [
        ("9", {}, "Function not found"),
        ("$LATEST", {"1": 0.1}, r"\$LATEST is not supported"),
        ("1", {"1": 0.1}, "Invalid function version 1"),
        ("1", {"2": 0.1, "3": 0.1}, "AdditionalVersionWeights"),
    ],
)
async def test_bad_routes_are_refused(
    world: World, version: str, weights: dict[str, Any], words: str
):
    await _two_versions(world)
    with pytest.raises(AWSError, match=words):
        await world.call(
            "CreateAlias", FunctionName="f", Name="live", FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": weights},
        )  # fmt: skip


async def test_aliases_are_listed_and_deleted(world: World):
    await _two_versions(world)
    for name, version in (("b", "2"), ("a", "1")):
        await world.call("CreateAlias", FunctionName="f", Name=name, FunctionVersion=version)
    listed = await world.call("ListAliases", FunctionName="f")
    assert [alias["Name"] for alias in listed["Aliases"]] == ["a", "b"]
    listed = await world.call("ListAliases", FunctionName="f", FunctionVersion="2")
    assert [alias["Name"] for alias in listed["Aliases"]] == ["b"]
    with pytest.raises(AWSError, match="Alias already exists"):
        await world.call("CreateAlias", FunctionName="f", Name="a", FunctionVersion="1")
    await world.call("DeleteAlias", FunctionName="f", Name="a")
    with pytest.raises(AWSError, match="Cannot find alias arn"):
        await world.call("GetAlias", FunctionName="f", Name="a")
