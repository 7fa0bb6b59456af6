"""Where records of asynchronous invocations go: destinations and dead-letter queues.

After "Capturing records of Lambda asynchronous invocations". Functions are invoked as the source
function's role may; queues, topics, event buses and buckets are reached by their services'
operations, as that role, where cloudlet has the service.
"""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from cloudlet.aws.cloud import Cloud
from cloudlet.aws.functions import EventSource
from cloudlet.aws.policy import Question, evaluate
from cloudlet.services.lambda_ import lineage
from cloudlet.services.lambda_.asynchronous import Event, EventSettings, Result
from cloudlet.services.lambda_.errors import InvalidParameterValue
from cloudlet.services.lambda_.names import LATEST, FunctionName, from_arn
from cloudlet.services.lambda_.roles import SERVICE, as_role

#: A destination's service in its ARN -> its operation, and the permission's action.
_KINDS = {
    "lambda": ("Invoke", "lambda:InvokeFunction", "Lambda"),
    "sqs": ("SendMessage", "sqs:SendMessage", "SQS"),
    "sns": ("Publish", "sns:Publish", "SNS"),
    "events": ("PutEvents", "events:PutEvents", "EventBridge"),
    "s3": ("PutObject", "s3:PutObject", "S3"),
}
SESSION = "awslambda"


class Invokes(Protocol):
    """What delivering to a function needs of the invoker."""

    async def invoke_async(
        self, arn: str, payload: bytes, source: EventSource, trace_id: str = ""
    ) -> str:
        """Queue an event for a function."""


def check_destination(
    cloud: Cloud, name: FunctionName, role: str, arn: str, *, kinds: tuple[str, ...]
) -> None:
    """Raise AWS's error unless `arn` is a destination of these kinds that the role may use."""
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""
    if service not in kinds or (service in {"sqs", "sns"} and arn.endswith(".fifo")):
        raise InvalidParameterValue(f"The destination ARN {arn} is invalid.")
    operation, action, title = _KINDS[service]
    found = cloud.services.get(service)
    if found is None or operation not in found.operations:
        raise InvalidParameterValue(
            f"The destination ARN {arn} is invalid. cloudlet has no {title} service yet."
        )
    if service == "lambda":
        target = from_arn(arn)
        if target is None:
            raise InvalidParameterValue(f"The destination ARN {arn} is invalid.")
        if target.key == name.key:
            raise InvalidParameterValue(
                "You can't specify the function as a destination for itself."
            )
    resource = f"{arn}/*" if service == "s3" else arn
    if not role_may(cloud, role, action, resource):
        raise InvalidParameterValue(
            f"The provided execution role does not have permissions to call {action.split(':')[1]}"
            f" on {title}"
        )


def role_may(cloud: Cloud, role: str, action: str, resource: str) -> bool:
    """Whether the role's own policies allow the action on a resource of its account."""
    principal = as_role(role, SESSION)
    identities = cloud.identities
    return evaluate(
        Question(principal, action, resource, principal.account),
        identity=identities.policies(principal),
        boundary=identities.boundary(principal),
    ).allowed


