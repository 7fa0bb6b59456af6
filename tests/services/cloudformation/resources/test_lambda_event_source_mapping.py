from __future__ import annotations

from typing import Any, cast

import pytest

from cloudlet.aws.cloud import Cloud
from cloudlet.aws.principal import root
from cloudlet.services.cloudformation.model import Made
from cloudlet.services.cloudformation.resources import TYPES
from cloudlet.services.cloudformation.resources.kind import Task
from cloudlet.services.cloudformation.resources.schema import check

MAPPING = TYPES["AWS::Lambda::EventSourceMapping"]
STREAM = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
#: As SAM writes a Kinesis event.
GIVEN = check(
    MAPPING.properties,
    {
        "EventSourceArn": STREAM,
        "FunctionName": "f",
        "StartingPosition": "LATEST",
        "BatchSize": "7",
        "FilterCriteria": {"Filters": [{"Pattern": "{}"}]},
        "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::b"}},
        "Tags": [{"Key": "a", "Value": "b"}],
    },
)


class Recorder:
    """Answers every call and remembers it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    async def call(self, _service: str, operation: str, given: Any, **_: Any) -> dict[str, Any]:
        self.calls.append((operation, given))
        if operation == "ListEventSourceMappings":
            mapping = {"UUID": "u-1", "LastModified": 50.0}
            return {"EventSourceMappings": [{"UUID": "u-0", "LastModified": 1.0}, mapping]}
        return {"UUID": "u-1", "EventSourceMappingArn": "arn:u-1"}


@pytest.fixture
def cloud() -> Recorder:
    return Recorder()


@pytest.fixture
def task(cloud: Recorder) -> Task:
    async def initiated(_id: str) -> None:
        return None

    account = "000000000000"
    return Task(
        cast("Cloud", cloud), root(account), account, "us-east-1", "id", "s", "Mapping", initiated,
        since=40.0,
    )  # fmt: skip


async def test_it_is_made_with_its_tags_as_a_map(cloud: Recorder, task: Task) -> None:
    made = await MAPPING.create(task, "", GIVEN)
    assert (made.physical_id, made.attributes["EventSourceMappingArn"]) == ("u-1", "arn:u-1")
    ((operation, given),) = cloud.calls
    assert operation == "CreateEventSourceMapping"
    assert given == {**GIVEN, "Tags": {"a": "b"}}
    assert given["BatchSize"] == 7


async def test_what_is_left_out_returns_to_lambdas_default(cloud: Recorder, task: Task) -> None:
    made = Made("u-1", GIVEN, {"EventSourceMappingArn": "arn:u-1"})
    after = {k: v for k, v in GIVEN.items() if k in ("EventSourceArn", "FunctionName")}
    await MAPPING.update(task, made, {**after, "MaximumRetryAttempts": 3})
    assert cloud.calls == [
        (
            "UpdateEventSourceMapping",
            {
                "UUID": "u-1",
                "DestinationConfig": {"OnFailure": {}},
                "FilterCriteria": {"Filters": []},
                "MaximumRetryAttempts": 3,
            },
        ),
        ("UntagResource", {"Resource": "arn:u-1", "TagKeys": ["a"]}),
    ]


async def test_one_that_was_made_before_a_kill_is_found(task: Task) -> None:
    assert await MAPPING.find(task, GIVEN) == "u-1"
