"""Event source mappings."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    CreateEventSourceMappingRequest,
    DeleteEventSourceMappingRequest,
    DestinationConfig,
    EventSourceMappingConfiguration,
    Filter,
    FilterCriteria,
    GetEventSourceMappingRequest,
    ListEventSourceMappingsRequest,
    ListEventSourceMappingsResponse,
    OnFailure,
    ScalingConfig,
    UpdateEventSourceMappingRequest,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_.errors import (
    InvalidParameterValue,
    ResourceConflict,
    ResourceNotFound,
)
from cloudlet.services.lambda_.model import MappingRecord
from cloudlet.services.lambda_.names import FunctionName, from_arn, function_name
from cloudlet.services.lambda_.resources import named
from cloudlet.services.lambda_.sources import validation
from cloudlet.services.lambda_.sources.validation import Request
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.store import page
from cloudlet.services.lambda_.tags import check_tags
from cloudlet.storage.records import Change

Lambda = Context[LambdaService]

#: Why a mapping is in its state, as AWS words it for queues and for streams.
_USER = {False: "USER_INITIATED", True: "User action"}


def _arn(ctx: Lambda, req: Any) -> str:
    return ctx.arn(f"event-source-mapping:{req.uuid}")


def _function(ctx: Lambda, req: CreateEventSourceMappingRequest) -> dict[str, str]:
    return {"lambda:FunctionArn": named(ctx, req).qualified_arn}


@operation("CreateEventSourceMapping", conditions=_function)
async def create_event_source_mapping(
    ctx: Lambda, req: CreateEventSourceMappingRequest
) -> EventSourceMappingConfiguration:
    """Have Lambda poll a source and invoke the function with what it finds."""
    validation.check_supported(req)
    check_tags(req.tags or {})
    kind = validation.check_source(ctx, req.event_source_arn)
    source = req.event_source_arn or ""
    name = named(ctx, req)
    role = _role(ctx, name)
    validation.check_members(ctx, kind, source, name, role, req)
    if kind.is_stream and req.starting_position is None:
        raise InvalidParameterValue(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy"
            " constraint: Member must not be null."
        )
    if (req.starting_position == "AT_TIMESTAMP") != (req.starting_position_timestamp is not None):
        raise InvalidParameterValue(
            "StartingPositionTimestamp is required for the StartingPosition AT_TIMESTAMP, and for"
            " no other."
        )
    validation.check_role(ctx, kind, role, source)
    store = ctx.service.store
    for _, known in store.mappings.scan(ctx.account, ctx.region):
        if (known.source, known.function) == (source, name.qualified_arn):
            raise ResourceConflict(
                f'The event source arn (" {source} ") and function (" {name.name} ") provided'
                " mapping already exists. Please update or delete the existing mapping with UUID"
                f" {known.uuid}"
            )
    mapping = MappingRecord(
        uuid=str(uuid.uuid4()),
        source=source,
        function=name.qualified_arn,
        modified=time.time(),
        batch_size=req.batch_size or kind.batch_size,
        enabled=req.enabled is not False,
        position=req.starting_position or "",
        position_timestamp=req.starting_position_timestamp,
        tags=req.tags or {},
    )
    mapping = msgspec.structs.replace(mapping, **_changes(req))
    validation.check_window(mapping)
    await store.mappings.put(ctx.account, ctx.region, mapping.uuid, mapping)
    await ctx.service.pollers.changed(ctx.account, ctx.region, mapping)
    return _shown(ctx, mapping, state="Creating")


@operation("UpdateEventSourceMapping", resource=_arn)
async def update_event_source_mapping(
    ctx: Lambda, req: UpdateEventSourceMappingRequest
) -> EventSourceMappingConfiguration:
    """Change a mapping; what the request leaves out stays."""
    validation.check_supported(req)
    store = ctx.service.store
    mapping = _get(ctx, req.uuid)
    kind = validation.check_source(ctx, mapping.source)
    name = from_arn(mapping.function)
    if req.function_name is not None:
        name = function_name(ctx, req.function_name)
    assert name is not None
    role = _role(ctx, name)
    validation.check_members(ctx, kind, mapping.source, name, role, req)
    if req.function_name is not None:
        validation.check_role(ctx, kind, role, mapping.source)
    changed = msgspec.structs.replace(
        mapping,
        function=name.qualified_arn,
        modified=time.time(),
        batch_size=req.batch_size or mapping.batch_size,
        enabled=mapping.enabled if req.enabled is None else req.enabled,
        **_changes(req),
    )
    validation.check_window(changed)
    await store.mappings.put(ctx.account, ctx.region, changed.uuid, changed)
    await ctx.service.pollers.changed(ctx.account, ctx.region, changed)
    state = "Updating"
    if changed.enabled != mapping.enabled:
        state = "Enabling" if changed.enabled else "Disabling"
    return _shown(ctx, changed, state=state)


@operation("GetEventSourceMapping", resource=_arn)
async def get_event_source_mapping(
    ctx: Lambda, req: GetEventSourceMappingRequest
) -> EventSourceMappingConfiguration:
    """One mapping and its state."""
    return _shown(ctx, _get(ctx, req.uuid))


@operation("DeleteEventSourceMapping", resource=_arn)
async def delete_event_source_mapping(
    ctx: Lambda, req: DeleteEventSourceMappingRequest
) -> EventSourceMappingConfiguration:
    """Stop polling for good."""
    mapping = _get(ctx, req.uuid)
    store = ctx.service.store
    await ctx.service.pollers.end(mapping.uuid)
    checkpoints = store.checkpoints.scan(ctx.account, ctx.region, f"{mapping.uuid}:")
    await store.records.commit(
        Change(store.mappings, ctx.account, ctx.region, mapping.uuid, None),
        *(Change(store.checkpoints, ctx.account, ctx.region, id_, None) for id_, _ in checkpoints),
    )
    return _shown(ctx, mapping, state="Deleting")


@operation("ListEventSourceMappings")
async def list_event_source_mappings(
    ctx: Lambda, req: ListEventSourceMappingsRequest
) -> ListEventSourceMappingsResponse:
    """The account's mappings, all or those of a source or a function."""
    function = named(ctx, req).qualified_arn if req.function_name else None
    rows = [
        (id_, _shown(ctx, mapping))
        for id_, mapping in ctx.service.store.mappings.scan(ctx.account, ctx.region)
        if req.event_source_arn in (None, mapping.source) and function in (None, mapping.function)
    ]
    mappings, marker = page(rows, req.marker, req.max_items)
    return ListEventSourceMappingsResponse(event_source_mappings=mappings, next_marker=marker)


