"""What authorisation asks of a Lambda request: which resource, and that resource's own policy."""

from __future__ import annotations

from typing import Any

from cloudlet.aws.context import Context
from cloudlet.aws.policy import Policy
from cloudlet.services.lambda_ import permissions
from cloudlet.services.lambda_.names import FunctionName, function_name, layer_name
from cloudlet.services.lambda_.state import LambdaService


def named(ctx: Context[LambdaService], request: Any) -> FunctionName:
    """The function that the request names, with its qualifier."""
    return function_name(ctx, request.function_name, getattr(request, "qualifier", None) or None)


def function_arn(ctx: Context[LambdaService], request: Any) -> str:
    """The ARN of the function, version or alias that the request is about."""
    return named(ctx, request).qualified_arn


def function_policy(ctx: Context[LambdaService], request: Any) -> Policy | None:
    """The resource policy of the function, version or alias that the request is about."""
    return permissions.policy(ctx.service.store, named(ctx, request))


def layer_arn(ctx: Context[LambdaService], request: Any) -> str:
    """The ARN of the layer that the request is about, with its version where it names one."""
    name = layer_name(ctx, request.layer_name, getattr(request, "version_number", None))
    return name.arn if name.version is None else f"{name.arn}:{name.version}"


def layer_policy(ctx: Context[LambdaService], request: Any) -> Policy | None:
    """The resource policy of the layer version that the request is about."""
    text = getattr(request, "layer_name", None) or request.arn
    name = layer_name(ctx, text, getattr(request, "version_number", None))
    return permissions.layer_policy(ctx.service.store, name)
