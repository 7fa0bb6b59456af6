"""Reserved concurrency and the account's limits."""

from __future__ import annotations

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    AccountLimit,
    AccountUsage,
    Concurrency,
    DeleteFunctionConcurrencyRequest,
    GetAccountSettingsRequest,
    GetAccountSettingsResponse,
    GetFunctionConcurrencyRequest,
    GetFunctionConcurrencyResponse,
    PutFunctionConcurrencyRequest,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_ import deployment
from cloudlet.services.lambda_.code import UNZIPPED_LIMIT
from cloudlet.services.lambda_.concurrency import ACCOUNT_LIMIT, UNRESERVED_MINIMUM
from cloudlet.services.lambda_.errors import InvalidParameterValue
from cloudlet.services.lambda_.names import FunctionName
from cloudlet.services.lambda_.resources import function_arn, function_policy, named
from cloudlet.services.lambda_.state import ZIP_BYTES, LambdaService

Lambda = Context[LambdaService]


@operation("PutFunctionConcurrency", resource=function_arn, policy=function_policy)
async def put_function_concurrency(ctx: Lambda, req: PutFunctionConcurrencyRequest) -> Concurrency:
    """Reserve concurrency for the function; 0 stops its invocations."""
    name = _unqualified(named(ctx, req))
    wanted = req.reserved_concurrent_executions
    before = ctx.service.store.function(name).reserved_concurrency or 0
    account = ctx.service.targets.account(name.account, name.region)
    if account.unreserved + before - wanted < UNRESERVED_MINIMUM:
        raise InvalidParameterValue(
            "Specified ReservedConcurrentExecutions for function decreases account's"
            f" UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_MINIMUM}]."
        )
    provisioned = sum(
        record.requested
        for _, record in ctx.service.store.provisioned.scan(
            name.account, name.region, f"{name.name}:"
        )
    )
    if provisioned > wanted:
        raise InvalidParameterValue(
            f" ReservedConcurrentExecutions  {wanted} should not be lower than function's total"
            f" provisioned concurrency [{provisioned}]."
        )
    await _reserve(ctx, name, wanted)
    return Concurrency(reserved_concurrent_executions=wanted)


@operation("DeleteFunctionConcurrency", resource=function_arn, policy=function_policy)
async def delete_function_concurrency(ctx: Lambda, req: DeleteFunctionConcurrencyRequest) -> None:
    """Give the reservation up."""
    await _reserve(ctx, _unqualified(named(ctx, req)), None)


@operation("GetFunctionConcurrency", resource=function_arn, policy=function_policy)
async def get_function_concurrency(
    ctx: Lambda, req: GetFunctionConcurrencyRequest
) -> GetFunctionConcurrencyResponse:
    """What is reserved for the function, if anything is."""
    function = ctx.service.store.function(named(ctx, req))
    return GetFunctionConcurrencyResponse(
        reserved_concurrent_executions=function.reserved_concurrency
    )


def _unqualified(name: FunctionName) -> FunctionName:
    if name.qualifier is not None:
        raise InvalidParameterValue(
            "This operation is permitted on Lambda functions only. Aliases and versions do not"
            " support this operation. Please specify either a function name or an unqualified"
            " function ARN."
        )
    return name


async def _reserve(ctx: Lambda, name: FunctionName, reserved: int | None) -> None:
    store = ctx.service.store
    async with ctx.service.changing(name):
        function = store.function(name)
        changed = msgspec.structs.replace(function, reserved_concurrency=reserved)
        ctx.service.targets.concurrency(name).reserve(reserved)
        await store.functions.put(*name.key, changed)


@operation("GetAccountSettings")
async def get_account_settings(
    ctx: Lambda, _req: GetAccountSettingsRequest
) -> GetAccountSettingsResponse:
    """The account's limits and what it uses."""
    store = ctx.service.store
    account = ctx.service.targets.account(ctx.account, ctx.region)
    return GetAccountSettingsResponse(
        account_limit=AccountLimit(
            total_code_size=deployment.TOTAL_CODE_BYTES,
            code_size_unzipped=UNZIPPED_LIMIT,
            code_size_zipped=ZIP_BYTES,
            concurrent_executions=ACCOUNT_LIMIT,
            unreserved_concurrent_executions=account.unreserved,
        ),
        account_usage=AccountUsage(
            total_code_size=deployment.total_code(store, ctx.account, ctx.region),
            function_count=len(store.functions.scan(ctx.account, ctx.region)),
        ),
    )