def _role(ctx: Lambda, name: FunctionName) -> str:
    try:
        return ctx.service.store.configuration(name).role
    except ResourceNotFound as error:
        raise InvalidParameterValue("Function does not exist") from error


def _get(ctx: Lambda, id_: str) -> MappingRecord:
    found = ctx.service.store.mappings.get(ctx.account, ctx.region, id_)
    if found is None:
        raise ResourceNotFound("The resource you requested does not exist.")
    return found


def _changes(req: Request) -> dict[str, Any]:
    """The fields of a `MappingRecord` that the request sets."""
    failure = req.destination_config and req.destination_config.on_failure
    types = req.function_response_types
    fields: dict[str, Any] = {
        "window_s": req.maximum_batching_window_in_seconds,
        "filters": validation.filters(req.filter_criteria),
        "report_failures": None if types is None else "ReportBatchItemFailures" in types,
        "retries": req.maximum_retry_attempts,
        "maximum_age_s": req.maximum_record_age_in_seconds,
        "bisect": req.bisect_batch_on_function_error,
        "parallelization": req.parallelization_factor,
        "tumbling_s": req.tumbling_window_in_seconds,
        "on_failure": None if not failure else failure.destination or "",
    }
    fields = {name: value for name, value in fields.items() if value is not None}
    if req.scaling_config is not None:
        fields["maximum_concurrency"] = req.scaling_config.maximum_concurrency
    return fields


def _shown(
    ctx: Lambda, mapping: MappingRecord, state: str | None = None
) -> EventSourceMappingConfiguration:
    types = ["ReportBatchItemFailures"] if mapping.report_failures else []
    members: dict[str, Any] = {
        "uuid": mapping.uuid,
        "batch_size": mapping.batch_size,
        "maximum_batching_window_in_seconds": mapping.window_s,
        "event_source_arn": mapping.source,
        "function_arn": mapping.function,
        "last_modified": mapping.modified,
        "state": state or ("Enabled" if mapping.enabled else "Disabled"),
        "state_transition_reason": _USER[bool(mapping.position)],
        "function_response_types": types,
        "event_source_mapping_arn": ctx.arn(f"event-source-mapping:{mapping.uuid}"),
    }
    if mapping.filters:
        members["filter_criteria"] = FilterCriteria(
            filters=[Filter(pattern=pattern) for pattern in mapping.filters]
        )
    if mapping.maximum_concurrency is not None:
        members["scaling_config"] = ScalingConfig(maximum_concurrency=mapping.maximum_concurrency)
    if mapping.position:
        members |= {
            "starting_position": mapping.position,
            "starting_position_timestamp": mapping.position_timestamp,
            "parallelization_factor": mapping.parallelization,
            "maximum_record_age_in_seconds": mapping.maximum_age_s,
            "maximum_retry_attempts": mapping.retries,
            "bisect_batch_on_function_error": mapping.bisect,
            "tumbling_window_in_seconds": mapping.tumbling_s,
            "last_processing_result": ctx.service.pollers.result(mapping),
            "destination_config": DestinationConfig(
                on_failure=OnFailure(destination=mapping.on_failure or None)
            ),
        }
    return EventSourceMappingConfiguration(**members)
