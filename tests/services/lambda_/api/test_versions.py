from __future__ import annotations

import pytest
from tests.services.lambda_.world import World, package

from cloudlet.aws.errors import AWSError


async def test_publishing_unchanged_code_gives_the_same_version(world: World):
    await world.create()
    first = await world.call("PublishVersion", FunctionName="f", Description="one")
    assert first["Version"] == "1"
    assert first["FunctionArn"].endswith(":function:f:1")
    assert (await world.call("PublishVersion", FunctionName="f"))["Version"] == "1"
    await world.call("UpdateFunctionConfiguration", FunctionName="f", Timeout=5)
    assert (await world.call("PublishVersion", FunctionName="f"))["Version"] == "2"
    listed = await world.call("ListVersionsByFunction", FunctionName="f")
    assert [v["Version"] for v in listed["Versions"]] == ["$LATEST", "1", "2"]


async def test_a_version_keeps_its_code(world: World):
    await world.create(Publish=True)
    await world.call("UpdateFunctionCode", FunctionName="f", ZipFile=package({"app.py": "new"}))
    await world.call("Invoke", FunctionName="f:1")
    spec, invocation = world.compute.invocations[0]
    assert spec.version == "1"
    assert invocation.function_arn.endswith(":f:1")
    assert "def handler" in (spec.code / "app.py").read_text()


async def test_version_numbers_are_not_used_twice(world: World):
    await world.create(Publish=True)
    await world.call("DeleteFunction", FunctionName="f", Qualifier="1")
    assert (await world.call("PublishVersion", FunctionName="f"))["Version"] == "2"


async def test_a_version_with_an_alias_stays(world: World):
    await world.create(Publish=True)
    await world.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    with pytest.raises(AWSError) as refused:
        await world.call("DeleteFunction", FunctionName="f", Qualifier="1")
    assert refused.value.code == "ResourceConflictException"


async def test_a_digest_that_is_not_the_codes_is_refused(world: World):
    await world.create()
    with pytest.raises(AWSError, match="is different from current CodeSHA256"):
        await world.call("PublishVersion", FunctionName="f", CodeSha256="x")


async def test_a_qualifier_that_contradicts_the_name_is_refused(world: World):
    await world.create(Publish=True)
    with pytest.raises(AWSError, match="derived qualifier"):
        await world.call("GetFunction", FunctionName="f:1", Qualifier="2")
