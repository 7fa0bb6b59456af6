"""Publishing and listing versions."""

from __future__ import annotations

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    FunctionConfiguration,
    ListVersionsByFunctionRequest,
    ListVersionsByFunctionResponse,
    PublishVersionRequest,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_ import deployment
from cloudlet.services.lambda_.configuration import check_supported, shown
from cloudlet.services.lambda_.errors import InvalidParameterValue
from cloudlet.services.lambda_.resources import function_arn, function_policy, named
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.store import check_revision, page

Lambda = Context[LambdaService]


@operation("PublishVersion", resource=function_arn, policy=function_policy)
async def publish_version(ctx: Lambda, req: PublishVersionRequest) -> FunctionConfiguration:
    """Publish $LATEST as a version; the last one again where nothing has changed since."""
    check_supported(req)
    name = named(ctx, req)
    store = ctx.service.store
    async with ctx.service.changing(name):
        function = store.function(name)
        check_revision(req.revision_id, function.latest.revision_id)
        current = function.latest.code.sha256
        if req.code_sha256 is not None and req.code_sha256 != current:
            raise InvalidParameterValue(
                f"CodeSHA256 ({req.code_sha256}) is different from current CodeSHA256 in $LATEST"
                f" ({current}). Please try again with the CodeSHA256 in $LATEST."
            )
        _, version, changes = deployment.publish(store, name, function, req.description)
        if changes:
            await store.records.commit(*changes)
            ctx.service.targets.forget(name)
            ctx.service.snapshots.take(name, version)
    return shown(name, version)


@operation("ListVersionsByFunction", resource=function_arn, policy=function_policy)
async def list_versions_by_function(
    ctx: Lambda, req: ListVersionsByFunctionRequest
) -> ListVersionsByFunctionResponse:
    """$LATEST, then the published versions, oldest first."""
    name = named(ctx, req)
    store = ctx.service.store
    rows = [("", shown(name, store.function(name).latest, qualified=True))]
    rows += [(f"{int(v.version):010d}", shown(name, v)) for v in store.versions_of(name)]
    versions, marker = page(rows, req.marker, req.max_items)
    return ListVersionsByFunctionResponse(versions=versions, next_marker=marker)
