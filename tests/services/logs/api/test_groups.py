from __future__ import annotations

from typing import Any

import pytest
from tests.services.logs.world import World

from cloudlet.aws.errors import AWSError
from cloudlet.services.logs.state import DAY_MS
from cloudlet.services.logs.store import now_ms

ARN = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/f"


async def test_a_group_is_shown_with_both_its_arns(world: World):
    await world.call("CreateLogGroup", logGroupName="/aws/lambda/f", tags={"a": "1"})
    (group,) = (await world.call("DescribeLogGroups"))["logGroups"]
    assert (group["arn"], group["logGroupArn"]) == (f"{ARN}:*", ARN)
    assert group["storedBytes"] == 0
    assert "retentionInDays" not in group
    with pytest.raises(AWSError) as refused:
        await world.call("CreateLogGroup", logGroupName="/aws/lambda/f")
    assert refused.value.code == "ResourceAlreadyExistsException"


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, ["a/x", "a/y", "b/x"]),
        ({"logGroupNamePrefix": "a/"}, ["a/x", "a/y"]),
        ({"logGroupNamePattern": "/x"}, ["a/x", "b/x"]),
        ({"logGroupIdentifiers": ["b/x"]}, ["b/x"]),
    ],
)
async def test_groups_are_found(world: World, given: dict[str, Any], names: list[str]):
    for name in ("b/x", "a/y", "a/x"):
        await world.call("CreateLogGroup", logGroupName=name)
    found = (await world.call("DescribeLogGroups", **given))["logGroups"]
    assert [group["logGroupName"] for group in found] == names


async def test_groups_come_in_pages(world: World):
    for name in "abc":
        await world.call("CreateLogGroup", logGroupName=name)
    first = await world.call("DescribeLogGroups", limit=2)
    rest = await world.call("DescribeLogGroups", limit=2, nextToken=first["nextToken"])
    assert [group["logGroupName"] for group in rest["logGroups"]] == ["c"]
    assert "nextToken" not in rest
    with pytest.raises(AWSError):
        await world.call("DescribeLogGroups", nextToken="nonsense")


async def test_deleting_a_group_deletes_its_events(world: World):
    await world.stream()
    await world.put("x")
    await world.call("DeleteLogGroup", logGroupName="g")
    with pytest.raises(AWSError, match="The specified log group does not exist"):
        await world.call("FilterLogEvents", logGroupName="g")
    await world.stream()
    assert (await world.call("FilterLogEvents", logGroupName="g"))["events"] == []


async def test_expired_events_are_not_shown_and_then_removed(world: World):
    await world.stream()
    await world.put("old", at=now_ms() - 3 * DAY_MS)
    await world.put("new")
    await world.call("PutRetentionPolicy", logGroupName="g", retentionInDays=1)
    (event,) = (await world.call("FilterLogEvents", logGroupName="g"))["events"]
    assert event["message"] == "new"
    await world.state.sweep()
    await world.call("DeleteRetentionPolicy", logGroupName="g")
    assert len((await world.call("FilterLogEvents", logGroupName="g"))["events"]) == 1
    (group,) = (await world.call("DescribeLogGroups"))["logGroups"]
    assert group["storedBytes"] == len("new") + 26


async def test_only_aws_retention_times_are_taken(world: World):
    await world.call("CreateLogGroup", logGroupName="g")
    with pytest.raises(AWSError) as refused:
        await world.call("PutRetentionPolicy", logGroupName="g", retentionInDays=2)
    assert refused.value.code == "InvalidParameterException"


async def test_tags_in_both_forms(world: World):
    await world.call("CreateLogGroup", logGroupName="/aws/lambda/f", tags={"a": "1"})
    await world.call("TagResource", resourceArn=ARN, tags={"b": "2"})
    await world.call("TagLogGroup", logGroupName="/aws/lambda/f", tags={"c": "3"})
    await world.call("UntagResource", resourceArn=ARN, tagKeys=["a"])
    tags = (await world.call("ListTagsForResource", resourceArn=ARN))["tags"]
    assert tags == {"b": "2", "c": "3"}
    await world.call("UntagLogGroup", logGroupName="/aws/lambda/f", tags=["b"])
    assert (await world.call("ListTagsLogGroup", logGroupName="/aws/lambda/f"))["tags"] == {
        "c": "3"
    }
