"""Creating, showing and deleting functions."""

from __future__ import annotations

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import (
    Concurrency,
    CreateFunctionRequest,
    DeleteFunctionRequest,
    DeleteFunctionResponse,
    FunctionCodeLocation,
    FunctionConfiguration,
    GetFunctionConfigurationRequest,
    GetFunctionRequest,
    GetFunctionResponse,
    ListFunctionsRequest,
    ListFunctionsResponse,
)
from cloudlet.aws.service import operation
from cloudlet.services.lambda_ import deployment, snapshots
from cloudlet.services.lambda_.configuration import (
    CREATING,
    check_request,
    check_supported,
    given,
    shown,
)
from cloudlet.services.lambda_.errors import InvalidParameterValue, ResourceConflict
from cloudlet.services.lambda_.model import ConfigurationRecord, FunctionRecord
from cloudlet.services.lambda_.names import LATEST, FunctionName, function_name
from cloudlet.services.lambda_.resources import function_arn, function_policy, named
from cloudlet.services.lambda_.roles import check_role
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.store import page, revision, timestamp
from cloudlet.services.lambda_.tags import check_tags
from cloudlet.storage.records import Change

Lambda = Context[LambdaService]


@operation("CreateFunction", resource=function_arn)
async def create_function(ctx: Lambda, req: CreateFunctionRequest) -> FunctionConfiguration:
    """Create a function from an archive; it can be invoked when this returns."""
    name = function_name(ctx, req.function_name)
    if name.qualifier is not None or name.account != ctx.account:
        raise InvalidParameterValue(
            f"Invalid function name for a new function: {req.function_name}"
        )
    check_request(req)
    check_supported(req.code)
    check_tags(req.tags or {})
    store = ctx.service.store
    async with ctx.service.changing(name):
        if store.functions.get(*name.key) is not None:
            raise ResourceConflict(f"Function already exist: {name.name}")
        note = await ctx.service.served(req.runtime, req.handler)
        await check_role(ctx, name.account, req.role, name.name)
        deployment.check_dead_letter(ctx, name, req.role, req.dead_letter_config)
        signing = req.code_signing_config_arn or ""
        deployment.check_signature(store, signing)
        code = req.code
        async with ctx.service.received(
            ctx,
            zip_file=code.zip_file,
            bucket=code.s3_bucket,
            key=code.s3_key,
            version=code.s3_object_version,
        ) as archive:
            deployment.check_storage(store, name, archive)
            latest = ConfigurationRecord(
                **given(req),
                version=LATEST,
                revision_id=revision(),
                modified=timestamp(),
                code=archive,
                layers=deployment.layers(ctx, req.layers or []),
                architecture=_architecture(req.architectures),
                runtime_note=note,
            )
            snapshots.check(latest)
            await deployment.unpack(ctx.service, latest)
            function = FunctionRecord(latest=latest, tags=req.tags or {}, code_signing=signing)
            changes = [Change(store.functions, *name.key, function)]
            version = latest
            if req.publish:
                _, version, changes = deployment.publish(store, name, function)
            await store.records.commit(*changes)
        ctx.service.targets.forget(name)
        ctx.service.snapshots.take(name, version)
    return shown(name, version, qualified=False, **CREATING)


def _architecture(architectures: list[str] | None) -> str:
    if architectures and len(architectures) > 1:
        raise InvalidParameterValue("A function has one architecture.")
    return architectures[0] if architectures else "x86_64"


@operation("GetFunction", resource=function_arn, policy=function_policy)
async def get_function(ctx: Lambda, req: GetFunctionRequest) -> GetFunctionResponse:
    """The configuration, a signed address of the archive, tags and reserved concurrency."""
    name = named(ctx, req)
    store = ctx.service.store
    configuration = store.configuration(name)
    function = store.function(name)
    reserved = function.reserved_concurrency
    return GetFunctionResponse(
        configuration=_shown(name, configuration),
        code=FunctionCodeLocation(
            repository_type="S3", location=ctx.service.location(ctx, configuration.code)
        ),
        tags=function.tags or None,
        concurrency=None
        if reserved is None
        else Concurrency(reserved_concurrent_executions=reserved),
    )


@operation("GetFunctionConfiguration", resource=function_arn, policy=function_policy)
async def get_function_configuration(
    ctx: Lambda, req: GetFunctionConfigurationRequest
) -> FunctionConfiguration:
    """The configuration of a function, version or alias."""
    name = named(ctx, req)
    return _shown(name, ctx.service.store.configuration(name))


def _shown(name: FunctionName, configuration: ConfigurationRecord) -> FunctionConfiguration:
    """As AWS shows it, its ARN with the qualifier that was asked for."""
    return shown(name, configuration, function_arn=name.qualified_arn)


@operation("ListFunctions")
async def list_functions(ctx: Lambda, req: ListFunctionsRequest) -> ListFunctionsResponse:
    """The functions by name; with FunctionVersion=ALL their versions too."""
    store = ctx.service.store
    rows: list[tuple[str, FunctionConfiguration]] = []
    with_versions = req.function_version == "ALL"
    for text, function in store.functions.scan(ctx.account, ctx.region):
        name = FunctionName(ctx.account, ctx.region, text)
        rows.append((f"{text}:", shown(name, function.latest, qualified=with_versions)))
        if with_versions:
            rows += [
                (f"{text}:{int(version.version):010d}", shown(name, version))
                for version in store.versions_of(name)
            ]
    functions, marker = page(rows, req.marker, req.max_items)
    return ListFunctionsResponse(functions=functions, next_marker=marker)


@operation("DeleteFunction", resource=function_arn, policy=function_policy)
async def delete_function(ctx: Lambda, req: DeleteFunctionRequest) -> DeleteFunctionResponse:
    """Delete a function with all that belongs to it, or one version of it."""
    name = named(ctx, req)
    store = ctx.service.store
    async with ctx.service.changing(name):
        if name.qualifier is None:
            gone = [store.function(name).latest, *store.versions_of(name)]
            await store.records.commit(*store.removal(name))
            ctx.service.targets.concurrency(name).reserve(None)
        else:
            gone = [_deletable(ctx, name)]
            await store.records.commit(*store.removal(name, name.qualifier))
        await ctx.service.retire(name, *gone)
    return DeleteFunctionResponse(status_code=204)


def _deletable(ctx: Lambda, name: FunctionName) -> ConfigurationRecord:
    """The version that the request names, unless something still needs it."""
    store = ctx.service.store
    qualifier = name.qualifier or ""
    if qualifier == LATEST:
        raise InvalidParameterValue(
            "$LATEST version cannot be deleted without deleting the function."
        )
    if not qualifier.isdigit():
        store.function(name)
        raise InvalidParameterValue("Deletion of aliases is not currently supported.")
    for alias in store.aliases_of(name):
        if qualifier == alias.version or qualifier in alias.weights:
            raise ResourceConflict(
                f"Version {qualifier} cannot be deleted because it is referenced by the alias"
                f" {alias.name}."
            )
    return store.version(name, qualifier)
