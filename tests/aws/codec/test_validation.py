"""The models' constraints, in AWS's words."""

from __future__ import annotations

from typing import Any

import pytest
from tests.aws.codec.everything import complete

from cloudlet.aws.codec import members, validation
from cloudlet.aws.errors import AWSError


def refusal(service: str, operation: str, input_: dict[str, Any]) -> AWSError:
    with pytest.raises(AWSError) as caught:
        members.parse(complete(service), operation, input_)
    return caught.value


@pytest.mark.parametrize(
    ("service", "operation", "input_", "message"),
    [
        ("iam", "CreateUser", {"UserName": "x" * 65},
         (f"Value '{'x' * 65}' at 'userName' failed to satisfy constraint: "
         "Member must have length less than or equal to 64")),
        ("iam", "ListUsers", {"MaxItems": 1001},
         ("Value '1001' at 'maxItems' failed to satisfy constraint: "
         "Member must have value less than or equal to 1000")),
        ("iam", "CreateUser", {"UserName": "u", "Tags": [{"Key": "", "Value": "v"}]},
         ("Value '' at 'tags.1.member.key' failed to satisfy constraint: "
         "Member must have length greater than or equal to 1")),
        ("cloudformation", "CreateStack", {"StackName": "s", "OnFailure": "NO"},
         ("Value 'NO' at 'onFailure' failed to satisfy constraint: "
         "Member must satisfy enum value set: [DO_NOTHING, ROLLBACK, DELETE]")),
        ("cloudformation", "CreateStack", {"StackName": "s", "Capabilities": ["CAN"]},
         ("Value '[CAN]' at 'capabilities' failed to satisfy constraint: Member must satisfy "
         "constraint: [Member must satisfy enum value set: [CAPABILITY_IAM, CAPABILITY_NAMED_IAM, "
         "CAPABILITY_AUTO_EXPAND]]")),
        ("sts", "AssumeRole", {"RoleArn": "arn:aws:iam::1:role/a", "RoleSessionName": "a"},
         ("Value 'a' at 'roleSessionName' failed to satisfy constraint: "
         "Member must have length greater than or equal to 2")),
    ],
)  # fmt: skip
def test_wording(service: str, operation: str, input_: dict[str, Any], message: str) -> None:
    found = refusal(service, operation, input_)
    assert found.code == "ValidationError"
    assert found.message.startswith("1 validation error")
    assert message in found.message


def test_several_errors_are_counted() -> None:
    found = refusal("iam", "CreateUser", {"UserName": "a b", "Path": "x"})
    assert found.message.startswith("2 validation errors detected: Value ")


def test_services_with_codes_of_their_own() -> None:
    assert refusal("logs", "CreateLogGroup", {"logGroupName": "?"}).code == (
        "InvalidParameterException"
    )
    role = "arn:aws:iam::000000000000:role/r"
    given = {"FunctionName": "f", "Role": role, "Code": {}, "Runtime": "cobol"}
    found = refusal("lambda", "CreateFunction", given)
    assert found.code == "InvalidParameterValueException"
    assert found.message.endswith("or be a valid ARN")


def test_a_services_own_mistake_is_told_as_botocore_would() -> None:
    found = refusal("lambda", "CreateFunction", {"Foo": 1, "Code": {"ZipFile": 3}})
    assert found.message.startswith("Parameter validation failed:\nUnknown parameter in input")
    assert "Invalid type for parameter Code.ZipFile, value: 3" in found.message
    assert 'Missing required parameter in input: "Role"' in found.message


def test_a_token_for_idempotency_is_made() -> None:
    model = complete("cloudformation")
    made = members.parse(model, "DetectStackSetDrift", {"StackSetName": "s"})
    assert made.operation_id
    given = {"StackSetName": "s", "OperationId": "mine"}
    assert members.parse(model, "DetectStackSetDrift", given).operation_id == "mine"


def test_a_pattern_does_not_run_away() -> None:
    given = {"FunctionName": "a" * 200_000}
    found = refusal("lambda", "GetFunction", given)
    assert "length less than or equal to" in found.message
    assert len(found.message) < 3000


def test_every_operation_of_every_model_compiles() -> None:
    for service in ("apigateway", "cloudformation", "iam", "lambda", "logs", "s3", "sts"):
        model = complete(service)
        for name, operation in model.operations.items():
            if operation.input is not None:
                validation._checker(model, name)
