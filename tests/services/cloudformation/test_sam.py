from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.sam import SamTransform


@pytest.fixture
async def sam() -> AsyncIterator[SamTransform]:
    transform = SamTransform()
    yield transform
    await transform.stop()


def function(**properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Runtime": "python3.12",
            "Handler": "a.b",
            "CodeUri": "s3://bucket/key",
            **properties,
        },
    }


def template(**resources: Any) -> dict[str, Any]:
    return {"Transform": "AWS::Serverless-2016-10-31", "Resources": resources}


async def test_an_application_becomes_plain_resources(sam: SamTransform) -> None:
    event = {"Type": "Api", "Properties": {"Path": "/x", "Method": "get"}}
    given = template(
        F=function(Events={"E": event}, Policies=["AmazonS3ReadOnlyAccess"]),
        Site={"Type": "AWS::S3::Bucket"},
    )
    made = await sam(given, {}, "eu-west-1")
    types = {resource["Type"] for resource in made["Resources"].values()}
    assert types == {
        "AWS::Lambda::Function", "AWS::Lambda::Permission", "AWS::IAM::Role", "AWS::S3::Bucket",
        "AWS::ApiGateway::RestApi", "AWS::ApiGateway::Deployment", "AWS::ApiGateway::Stage",
    }  # fmt: skip
    arns = made["Resources"]["FRole"]["Properties"]["ManagedPolicyArns"]
    assert "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess" in arns


async def test_the_worker_is_asked_once_for_the_same(sam: SamTransform) -> None:
    given = template(F=function())
    first = await sam(given, {}, "us-east-1")
    await sam.stop()
    assert await sam(given, {}, "us-east-1") == first
    assert sam._worker is None
    await asyncio.gather(*(sam(given, {"P": str(n)}, "us-east-1") for n in range(3)))


async def test_errors_are_in_sams_words(sam: SamTransform) -> None:
    with pytest.raises(ValidationError) as caught:
        await sam(template(F=function(CodeUri="./src")), {}, "us-east-1")
    assert caught.value.message.startswith(
        "Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application "
        "Specification document. Number of errors found: 1. Resource with id [F] is invalid. "
    )


async def test_nothing_is_asked_of_the_network(sam: SamTransform) -> None:
    location = {
        "ApplicationId": "arn:aws:serverlessrepo:x:1:applications/a",
        "SemanticVersion": "1",
    }
    application = {"Type": "AWS::Serverless::Application", "Properties": {"Location": location}}
    with pytest.raises(ValidationError, match="does not reach the AWS Serverless"):
        await sam(template(A=application), {}, "us-east-1")
