"""Templates: read back, summarised, validated."""

from __future__ import annotations

import asyncio
import json

from cloudlet.aws.context import Context
from cloudlet.aws.models.cloudformation import (
    GetTemplateInput,
    GetTemplateOutput,
    GetTemplateSummaryInput,
    GetTemplateSummaryOutput,
    ParameterConstraints,
    ParameterDeclaration,
    TemplateParameter,
    ValidateTemplateInput,
    ValidateTemplateOutput,
)
from cloudlet.aws.service import operation
from cloudlet.services.cloudformation.api import sources
from cloudlet.services.cloudformation.api.arns import shelf, stack_arn
from cloudlet.services.cloudformation.errors import ValidationError, template_format_error
from cloudlet.services.cloudformation.state import CloudFormation
from cloudlet.services.cloudformation.template import capabilities
from cloudlet.services.cloudformation.template.document import Document, validate
from cloudlet.services.cloudformation.template.intrinsics import text_of
from cloudlet.services.cloudformation.template.parameters import (
    MASK,
    is_hidden,
    validate_declarations,
)
from cloudlet.services.cloudformation.template.reading import read


async def _document(text: str) -> Document:
    def check() -> Document:
        document = validate(read(text))
        validate_declarations(document.parameters)
        return document

    return await asyncio.to_thread(check)


@operation("GetTemplate", resource=stack_arn)
async def get_template(ctx: Context[CloudFormation], req: GetTemplateInput) -> GetTemplateOutput:
    """The template of a stack or a change set, as submitted or as its transforms made it."""
    here = shelf(ctx)
    if req.change_set_name is not None:
        template = here.change_set(req.change_set_name, req.stack_name).template
    elif req.stack_name is not None:
        template = here.stack(req.stack_name).template
    else:
        raise ValidationError("Either StackName or ChangeSetName must be specified")
    if template is None:
        raise ValidationError(f"Stack with id {req.stack_name} has no template yet")
    body = template.body
    if req.template_stage == "Processed" and template.transforms:
        body = await asyncio.to_thread(json.dumps, template.processed)
    return GetTemplateOutput(template_body=body, stages_available=["Original", "Processed"])


@operation("GetTemplateSummary", resource=stack_arn)
async def get_template_summary(
    ctx: Context[CloudFormation], req: GetTemplateSummaryInput
) -> GetTemplateSummaryOutput:
    """What a template declares and needs."""
    if req.stack_name is not None:
        template = shelf(ctx).stack(req.stack_name).template
        text = template.body if template is not None else None
        if text is None or req.template_body is not None or req.template_url is not None:
            raise ValidationError(
                "Exactly one of StackName, TemplateBody and TemplateURL must be given"
            )
    else:
        text = await sources.text_of(ctx, req.template_body, req.template_url)
    document = await _document(text)
    return GetTemplateSummaryOutput(
        parameters=[
            ParameterDeclaration(
                parameter_key=name,
                default_value=_default(declared),
                parameter_type=declared["Type"],
                no_echo=is_hidden(declared),
                description=_described(declared),
                parameter_constraints=ParameterConstraints(
                    allowed_values=[text_of(v) for v in declared.get("AllowedValues", [])] or None
                ),
            )
            for name, declared in document.parameters.items()
        ],
        description=document.description,
        capabilities=_iam_capabilities(document) or None,
        capabilities_reason=capabilities.reason(document.resources),
        resource_types=sorted({r["Type"] for r in document.resources.values()}),
        version=document.raw.get("AWSTemplateFormatVersion"),
        metadata=json.dumps(document.raw["Metadata"]) if "Metadata" in document.raw else None,
        declared_transforms=list(document.transforms) or None,
    )


def _default(declared: dict[str, object]) -> str | None:
    if "Default" not in declared:
        return None
    return MASK if is_hidden(declared) else text_of(declared["Default"])


def _described(declared: dict[str, object]) -> str | None:
    return text_of(declared["Description"]) if "Description" in declared else None


def _iam_capabilities(document: Document) -> list[str]:
    return capabilities.needed(document.resources, document.transforms)


@operation("ValidateTemplate")
async def validate_template(
    ctx: Context[CloudFormation], req: ValidateTemplateInput
) -> ValidateTemplateOutput:
    """Check a template's form; raises `ValidationError` for what is wrong."""
    text = await sources.text_of(ctx, req.template_body, req.template_url)
    document = await _document(text)
    known = ctx.service.engine.known
    unknown = sorted(
        {
            resource["Type"]
            for resource in document.resources.values()
            if not known(resource["Type"]) and not resource["Type"].startswith("AWS::Serverless::")
        }
    )
    if unknown:
        raise template_format_error(f"Unrecognized resource types: [{', '.join(unknown)}]")
    return ValidateTemplateOutput(
        parameters=[
            TemplateParameter(
                parameter_key=name,
                default_value=_default(declared),
                no_echo=is_hidden(declared),
                description=_described(declared),
            )
            for name, declared in document.parameters.items()
        ],
        description=document.description,
        capabilities=_iam_capabilities(document) or None,
        capabilities_reason=capabilities.reason(document.resources),
        declared_transforms=list(document.transforms) or None,
    )
