"""What a request for an event source mapping may say, checked in AWS's words."""

from __future__ import annotations

from typing import Any

from cloudlet.aws.context import Context
from cloudlet.aws.event_pattern import InvalidPattern, compile_pattern
from cloudlet.aws.event_sources import SourceKind
from cloudlet.aws.models.lambda_ import (
    CreateEventSourceMappingRequest,
    FilterCriteria,
    UpdateEventSourceMappingRequest,
)
from cloudlet.services.lambda_.destinations import check_destination, role_may
from cloudlet.services.lambda_.errors import InvalidParameterValue
from cloudlet.services.lambda_.model import MappingRecord
from cloudlet.services.lambda_.names import FunctionName
from cloudlet.services.lambda_.state import LambdaService

Request = CreateEventSourceMappingRequest | UpdateEventSourceMappingRequest

#: "Lambda event filtering": how many patterns a mapping may have, and their length.
FILTERS, FILTER_CHARACTERS = 10, 4096

#: Members that only streams take, and those that only queues do.
_STREAM_ONLY = {
    "starting_position": "StartingPosition",
    "starting_position_timestamp": "StartingPositionTimestamp",
    "parallelization_factor": "ParallelizationFactor",
    "tumbling_window_in_seconds": "TumblingWindowInSeconds",
    "maximum_record_age_in_seconds": "MaximumRecordAgeInSeconds",
    "maximum_retry_attempts": "MaximumRetryAttempts",
    "bisect_batch_on_function_error": "BisectBatchOnFunctionError",
    "destination_config": "DestinationConfig",
}
_QUEUE_ONLY = {"scaling_config": "ScalingConfig"}
_UNSUPPORTED = {
    "self_managed_event_source": "self-managed Kafka",
    "self_managed_kafka_event_source_config": "self-managed Kafka",
    "amazon_managed_kafka_event_source_config": "Amazon MSK",
    "document_db_event_source_config": "Amazon DocumentDB",
    "topics": "Kafka",
    "queues": "Amazon MQ",
    "source_access_configurations": "Kafka and Amazon MQ",
    "provisioned_poller_config": "provisioned pollers",
    "kms_key_arn": "customer managed keys",
    "metrics_config": "event source mapping metrics",
    "logging_config": "event source mapping logs",
}

#: What AWS answers where a source does not exist, by its service.
_MISSING = {
    "sqs": "Error occurred while ReceiveMessage. SQS Error Code:"
    " AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not"
    " exist.",
    "kinesis": "Stream not found: {arn}",
    "dynamodb": "Stream not found: {arn}",
}
_NAMES = {"sqs": "SQS", "kinesis": "Kinesis", "dynamodb": "DynamoDB streams"}


def check_supported(req: Request) -> None:
    """Refuse what cloudlet does not do yet, by name."""
    for member, what in _UNSUPPORTED.items():
        if getattr(req, member, None):
            raise InvalidParameterValue(f"cloudlet does not support {what} yet.")


def check_source(ctx: Context[LambdaService], arn: str | None) -> SourceKind:
    """The kind of an existing source; AWS's error where there is no such source."""
    if not arn:
        raise InvalidParameterValue("Unrecognized event source.")
    kind = ctx.service.pollers.kind(arn)
    if kind is not None:
        if not kind.exists(arn):
            raise InvalidParameterValue(_missing(arn))
        return kind
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""
    if service in _NAMES:
        raise InvalidParameterValue(f"{_missing(arn)} (cloudlet has no {_NAMES[service]} yet.)")
    raise InvalidParameterValue(f"Unrecognized event source: {arn}")


def _missing(arn: str) -> str:
    return _MISSING.get(arn.split(":")[2], "Unrecognized event source: {arn}").format(arn=arn)


def check_role(ctx: Context[LambdaService], kind: SourceKind, role: str, arn: str) -> None:
    """Raise unless the function's role may poll the source."""
    for action in kind.actions:
        if not role_may(ctx.cloud, role, action, arn):
            raise InvalidParameterValue(
                "The provided execution role does not have permissions to call"
                f" {action.partition(':')[2]} on {kind.title}"
            )


def check_members(
    ctx: Context[LambdaService],
    kind: SourceKind,
    arn: str,
    name: FunctionName,
    role: str,
    req: Request,
) -> None:
    """Raise where a member is not for this kind of source, or its value cannot be."""
    for member, title in (_QUEUE_ONLY if kind.is_stream else _STREAM_ONLY).items():
        value: Any = getattr(req, member, None)
        if value is not None and value != -1:
            raise InvalidParameterValue(
                f"Unsupported {title} parameter for given event source mapping type."
            )
    size, window_s = req.batch_size, req.maximum_batching_window_in_seconds
    largest = kind.largest_batch(arn)
    if size is not None and size > largest:
        raise InvalidParameterValue(
            f"Batch size {size} is larger than {largest}, the maximum of this event source."
        )
    if size is not None and size > 10 and not kind.is_stream and not window_s:
        raise InvalidParameterValue(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is"
            " greater than 10"
        )
    age_s = req.maximum_record_age_in_seconds
    if age_s is not None and age_s != -1 and age_s < 60:
        raise InvalidParameterValue("MaximumRecordAgeInSeconds must be -1 or from 60 to 604800.")
    failure = req.destination_config and req.destination_config.on_failure
    if failure and failure.destination:
        kinds = ("sqs", "sns", "s3")
        check_destination(ctx.cloud, name, role, failure.destination, kinds=kinds)


def check_window(mapping: MappingRecord) -> None:
    """A window's state is a shard's: it cannot have several batches at a time."""
    if mapping.tumbling_s and mapping.parallelization > 1:
        raise InvalidParameterValue(
            "TumblingWindowInSeconds is not supported with a ParallelizationFactor greater than 1."
        )


def filters(criteria: FilterCriteria | None) -> tuple[str, ...] | None:
    """The patterns, checked; None where the request says nothing of them."""
    if criteria is None:
        return None
    patterns = [one.pattern or "" for one in criteria.filters or ()]
    if len(patterns) > FILTERS:
        raise InvalidParameterValue(f"Cannot have more than {FILTERS} filters.")
    for pattern in patterns:
        try:
            compile_pattern(pattern)
        except InvalidPattern as error:
            raise InvalidParameterValue(f"Invalid filter pattern definition. {error}") from error
        if len(pattern) > FILTER_CHARACTERS:
            raise InvalidParameterValue("Invalid filter pattern definition. It is too long.")
    return tuple(patterns)
