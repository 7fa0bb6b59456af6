"""From a request to code that is unpacked and a record that is ready to commit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from cloudlet.aws.context import Context
from cloudlet.aws.models.lambda_ import DeadLetterConfig
from cloudlet.services.lambda_ import permissions
from cloudlet.services.lambda_.code import UNZIPPED_LIMIT
from cloudlet.services.lambda_.destinations import check_destination
from cloudlet.services.lambda_.errors import (
    CodeStorageExceeded,
    CodeVerificationFailed,
    InvalidParameterValue,
)
from cloudlet.services.lambda_.model import (
    CodeRecord,
    ConfigurationRecord,
    FunctionRecord,
    LayerUse,
)
from cloudlet.services.lambda_.names import LATEST, FunctionName, layer_name
from cloudlet.services.lambda_.snapshots import PENDING
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.store import Store, revision
from cloudlet.storage.records import Change

#: Bytes of archives of an account in a region ("Lambda quotas").
TOTAL_CODE_BYTES = 80_530_636_800


def layers(ctx: Context[LambdaService], arns: Sequence[str]) -> tuple[LayerUse, ...]:
    """The layer versions that a function names; the caller must be allowed to get each."""
    uses = []
    for arn in arns:
        name = layer_name(ctx, arn)
        policy = permissions.layer_policy(ctx.service.store, name)
        ctx.authorise("lambda:GetLayerVersion", arn, policy=policy)
        found = ctx.service.store.layers.get(name.account, name.region, name.id)
        if found is None:
            raise InvalidParameterValue(f"Layer version {arn} does not exist.")
        uses.append(LayerUse(arn=arn, code=found.code))
    return tuple(uses)


async def unpack(service: LambdaService, configuration: ConfigurationRecord) -> None:
    """Unpack the code and the layers for the configuration's runtime, within the size limit."""
    size = configuration.code.unzipped + sum(use.code.unzipped for use in configuration.layers)
    if configuration.layers and size >= UNZIPPED_LIMIT:
        raise InvalidParameterValue(
            "Function code combined with layers exceeds the maximum allowed size of"
            f" {UNZIPPED_LIMIT} bytes. The actual size is {size} bytes."
        )
    await service.code.unpack(configuration.code, configuration.runtime)
    for use in configuration.layers:
        await service.code.unpack(use.code, configuration.runtime, "/opt")


def total_code(store: Store, account: str, region: str) -> int:
    """The bytes of all archives of functions, versions and layer versions."""
    functions = (function.latest for _, function in store.functions.scan(account, region))
    versions = (version for _, version in store.versions.scan(account, region))
    sizes = [c.code.size for group in (functions, versions) for c in group]
    return sum(sizes) + sum(layer.code.size for _, layer in store.layers.scan(account, region))


def check_storage(store: Store, name: FunctionName, code: CodeRecord) -> None:
    """Raise `CodeStorageExceeded` where the account has no room for the archive."""
    if total_code(store, name.account, name.region) + code.size > TOTAL_CODE_BYTES:
        raise CodeStorageExceeded("Code storage limit exceeded.")


def check_dead_letter(
    ctx: Context[LambdaService], name: FunctionName, role: str, wanted: DeadLetterConfig | None
) -> None:
    """Raise AWS's error unless the role may send to the dead-letter queue or topic."""
    if wanted is not None and wanted.target_arn:
        check_destination(ctx.cloud, name, role, wanted.target_arn, kinds=("sqs", "sns"))


def check_signature(store: Store, code_signing: str) -> None:
    """Raise `CodeVerificationFailed` where code must be signed: none is, without AWS Signer."""
    if code_signing and store.signing_config(code_signing).policy == "Enforce":
        raise CodeVerificationFailed(
            "Lambda cannot deploy the function. The function or layer might be signed using a"
            " signature that the client is not configured to accept. Check the provided signature"
            " for unsigned."
        )


def publish(
    store: Store, name: FunctionName, function: FunctionRecord, description: str | None = None
) -> tuple[FunctionRecord, ConfigurationRecord, list[Change]]:
    """The version of the function as it is: a new one, or the last where nothing has changed.

    Gives the function's record, the version, and the changes to commit.
    """
    published = store.versions_of(name)
    if published and _same(published[-1], function.latest):
        return function, published[-1], []
    number = str(function.next_version)
    version = msgspec.structs.replace(
        function.latest,
        version=number,
        revision_id=revision(),
        description=function.latest.description if description is None else description,
        snapshot=PENDING if function.latest.snap_start else None,
    )
    function = msgspec.structs.replace(function, next_version=function.next_version + 1)
    account, region = name.account, name.region
    changes = [
        Change(store.functions, account, region, name.name, function),
        Change(store.versions, account, region, f"{name.name}:{number}", version),
    ]
    return function, version, changes


def _same(version: ConfigurationRecord, latest: ConfigurationRecord) -> bool:
    return latest == msgspec.structs.replace(
        version,
        version=LATEST,
        revision_id=latest.revision_id,
        modified=latest.modified,
        description=latest.description,
        snapshot=None,
    )
