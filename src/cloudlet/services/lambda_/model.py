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


class SnapshotRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a published version's snapshot; `code` is AWS's StateReasonCode."""

    status: str  # "pending" | "on" | "off" | "failed"
    reason: str = ""
    code: str = ""


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
    runtime_note: str = ""  # which version serves in place of the exact one
    log_group: str = ""
    log_format: str = "Text"
    application_log_level: str = ""
    system_log_level: str = ""
    dead_letter: str = ""  # the ARN of a queue or a topic
    snap_start: bool = False  # for versions published from now on
    snapshot: SnapshotRecord | None = None  # of a version that was published so


class FunctionRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A function: its $LATEST, and what belongs to the function as a whole."""

    latest: ConfigurationRecord
    next_version: int = 1
    tags: dict[str, str] = {}
    reserved_concurrency: int | None = None
    recursion: str = "Terminate"
    code_signing: str = ""  # the ARN of its code signing configuration


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
    on_success: str = ""
    on_failure: str = ""


class CorsRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a function URL answers to browsers; None is not set."""

    allow_credentials: bool | None = None
    allow_headers: tuple[str, ...] | None = None
    allow_methods: tuple[str, ...] | None = None
    allow_origins: tuple[str, ...] | None = None
    expose_headers: tuple[str, ...] | None = None
    max_age: int | None = None


class UrlRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The URL of a function's $LATEST or of an alias."""

    id: str
    qualifier: str
    auth_type: str
    created: str
    modified: str
    invoke_mode: str = "BUFFERED"
    cors: CorsRecord | None = None


class UrlAddress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whose a function URL is; kept for all accounts, by the URL's id."""

    account: str
    region: str
    function: str
    qualifier: str


class ProvisionedRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Provisioned concurrency of a version or alias."""

    qualifier: str
    requested: int
    modified: str


class RuntimeManagementRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When the runtime of a version may be updated."""

    update_on: str
    runtime_version: str = ""


class PolicyRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The resource policy of a function, version or alias: statements as JSON, in their order.

    `text` is the whole document as PutResourcePolicy took it, until a statement comes or goes.
    """

    revision_id: str
    statements: tuple[msgspec.Raw, ...]
    text: str = ""


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


class CodeSigningRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A code signing configuration."""

    id: str
    publishers: tuple[str, ...]
    policy: str  # "Warn" | "Enforce"
    modified: str
    description: str = ""
    tags: dict[str, str] = {}


class MappingRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event source mapping; numbers of streams are -1 for "without end"."""

    uuid: str
    source: str  # ARN
    function: str  # ARN, perhaps qualified
    modified: float
    batch_size: int
    enabled: bool = True
    window_s: int = 0
    filters: tuple[str, ...] = ()
    report_failures: bool = False
    maximum_concurrency: int | None = None
    position: str = ""  # of a stream: TRIM_HORIZON, LATEST or AT_TIMESTAMP
    position_timestamp: float | None = None
    retries: int = -1
    maximum_age_s: int = -1
    bisect: bool = False
    parallelization: int = 1
    tumbling_s: int = 0
    on_failure: str = ""
    tags: dict[str, str] = {}


class WindowRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tumbling window that is open: when it began, and the state its function returned."""

    start_ms: int
    state: msgspec.Raw


class CheckpointRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a mapping has come in a shard."""

    after: str
    window: WindowRecord | None = None
