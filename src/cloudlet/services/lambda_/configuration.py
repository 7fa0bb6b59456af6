"""A version's configuration: what requests may say, and how AWS shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cloudlet.aws.models.lambda_ import (
    CreateFunctionRequest,
    DeadLetterConfig,
    EnvironmentResponse,
    EphemeralStorage,
    FunctionConfiguration,
    Layer,
    LoggingConfig,
    RuntimeVersionConfig,
    RuntimeVersionError,
    SnapStartResponse,
    TracingConfigResponse,
    UpdateFunctionConfigurationRequest,
)
from cloudlet.compute.errors import RuntimeUnavailable
from cloudlet.compute.pool import Compute
from cloudlet.services.lambda_.errors import InvalidParameterValue, Validation
from cloudlet.services.lambda_.model import ConfigurationRecord, SnapshotRecord
from cloudlet.services.lambda_.names import LATEST, FunctionName

RUNTIMES = frozenset(
    {f"python3.{minor}" for minor in range(8, 15)}
    | {f"nodejs{major}.x" for major in (18, 20, 22, 24)}
    | {"provided.al2", "provided.al2023"}
    | {"java8.al2", "java11", "java17", "java21"}
)
#: "Lambda quotas": of an ordinary function, where the model allows for managed instances.
MEMORY_MB, TIMEOUT_S, TMP_MB = 10_240, 900, 10_240
VARIABLES_BYTES = 4096
LAYERS = 5

#: "Defined runtime environment variables", those that a function cannot set.
RESERVED_VARIABLES = frozenset(
    {
        "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
    }
)  # fmt: skip

_VARIABLE = re.compile(r"[a-zA-Z]([a-zA-Z0-9_])+")

#: What cloudlet refuses rather than accept without doing it: member -> what it would be.
_UNSUPPORTED = {
    "image_config": "functions from container images",
    "file_system_configs": "file systems",
    "tenancy_config": "tenant isolation",
    "capacity_provider_config": "managed instances",
    "durable_config": "durable functions",
    "runtime_config": "runtime configurations",
    "accelerator_config": "accelerators",
    "publish_to": "publishing to managed instances",
    "image_uri": "functions from container images",
}


def check_key(arn: str | None, what: str) -> None:
    """Refuse a customer managed key as AWS refuses one that does not exist: there is no KMS."""
    if arn:
        raise InvalidParameterValue(
            f"Lambda was unable to configure access to your {what} because the KMS key is invalid"
            " for CreateGrant. Please check your KMS key settings. KMS Exception:"
            f" NotFoundException KMS Message: Key '{arn}' does not exist (cloudlet has no KMS yet)."
        )


def check_supported(request: Any) -> None:
    """Refuse what cloudlet does not do yet, by name, instead of pretending."""
    check_key(getattr(request, "kms_key_arn", None), "environment variables")
    check_key(getattr(request, "source_kms_key_arn", None), "deployment package")
    for member, what in _UNSUPPORTED.items():
        if getattr(request, member, None):
            raise InvalidParameterValue(f"cloudlet does not support {what} yet.")
    if getattr(request, "package_type", None) not in {None, "Zip"}:
        raise InvalidParameterValue("cloudlet does not run container images yet.")
    vpc = getattr(request, "vpc_config", None)
    if vpc is not None and (vpc.subnet_ids or vpc.security_group_ids):
        raise InvalidParameterValue("cloudlet does not attach functions to a VPC yet.")


async def served(
    compute: Compute, runtime: str | None, handler: str | None, *, strict: bool
) -> str:
    """Check a zip package's runtime and handler: given, and of a kind that runs here.

    Gives what is to be known of the runtime: "", or which version serves in place of the exact one,
    which `strict` refuses.
    """
    if not runtime or not handler:
        raise InvalidParameterValue(
            "Runtime and Handler are mandatory parameters for functions created with deployment"
            " packages."
        )
    if runtime not in RUNTIMES:
        raise InvalidParameterValue(
            f"cloudlet does not run the runtime {runtime}. It runs:"
            f" {', '.join(sorted(RUNTIMES, key=_numbers))}."
        )
    try:
        found = await compute.find_runtime(runtime)
    except RuntimeUnavailable as error:
        raise InvalidParameterValue(f"{error}.") from error
    if found.exact:
        return ""
    note = f"{runtime} is served by version {found.found}, the nearest that this machine has"
    if strict:
        raise InvalidParameterValue(f"{note}, and strict_runtimes refuses that.")
    return f"{note}."


def check_limits(memory_mb: int | None, timeout_s: int | None, tmp_mb: int | None) -> None:
    """The quotas of an ordinary function, in AWS's words."""
    for member, value, most in (
        ("memorySize", memory_mb, MEMORY_MB),
        ("timeout", timeout_s, TIMEOUT_S),
        ("ephemeralStorage.size", tmp_mb, TMP_MB),
    ):
        if value is not None and value > most:
            raise Validation(member, value, f"Member must have value less than or equal to {most}")


