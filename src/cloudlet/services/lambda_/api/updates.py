"""Changing a function's code and configuration."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    FunctionConfiguration,
    UpdateFunctionCodeRequest,
    UpdateFunctionConfigurationRequest,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_ import deployment, snapshots
from cloudlet.services.lambda_.configuration import (
    UPDATING,
    check_request,
    check_supported,
    given,
    shown,
)
from cloudlet.services.lambda_.errors import InvalidParameterValue
from cloudlet.services.lambda_.model import FunctionRecord
from cloudlet.services.lambda_.names import FunctionName
from cloudlet.services.lambda_.resources import function_arn, function_policy, named
from cloudlet.services.lambda_.roles import check_role
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.store import check_revision, revision, timestamp
from cloudlet.storage.records import Change

Lambda = Context[LambdaService]


@operation("UpdateFunctionCode", resource=function_arn, policy=function_policy)
async def update_function_code(
    ctx: Lambda, req: UpdateFunctionCodeRequest
) -> FunctionConfiguration:
    """Replace the code of $LATEST; invocations from the return on run the new code."""
    name = _unqualified(named(ctx, req))
    store = ctx.service.store
    async with ctx.service.changing(name):
        function = store.function(name)
        if req.image_uri:
            raise InvalidParameterValue(
                "Please don't provide ImageUri when updating a function with packageType Zip."
            )
        check_supported(req)
        check_revision(req.revision_id, function.latest.revision_id)
        deployment.check_signature(store, function.code_signing)
        async with ctx.service.received(
            ctx,
            zip_file=req.zip_file,
            bucket=req.s3_bucket,
            key=req.s3_key,
            version=req.s3_object_version,
        ) as archive:
            changed: dict[str, Any] = {"code": archive}
            if req.architectures:
                changed["architecture"] = req.architectures[0]
            if req.dry_run:
                trial = msgspec.structs.replace(function.latest, **changed)
                return shown(name, trial)
            deployment.check_storage(store, name, archive)
            return await _update(ctx, name, function, changed, publish=bool(req.publish))


@operation("UpdateFunctionConfiguration", resource=function_arn, policy=function_policy)
async def update_function_configuration(
    ctx: Lambda, req: UpdateFunctionConfigurationRequest
) -> FunctionConfiguration:
    """Change the configuration of $LATEST; what the request leaves out stays."""
    name = _unqualified(named(ctx, req))
    check_request(req)
    store = ctx.service.store
    async with ctx.service.changing(name):
        function = store.function(name)
        check_revision(req.revision_id, function.latest.revision_id)
        changed = given(req)
        if req.runtime is not None:
            changed["runtime_note"] = await ctx.service.served(
                req.runtime, req.handler or function.latest.handler
            )
        if req.role is not None:
            await check_role(ctx, name.account, req.role, name.name)
        deployment.check_dead_letter(
            ctx, name, req.role or function.latest.role, req.dead_letter_config
        )
        if req.layers is not None:
            changed["layers"] = deployment.layers(ctx, req.layers)
        return await _update(ctx, name, function, changed, publish=False)


async def _update(
    ctx: Lambda,
    name: FunctionName,
    function: FunctionRecord,
    changed: dict[str, Any],
    *,
    publish: bool,
) -> FunctionConfiguration:
    """Commit the changed $LATEST, and a version of it where `publish`; retire what ran it."""
    store = ctx.service.store
    before = function.latest
    latest = msgspec.structs.replace(
        before, **changed, revision_id=revision(), modified=timestamp()
    )
    snapshots.check(latest)
    await deployment.unpack(ctx.service, latest)
    function = msgspec.structs.replace(function, latest=latest)
    changes = [Change(store.functions, *name.key, function)]
    version = latest
    if publish:
        _, version, published = deployment.publish(store, name, function)
        changes = published or changes
    await store.records.commit(*changes)
    await ctx.service.retire(name, before)
    ctx.service.snapshots.take(name, version)
    return shown(name, version, **UPDATING)


def _unqualified(name: FunctionName) -> FunctionName:
    """The function itself: only $LATEST can be changed."""
    if name.qualifier not in {None, "$LATEST"}:
        raise InvalidParameterValue("You cannot update a published version or an alias.")
    return FunctionName(name.account, name.region, name.name)