class Destinations:
    """Delivers records of events, as the function's role."""

    def __init__(self, cloud: Cloud, functions: Invokes) -> None:
        self._cloud, self._functions = cloud, functions

    async def deliver(self, event: Event, settings: EventSettings, result: Result) -> None:
        """Send the record to the destination, and a failed event to the dead-letter queue."""
        destination = settings.on_success if result.succeeded else settings.on_failure
        if destination:
            await self.send(destination, settings.role, event, record(event, result), result)
        if settings.dead_letter and not result.succeeded:
            await self._dead_letter(settings, event, result)

    async def send(self, arn: str, role: str, event: Event, content: bytes, result: Result) -> None:
        """Send the record of an event; raises `AWSError`."""
        if arn.split(":")[2] == "lambda":
            name = from_arn(event.arn)
            assert name is not None
            source = EventSource(SERVICE, event.arn, name.account, role_arn=role)
            trace_id = lineage.follow(event.trace_id or lineage.new_trace(), name.arn)[0]
            await self._functions.invoke_async(arn, content, source, trace_id)
            return
        await self.put(arn, role, event.arn, content, ending="Success" if result.succeeded else "")

    async def put(
        self, arn: str, role: str, function: str, content: bytes, *, ending: str = ""
    ) -> None:
        """Send a record to a queue, topic, bus or bucket; raises `AWSError`."""
        _, _, service, region, account, resource = arn.split(":", 5)
        name = from_arn(function)
        assert name is not None
        text = content.decode()
        members: dict[str, Any]
        if service == "sqs":
            members = {
                "QueueUrl": f"{self._cloud.endpoint}/{account}/{resource}",
                "MessageBody": text,
            }
        elif service == "sns":
            members = {"TopicArn": arn, "Message": text}
        elif service == "events":
            entry = {
                "Source": "lambda",
                "DetailType": f"Lambda Function Invocation Result - {ending or 'Failure'}",
                "Detail": text,
                "Resources": [_qualified(function), arn],
                "EventBusName": arn,
            }
            members = {"Entries": [entry]}
        else:
            members = {"Bucket": resource, "Key": _key(name), "Body": content}
        await self._cloud.call(
            service,
            _KINDS[service][0],
            members,
            as_=as_role(role, SESSION),
            region=region or name.region,
        )

    async def _dead_letter(self, settings: EventSettings, event: Event, result: Result) -> None:
        """The event itself, with what went wrong as attributes ("Adding a dead-letter queue")."""
        arn = settings.dead_letter
        _, _, service, region, account, resource = arn.split(":", 5)
        code, message = "429", "Rate Exceeded."
        if result.outcome is not None:
            code = "200"
            message = result.outcome.payload.decode(errors="replace")[:1024]
        values = {"RequestID": event.request_id, "ErrorCode": code, "ErrorMessage": message}
        attributes = {
            key: {
                "DataType": "Number" if key == "ErrorCode" else "String",
                "StringValue": value or "-",
            }
            for key, value in values.items()
        }
        text = event.payload.decode(errors="replace")
        members: dict[str, Any] = {"MessageAttributes": attributes}
        if service == "sqs":
            url = f"{self._cloud.endpoint}/{account}/{resource}"
            members |= {"QueueUrl": url, "MessageBody": text}
        else:
            members |= {"TopicArn": arn, "Message": text}
        await self._cloud.call(
            service,
            _KINDS[service][0],
            members,
            as_=as_role(settings.role, SESSION),
            region=region,
        )


def record(event: Event, result: Result) -> bytes:
    """The invocation record as destinations get it."""
    made: dict[str, Any] = {
        "version": "1.0",
        "timestamp": _now(),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": _qualified(event.arn),
            "condition": result.condition,
            "approximateInvokeCount": result.attempts,
        },
        "requestPayload": _raw(event.payload),
    }
    if result.outcome is not None:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": result.version}
        if result.outcome.error is not None:
            context["functionError"] = result.outcome.error
        made["responseContext"] = context
        made["responsePayload"] = _raw(result.outcome.payload)
    return msgspec.json.encode(made)


def _raw(payload: bytes) -> Any:
    """JSON as it is; what is none, as text."""
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return payload.decode(errors="replace")
    return msgspec.Raw(payload)


def _qualified(arn: str) -> str:
    return f"{arn}:{LATEST}" if arn.count(":") == 6 else arn


def _now() -> str:
    now = datetime.fromtimestamp(time.time(), UTC)
    return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"


def _key(name: FunctionName) -> str:
    """Of a record in a bucket ("Capturing records of Lambda asynchronous invocations")."""
    now = datetime.now(UTC)
    return f"aws/lambda/async/{name.name}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
