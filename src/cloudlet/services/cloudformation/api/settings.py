"""Stack policies, account limits, and what cloudlet cannot estimate."""

from __future__ import annotations

import json

from cloudlet.aws.context import Context
from cloudlet.aws.models.cloudformation import (
    AccountLimit,
    DescribeAccountLimitsInput,
    DescribeAccountLimitsOutput,
    GetStackPolicyInput,
    GetStackPolicyOutput,
    SetStackPolicyInput,
)
from cloudlet.aws.service import operation
from cloudlet.services.cloudformation.api import sources
from cloudlet.services.cloudformation.api.arns import shelf, stack_arn
from cloudlet.services.cloudformation.engine.journal import Journal
from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.state import CloudFormation

MAX_POLICY = 16_384  # bytes
LIMITS = {"StackLimit": 2000, "StackOutputsLimit": 200, "ConcurrentResourcesLimit": 2500}


async def policy_text(
    ctx: Context[CloudFormation], body: str | None, url: str | None
) -> str | None:
    """The stack policy of a request, which must be a JSON object with statements."""
    if body is not None and url is not None:
        raise ValidationError("You cannot specify both StackPolicyURL and StackPolicyBody.")
    text = body if url is None else await sources.fetch(ctx, url)
    if text is None:
        return None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValidationError("Error validating stack policy: Invalid JSON") from error
    statements = document.get("Statement") if isinstance(document, dict) else None
    statements = [statements] if isinstance(statements, dict) else statements
    if not isinstance(statements, list) or not all(
        isinstance(each, dict)
        and each.get("Effect") in ("Allow", "Deny")
        and isinstance(each.get("Condition", {}), dict)
        and all(isinstance(keys, dict) for keys in each.get("Condition", {}).values())
        for each in statements
    ):
        raise ValidationError("Error validating stack policy: Invalid stack policy")
    if len(text.encode()) > MAX_POLICY:
        raise ValidationError(f"Stack policy may not exceed {MAX_POLICY} bytes")
    return text


@operation("SetStackPolicy", resource=stack_arn)
async def set_stack_policy(ctx: Context[CloudFormation], req: SetStackPolicyInput) -> None:
    """Keep a stack's policy."""
    here = shelf(ctx)
    stack = here.stack(req.stack_name, "Stack [{}] does not exist")
    policy = await policy_text(ctx, req.stack_policy_body, req.stack_policy_url)
    if policy is None:
        raise ValidationError("Either StackPolicyBody or StackPolicyURL must be specified.")
    await Journal(here, stack).amend(policy=policy)


@operation("GetStackPolicy", resource=stack_arn)
async def get_stack_policy(
    ctx: Context[CloudFormation], req: GetStackPolicyInput
) -> GetStackPolicyOutput:
    """The stack's policy, if it has one."""
    stack = shelf(ctx).stack(req.stack_name, "Stack [{}] does not exist")
    return GetStackPolicyOutput(stack_policy_body=stack.policy)


@operation("DescribeAccountLimits")
async def describe_account_limits(
    _ctx: Context[CloudFormation], _req: DescribeAccountLimitsInput
) -> DescribeAccountLimitsOutput:
    """AWS's default limits."""
    return DescribeAccountLimitsOutput(
        account_limits=[AccountLimit(name=name, value=value) for name, value in LIMITS.items()]
    )
