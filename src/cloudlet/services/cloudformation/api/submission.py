"""From a request to a template with its values, checked and ready for the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.errors import AWSError
from cloudlet.aws.principal import Principal, service
from cloudlet.services.cloudformation.api import sources
from cloudlet.services.cloudformation.api.arns import shelf
from cloudlet.services.cloudformation.engine.plan import plan
from cloudlet.services.cloudformation.engine.references import PlannedReferences
from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.model import Actor, Stack, Template
from cloudlet.services.cloudformation.state import CloudFormation
from cloudlet.services.cloudformation.template import capabilities, transforms
from cloudlet.services.cloudformation.template.conditions import evaluate_conditions
from cloudlet.services.cloudformation.template.document import Document, validate
from cloudlet.services.cloudformation.template.parameters import (
    Given,
    validate_declarations,
    values_of,
)
from cloudlet.services.cloudformation.template.prepared import Place, Prepared, scope_of
from cloudlet.services.cloudformation.template.reading import read

MAX_TAGS = 50
NO_UPDATES = "No updates are to be performed."


@dataclass(frozen=True, slots=True)
class Submission:
    """A request's template, read and checked as submitted; its transforms have not run."""

    template: Template
    document: Document
    place: Place


async def submit(
    ctx: Context[CloudFormation], req: Any, *, name: str, id_: str, stack: Stack | None
) -> Submission:
    """Read what CreateStack, UpdateStack or CreateChangeSet submits; raises `ValidationError`."""
    old = stack.template if stack is not None else None
    previous = None
    if getattr(req, "use_previous_template", None):
        if old is None:
            raise ValidationError("Cannot use the previous template of a stack that has none.")
        previous = old.body
    text = await sources.text_of(ctx, req.template_body, req.template_url, previous)

    def check() -> Document:
        document = validate(read(text))
        validate_declarations(document.parameters)
        return document

    document = await asyncio.to_thread(check)
    _check_types(document, req.resource_types)
    given = {
        parameter.parameter_key: Given(
            parameter.parameter_value, bool(parameter.use_previous_value)
        )
        for parameter in req.parameters or []
        if parameter.parameter_key is not None
    }
    values = await asyncio.to_thread(
        values_of, document.parameters, given, old.parameters if old is not None else None
    )
    template = Template(
        body=text,
        processed=document.raw,
        transforms=list(document.transforms),
        parameters=values,
        tags=tags_of(req.tags) if req.tags is not None else dict(old.tags) if old else {},
        capabilities=list(req.capabilities or []),
        notification_arns=list(req.notification_ar_ns or []),
        description=document.description,
    )
    return Submission(template, document, Place(ctx.account, ctx.region, name, id_))


def _check_types(document: Document, allowed: list[str] | None) -> None:
    """Raise `ValidationError` for a resource that the request's ResourceTypes leave out."""
    if allowed is None:
        return
    prefixes = tuple(each[:-1] for each in allowed if each.endswith("*"))
    for resource in document.resources.values():
        type_ = resource["Type"]
        if type_ not in allowed and not (prefixes and type_.startswith(prefixes)):
            raise ValidationError(
                f"Resource type {type_} is not allowed by parameter ResourceTypes {allowed}"
            )


def tags_of(tags: list[Any] | None) -> dict[str, str]:
    """A request's tags; raises `ValidationError`."""
    found: dict[str, str] = {}
    for tag in tags or []:
        if tag.key.lower().startswith("aws:"):
            raise ValidationError("aws: prefixed tag key names are not allowed for external use.")
        if tag.key in found:
            raise ValidationError(f"Duplicate tag keys found: {tag.key}")
        found[tag.key] = tag.value
    if len(found) > MAX_TAGS:
        raise ValidationError(f"Number of tags exceeds the limit of {MAX_TAGS}")
    return found


async def process(ctx: Context[CloudFormation], submission: Submission) -> Prepared:
    """Run the transforms and make the result ready; raises `ValidationError`."""
    template, document = submission.template, submission.document
    if document.transforms or "Fn::Transform" in template.body or "!Transform" in template.body:
        scope = scope_of(template, document, submission.place)
        if transforms.EXTENSIONS in document.transforms:
            conditions = {
                name: condition
                for name, condition in document.conditions.items()
                if not name.startswith("Fn::ForEach")
            }
            scope.conditions = await asyncio.to_thread(evaluate_conditions, conditions, scope)

        async def fetch(url: str) -> str:
            return await sources.fetch(ctx, url)

        processed = await transforms.apply(document, scope, ctx.service.sam, ctx.region, fetch)
        template = msgspec.structs.replace(template, processed=processed)
    place = submission.place
    return await ctx.service.engine.prepare(template, shelf(ctx), place.stack_name, place.stack_id)


def check_capabilities(
    resources: Mapping[str, Mapping[str, Any]], template: Template, *, reviewed: bool
) -> None:
    """Raise `InsufficientCapabilities` for what the request did not acknowledge."""
    capabilities.check(resources, template.transforms, template.capabilities, reviewed=reviewed)


async def changes_of(
    ctx: Context[CloudFormation], prepared: Prepared, stack: Stack | None
) -> tuple[list[dict[str, Any]], bool]:
    """The changes to resources, and whether anything at all would change."""
    here = shelf(ctx)
    resources = here.resources(stack) if stack is not None else {}
    types = ctx.service.engine.types
    changes = await asyncio.to_thread(plan, prepared, resources, types)
    if changes or stack is None or stack.template is None:
        return changes, bool(changes)
    if stack.status in ("UPDATE_FAILED", "CREATE_FAILED"):
        return changes, True
    outputs = prepared.outputs(PlannedReferences(resources))
    return changes, outputs != stack.outputs or prepared.template.tags != stack.template.tags


async def actor_of(ctx: Context[CloudFormation], role_arn: str | None) -> Actor:
    """Who the stack's operation acts as: the service role if there is one, else the caller.

    Raises `AccessDenied` where the caller may not pass the role, `ValidationError` where
    CloudFormation may not assume it.
    """
    if role_arn is None:
        return Actor.of(ctx.principal)
    ctx.authorise("iam:PassRole", role_arn)
    name = role_arn.rpartition("/")[2]
    try:
        answer = await ctx.cloud.call(
            "sts",
            "AssumeRole",
            {"RoleArn": role_arn, "RoleSessionName": "AWSCloudFormation"},
            as_=service("cloudformation.amazonaws.com", ctx.account),
            region=ctx.region,
        )
    except AWSError as error:
        raise ValidationError(f"Role {role_arn} is invalid or cannot be assumed") from error
    assumed = answer["AssumedRoleUser"]
    return Actor.of(
        Principal(
            kind="assumed-role",
            account=ctx.account,
            arn=assumed["Arn"],
            user_id=assumed["AssumedRoleId"],
            name=name,
            role_arn=role_arn,
        )
    )
