"""The ARNs that requests are about, for authorisation; and the forms of names."""

from __future__ import annotations

import re
from typing import Any

from cloudlet.aws.context import Context
from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.state import CloudFormation
from cloudlet.services.cloudformation.store import Shelf

_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}\Z")


def shelf(ctx: Context[CloudFormation]) -> Shelf:
    """The stacks of the request's account and region."""
    return ctx.service.store.at(ctx.account, ctx.region)


def stack_arn(ctx: Context[CloudFormation], req: Any) -> str:
    """The ARN of the stack that `req` names; one that is not there has `*` for its id."""
    name: str | None = req.stack_name
    if name is None:
        return "*"
    if name.startswith("arn:"):
        return name
    found = shelf(ctx).find(name)
    return found.id if found is not None else ctx.arn(f"stack/{name}/*")


def change_set_arn(ctx: Context[CloudFormation], req: Any) -> str:
    """The ARN of the stack that the change set of `req` belongs to."""
    if req.stack_name is not None:
        return stack_arn(ctx, req)
    for found in ctx.service.store.change_sets.scan(ctx.account, ctx.region):
        if found[1].id == req.change_set_name:
            return found[1].stack_id
    return "*"


def check_stack_name(name: str) -> None:
    """Raise `ValidationError` unless a new stack may have that name."""
    if not _NAME.match(name):
        raise ValidationError(
            f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )


def check_change_set_name(name: str) -> None:
    """Raise `ValidationError` unless a new change set may have that name."""
    if not _NAME.match(name):
        raise ValidationError(
            f"1 validation error detected: Value '{name}' at 'changeSetName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
        )