def check_variables(variables: Mapping[str, str]) -> None:
    """Names and the total size of environment variables."""
    for name in variables:
        if not _VARIABLE.fullmatch(name):
            raise Validation(
                "environment.variables",
                "{" + name + "=...}",
                "Map keys must satisfy constraint: [Member must satisfy regular expression"
                " pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
            )
    reserved = sorted(name for name in variables if name in RESERVED_VARIABLES)
    if reserved:
        raise InvalidParameterValue(
            "Lambda was unable to configure your environment variables because the environment"
            " variables you have provided contains reserved keys that are currently not supported"
            f" for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(dict(variables), separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode()) > VARIABLES_BYTES:
        raise InvalidParameterValue(
            "Lambda was unable to configure your environment variables because the environment"
            " variables you have provided exceeded the 4KB limit. String measured: " + measured
        )


def check_logging(wanted: LoggingConfig | None) -> None:
    """ "Configuring advanced logging controls": levels are for the JSON format only."""
    if wanted is None or wanted.log_format == "JSON":
        return
    if wanted.application_log_level or wanted.system_log_level:
        raise InvalidParameterValue(
            "ApplicationLogLevel and SystemLogLevel are only supported for the JSON log format."
        )


def check_layers(arns: Sequence[str]) -> None:
    """How many layers, and each once."""
    if len(arns) > LAYERS:
        raise InvalidParameterValue(f"Cannot reference more than {LAYERS} layers.")
    layers = [arn.rpartition(":")[0] for arn in arns]
    if len(set(layers)) < len(layers):
        raise InvalidParameterValue(
            "Two different versions of the same layer are not allowed to be referenced in the"
            " same function."
        )


def check_request(request: CreateFunctionRequest | UpdateFunctionConfigurationRequest) -> None:
    """All that a request can be refused for without a look at anything else."""
    check_supported(request)
    tmp = request.ephemeral_storage
    check_limits(request.memory_size, request.timeout, tmp.size if tmp else None)
    if request.environment is not None:
        check_variables(request.environment.variables or {})
    check_layers(request.layers or [])
    check_logging(request.logging_config)


def given(request: CreateFunctionRequest | UpdateFunctionConfigurationRequest) -> dict[str, Any]:
    """The fields of a `ConfigurationRecord` that the request sets, but for code and layers."""
    fields: dict[str, Any] = {
        "runtime": request.runtime,
        "role": request.role,
        "handler": request.handler,
        "description": request.description,
        "timeout_s": request.timeout,
        "memory_mb": request.memory_size,
        "tmp_mb": request.ephemeral_storage.size if request.ephemeral_storage else None,
        "tracing": request.tracing_config.mode if request.tracing_config else None,
        "snap_start": request.snap_start.apply_on == "PublishedVersions"
        if request.snap_start
        else None,
        "dead_letter": (request.dead_letter_config.target_arn or "")
        if request.dead_letter_config
        else None,
    }
    fields = {name: value for name, value in fields.items() if value is not None}
    if request.environment is not None:
        fields["variables"] = request.environment.variables or None
    if request.logging_config is not None:
        fields |= _logging(request.logging_config)
    return fields


def _logging(wanted: LoggingConfig) -> dict[str, Any]:
    """What a logging configuration sets; Text has no levels, JSON has INFO where none is named."""
    fields: dict[str, Any] = {}
    if wanted.log_format is not None:
        default = "INFO" if wanted.log_format == "JSON" else ""
        fields = {
            "log_format": wanted.log_format,
            "application_log_level": wanted.application_log_level or default,
            "system_log_level": wanted.system_log_level or default,
        }
    if wanted.log_group is not None:
        fields["log_group"] = wanted.log_group
    return fields


def log_group(name: str, configuration: ConfigurationRecord) -> str:
    """The log group that the function writes to."""
    return configuration.log_group or f"/aws/lambda/{name}"


def shown(
    name: FunctionName,
    configuration: ConfigurationRecord,
    *,
    qualified: bool | None = None,
    **overrides: Any,
) -> FunctionConfiguration:
    """The configuration as AWS shows it; with its version in the ARN where `qualified`.

    A published version's ARN is always qualified. `overrides` are members of the answer, such as
    the state that it is in while it is created.
    """
    version = configuration.version
    if qualified is None:
        qualified = version != LATEST
    variables, snapshot = configuration.variables, configuration.snapshot
    members: dict[str, Any] = {
        "function_name": name.name,
        "function_arn": f"{name.arn}:{version}" if qualified else name.arn,
        "runtime": configuration.runtime,
        "role": configuration.role,
        "handler": configuration.handler,
        "code_size": configuration.code.size,
        "code_sha256": configuration.code.sha256,
        "description": configuration.description,
        "timeout": configuration.timeout_s,
        "memory_size": configuration.memory_mb,
        "last_modified": configuration.modified,
        "version": version,
        "environment": EnvironmentResponse(variables=variables) if variables else None,
        "tracing_config": TracingConfigResponse(mode=configuration.tracing),
        "revision_id": configuration.revision_id,
        "layers": [Layer(arn=use.arn, code_size=use.code.size) for use in configuration.layers]
        or None,
        "package_type": "Zip",
        "architectures": [configuration.architecture],
        "ephemeral_storage": EphemeralStorage(size=configuration.tmp_mb),
        "logging_config": LoggingConfig(
            log_format=configuration.log_format,
            application_log_level=configuration.application_log_level or None,
            system_log_level=configuration.system_log_level or None,
            log_group=log_group(name.name, configuration),
        ),
        "dead_letter_config": DeadLetterConfig(target_arn=configuration.dead_letter)
        if configuration.dead_letter
        else None,
        "runtime_version_config": RuntimeVersionConfig(
            error=RuntimeVersionError(
                error_code="NearestRuntime", message=configuration.runtime_note
            )
        )
        if configuration.runtime_note
        else None,
        "snap_start": SnapStartResponse(
            apply_on="PublishedVersions" if configuration.snap_start else "None",
            optimization_status="On" if snapshot and snapshot.status == "on" else "Off",
        ),
        **_state(snapshot),
    }
    return FunctionConfiguration(**(members | overrides))


def _state(snapshot: SnapshotRecord | None) -> dict[str, Any]:
    """The state of a version, which depends on its snapshot where it has SnapStart."""
    active = {"state": "Active", "last_update_status": "Successful"}
    if snapshot is None or snapshot.status == "on":
        return active
    if snapshot.status == "pending":
        return CREATING
    if snapshot.status == "off":
        return active | {"state_reason": f"SnapStart is off for this version: {snapshot.reason}."}
    return {
        "state": "Failed",
        "state_reason": snapshot.reason,
        "state_reason_code": snapshot.code,
        "last_update_status": "Failed",
        "last_update_status_reason": snapshot.reason,
        "last_update_status_reason_code": snapshot.code,
    }


#: How a function shows itself in the answer to its creation; the next look finds it active.
CREATING: dict[str, Any] = {
    "state": "Pending",
    "state_reason": "The function is being created.",
    "state_reason_code": "Creating",
    "last_update_status": None,
}
#: How it shows itself in the answer to an update.
UPDATING: dict[str, Any] = {
    "last_update_status": "InProgress",
    "last_update_status_reason": "The function is being created.",
    "last_update_status_reason_code": "Creating",
}


def _numbers(runtime: str) -> tuple[str, list[int]]:
    return runtime.rstrip("0123456789.x"), [int(n) for n in re.findall(r"\d+", runtime)]
