from __future__ import annotations

import pytest
from tests.services.lambda_.sources.mapping import mapped
from tests.services.lambda_.sources.source import Stream
from tests.services.lambda_.world import World

from cloudlet.aws.errors import AWSError


async def test_tags_are_added_replaced_and_removed(world: World):
    arn = (await world.create(Tags={"a": "1"}))["FunctionArn"]
    await world.call("TagResource", Resource=arn, Tags={"a": "2", "b": "3"})
    assert (await world.call("ListTags", Resource=arn))["Tags"] == {"a": "2", "b": "3"}
    await world.call("UntagResource", Resource=arn, TagKeys=["a"])
    assert (await world.call("ListTags", Resource=arn))["Tags"] == {"b": "3"}


@pytest.mark.parametrize(
    ("suffix", "tags"),
    [
        (":1", {"a": "1"}),
        ("", {"aws:x": "1"}),
        ("", {f"k{i}": "v" for i in range(51)}),
        ("2", {"a": "1"}),
    ],
)
async def test_bad_tags_are_refused(world: World, suffix: str, tags: dict[str, str]):
    arn = (await world.create())["FunctionArn"]
    with pytest.raises(AWSError):
        await world.call("TagResource", Resource=arn + suffix, Tags=tags)
    assert (await world.call("ListTags", Resource=arn))["Tags"] == {}


async def test_other_resources_have_tags_too(world: World):
    profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/v"
    signing = await world.call(
        "CreateCodeSigningConfig",
        AllowedPublishers={"SigningProfileVersionArns": [profile]},
        Tags={"a": "1"},
    )
    mapping = await mapped(world, Stream(), Tags={"a": "1"})
    arns = (
        signing["CodeSigningConfig"]["CodeSigningConfigArn"],
        f"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{mapping}",
    )
    for arn in arns:
        await world.call("TagResource", Resource=arn, Tags={"b": "2"})
        await world.call("UntagResource", Resource=arn, TagKeys=["a"])
        assert (await world.call("ListTags", Resource=arn))["Tags"] == {"b": "2"}
