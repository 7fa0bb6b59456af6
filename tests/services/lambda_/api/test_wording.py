"""Errors as AWS words them, operation by operation."""

from __future__ import annotations

from typing import Any

import pytest
from tests.services.lambda_.world import ACCOUNT, World

from cloudlet.aws.errors import AWSError

ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
SIGNING = f"arn:aws:lambda:us-east-1:{ACCOUNT}:code-signing-config:csc-{'0' * 17}"
NOBODY = {"FunctionName": "nobody"}
F = {"FunctionName": "f"}
INVALID, NOT_FOUND, CONFLICT, PRECONDITION = (
    "InvalidParameterValueException",
    "ResourceNotFoundException",
    "ResourceConflictException",
    "PreconditionFailedException",
)
RETRIES = {"MaximumRetryAttempts": 1}
PERMISSION = {
    "StatementId": "s",
    "Action": "lambda:InvokeFunction",
    "Principal": "s3.amazonaws.com",
}
STALE = "00000000-0000-0000-0000-000000000000"


def to(arn: str) -> dict[str, Any]:
    return {"DestinationConfig": {"OnSuccess": {"Destination": arn}}}


@pytest.mark.parametrize(
    ("operation", "given", "code", "message"),
    [
        ("GetFunction", NOBODY, NOT_FOUND, f"Function not found: {ARN[:-1]}nobody"),
        ("GetAlias", {**F, "Name": "a"}, NOT_FOUND, f"Cannot find alias arn: {ARN}:a"),
        ("DeleteFunction", {**F, "Qualifier": "$LATEST"}, INVALID,
         "$LATEST version cannot be deleted without deleting the function."),
        ("AddPermission", {**F, **PERMISSION, "RevisionId": STALE}, PRECONDITION,
         ("The Revision Id provided does not match the latest Revision Id. Call the"
         " GetFunction/GetAlias API to retrieve the latest Revision Id")),
        ("AddPermission", {**F, **PERMISSION, "Qualifier": "$LATEST"}, INVALID,
         "We currently do not support adding policies for $LATEST."),
        ("RemovePermission", {**NOBODY, "StatementId": "s"}, NOT_FOUND,
         f"No policy found for: {ARN[:-1]}nobody"),
        ("RemovePermission", {**F, "StatementId": "s"}, NOT_FOUND,
         "No policy is associated with the given resource."),
        ("GetPolicy", F, NOT_FOUND, "The resource you requested does not exist."),
        ("PutFunctionConcurrency", {"FunctionName": "f:1", "ReservedConcurrentExecutions": 1},
         INVALID,
         ("This operation is permitted on Lambda functions only. Aliases and versions do not"
         " support this operation. Please specify either a function name or an unqualified function"
         " ARN.")),
        ("UpdateFunctionCode", {**F, "ImageUri": "i"}, INVALID,
         "Please don't provide ImageUri when updating a function with packageType Zip."),
        ("DeleteLayerVersion", {"LayerName": "l", "VersionNumber": 0}, INVALID,
         "Layer Version Cannot be less than 1"),
        ("ListTags", {"Resource": SIGNING}, NOT_FOUND,
         f"The resource you requested does not exist: {SIGNING}"),
        ("CreateFunctionUrlConfig", {**NOBODY, "AuthType": "NONE"}, NOT_FOUND,
         "Function does not exist"),
        ("GetFunctionUrlConfig", F, NOT_FOUND, "The resource you requested does not exist."),
        ("ListFunctionUrlConfigs", NOBODY, NOT_FOUND, "Function does not exist"),
        ("PutFunctionEventInvokeConfig", F, INVALID,
         "You must specify at least one of error handling or destination setting."),
        ("PutFunctionEventInvokeConfig", {**NOBODY, **RETRIES}, NOT_FOUND,
         "The function doesn't exist."),
        ("PutFunctionEventInvokeConfig", {**F, **to(ARN)}, INVALID,
         "You can't specify the function as a destination for itself."),
        ("PutFunctionEventInvokeConfig", {**F, **to(f"{ARN}2")}, INVALID,
         f"The destination ARN {ARN}2 is invalid."),
        ("GetFunctionEventInvokeConfig", F, NOT_FOUND,
         f"The function {ARN}:$LATEST doesn't have an EventInvokeConfig"),
        ("GetProvisionedConcurrencyConfig", {**F, "Qualifier": "$LATEST"}, INVALID,
         "The function resource provided must be an alias or a published version."),
        ("GetProvisionedConcurrencyConfig", {**F, "Qualifier": "a"}, NOT_FOUND,
         f"Cannot find alias arn: {ARN}:a"),
        ("GetCodeSigningConfig", {"CodeSigningConfigArn": SIGNING}, NOT_FOUND,
         f"The Lambda code signing configuration {SIGNING} can not be found."),
        ("PutFunctionCodeSigningConfig", {**F, "CodeSigningConfigArn": SIGNING},
         "CodeSigningConfigNotFoundException",
         ("The code signing configuration cannot be found. Check that the provided configuration is"
         f" not deleted: {SIGNING}.")),
    ],
)  # fmt: skip
async def test_an_error_is_awss(
    world: World, operation: str, given: dict[str, Any], code: str, message: str
) -> None:
    world.allow_role("lambda:*")
    await world.create()
    with pytest.raises(AWSError) as refused:
        await world.call(operation, **given)
    assert (refused.value.code, refused.value.message) == (code, message)


async def test_a_version_is_provisioned_once(world: World) -> None:
    await world.create(Publish=True)
    await world.call("CreateAlias", FunctionName="f", Name="a", FunctionVersion="1")
    wanted: dict[str, Any] = {"FunctionName": "f", "ProvisionedConcurrentExecutions": 1}
    await world.call("PutProvisionedConcurrencyConfig", Qualifier="1", **wanted)
    with pytest.raises(AWSError) as refused:
        await world.call("PutProvisionedConcurrencyConfig", Qualifier="a", **wanted)
    assert refused.value.code == CONFLICT
    assert "already Provisioned version" in refused.value.message
