"""Log groups as callers name them, and the ARNs that authorisation asks about."""

from __future__ import annotations

import re
from typing import Any

from cloudlet.aws.context import Context
from cloudlet.services.logs.errors import InvalidParameter

_ARN = re.compile(r"arn:aws[a-z-]*:logs:([a-z0-9-]+):(\d{12}):log-group:([^:]+)(:\*)?")


def group_arn(region: str, account: str, name: str) -> str:
    """The ARN of a log group, without the `:*` that stands for its streams."""
    return f"arn:aws:logs:{region}:{account}:log-group:{name}"


def stream_arn(region: str, account: str, group: str, stream: str = "") -> str:
    """The ARN that CloudWatch Logs authorises on: of a stream, or of a group's streams."""
    return f"{group_arn(region, account, group)}:log-stream:{stream}"


def named(ctx: Context[Any], request: Any) -> tuple[str, str, str]:
    """The (account, region, group) of a request that has a name or an identifier."""
    name: str | None = request.log_group_name
    identifier: str | None = getattr(request, "log_group_identifier", None)
    if name is not None and identifier is not None:
        raise InvalidParameter(
            "LogGroup name and LogGroup identifier are mutually exclusive parameters."
        )
    if identifier is not None and identifier.startswith("arn:"):
        return from_arn(ctx, identifier)
    if name is None and identifier is None:
        raise InvalidParameter("Either LogGroup name or LogGroup identifier must be specified.")
    return ctx.account, ctx.region, str(name or identifier)


def from_arn(ctx: Context[Any], arn: str) -> tuple[str, str, str]:
    """The (account, region, group) of a log group's ARN in this region."""
    found = _ARN.fullmatch(arn)
    if found is None or found[1] != ctx.region:
        raise InvalidParameter(f"Invalid ARN: {arn}")
    return found[2], found[1], found[3]


def streams_of(ctx: Context[Any], request: Any) -> str:
    """What a request about a group needs permission for."""
    account, region, group = named(ctx, request)
    return stream_arn(region, account, group)


def stream_of(ctx: Context[Any], request: Any) -> str:
    """What a request about one stream needs permission for."""
    account, region, group = named(ctx, request)
    return stream_arn(region, account, group, request.log_stream_name)


def resource_of(_ctx: Context[Any], request: Any) -> str:
    """What a tagging request needs permission for."""
    return str(request.resource_arn).removesuffix(":*")
