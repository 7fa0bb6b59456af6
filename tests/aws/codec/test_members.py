"""Services speak to each other with AWS's member names."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.aws.codec.everything import SERVICES, botocore, complete, example, operations
from tests.aws.standin import StandIn, result_of

from cloudlet.aws.body import Body
from cloudlet.aws.codec import members
from cloudlet.aws.errors import AWSError
from cloudlet.aws.principal import root


@pytest.mark.parametrize("service", SERVICES)
def test_results_come_out_as_they_went_in(service: str) -> None:
    model, theirs = complete(service), botocore(service)
    for name in operations(service):
        if model.operations[name].output is None:
            continue
        given = example(theirs.operation_model(name).output_shape)
        written = members.serialise(model, name, result_of(model, name, given))
        for member, value in written.items():
            if isinstance(value, Body):
                written[member] = asyncio.run(value.read())
        assert written == given, name


@pytest.mark.parametrize(
    ("given", "epoch"),
    [(datetime(2026, 1, 1, tzinfo=UTC), 1767225600.0), (5, 5.0), (datetime(1970, 1, 1), 0.0)],
)
def test_timestamps_may_be_datetimes(given: Any, epoch: float) -> None:
    parsed = members.parse(complete("s3"), "ListBuckets", {})
    assert parsed.prefix is None
    tagging = {"Bucket": "b", "Key": "k", "IfModifiedSince": given}
    assert members.parse(complete("s3"), "GetObject", tagging).if_modified_since == epoch


@pytest.mark.parametrize("content", [b"x", "x", Body.of(b"x")])
async def test_streams_may_be_bytes(content: Any) -> None:
    given = {"Bucket": "b", "Key": "k", "Body": content}
    assert await members.parse(complete("s3"), "PutObject", given).body.read() == b"x"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"Bucket": 1}, "Invalid type for parameter Bucket, value: 1, type: <class 'int'>"),
        ({"Bucket": "b", "MaxKeys": True}, "Invalid type for parameter MaxKeys"),
        ({}, 'Missing required parameter in input: "Bucket"'),
        ({"Bucket": None}, 'Missing required parameter in input: "Bucket"'),
        ({"Bucket": "b", "Nope": 1}, 'Unknown parameter in input: "Nope", must be one of: Bucket,'),
    ],
)
def test_mistakes_are_told(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(AWSError) as caught:
        members.parse(complete("s3"), "ListObjectsV2", given)
    assert complaint in caught.value.message


async def test_a_service_calls_another() -> None:
    cloud = StandIn("s3", "iam")

    async def get(ctx: Any, req: Any) -> dict[str, Any]:
        return {"User": {"UserName": req.user_name, "Arn": ctx.account, "Path": "/",
                         "UserId": ctx.region, "CreateDate": 1.0}}  # fmt: skip

    cloud.serve("iam", "GetUser", get)
    made = await cloud.call("iam", "GetUser", {"UserName": "u"}, as_=root("1" * 12), region="r")
    assert made["User"]["UserName"] == "u"
    assert (made["User"]["Arn"], made["User"]["UserId"]) == ("1" * 12, "r")
    with pytest.raises(AWSError, match="not implemented") as caught:
        await cloud.call("s3", "ListBuckets", {}, as_=root("1" * 12), region="r")
    assert caught.value.status == 501
