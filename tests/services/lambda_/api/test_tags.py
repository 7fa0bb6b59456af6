from __future__ import annotations

import pytest
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
