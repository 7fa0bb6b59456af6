"""CloudWatch Logs as boto3 sees it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.clients.functions import Functions, unique
from tests.clients.live import Live

pytestmark = pytest.mark.clients


@pytest.fixture
def logs(server: Live) -> Any:
    return server.client("logs")


@pytest.fixture
def group(logs: Any) -> str:
    name = unique("/test/logs")
    logs.create_log_group(logGroupName=name, tags={"kind": "test"})
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


def _put(logs: Any, group: str, *messages: str) -> int:
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName=group,
        logStreamName="s",
        logEvents=[{"timestamp": now + i, "message": m} for i, m in enumerate(messages)],
    )
    return now


def test_events_are_written_and_read_in_both_directions(logs: Any, group: str) -> None:
    _put(logs, group, "one", "two", "three")
    page = logs.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True, limit=2)
    assert [event["message"] for event in page["events"]] == ["one", "two"]
    page = logs.get_log_events(
        logGroupName=group, logStreamName="s", nextToken=page["nextForwardToken"]
    )
    assert [event["message"] for event in page["events"]] == ["three"]
    last = logs.get_log_events(logGroupName=group, logStreamName="s", limit=1)
    assert [event["message"] for event in last["events"]] == ["three"]


def test_patterns_and_paginators_find_events(logs: Any, group: str) -> None:
    _put(logs, group, "ERROR a", '{"level":"ERROR","ms":12}', "fine", "ERROR b")
    pages = logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern="ERROR -b", PaginationConfig={"PageSize": 1}
    )
    assert [e["message"][:7] for page in pages for e in page["events"]] == ["ERROR a", '{"level']
    found = logs.filter_log_events(logGroupName=group, filterPattern="{ $.ms > 10 }")
    assert len(found["events"]) == 1


def test_groups_have_retention_tags_and_an_end(logs: Any, group: str) -> None:
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    (found,) = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found["retentionInDays"] == 7
    assert logs.list_tags_for_resource(resourceArn=found["logGroupArn"])["tags"] == {"kind": "test"}
    logs.delete_log_group(logGroupName=group)
    with pytest.raises(ClientError) as refused:
        logs.filter_log_events(logGroupName=group)
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_what_is_not_implemented_says_so(logs: Any, group: str) -> None:
    with pytest.raises(ClientError) as refused:
        logs.start_query(logGroupName=group, startTime=0, endTime=1, queryString="fields @message")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_a_role_without_the_right_leaves_no_log(server: Live) -> None:
    functions = Functions(server)
    source = "def handler(event, context): print('secret')"
    name = functions.create(source, Role=functions.role(policy=None))
    functions.invoke(name)
    time.sleep(0.3)
    found = functions.logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")
    assert found["logGroups"] == []
