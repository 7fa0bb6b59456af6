"""The function's role: who may pass it, whether Lambda may assume it, its credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudlet.aws.cloud import Cloud
from cloudlet.aws.context import Context
from cloudlet.aws.errors import AWSError
from cloudlet.aws.principal import Principal, service
from cloudlet.compute.environment import Credentials
from cloudlet.services.lambda_.errors import AccessDenied, InvalidParameterValue

SERVICE = "lambda.amazonaws.com"
#: How long an environment's credentials are valid: the shortest MaxSessionDuration of a role.
VALID_S = 3600

_NOT_ASSUMABLE = "The role defined for the function cannot be assumed by Lambda."


async def check_role(ctx: Context[Any], account: str, role: str, function: str) -> None:
    """Raise unless the caller may pass the role and Lambda may assume it for the function."""
    if role.split(":")[4] != account:
        raise AccessDenied("Cross-account pass role is not allowed.")
    ctx.authorise("iam:PassRole", role, conditions={"iam:PassedToService": SERVICE})
    try:
        await _assume(ctx.cloud, account, ctx.region, role, function)
    except AWSError as error:
        if error.status >= 500:
            raise
        raise InvalidParameterValue(_NOT_ASSUMABLE) from error


def credentials_of(
    cloud: Cloud, account: str, region: str, role: str, function: str
) -> Credentials:
    """What an execution environment asks for its role's temporary credentials."""

    async def credentials() -> Mapping[str, str]:
        try:
            given = await _assume(cloud, account, region, role, function)
        except AWSError as error:
            raise AccessDenied(_NOT_ASSUMABLE) from error
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }

    return credentials


def as_role(role: str, session: str) -> Principal:
    """The principal that a role's credentials stand for."""
    account, name = role.split(":")[4], role.rpartition("/")[2]
    return Principal(
        kind="assumed-role",
        account=account,
        arn=f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        user_id=f"{name}:{session}",
        name=name,
        role_arn=role,
    )


async def _assume(
    cloud: Cloud, account: str, region: str, role: str, function: str
) -> dict[str, Any]:
    session = function.ljust(2, "-")  # STS wants two characters at least
    answer = await cloud.call(
        "sts",
        "AssumeRole",
        {"RoleArn": role, "RoleSessionName": session, "DurationSeconds": VALID_S},
        as_=service(SERVICE, account),
        region=region,
    )
    given: dict[str, Any] = answer["Credentials"]
    return given
