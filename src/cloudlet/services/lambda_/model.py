"""What the Lambda service keeps on disk."""

from __future__ import annotations

import msgspec


class CodeRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An uploaded archive: SHA-256 in base64 as AWS shows it, and sizes in bytes."""

    sha256: str
    size: int
    unzipped: int


class LayerUse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A layer version that a function uses; it outlives the layer version's deletion."""

    arn: str
    code: CodeRecord


class ConfigurationRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version's configuration, or that of $LATEST."""

    version: str
    revision_id: str
    modified: str  # as AWS writes LastModified
    runtime: str
    role: str
    handler: str
    code: CodeRecord
    description: str = ""
    timeout_s: int = 3
    memory_mb: int = 128
    tmp_mb: int = 512
    variables: dict[str, str] | None = None
    layers: tuple[LayerUse, ...] = ()
    architecture: str = "x86_64"
    tracing: str = "PassThrough"
    log_group: str = ""


class FunctionRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A function: its $LATEST, and what belongs to the function as a whole."""

    latest: ConfigurationRecord
    next_version: int = 1
    tags: dict[str, str] = {}
    reserved_concurrency: int | None = None


class AliasRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An alias; `weights` are of the additional version, 0 to 1."""

    name: str
    version: str
    revision_id: str
    description: str = ""
    weights: dict[str, float] = {}


class EventConfigRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How asynchronous invocations of a function, version or alias are retried."""

    qualifier: str
    modified: float
    retries: int | None = None
    maximum_age_s: int | None = None


class PolicyRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The resource policy of a function, version or alias: statements as JSON, in their order."""

    revision_id: str
    statements: tuple[msgspec.Raw, ...]


class LayerVersionRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A published layer version."""

    layer: str
    version: int
    code: CodeRecord
    created: str
    description: str = ""
    runtimes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    license: str = ""


class LayerCounter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The next version number of a layer; numbers are never used twice."""

    next_version: int


class Signing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The key under which code download addresses are signed."""

    key: bytes
