"""How asynchronous invocations are retried and where their records go, by version or alias."""

from __future__ import annotations

import time

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    DeleteFunctionEventInvokeConfigRequest,
    DestinationConfig,
    FunctionEventInvokeConfig,
    GetFunctionEventInvokeConfigRequest,
    ListFunctionEventInvokeConfigsRequest,
    ListFunctionEventInvokeConfigsResponse,
    OnFailure,
    OnSuccess,
    PutFunctionEventInvokeConfigRequest,
    UpdateFunctionEventInvokeConfigRequest,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_.destinations import check_destination
from cloudlet.services.lambda_.errors import InvalidParameterValue, ResourceNotFound
from cloudlet.services.lambda_.model import EventConfigRecord
from cloudlet.services.lambda_.names import LATEST, FunctionName, from_arn
from cloudlet.services.lambda_.resources import function_arn, function_policy, named
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.store import page

Lambda = Context[LambdaService]
#: Services of destinations ("Capturing records of Lambda asynchronous invocations").
SUCCESS_KINDS = ("lambda", "sqs", "sns", "events")
FAILURE_KINDS = (*SUCCESS_KINDS, "s3")
Request = PutFunctionEventInvokeConfigRequest | UpdateFunctionEventInvokeConfigRequest


@operation("PutFunctionEventInvokeConfig", resource=function_arn, policy=function_policy)
async def put_function_event_invoke_config(
    ctx: Lambda, req: PutFunctionEventInvokeConfigRequest
) -> FunctionEventInvokeConfig:
    """Set the retries and the maximum age; what the request leaves out is AWS's default."""
    return await _put(ctx, req, None)


@operation("UpdateFunctionEventInvokeConfig", resource=function_arn, policy=function_policy)
async def update_function_event_invoke_config(
    ctx: Lambda, req: UpdateFunctionEventInvokeConfigRequest
) -> FunctionEventInvokeConfig:
    """Change the retries or the maximum age; what the request leaves out stays."""
    return await _put(ctx, req, _get(ctx, named(ctx, req)))


@operation("GetFunctionEventInvokeConfig", resource=function_arn, policy=function_policy)
async def get_function_event_invoke_config(
    ctx: Lambda, req: GetFunctionEventInvokeConfigRequest
) -> FunctionEventInvokeConfig:
    """The configuration, where one was set."""
    name = named(ctx, req)
    return _shown(name, _get(ctx, name))


@operation("DeleteFunctionEventInvokeConfig", resource=function_arn, policy=function_policy)
async def delete_function_event_invoke_config(
    ctx: Lambda, req: DeleteFunctionEventInvokeConfigRequest
) -> None:
    """Return to AWS's defaults."""
    name = named(ctx, req)
    _get(ctx, name)
    id_ = f"{name.name}:{name.qualifier or LATEST}"
    await ctx.service.store.event_configs.delete(name.account, name.region, id_)
    ctx.service.targets.forget(name)


@operation("ListFunctionEventInvokeConfigs", resource=function_arn, policy=function_policy)
async def list_function_event_invoke_configs(
    ctx: Lambda, req: ListFunctionEventInvokeConfigsRequest
) -> ListFunctionEventInvokeConfigsResponse:
    """Every configuration of the function, its versions and aliases."""
    name = named(ctx, req)
    store = ctx.service.store
    store.function(name)
    found = store.event_configs.scan(name.account, name.region, f"{name.name}:")
    rows = [(config.qualifier, _shown(name, config)) for _, config in found]
    configs, marker = page(rows, req.marker, req.max_items)
    return ListFunctionEventInvokeConfigsResponse(
        function_event_invoke_configs=configs, next_marker=marker
    )


async def _put(
    ctx: Lambda, req: Request, before: EventConfigRecord | None
) -> FunctionEventInvokeConfig:
    name = named(ctx, req)
    store = ctx.service.store
    retries, age_s = req.maximum_retry_attempts, req.maximum_event_age_in_seconds
    if retries is None and age_s is None and req.destination_config is None:
        raise InvalidParameterValue(
            "You must specify at least one of error handling or destination setting."
        )
    try:
        configuration = store.configuration(name)
    except ResourceNotFound as error:
        raise ResourceNotFound("The function doesn't exist.") from error
    on_success, on_failure = _destinations(req.destination_config)
    for arn, kinds in ((on_success, SUCCESS_KINDS), (on_failure, FAILURE_KINDS)):
        if arn:
            check_destination(ctx.cloud, name, configuration.role, arn, kinds=kinds)
            _check_function(ctx, name, arn)
    if before is not None:
        retries = before.retries if retries is None else retries
        age_s = before.maximum_age_s if age_s is None else age_s
        on_success = before.on_success if on_success is None else on_success
        on_failure = before.on_failure if on_failure is None else on_failure
    qualifier = name.qualifier or LATEST
    config = EventConfigRecord(
        qualifier=qualifier,
        modified=time.time(),
        retries=retries,
        maximum_age_s=age_s,
        on_success=on_success or "",
        on_failure=on_failure or "",
    )
    await store.event_configs.put(name.account, name.region, f"{name.name}:{qualifier}", config)
    ctx.service.targets.forget(name)
    return _shown(name, config)


def _check_function(ctx: Lambda, name: FunctionName, arn: str) -> None:
    """A destination that is a function of the same account must be there."""
    target = from_arn(arn)
    if target is not None and target.account == name.account:
        try:
            ctx.service.store.configuration(target)
        except ResourceNotFound as error:
            raise InvalidParameterValue(f"The destination ARN {arn} is invalid.") from error


def _destinations(wanted: DestinationConfig | None) -> tuple[str | None, str | None]:
    """The ARNs on success and on failure: None where not given, "" to have none."""
    if wanted is None:
        return None, None
    success, failure = wanted.on_success, wanted.on_failure
    return (
        None if success is None else success.destination or "",
        None if failure is None else failure.destination or "",
    )


def _get(ctx: Lambda, name: FunctionName) -> EventConfigRecord:
    found = ctx.service.store.event_config(name)
    if found is None:
        raise ResourceNotFound(
            f"The function {name.arn}:{name.qualifier or LATEST} doesn't have an EventInvokeConfig"
        )
    return found


def _shown(name: FunctionName, config: EventConfigRecord) -> FunctionEventInvokeConfig:
    return FunctionEventInvokeConfig(
        last_modified=config.modified,
        function_arn=f"{name.arn}:{config.qualifier}",
        maximum_retry_attempts=config.retries,
        maximum_event_age_in_seconds=config.maximum_age_s,
        destination_config=DestinationConfig(
            on_success=OnSuccess(destination=config.on_success or None),
            on_failure=OnFailure(destination=config.on_failure or None),
        ),
    )
