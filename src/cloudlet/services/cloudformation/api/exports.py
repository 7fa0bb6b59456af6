"""Exported outputs and who imports them."""

from __future__ import annotations

from cloudlet.aws.context import Context
from cloudlet.aws.models.cloudformation import (
    Export,
    ListExportsInput,
    ListExportsOutput,
    ListImportsInput,
    ListImportsOutput,
)
from cloudlet.aws.service import operation
from cloudlet.services.cloudformation.api.arns import shelf
from cloudlet.services.cloudformation.api.pages import page
from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.state import CloudFormation


@operation("ListExports")
async def list_exports(ctx: Context[CloudFormation], req: ListExportsInput) -> ListExportsOutput:
    """Every export of the account in the region."""
    exports = sorted(shelf(ctx).exports(), key=lambda export: export[0])
    found, token = page(exports, req.next_token, lambda export: export[0])
    return ListExportsOutput(
        exports=[
            Export(exporting_stack_id=stack.id, name=name, value=value)
            for name, value, stack in found
        ],
        next_token=token,
    )


@operation("ListImports")
async def list_imports(ctx: Context[CloudFormation], req: ListImportsInput) -> ListImportsOutput:
    """The names of the stacks that import an export."""
    names = [stack.name for stack in shelf(ctx).importers(req.export_name)]
    if not names:
        raise ValidationError(f"Export '{req.export_name}' is not imported by any stack.")
    found, token = page(sorted(names), req.next_token, str)
    return ListImportsOutput(imports=found, next_token=token)
