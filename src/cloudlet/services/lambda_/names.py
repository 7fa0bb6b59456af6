"""Function names as callers write them: names, partial ARNs and ARNs, with or without qualifier."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cloudlet.aws.context import Context
from cloudlet.services.lambda_.errors import InvalidParameterValue, ResourceNotFound, Validation

LATEST = "$LATEST"

#: As AWS words it.
_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)
_FUNCTION = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?(?P<name>[a-zA-Z0-9-_]+)"
    r"(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9-_]+))?"
)
_LAYER = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):layer:)?"
    r"(?P<name>[a-zA-Z0-9-_]+)(?::(?P<version>\d+))?"
)


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function, and perhaps a version or alias of it, in its account and region."""

    account: str
    region: str
    name: str
    qualifier: str | None = None

    @property
    def arn(self) -> str:
        """The function's own ARN, without the qualifier."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def qualified_arn(self) -> str:
        """The ARN with the qualifier, where one was given."""
        return f"{self.arn}:{self.qualifier}" if self.qualifier else self.arn

    @property
    def key(self) -> tuple[str, str, str]:
        """Account, region and name."""
        return self.account, self.region, self.name


@dataclass(frozen=True, slots=True)
class LayerName:
    """A layer, and perhaps a version of it, in its account and region."""

    account: str
    region: str
    name: str
    version: int | None = None

    @property
    def arn(self) -> str:
        """The layer's own ARN, without the version."""
        return f"arn:aws:lambda:{self.region}:{self.account}:layer:{self.name}"

    @property
    def id(self) -> str:
        """Where the layer version is kept."""
        return f"{self.name}:{self.version}"


def function_name(ctx: Context[Any], text: str, qualifier: str | None = None) -> FunctionName:
    """Read `text` as AWS does; a qualifier in it must agree with `qualifier`.

    A name without an account is the caller's own; an ARN of another region is not found, as
    endpoints of AWS serve one region each.
    """
    found = _FUNCTION.fullmatch(text)
    if found is None:
        raise Validation(
            "functionName", text, f"Member must satisfy regular expression pattern: {_PATTERN}"
        )
    if len(found["name"]) > 64:
        raise Validation("functionName", text, "Member must have length less than or equal to 64")
    region = found["region"] or ctx.region
    if region != ctx.region:
        raise ResourceNotFound(
            f"Functions from '{region}' are not reachable in this region ('{ctx.region}')"
        )
    inside = found["qualifier"]
    if inside and qualifier and inside != qualifier:
        raise InvalidParameterValue(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return FunctionName(found["account"] or ctx.account, region, found["name"], inside or qualifier)


def from_arn(arn: str) -> FunctionName | None:
    """The function of a whole ARN, or None where it is not one."""
    found = _FUNCTION.fullmatch(arn)
    if found is None or not arn.startswith("arn:") or ":function:" not in arn:
        return None
    if not found["account"] or not found["region"]:
        return None
    return FunctionName(found["account"], found["region"], found["name"], found["qualifier"])


def layer_name(ctx: Context[Any], text: str, version: int | None = None) -> LayerName:
    """Read a layer's name or ARN; the version may stand in the ARN or beside it."""
    found = _LAYER.fullmatch(text)
    if found is None:
        raise InvalidParameterValue(f"Invalid layer ARN or name: {text}")
    inside = int(found["version"]) if found["version"] else version
    return LayerName(
        found["account"] or ctx.account, found["region"] or ctx.region, found["name"], inside
    )
